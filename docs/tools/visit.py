"""Open every page of the built site in a browser: `python docs/tools/visit.py site`.

Fails where a page asks for anything from elsewhere, misses a file, logs an error, or is wider than its window, on a wide
screen in light colours as on a narrow one in dark ones. Needs playwright, and the system's Chromium.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

SCREENS = ({"width": 1300, "height": 900}, "light"), ({"width": 390, "height": 800}, "dark")
# What sticks out to the right, apart from what scrolls in its own frame.
STICKING_OUT = """() => [...document.querySelectorAll("main *")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 2
        && !element.closest("pre, table, svg, math, .made, .md-typeset__scrollwrap, .jp-OutputArea-output, p:has(> img)");
}).map(element => element.tagName + " " + element.textContent.slice(0, 40))"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def visit(browser: Browser, home: str, pages: list[str], screen: tuple[Any, Any]) -> Iterator[str]:
    """What is wrong with the pages, on a screen."""
    size, scheme = screen
    page = browser.new_page(viewport=size, color_scheme=scheme)
    wrong: list[str] = []

    def check(url: str) -> None:
        if not url.startswith((home, "data:", "blob:", "about:")):
            wrong.append(f"asks for {url}")

    page.on("request", lambda request: check(request.url))
    page.on("response", lambda response: wrong.append(f"misses {response.url}") if response.status >= 400 else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for path in pages:
        wrong.clear()
        page.goto(home + path, wait_until="networkidle")
        wrong += [f"sticks out: {element}" for element in page.evaluate(STICKING_OUT)[:3]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append("scrolls sideways")
        yield from (f"{path or 'home'} ({size['width']} px): {fault}" for fault in wrong)
    page.close()


def main() -> int:
    """Visit all pages on all screens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, help="the folder that mkdocs built")
    site = parser.parse_args().site
    pages = sorted(path.parent.relative_to(site).as_posix() + "/" for path in site.rglob("index.html"))
    pages = ["" if path == "./" else path for path in pages]
    if not pages:
        parser.error(f"there is no page in {site}")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        home = f"http://127.0.0.1:{server.server_port}/"
        faults = [fault for screen in SCREENS for fault in visit(browser, home, pages, screen)]
        browser.close()
    server.shutdown()
    print(*faults, f"{len(pages)} pages, {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
