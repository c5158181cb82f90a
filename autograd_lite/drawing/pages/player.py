"""steps: a page that plays the forward and the backward pass, one node at a time."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from autograd_lite._support.browser import show_in_browser
from autograd_lite._support.files import target_of, write_atomically
from autograd_lite.drawing.pages.gif import gif
from autograd_lite.drawing.pages.lines import NUDGE, Templates
from autograd_lite.drawing.pages.program import program_of
from autograd_lite.drawing.pages.walk import Contribution, Walk
from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.scalar import View
from autograd_lite.drawing.scene.typesetting import left_to_right, short_number, width
from autograd_lite.drawing.svg.picture import MAX_NODES, Picture, draw, with_still
from autograd_lite.graph import notation as formula
from autograd_lite.graph import rules
from autograd_lite.graph.view import Graph
from autograd_lite.value import Value

_DIGITS: Final = 5  # as in the picture
_MOST_NAMES: Final = 6  # in a sentence
_MOST_TERMS: Final = 8  # of a sum
_MOST_LEAVES: Final = 12  # listed at the start
_ROOM: Final = 90.0  # points: for any number in a box
_FRAME_WIDTH: Final = 900  # px, about what a notebook's cell has
_AROUND: Final = 350  # px: the page without the picture
_LOWEST_FRAME: Final = 460
_HIGHEST_FRAME: Final = 940
_SLIDERS: Final = 110  # px: the sliders where they are open

Step = dict[str, Any]


class Player:
    """Both passes over a graph as a page to play, as `steps()` and `play()` return it. In a notebook it shows itself.

    Attributes
    ----------
    picture : Picture
        The graph with all its numbers, as it looks after the last step.
    steps : list of dict
        What happens in each step: its `phase` ("start", "forward", "backward" or "done"), the `node` and the `edges`
        that it is about (by number, as in `Graph.nodes` and `Graph.edges`), a `heading` and the `lines` of arithmetic.
    """

    def __init__(
        self, walk: Walk, ranges: Mapping[Value, tuple[float, float]] | None = None, theme: str = "auto"
    ) -> None:
        self.picture: Final = _final_picture(walk, theme)
        self._walk: Final = walk
        self._lines: Final = Templates(walk, _DIGITS)
        self._templates: Final = _list_steps(self._lines)
        self._ranges: Final = ranges
        self._theme: Final = theme
        number_of = self._lines.numbers()
        self.steps: Final = [_filled(step, self._lines, number_of) for step in self._templates]

    def __repr__(self) -> str:
        return f"<Player of {self.picture.title}: {len(self.steps)} steps>"

    def html(self) -> str:
        """The page: one HTML document that needs nothing else, and nothing from a network."""
        page = _json_for_script(self._page())
        folder = files(__package__)
        template = folder.joinpath("player.html").read_text("utf-8")
        template = template.replace("%%engine%%", folder.joinpath("engine.js").read_text("utf-8"))
        script = template[template.rindex("<script>") + len("<script>") : template.rindex("</script>")]
        parts = {
            # The page's policy allows this script and no other, whatever a label may contain.
            "script": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            "title": escape(self.picture.title),
            "palette": _colours(),
            "svg": self.picture.svg(),
            "passes": page,
            "theme": self._theme,
        }
        return left_to_right(re.sub(r"%%(\w+)%%", lambda place: parts[place[1]], template))

    def _page(self) -> dict[str, Any]:
        """What the page's script reads."""
        walk, nodes = self._walk, self._walk.graph.nodes
        place = {node: i for i, node in enumerate(nodes)}
        program = program_of(walk.graph, walk.data)
        roles = View(walk.graph).roles
        ranges = self._ranges or {}
        movable = list(ranges) or [leaf for leaf in walk.graph.leaves if math.isfinite(walk.data[leaf])]
        return {
            "nodes": [
                {"name": walk.names[node], "operation": "leaf" if node.op is None else formula.printable(node.op.name)}
                for node in nodes
            ],
            "edges": [[place[edge.parent], place[edge.child], k] for edge, k in zip(walk.graph.edges, _places(walk))],
            "leaves": [
                {
                    "node": place[leaf],
                    "role": roles[leaf],
                    "range": ranges[leaf] if leaf in ranges else slider_range(walk.names[leaf], walk.data[leaf]),
                }
                for leaf in movable
                if place[leaf] not in program["fixed"]
            ],
            "steps": [
                _without_blanks({**step, "lines": [_without_blanks(line) for line in step["lines"]]})
                for step in self._templates
            ],
            "program": program,
            "opened": self._ranges is not None,
        }

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
        around = _AROUND if self._ranges is None else _AROUND + _SLIDERS
        frame_height = min(_HIGHEST_FRAME, max(_LOWEST_FRAME, round(picture_height) + around))
        frame = (
            f'<iframe sandbox="allow-scripts" title="{escape(self.picture.title)}" width="100%" height="{frame_height}"'
            f' style="border:0;border-radius:8px" srcdoc="{escape(self.html())}"></iframe>'
        )
        return with_still(frame, self.picture.svg("light"), self.picture.title)


