"""steps: a page that plays the forward and the backward pass, one node at a time."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from autograd_lite._support.browser import show_in_browser
from autograd_lite._support.files import target_of, write_atomically
from autograd_lite.drawing.pages.gif import gif
from autograd_lite.drawing.pages.lines import Lines
from autograd_lite.drawing.pages.walk import Walk
from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.typesetting import left_to_right, number
from autograd_lite.drawing.svg.picture import MAX_NODES, Picture, draw
from autograd_lite.graph import notation as formula
from autograd_lite.graph.notation import Notation
from autograd_lite.graph.view import Graph
from autograd_lite.value import Value

_PLAIN: Final = Notation.PLAIN
_DIGITS: Final = 5  # as in the picture
_MOST_NAMES: Final = 6  # in a sentence
_MOST_TERMS: Final = 8  # of a sum
_NUDGE: Final = 0.001
_FRAME_WIDTH: Final = 900  # px, about what a notebook's cell has
_AROUND: Final = 270  # px: the page without the picture
_LOWEST_FRAME: Final = 460
_HIGHEST_FRAME: Final = 860

Step = dict[str, Any]


class Player:
    """Both passes over a graph as a page to play, as `steps()` returns it. In a notebook it shows itself.

    Attributes
    ----------
    picture : Picture
        The graph with all its numbers, as it looks after the last step.
    steps : list of dict
        What happens in each step: its `phase` ("start", "forward", "backward" or "done"), the `node` and the `edges`
        that it is about (by number, as in `Graph.nodes` and `Graph.edges`), a `heading` and the `lines` of arithmetic.
    """

    def __init__(self, walk: Walk) -> None:
        self.picture: Final = _final_picture(walk)
        self.steps: Final = _list_steps(walk)
        self._walk: Final = walk

    def __repr__(self) -> str:
        return f"<Player of {self.picture.title}: {len(self.steps)} steps>"

    def html(self) -> str:
        """The page: one HTML document that needs nothing else, and nothing from a network."""
        walk = self._walk
        place = {node: i for i, node in enumerate(walk.graph.nodes)}
        passes = {
            "nodes": [
                {
                    "name": walk.names[node],
                    "operation": "leaf" if node.op is None else formula.printable(node.op.name),
                    "data": _number(walk.data[node]),
                }
                for node in walk.graph.nodes
            ],
            "edges": [[place[edge.parent], place[edge.child]] for edge in walk.graph.edges],
            "steps": self.steps,
        }
        template = files(__package__).joinpath("player.html").read_text("utf-8")
        script = template[template.rindex("<script>") + len("<script>") : template.rindex("</script>")]
        parts = {
            # The page's policy allows this script and no other, whatever a label may contain.
            "script": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            "title": escape(self.picture.title),
            "palette": _colours(),
            "svg": self.picture.svg(),
            "passes": _json_for_script(passes),
        }
        return left_to_right(re.sub(r"%%(\w+)%%", lambda place: parts[place[1]], template))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page (.html) or an animated picture (.gif) to a file, which appears whole or not at all.

        Raises
        ------
        ValueError
            If the ending is another one.
        FileNotFoundError
            If the directory is not there.
        ImportError
            If a GIF is asked for, and Pillow or matplotlib is not installed.
        """
        target = target_of(path, (".htm", ".html", ".gif"))
        is_gif = target.suffix.lower() == ".gif"
        write_atomically(
            target, gif(self.picture.source, self._size()[0], self.steps) if is_gif else self.html().encode()
        )

    def show(self) -> None:
        """Show the page in the system's browser, from a terminal or a script."""
        show_in_browser(self.html())

    def _size(self) -> tuple[float, float]:
        """Width and height of the picture, in points."""
        match = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', self.picture.svg())
        assert match is not None
        return float(match[1]), float(match[2])

    def _repr_html_(self) -> str:
        # A document of its own, without access to the notebook: two players share neither ids, styles nor keys.
        width, height = self._size()
        picture_height = height * min(1.9, max(0.75, _FRAME_WIDTH / width))
        frame_height = min(_HIGHEST_FRAME, max(_LOWEST_FRAME, round(picture_height) + _AROUND))
        return (
            f'<iframe sandbox="allow-scripts" title="{escape(self.picture.title)}" width="100%" height="{frame_height}"'
            f' style="border:0;border-radius:8px" srcdoc="{escape(self.html())}"></iframe>'
        )


