// Screen readers are told the verdict; on a phone, where the result is below the controls, it is brought into view.
const spoken = document.createElement("p");
spoken.className = "spoken";
spoken.setAttribute("role", "status");
element.before(spoken);
watch("value", () => {
  spoken.textContent = element.querySelector(".result h2")?.textContent ?? "";
  const answer = element.querySelector(".result, [role=alert]");
  const top = answer?.getBoundingClientRect().top ?? 0;
  if (top < 0 || top > 0.7 * innerHeight) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    answer.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  }
});