def steps(root: Value, *, theme: str = "auto", names: Mapping[str, object] | None = None) -> Player:
    """Play the forward and the backward pass over a graph, one node at a time.

    The page computes: move a leaf in it, and both passes follow; step downhill, and the parameters move against their
    gradients. It needs neither Python nor a network.

    Both passes are computed aside, from the leaves' present data: the graph stays as it is, every `.grad` included.

    Parameters
    ----------
    root : Value
        The result.
    theme : {"auto", "light", "dark"}
        The page's colours; "auto" are those of the system or the notebook.
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
    return Player(Walk(root, names), theme=theme)


def play(root: Callable[..., Value] | Value, **leaves: float | tuple[float, float, float]) -> Player:
    """Move the leaves of a graph with sliders, and see its values and gradients follow.

    It is the page of `steps`, opened at its sliders.

    Parameters
    ----------
    root : callable or Value
        A function of Values that returns a Value, which is called once; or the result itself.
    **leaves : float or (float, float, float)
        A slider for each argument of the function, or for each leaf of that name: where it starts, or where it starts,
        its lowest and its highest number. Without any, each leaf of a result has one.

    Returns
    -------
    Player

    Raises
    ------
    TypeError
        If the function does not return a Value.
    ValueError
        If a leaf does not start between its lowest and its highest number, has only one of the two, or is not there.

    Examples
    --------
    >>> play(lambda w, x, b: (w * x + b).tanh(), w=2.0, x=(-2.0, -5.0, 5.0), b=1.0)
    <Player of v3 = tanh(w * x + b): 9 steps>
    """
    specs = {name: _slider(name, spec) for name, spec in leaves.items()}
    if isinstance(root, Value):
        walk = Walk(root)
        named = {walk.names[leaf]: leaf for leaf in walk.graph.leaves}
        for name in specs.keys() - named.keys():
            raise ValueError(f"play() takes leaves by name: there is no leaf {name!r} among {', '.join(named)}")
        ranges = {named[name]: (low, high) for name, (_, low, high) in specs.items()}
        starts = {named[name]: start for name, (start, _, _) in specs.items()}
        return Player(Walk(root, dict(zip(walk.names.values(), walk.names)), starts), ranges)
    values = {name: Value(start, name) for name, (start, _, _) in specs.items()}
    result = root(**values)
    if not isinstance(result, Value):
        raise TypeError(f"play() shows a function that returns a Value, this one returned {type(result).__name__}")
    walk = Walk(result, {})
    return Player(
        walk, {values[name]: (low, high) for name, (_, low, high) in specs.items() if values[name] in walk.data}
    )


def _slider(name: str, spec: float | tuple[float, float, float]) -> tuple[float, float, float]:
    """Where a slider starts, its lowest and its highest number."""
    if isinstance(spec, (tuple, list)):
        if len(spec) != 3:
            raise ValueError(f"the slider of {name} takes a start, or (start, lowest, highest), got {spec!r}")
        start, low, high = map(float, spec)
    else:
        start = float(spec)
        low, high = slider_range(name, start)
    if not (low <= start <= high and low < high and math.isfinite(high - low)):
        raise ValueError(f"the slider of {name} needs lowest ≤ start ≤ highest, got {(start, low, high)}")
    return start, low, high


def slider_range(name: str, start: float) -> tuple[float, float]:
    """The range of a slider that starts at a number: about ten times as much, on both sides of zero."""
    if not math.isfinite(start):
        raise ValueError(f"the slider of {name} must start at a finite number, got {start!r}")
    reach = 10.0 ** math.ceil(math.log10(abs(start))) if start else 1.0
    return min(-reach, start), max(reach, start)


# --- the steps --------------------------------------------------------------------------------------------------------


def _list_steps(lines: Templates) -> list[Step]:
    nodes = lines.walk.graph.nodes
    place = {node: i for i, node in enumerate(nodes)}
    operations = [node for node in nodes if not node.is_leaf]
    return [
        _start(lines, place),
        *[_forward_step(lines, place, node) for node in operations],
        _seed(lines, place),
        *_backward_steps(lines, place, operations[::-1]),
        _done(lines),
    ]


def _filled(step: Step, lines: Templates, number_of: Callable[[str], float]) -> Step:
    """A step with its numbers."""

    def fill(line: Step) -> Step:
        cells = [lines.filled(cell, number_of) for cell in line["cells"]]
        if line["kind"] == "rule":
            cells = [cell for cell, after in zip(cells, [*cells[1:], ""]) if cell != after]
        return {**line, "cells": cells}

    grad = [
        (i, short_number(number_of(lines.so_far_slot(edges)) if edges else 1.0), complete)
        for i, edges, complete in step["grad"]
    ]
    heading = lines.filled(step["heading"], number_of)
    return {**step, "heading": heading, "lines": [fill(line) for line in step["lines"]], "grad": grad}


def _without_blanks(part: Step) -> Step:
    """A part of the page without what is empty."""
    return {key: value for key, value in part.items() if value not in (None, "", [])}


def _places(walk: Walk) -> list[int]:
    """For each edge, which operand it is in the program: constants are operands too."""
    found, first = [], 0
    for node in walk.graph.nodes:
        sent = [] if node.op is None else list(rules.as_sent(node.op, range(len(node.operands))))
        found += [first + sent.index(k) for k, x in enumerate(node.operands) if isinstance(x, Value)]
        first += len(sent)
    return found


def _step(
    phase: str,
    heading: str,
    lines: list[Step],
    node: int | None = None,
    edges: list[int] | None = None,
    data: list[int] | None = None,
    grad: list[tuple[int, list[int], bool]] | None = None,
) -> Step:
    """One step; `data` are the nodes whose number it shows, `grad` the gradients: of which node, the edges whose
    contributions are in, and whether those are all.
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