def steps(root: Value, *, names: Mapping[str, object] | None = None) -> Player:
    """Play the forward and the backward pass over a graph, one node at a time.

    Both passes are computed aside, from the leaves' present data: the graph stays as it is, every `.grad` included.

    Parameters
    ----------
    root : Value
        The result.
    names : mapping of str to anything, optional
        A Value without a label is called by the variable that holds it: the caller's, or those of this namespace; an
        empty one gives no names. Nodes with no name at all are v1, v2 …

    Returns
    -------
    Player
        Shows itself in a notebook; `.save("steps.html")` writes the page.

    Raises
    ------
    TypeError
        If `root` is not a Value.
    ValueError
        If the graph has more than 500 nodes.
    ValueError, ZeroDivisionError, OverflowError
        As the operations do.

    Examples
    --------
    >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
    >>> player = steps(w * x + 1)
    >>> player
    <Player of v2 = w * x + 1: 7 steps>
    >>> [step["phase"] for step in player.steps]
    ['start', 'forward', 'forward', 'backward', 'backward', 'backward', 'done']
    >>> player.steps[1]["lines"][0]["cells"]
    ['v1', 'w * x', '2 × −2', '−4']
    """
    size = len(Graph(root, {}))
    if size > MAX_NODES:
        raise ValueError(
            f"this graph has {size} nodes, and one step a node is watchable up to {MAX_NODES}: play a part of it (any"
            " inner node can be the root)"
        )
    return Player(Walk(root, names))


# --- the steps --------------------------------------------------------------------------------------------------------


def _list_steps(walk: Walk) -> list[Step]:
    place = {node: i for i, node in enumerate(walk.graph.nodes)}
    operations = [node for node in walk.graph.nodes if not node.is_leaf]
    lines = Lines(walk, _PLAIN, _DIGITS)
    return [
        _start(lines, place),
        *[_forward_step(lines, place, node) for node in operations],
        _seed(lines, place),
        *_backward_steps(lines, place, operations[::-1]),
        _done(lines),
    ]


def _step(
    phase: str,
    heading: str,
    lines: list[Step],
    node: int | None = None,
    edges: list[int] | None = None,
    data: list[int] | None = None,
    grad: list[tuple[int, str, bool]] | None = None,
) -> Step:
    """One step; `data` are the nodes whose number it shows, `grad` the gradients: of which node, the number, whether
    all its paths are in.
    """
    return {
        "phase": phase,
        "heading": heading,
        "lines": lines,
        "node": node,
        "edges": edges or [],
        "data": data or [],
        "grad": grad or [],
    }


def _line(cells: list[str], to: int | None = None, note: str = "", kind: str = "") -> Step:
    """A line of arithmetic; `to` is the node whose gradient it is about, `kind` is "rule" for a local derivative."""
    return {"cells": cells, "to": to, "note": note, "kind": kind}


def _start(lines: Lines, place: dict[Value, int]) -> Step:
    walk = lines.walk
    leaves = walk.graph.leaves
    return _step(
        "start",
        f"The leaves have their numbers. What is {walk.names[walk.root]}, and how does it depend on each of them?",
        [_line([walk.names[leaf], lines.number(walk.data[leaf])]) for leaf in leaves],
        data=[place[leaf] for leaf in leaves],
    )


def _forward_step(lines: Lines, place: dict[Value, int], node: Value) -> Step:
    walk = lines.walk
    return _step(
        "forward",
        f"Forward: {walk.names[node]} is computed from {_parents(walk, node)}",
        [_line(lines.forward(node))],
        node=place[node],
        edges=[path.edge for path in walk.sent[node]],
        data=[place[node]],
    )


def _seed(lines: Lines, place: dict[Value, int]) -> Step:
    root = place[lines.walk.root]
    name = lines.walk.names[lines.walk.root]
    return _step(
        "backward",
        f"Backward: start at the result. {name} grows exactly as much as itself",
        [_line([lines.gradient(lines.walk.root), "1"], to=root)],
        node=root,
        grad=[(root, "1", True)],
    )


