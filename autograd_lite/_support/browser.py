"""Showing a page in the system's browser."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path


def show_in_browser(html: str) -> None:
    """Write a page to a temporary file and open it.

    Raises
    ------
    RuntimeError
        If there is no browser that can be opened; the message says where the page is.
    """
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="autograd-lite-", suffix=".html", delete=False
    ) as file:
        file.write(html)
    page = Path(file.name)
    if not webbrowser.open(page.as_uri()):
        raise RuntimeError(f"no browser could be opened: the page is {page}")