def _start(lines: Templates, place: dict[Value, int]) -> Step:
    walk = lines.walk
    leaves = walk.graph.leaves
    shown = [_line([walk.names[leaf], lines.data(leaf).text]) for leaf in leaves]
    if len(leaves) > _MOST_LEAVES:
        kinds = Counter(View(walk.graph).roles.values())
        counts = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(kinds.items(), reverse=True)]
        shown = [_line([", ".join(counts)])]
    return _step(
        "start",
        f"The leaves have their numbers. What is {walk.names[walk.root]}, and how does it depend on each of them?",
        shown,
        data=[place[leaf] for leaf in leaves],
    )


def _forward_step(lines: Templates, place: dict[Value, int], node: Value) -> Step:
    walk = lines.walk
    return _step(
        "forward",
        f"Forward: {walk.names[node]} is computed from {_parents(walk, node)}",
        [_line(lines.forward(node))],
        node=place[node],
        edges=[path.edge for path in walk.sent[node]],
        data=[place[node]],
    )


def _seed(lines: Templates, place: dict[Value, int]) -> Step:
    root = place[lines.walk.root]
    name = lines.walk.names[lines.walk.root]
    return _step(
        "backward",
        f"Backward: start at the result. {name} grows exactly as much as itself",
        [_line([lines.gradient(lines.walk.root), "1"], to=root)],
        node=root,
        grad=[(root, [], True)],
    )