def _backward_steps(lines: Lines, place: dict[Value, int], operations: list[Value]) -> list[Step]:
    """A step for each node whose gradient is known: what it sends to its parents."""
    walk = lines.walk
    found: list[Step] = []
    arrived: dict[Value, list[float]] = {node: [] for node in walk.graph.nodes}
    so_far: dict[Value, float] = dict.fromkeys(walk.graph.nodes, 0.0)
    for child in operations:
        shown, grad = [], []
        for path in walk.sent[child]:
            parent, to = path.parent, place[path.parent]
            arrived[parent].append(path.amount)
            so_far[parent] += path.amount
            count, all_paths = len(arrived[parent]), len(walk.received[parent])
            grad.append((to, number(so_far[parent]), count == all_paths))
            shown.append(_line(lines.rule(path), to=to, kind="rule"))
            if all_paths == 1:
                shown.append(_line([lines.gradient(parent), *lines.product(path), lines.number(path.amount)], to=to))
                continue
            along = f"{lines.gradient(parent)}, {lines.along(path)} {lines.product(path)[0]}"
            note = "" if count == all_paths else f"path {count} of {all_paths}"
            shown.append(_line([along, lines.product(path)[1], lines.number(path.amount)], to=to, note=note))
            if count == all_paths:
                total = lines.sum(_ends(arrived[parent]), len(arrived[parent]) - len(_ends(arrived[parent])))
                shown.append(
                    _line([lines.gradient(parent), total, lines.number(so_far[parent])], to=to, note="all paths")
                )
        found.append(
            _step(
                "backward",
                f"Backward: {walk.names[child]} sends its gradient × local derivative to {_parents(walk, child)}",
                shown,
                node=place[child],
                edges=[path.edge for path in walk.sent[child]],
                grad=grad,
            )
        )
    return found


def _ends(amounts: list[float]) -> list[float]:
    """The terms of a sum that are written: all of a short one, else the first and the last."""
    return amounts if len(amounts) <= _MOST_TERMS else [*amounts[:3], amounts[-1]]


def _done(lines: Lines) -> Step:
    walk = lines.walk
    leaves = walk.graph.leaves
    return _step(
        "done",
        _meaning(lines),
        [_line([lines.gradient(leaf), lines.number(walk.gradient[leaf])]) for leaf in leaves],
    )


def _meaning(lines: Lines) -> str:
    """What a gradient means, in the numbers of this graph: of the leaf with the largest."""
    walk = lines.walk
    root = walk.names[walk.root]
    leaf = max(walk.graph.leaves, key=lambda leaf: abs(walk.gradient[leaf]))
    gradient = walk.gradient[leaf]
    if not math.isfinite(gradient) or gradient == 0.0:
        return f"Done. Each leaf knows how {root} changes when the leaf changes"
    change = "grows" if gradient > 0.0 else "falls"
    by = lines.number(abs(gradient) * _NUDGE)
    return f"Done. If {walk.names[leaf]} grows by {lines.number(_NUDGE)}, {root} {change} by about {by}, and so for each leaf"


def _parents(walk: Walk, node: Value) -> str:
    names = list(dict.fromkeys([walk.names[parent] for parent in node.parents]))
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _number(x: float) -> str:
    return formula.number(x, _PLAIN, _DIGITS).text


# --- the page ---------------------------------------------------------------------------------------------------------


def _final_picture(walk: Walk) -> Picture:
    """The graph as it is after both passes; drawn from a copy, which can be labelled and differentiated."""
    root = copy.deepcopy(walk.root)
    for node, twin in zip(walk.graph.nodes, root.topological_order(), strict=True):
        twin.label = walk.names[node]
    root.zero_grad()
    root.forward()
    root.backward()
    return draw(root, partials=True, detail="scalar", names={})


def _colours() -> str:
    """The pictures' colours as CSS variables, light and dark."""
    colours = {
        "paper": palette.PAPER,
        "ink": palette.INK,
        "muted": palette.MUTED,
        "line": palette.Colour("#c5ccd5", "#3d4653"),
        "card": palette.ROLES["operation"].fill,
        "data": palette.DATA,
        "grad": palette.GRAD,
        "focus": palette.ROLES["input"].line,
    }
    light = "".join([f"--{name}:{colour.light};" for name, colour in colours.items()])
    dark = "".join([f"--{name}:{colour.dark};" for name, colour in colours.items()])
    accent = "--accent:var(--data)"
    return f":root{{{light}{accent}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _json_for_script(content: object) -> str:
    """JSON that may stand in a script element: no label can end the element or be taken for markup."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
