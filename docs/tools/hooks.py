"""What the site adds to its pages while it is built: pictures, formulas, and the files that live elsewhere.

* A fence marked `python picture` is run, with the snippets above it. What it makes is shown below it, instead of the image
  or the text that a plain Markdown viewer shows there.
* Formulas become MathML, which a browser shows by itself: the site loads nothing from elsewhere.
* The notebooks, their gallery, CONTRIBUTING.md and CHANGELOG.md are pages too, from where they are.
"""

from __future__ import annotations

import html
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import architecture
import operations
import snippets
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
_PLACE = '<div class="made" id="made-{}"></div>'
_made: dict[str, list[str]] = {}


@event_priority(100)  # before the plugin that recognises notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live outside docs/, and the picture of the architecture."""
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    gallery = [
        path for path in sorted((ROOT / "notebooks" / "gallery").iterdir()) if path.suffix in (".md", ".svg", ".gif")
    ]
    for path in [*lessons, *gallery]:
        place = path.relative_to(ROOT).as_posix()
        files.append(File(place, str(ROOT), config.site_dir, config.use_directory_urls))
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    if (old := files.get_file_from_path("architecture.svg")) is not None:
        files.remove(old)
    files.append(File.generated(config, "architecture.svg", content=architecture.picture()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Run the snippets of a page with pictures, and write the tables of operations where they belong."""
    markdown = operations.with_tables(_with_links_inside(markdown, page))
    found = snippets.find(markdown)
    while found and not found[-1].picture:  # what follows the last picture makes none
        found.pop()
    if not found:
        return markdown
    os.environ.setdefault("MPLBACKEND", "agg")
    made = _made[page.file.src_uri] = []
    parts, done, namespace, here = [], 0, {}, os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            for snippet in found:
                _, value = snippets.run(snippet, namespace, page.file.src_uri)
                if snippet.picture:
                    parts += [markdown[done : snippet.end], "\n" + _PLACE.format(len(made)) + "\n\n"]
                    done = snippet.shown_end
                    made.append(_shown(value))
        finally:
            os.chdir(here)
    return "".join([*parts, markdown[done:]]).replace("```python picture\n", "```python\n")


def _with_links_inside(markdown: str, page: Page) -> str:
    """The page with links to the files outside docs/ as they lead to the pages that the site makes of them."""
    outside = "../" * (page.file.src_uri.count("/") + 1)
    links = re.compile(rf"\]\({re.escape(outside)}(?:(notebooks/)|(CONTRIBUTING|CHANGELOG)(?=\.md))")
    return links.sub(lambda match: f"]({outside[3:]}{match[1] or match[2].lower()}", markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the pictures in their places, and turn formulas into MathML."""
    for i, picture in enumerate(_made.get(page.file.src_uri, [])):
        content = content.replace(_PLACE.format(i), f'<figure class="made">{picture}</figure>')
    content = content.replace(
        "</code> s", "</code>s"
    )  # the plural of a name in a docstring, as reStructuredText wants it
    if page.file.src_uri.endswith(".ipynb"):
        return _notebook(content)
    content = re.sub(
        r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda m: _mathml(m[1], "inline"), content, flags=re.DOTALL
    )
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', lambda m: _mathml(m[1], "block"), content, flags=re.DOTALL
    )


def _shown(value: Any) -> str:
    """A value as HTML, as a notebook would show it."""
    if hasattr(value, "_repr_mimebundle_"):
        return value._repr_mimebundle_()["text/html"]
    if hasattr(value, "_repr_html_"):
        return value._repr_html_()
    figure = getattr(value, "figure", value)  # of Matplotlib, or one of its Axes
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return f'<div class="plot">{svg[svg.index("<svg") :]}</div>'


def _mathml(latex: str, display: str) -> str:
    return convert(html.unescape(latex.strip()), display=display)


# The scripts that nbconvert adds for formulas, widgets and diagrams come from elsewhere, and the pages need none of them.
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
_FOREIGN = re.compile(r"://|none:|mathjax|vnd\.jupyter\.widget")
_FORMULAS_STAND_IN = re.compile(r'(<div class="[^"]*jp-Rendered(?:Markdown|Latex)[^>]*>)(.*?)(</div>)', re.DOTALL)
_CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>)", re.DOTALL)


def _notebook(content: str) -> str:
    """A notebook's page: formulas, which nbconvert leaves as they are written; no foreign scripts; the system's theme."""

    def cell(match: re.Match[str]) -> str:
        parts = _CODE.split(match[2])
        parts[::2] = [
            re.sub(
                r"\$([^$]+?)\$",
                lambda m: _mathml(m[1], "inline"),
                re.sub(r"\$\$(.+?)\$\$", lambda m: _mathml(m[1], "block"), part, flags=re.DOTALL),
            )
            for part in parts[::2]
        ]
        return match[1] + "".join(parts) + match[3]

    content = _SCRIPT.sub(lambda match: "" if _FOREIGN.search(match[0]) else match[0], content)
    content = content.replace(' data-jp-theme-light="true"', "")
    return _FORMULAS_STAND_IN.sub(cell, content)
