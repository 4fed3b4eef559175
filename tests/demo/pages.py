"""Pages of apps in a headless browser, watched for what no page may do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = {"width": 390, "height": 844}
# Controls that can be seen and have no name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll("button, input, textarea, select, [role=tab], [role=listbox]")]
  .filter((node) => node.checkVisibility() && node.getAttribute("aria-hidden") !== "true")
  .filter((node) => !(node.getAttribute("aria-label") || node.labels?.[0]?.textContent.trim()
    || node.textContent.trim() || node.title))
  .map((node) => node.outerHTML.slice(0, 200))"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"  # pixels beyond the right edge


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """A browser; call it only where there is playwright and a chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *flags])
        yield browser
        browser.close()


@contextmanager
def watched_pages(browser: Any, url: str, ready: str, harmless: Sequence[str] = ()) -> Iterator[Callable[..., Any]]:
    """
    Opens the app at `url`, as often as wanted: `open_page(viewport=PHONE)`.

    At the end, nothing was asked of other servers, and the console has no error but those with one of `harmless`.

    Args:
        ready (`str`): Selector of what a page has once it can be used.
    """
    contexts: list[Any] = []
    requested: list[str] = []
    errors: list[str] = []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: requested.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))  # a script of somebody else
        with page.expect_response(lambda response: "/queue/data" in response.url):  # the answer to "opened"
            page.goto(url)
        page.wait_for_selector(ready)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [address for address in requested if not address.startswith((url, "data:", "blob:"))] == []
    assert [error for error in errors if not any(text in error for text in harmless)] == []
