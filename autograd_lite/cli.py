"""The command line: `autograd-lite demo` and `autograd-lite eval`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

import autograd_lite
from autograd_lite import Value, draw, explain, steps
from autograd_lite._support.columns import in_columns
from autograd_lite._support.files import replacing
from autograd_lite._support.text import escaped, quoted
from autograd_lite.graph.parse import ExpressionError, evaluate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default what the shell gave.

    Returns
    -------
    int
        The exit code: 0, 1 for arithmetic that fails or a file that cannot be written (or read on, or drawn), 2 for a
        mistake in the call.
    """
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a ∂ on a terminal that has none
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()  # here, where a full disk can still be told
    except ExpressionError as error:
        print(f"autograd-lite: {error}", file=sys.stderr)
        return 2
    except (ArithmeticError, ValueError, OSError, ImportError, RuntimeError) as error:
        _drop_output()
        if not isinstance(error, BrokenPipeError):  # whoever read has read enough
            print(f"autograd-lite: {error}", file=sys.stderr)
        return 1
    return 0


def _drop_output() -> None:
    """Keep Python from trying again, at its end, to write what it could not write."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _engine() -> str:
    """Which engine this is; if it is the plain one, why."""
    if autograd_lite.NATIVE:
        return "native engine"
    written = files("autograd_lite") / "why_plain.txt"  # by setup.py, into each wheel of plain Python
    why = written.read_text(encoding="utf-8") if written.is_file() else "it runs from its source, not from a wheel"
    return f"plain engine: {why}"


class _Version(argparse.Action):
    """Print the version in one line; argparse's own action would wrap it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"autograd-lite {autograd_lite.__version__} ({_engine()})")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(escaped(message, limit=500))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="autograd-lite", description="A scalar autograd engine to see and to read.", allow_abbrev=False
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and the engine, and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="build, differentiate and draw Andrew Ng's example")
    demo.add_argument("--out", metavar="DIR", default="autograd-lite-demo", help="where the pictures go (%(default)s)")
    demo.set_defaults(run=_demo)

    evaluation = commands.add_parser(
        "eval",
        allow_abbrev=False,
        add_help=False,  # which would take `-h*2` for an option; there is --help
        help="value and gradients of an expression",
        description='Print value and gradients of an expression: autograd-lite eval "0.5*(w*x + b - y)**2" w=2 x=-2 b=8 y=2',
    )
    # An expression may begin with a minus sign, as a negative number may: `-x**2` is then not taken for an option.
    evaluation._negative_number_matcher = re.compile(r"-[^-]")
    evaluation.add_argument("--help", action="help", help="show this help message and exit")
    evaluation.add_argument(
        "expression",
        help="arithmetic and the functions of the package: tanh(w*x), dot([u, v], [1, 2]); names may be given to parts: c = w*x; c**2",
    )
    evaluation.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="the value of each name")
    evaluation.add_argument("--draw", metavar="FILE", help="save the graph as .svg, .png, .pdf or .dot")
    evaluation.add_argument("--explain", action="store_true", help="show each step forward and backward")
    evaluation.add_argument("--epsilon", type=float, metavar="E", help="explain, and also move each leaf by E")
    evaluation.add_argument("--steps", metavar="FILE", help="save a page that plays both passes, as .html or .gif")
    evaluation.set_defaults(run=_eval)
    return parser


def _eval(options: argparse.Namespace) -> None:
    leaves = _leaves(options.values)
    result = evaluate(options.expression, leaves)
    if not isinstance(result, Value):
        print("\n".join(in_columns([("value", _short(result))])))
        return
    result.backward()
    rows = [(name, _short(leaf.data), _short(leaf.grad)) for name, leaf in leaves.items()]
    print(f"value  {_short(result.data)}\n")
    print("\n".join(in_columns([("leaf", "value", "gradient"), *rows])))
    if options.explain or options.epsilon is not None:
        print(f"\n{explain(result, epsilon=options.epsilon)}")
    if options.draw:
        draw(result, partials=True).save(options.draw)
        print(f"\nsaved  {escaped(options.draw, limit=1000)}")
    if options.steps:
        steps(result).save(options.steps)
        print(f"\nsaved  {escaped(options.steps, limit=1000)}")


def _leaves(assignments: Sequence[str]) -> dict[str, Value]:
    leaves: dict[str, Value] = {}
    for assignment in assignments:
        name, equals, number = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise ExpressionError(f"a value is given as NAME=NUMBER, got {quoted(assignment)}")
        if name in leaves:
            raise ExpressionError(f"{escaped(name)} is given twice")
        try:
            leaves[name] = Value(float(number), name)
        except ValueError:
            raise ExpressionError(f"{escaped(name)} must be a number, got {quoted(number)}") from None
    return leaves


def _demo(options: argparse.Namespace) -> None:
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    _demo_of_a_graph(folder)
    _demo_of_training(folder)


def _demo_of_a_graph(folder: Path) -> None:
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    c = w * x
    a = c + b
    d = a - y
    J = 0.5 * d**2
    c.label, a.label, d.label, J.label = "c", "a", "d", "J"
    J.backward()
    print("Andrew Ng's computation graph: c = wx, a = c + b, d = a - y, J = d²/2\n")
    print(explain(J))

    picture = draw(J, partials=True)
    picture.save(folder / "graph.svg")
    picture.save(folder / "graph.png")
    steps(J).save(folder / "steps.html")

    epsilon = 0.001
    before = J.data
    w.data += epsilon
    after = J.forward()
    print(f"\nReplayed with w = {_short(w.data)}: J goes from {_short(before)} to {_short(after)}, that is")
    print(f"{_short((after - before) / epsilon)} for each unit of w; the gradient says {_short(w.grad)}.")
    print(f"\nThe picture: {folder / 'graph.svg'} and {folder / 'graph.png'}")
    print(f"The same, step by step, in a browser: {folder / 'steps.html'}")


def _demo_of_training(folder: Path) -> None:
    try:
        import matplotlib
        import numpy  # noqa: F401
        import tqdm  # noqa: F401
    except ImportError:
        print('\nTo see a net train here too: python -m pip install "autograd-lite[train,viz]"')
        return
    matplotlib.use("Agg")
    from autograd_lite import data, fit, losses, nn, optim, plots

    print("\nA net of 2-8-8-1 neurons learns to tell two moons apart")
    X, y = data.moons(100, noise=0.1, seed=1)
    net = nn.MLP(2, [8, 8, 1], activation="tanh", seed=1)
    optimizer = optim.Adam(net.parameters(), lr=0.03)
    loss = losses.binary_cross_entropy
    history = fit(net, X, y, loss=loss, optimizer=optimizer, epochs=60, metrics=["accuracy"], seed=1)
    print(f"Loss {history.loss[0]:.3g} → {history.loss[-1]:.3g}, accuracy {history.metrics['accuracy'][-1]:.0%}")
    for name, axes in (("loss", plots.loss_curve(history)), ("boundary", plots.decision_boundary(net, X, y))):
        with replacing(folder / f"{name}.png") as draft:
            axes.figure.savefig(draft, dpi=150)  # type: ignore[union-attr]
        print(f"The {name}: {folder / name}.png")


def _short(number: float) -> str:
    return f"{number:.12g}"