def _backward_steps(lines: Templates, place: dict[Value, int], operations: list[Value]) -> list[Step]:
    """A step for each node whose gradient is known: what it sends to its parents."""
    walk = lines.walk
    found: list[Step] = []
    arrived: dict[Value, list[Contribution]] = {node: [] for node in walk.graph.nodes}
    for child in operations:
        shown, grad = [], []
        for path in walk.sent[child]:
            parent, to = path.parent, place[path.parent]
            arrived[parent].append(path)
            count, all_paths = len(arrived[parent]), len(walk.received[parent])
            grad.append((to, [path.edge for path in arrived[parent]], count == all_paths))
            shown.append(_line(lines.rule(path), to=to, kind="rule"))
            if all_paths == 1:
                shown.append(_line([lines.gradient(parent), *lines.product(path), lines.amount(path).text], to=to))
                continue
            along = f"{lines.gradient(parent)}, {lines.along(path)} {lines.product(path)[0]}"
            note = "" if count == all_paths else f"path {count} of {all_paths}"
            shown.append(_line([along, lines.product(path)[1], lines.amount(path).text], to=to, note=note))
            if count == all_paths:
                total = lines.sum(_ends(arrived[parent]), count - len(_ends(arrived[parent])))
                shown.append(
                    _line([lines.gradient(parent), total, lines.so_far(arrived[parent])], to=to, note="all paths")
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


def _ends(paths: list[Contribution]) -> list[Contribution]:
    """The terms of a sum that are written: all of a short one, else the first and the last."""
    return paths if len(paths) <= _MOST_TERMS else [*paths[:3], paths[-1]]


def _done(lines: Templates) -> Step:
    walk = lines.walk
    leaves = walk.graph.leaves
    return _step(
        "done",
        _meaning(lines),
        [_line([lines.gradient(leaf), lines.slope(leaf).text]) for leaf in leaves],
    )


def _meaning(lines: Templates) -> str:
    """What a gradient means, in the numbers of this graph: of the leaf with the largest."""
    walk = lines.walk
    leaf = max(walk.graph.leaves, key=lambda leaf: abs(walk.gradient[leaf]))
    root, name, nudge = walk.names[walk.root], walk.names[leaf], lines.number(NUDGE)
    return f"Done. If {name} grows by {nudge}, {root} changes by about {lines.nudged(leaf)}, and so for each leaf"


def _parents(walk: Walk, node: Value) -> str:
    names = list(dict.fromkeys([walk.names[parent] for parent in node.parents]))
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# --- the page ---------------------------------------------------------------------------------------------------------


def _final_picture(walk: Walk, theme: str) -> Picture:
    """The graph as it is after both passes; drawn from a copy, which can be labelled and differentiated."""
    root = copy.deepcopy(walk.root)
    for node, twin in zip(walk.graph.nodes, root.topological_order(), strict=True):
        twin.label = walk.names[node]
        if twin.is_leaf:
            twin.data = walk.data[node]
    root.zero_grad()
    root.forward()
    root.backward()
    picture = draw(root, partials=True, detail="scalar", names={})
    for box in picture.scene.boxes:
        box.room = max(_ROOM, width(box.heading + box.name, 13.0))
    return Picture(picture.scene, "LR", theme)


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
    return (
        f":root{{{light}{accent};color-scheme:light dark}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f":root[data-theme=light]{{{light};color-scheme:light}}:root[data-theme=dark]{{{dark};color-scheme:dark}}"
    )


def _json_for_script(content: object) -> str:
    """JSON that may stand in a script element: no label can end the element or be taken for markup."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
