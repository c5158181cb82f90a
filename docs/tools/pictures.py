"""The pictures of the pages as files, for plain Markdown viewers: `python docs/tools/pictures.py` makes them all anew.

A page names the file below the snippet that makes it. The site shows the snippets' values themselves instead, which are
live: they have tooltips, and players play.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import architecture
import snippets

from autograd_lite import compile, data, losses, nn

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def values(page: Path) -> Iterator[tuple[Path, Any]]:
    """The files that a page shows, each with the value that it is made of."""
    found = snippets.find(page.read_text(encoding="utf-8"))
    while found and found[-1].image is None:  # what follows the last image makes none
        found.pop()
    namespace: dict[str, Any] = {}
    for snippet in found:
        _, value = snippets.run(snippet, namespace, str(page))
        if snippet.image is not None:
            yield (page.parent / snippet.image).resolve(), value


def save(value: Any, path: Path) -> None:
    """Write a picture, a player or a plot to a file, in the format of its ending."""
    if hasattr(value, "save"):
        value.save(path)
        return
    figure = getattr(value, "figure", value)  # of Matplotlib, or one of its Axes
    figure.savefig(path, dpi=100, bbox_inches="tight", facecolor="white", metadata={"Software": None})


def passes() -> str:
    """The compiler's passes, with what each makes of a 2-16-16-1 net and its loss."""
    net = nn.MLP(2, [16, 16, 1], "tanh", seed=0)
    X, y = data.moons(100, seed=0)
    program = compile(lambda x, y: losses.half_mse(net(x), y))
    program.backward(X, y)
    plan = program.plan(X, y)
    scalars = sum(scalar.kind in ("sum", "operation") for scalar in plan.form.scalars)
    calls = program.buffered_source.count("out=")
    nodes = {
        "trace": ["run it once, read the graph", f"{len(plan.trace.nodes)} nodes"],
        "normalise": ["sums of products", f"{scalars} scalars"],
        "schedule": ["blocks, matrix products", f"{len(plan.program.statements)} instructions"],
        "differentiate": ["the backward pass", "chain rule by block"],
        "emit": ["NumPy code", f"{calls} array calls"],
    }
    edges = {(a, b): f"{a}, then {b}" for a, b in itertools.pairwise(nodes)}
    return architecture.draw_boxes(nodes, edges, "The compiler's passes, for a 2-16-16-1 net and its loss", "LR")


def main() -> None:
    """Make all the files."""
    os.environ["PATH"] = ""  # the embedded renderer draws the same on every machine
    os.environ["MPLBACKEND"] = "agg"
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # where the snippets save their files
        for page in PAGES:
            for path, value in values(page):
                path.parent.mkdir(exist_ok=True)
                save(value, path)
                print(path.relative_to(ROOT))
        os.chdir(ROOT)
    (ROOT / "docs" / "passes.svg").write_text(passes(), encoding="utf-8")


if __name__ == "__main__":
    main()
