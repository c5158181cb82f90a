"""play: sliders for the leaves of a graph, and its numbers as they move."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from typing import Any, Final

from autograd_lite.drawing.scene.typesetting import number
from autograd_lite.drawing.svg.picture import draw
from autograd_lite.value import Value

_SLOT: Final = re.compile(r'<g id="n(\d+)"|<text class="mono (data|grad)"[^>]*>([^<]*)')
_TOOLTIP: Final = re.compile(r"<title>[^<]*</title>")
_WIDEST: Final = -0.12345  # few numbers are written with more characters than this one
_SLIDER_STEPS: Final = 200


class LivePicture:
    """A graph that is laid out once, whose numbers are written anew after each change.

    Parameters
    ----------
    root : Value
        The result.

    Examples
    --------
    >>> w = Value(2.0, "w")
    >>> picture = LivePicture(w * w)
    >>> w.data = 3.0
    >>> ">9<" in picture.update(), w.grad
    (True, 6.0)
    """

    def __init__(self, root: Value) -> None:
        self._root: Final = root
        self._nodes: Final = root.topological_order()
        # Laid out with numbers as wide as any, on a copy, so that the real ones have room.
        wide = copy.deepcopy(root)
        for node in wide.topological_order():
            node.data = node.grad = _WIDEST
        svg = _TOOLTIP.sub("", draw(wide, detail="scalar", names={}).svg())
        #: The text between the numbers, and for each number its node and whether it is the data or the gradient.
        self._texts: Final[list[str]] = []
        self._slots: Final[list[tuple[Value, str]]] = []
        place, end = 0, 0
        for match in _SLOT.finditer(svg):
            if match[1]:
                place = int(match[1])
            else:
                self._texts.append(svg[end : match.start(3)])
                self._slots.append((self._nodes[place], match[2]))
                end = match.end(3)
        self._texts.append(svg[end:])

    def update(self) -> str:
        """Run both passes from the leaves' present data and return the picture as SVG.

        Raises
        ------
        ValueError, ZeroDivisionError, OverflowError
            As the operations do.
        """
        self._root.forward()
        for node in self._nodes:
            node.grad = 0.0
        self._root.backward()
        numbers = [number(node.data if kind == "data" else node.grad) for node, kind in self._slots]
        return "".join([part for pair in zip(self._texts, [*numbers, ""]) for part in pair])


def play(f: Callable[..., Value], **leaves: float | tuple[float, float, float]) -> Any:
    """Move the leaves of a graph with sliders, in a notebook, and see its values and gradients follow.

    The graph is built and laid out once; a change runs `forward()` and `backward()` on it.

    Parameters
    ----------
    f : callable
        A function of Values that returns a Value. It is called once.
    **leaves : float or (float, float, float)
        A slider for each argument of `f`: where it starts, or where it starts, its lowest and its highest number.

    Returns
    -------
    ipywidgets.VBox
        The sliders and the picture; it shows itself.

    Raises
    ------
    ImportError
        If ipywidgets is not installed.
    TypeError
        If `f` does not return a Value.
    ValueError
        If a leaf does not start between its lowest and its highest number, or has only one of the two.

    Examples
    --------
    >>> panel = play(lambda w, x, b: (w * x + b).tanh(), w=2.0, x=(-2.0, -5.0, 5.0), b=1.0)  # doctest: +SKIP
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError('play() needs ipywidgets: pip install "autograd-lite[notebook]"') from error

    ranges = {name: _range(name, spec) for name, spec in leaves.items()}
    values = {name: Value(start, name) for name, (start, _, _) in ranges.items()}
    root = f(**values)
    if not isinstance(root, Value):
        raise TypeError(f"play() shows a function that returns a Value, this one returned {type(root).__name__}")
    # A graph of our own: the gradients of what else f uses stay as they are.
    root, *moved = copy.deepcopy([root, *values.values()])
    picture = LivePicture(root)
    shown, message = ipywidgets.HTML(picture.update()), ipywidgets.Label()
    sliders = [
        ipywidgets.FloatSlider(
            value=start,
            min=low,
            max=high,
            step=(high - low) / _SLIDER_STEPS,
            description=name,
            readout_format=".4g",
            continuous_update=True,
        )
        for name, (start, low, high) in ranges.items()
    ]

    def move(change: Any) -> None:
        for slider, value in zip(sliders, moved, strict=True):
            value.data = slider.value
        try:
            shown.value = picture.update()
            message.value = ""
        except (ArithmeticError, ValueError) as error:  # the last picture stays until the leaves are mended
            message.value = str(error)

    for slider in sliders:
        slider.observe(move, names="value")
    return ipywidgets.VBox([*sliders, message, shown])


def _range(name: str, spec: float | tuple[float, float, float]) -> tuple[float, float, float]:
    if isinstance(spec, (tuple, list)):
        if len(spec) != 3:
            raise ValueError(f"the slider of {name} takes a start, or (start, lowest, highest), got {spec!r}")
        start, low, high = map(float, spec)
    else:
        start = float(spec)
        reach = 10.0 ** math.ceil(math.log10(abs(start))) if start and math.isfinite(start) else 1.0
        low, high = min(-reach, start), max(reach, start)
    if not (low <= start <= high and low < high and math.isfinite(high - low)):
        raise ValueError(f"the slider of {name} needs lowest ≤ start ≤ highest, got {(start, low, high)}")
    return start, low, high
