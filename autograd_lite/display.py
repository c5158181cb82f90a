"""How Values, graphs, nets, histories and compiled functions show themselves in a notebook: as HTML, made when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from autograd_lite.compiler.function import CompiledFunction
    from autograd_lite.graph.view import Graph
    from autograd_lite.nn.module import Module
    from autograd_lite.training.history import History
    from autograd_lite.value import Value

_MOST_NODES: Final = 200  # of a graph whose formula is written under a Value
_MOST_DRAWN: Final = 60  # of a graph that is drawn at sight
_MOST_PARAMETERS: Final = 2000  # of a net that is drawn at sight
_WIDTH, _HEIGHT, _MARGIN = 420.0, 130.0, 8.0  # of the curve of a history
_CODE: Final = "font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre;margin:0"


def register() -> None:
    """Tell IPython how the package's objects are shown, if it runs."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for module, name, show in _SHOWN:
        formatter.for_type_by_name(f"autograd_lite.{module}", name, show)


def value_html(value: Value) -> str | None:
    """A Value: its formula, its data and its gradient."""
    from autograd_lite.graph.view import Graph
    from autograd_lite.value import changed_since_backward

    graph = Graph(value)
    name, parts = graph.name(value), []
    if value.op is not None and len(graph) <= _MOST_NODES:
        formula = graph.expression(max_length=120)
        parts += [] if "\n" in formula else [formula]
    is_old = value.grad != 0.0 and any(map(changed_since_backward, graph.leaves))
    grad = "– (changed since backward())" if is_old else f"{value.grad:.6g}"
    text = escape(" = ".join([*([name] if name else []), *parts, f"{value.data:.6g}"]))
    return f'<div style="{_CODE}">{text}<span style="opacity:.7">   gradient {escape(grad)}</span></div>'


def graph_html(graph: Graph) -> str | None:
    """A graph: its picture, where it is small."""
    from autograd_lite.drawing.svg.picture import draw

    if len(graph) > _MOST_DRAWN:
        return None
    return draw(graph.roots, names={graph.name(node): node for node in graph if graph.name(node)}).svg()


def module_html(net: Module) -> str | None:
    """A net: its picture, where it says how many inputs it takes, and its table."""
    from autograd_lite.drawing.svg.picture import draw

    table = f'<div style="{_CODE}">{escape(net.summary())}</div>'
    if len(net.parameters()) > _MOST_PARAMETERS:
        return table
    try:
        return draw(net).svg() + table
    except Exception:
        return table


def history_html(history: History) -> str | None:
    """A history: its curve, and its last numbers."""
    curves = [("loss", history.loss, "#2b7de0", ""), ("validation loss", history.validation_loss, "#d9730d", "6 4")]
    lines = "".join([_curve(*curve, _range(history)) for curve in curves if len(curve[1]) > 1])
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img">{lines}</svg>'
    return f'{svg if lines else ""}<div style="{_CODE}">{escape(repr(history))}</div>'


def _range(history: History) -> tuple[float, float]:
    numbers = [*history.loss, *history.validation_loss]
    return min(numbers, default=0.0), max(numbers, default=1.0)


def _curve(name: str, series: list[float], colour: str, dashes: str, ends: tuple[float, float]) -> str:
    low, high = ends
    across, down = (_WIDTH - 2 * _MARGIN) / (len(series) - 1), (_HEIGHT - 2 * _MARGIN) / ((high - low) or 1.0)
    points = " ".join(
        [f"{_MARGIN + i * across:.1f},{_HEIGHT - _MARGIN - (y - low) * down:.1f}" for i, y in enumerate(series)]
    )
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dashed}>'
        f"<title>{name}: {series[0]:.4g} to {series[-1]:.4g}</title></polyline>"
    )


def compiled_html(function: CompiledFunction) -> str | None:
    """A compiled function: the program that was found, once it was called."""
    if not function._plans:
        return None
    return f'<div>{escape(repr(function))}</div><div style="{_CODE};overflow-x:auto">{escape(function.source)}</div>'


_SHOWN: Final[tuple[tuple[str, str, Callable[[Any], str | None]], ...]] = (
    ("value", "Value", value_html),
    ("graph.view", "Graph", graph_html),
    ("nn.module", "Module", module_html),
    ("training.history", "History", history_html),
    ("compiler.function", "CompiledFunction", compiled_html),
)
