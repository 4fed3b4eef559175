// Sorts the table in `element` by the column whose header is pressed: falling first for numbers, rising for names,
// the other way round at the second press. Rows without a value stay at the end. A new table, after the filters have
// changed, is put into the chosen order again.
let chosen = null;

function headers() {
  return [...element.querySelectorAll("thead th")];
}

function compare(a, b, sign) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const isNumber = !Number.isNaN(Number(a)) && !Number.isNaN(Number(b));
  return sign * (isNumber ? Number(a) - Number(b) : a.localeCompare(b));
}

function sort() {
  const index = headers().findIndex((header) => chosen && header.textContent === chosen.name);
  if (index < 0) return;
  const sign = chosen.order === "ascending" ? 1 : -1;
  const body = element.querySelector("tbody");
  const rows = [...body.rows].filter((row) => row.cells.length > index);
  rows.sort((a, b) => compare(a.cells[index].dataset.sort, b.cells[index].dataset.sort, sign));
  body.append(...rows);
  headers().forEach((header, i) => header.setAttribute("aria-sort", i === index ? chosen.order : "none"));
}

element.addEventListener("click", (event) => {
  const header = event.target.closest("thead th");
  if (!header || !event.target.closest("button")) return;
  const now = header.getAttribute("aria-sort");
  const first = headers().indexOf(header) === 0 ? "ascending" : "descending";
  const order = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
  chosen = { name: header.textContent, order };
  sort();
});

watch("value", sort);
