"""Text from elsewhere, wherever it is printed: on one line, short, and without what moves a cursor or turns a line."""

import contextlib
import itertools
import unicodedata
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Graph, History, Value, compile, define_op, detect_anomaly, losses, nn, ops, optim
from autograd_lite._support.text import escaped, quoted
from autograd_lite.cli import main
from autograd_lite.drawing.pages.walk import Walk


@pytest.mark.parametrize("text", ["w", "权重", "λ₁", "two words", "שלום", "👩\u200d👩\u200d👧", "layers[0].w[1]", "é"])
def test_ordinary_text_stays_as_it_is(text):
    assert escaped(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb\r\t", r"a\nb\r\t"),
        ("\u202ea\u2066", r"\u202ea\u2066"),
        ("\u200e\u2028", r"\u200e\u2028"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_does_not_print_is_escaped(text, expected):
    assert escaped(text) == expected


def test_long_text_is_shortened_and_says_how_long_it_was():
    assert escaped("w" * 1_048_576, limit=3) == "www… (1048576 characters)"
    assert quoted("w" * 1_048_576, limit=3) == "'www'… (1048576 characters)"
    assert len(escaped("\x1b" * 1_048_576)) < 400


@pytest.mark.parametrize(
    "op", [op for op in ops.TABLE.values() if 0 < op.arity < 3 and op.public], ids=lambda op: op.name
)
def test_a_result_that_is_too_large_is_said_in_words_for_numbers_and_values(op):
    for numbers in itertools.product([1e308, -1e308, 1000.0, 0.5, 1e-308], repeat=op.arity):
        messages = []
        for kind in (float, Value):
            try:
                op(*[kind(x) for x in numbers])
            except OverflowError as error:
                messages.append(str(error))
            except (ValueError, ZeroDivisionError):
                continue
        shown = f"in {op.name}({', '.join(map(repr, numbers))})"
        assert messages in ([], 2 * [f"the result is too large for a float, {shown}"])


# --- every place that prints a label, a key or a name -------------------------------------------------------------------


def of_error(compute):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compute()
        except Exception as error:
            return "\n".join([str(error), *getattr(error, "__notes__", [])])
    raise AssertionError("it was to raise")


def in_context(compute):
    def run():
        with detect_anomaly():
            compute()

    return run


def diverged(label):
    net = nn.Neuron(1, None, seed=0)
    net.w[0].label = label
    ag.fit(
        net, [[1e200]], [1e200], loss=losses.mse, optimizer=optim.SGD(net.parameters(), 1.0), progress=False, epochs=3
    )


class Keyed(nn.Module):
    def __init__(self, key):
        self.parts = {key: Value(1.0), "layer": {key: nn.Layer(2, 1, seed=0)}}
        self.name_parameters()


def wrong_size(key):
    Keyed(key).parts["layer"][key]([1.0])


def raising(x):
    raise OverflowError(34, "Numerical result out of range")


ROUTES = {
    "division": lambda t: of_error(lambda: 1.0 / Value(0.0, t)),
    "logarithm": lambda t: of_error(lambda: Value(-1.0, t).log()),
    "overflow": lambda t: of_error(lambda: Value(10.0, t) ** 400),
    "dot": lambda t: of_error(lambda: ag.logsumexp([Value(float("-inf"), t), "a"])),
    "replay": lambda t: of_error(lambda: replay(Value(1.0, t))),
    "user's operation": lambda t: of_error(lambda: define_op(t, raising, lambda x, y: 1.0)(Value(1.0, t))),
    "user's rule": lambda t: of_error(lambda: define_op(t, lambda x: None, lambda x, y: 1.0)(Value(1.0, t))),
    "repr": lambda t: repr(Value(1.0, t)),
    "repr of a graph": lambda t: repr(Graph(Value(1.0, t))),
    "repr of an operation": lambda t: repr(define_op(t, float, lambda x, y: 1.0)),
    "format": lambda t: f"{Value(1.0, t)}",
    "data": lambda t: of_error(lambda: setattr(Value(1.0, t), "data", "a")),
    "Value of a Value": lambda t: of_error(lambda: Value(Value(1.0, t))),
    "expression": lambda t: Graph(Value(1.0, t) * 2.0 + Value(3.0, t)).expression(),
    "expression in lines": lambda t: Graph(labelled(Value(1.0, t) * 2.0, t) ** 2).expression(1),
    "expression of a user's operation": lambda t: Graph(define_op(t, float, lambda x, y: 1.0)(Value(1.0))).expression(),
    "latex": lambda t: Graph(Value(1.0, t) * 2.0).latex() + Graph(Value(1.0, t) * 2.0).latex(1),
    "names of a graph": lambda t: of_error(lambda: Graph(Value(1.0, t), names=[t])),
    "anomaly": lambda t: of_error(in_context(lambda: labelled(Value(1e308, t) * 10.0, t))),
    "anomaly backward": lambda t: of_error(in_context(lambda: (Value(0.0, t).sqrt() * 2.0).backward())),
    "GradientError": lambda t: of_error(
        lambda: ag.check_gradients(define_op(t, lambda x: x, lambda x, y: 2.0), [Value(1.0, t)])
    ),
    "GradientError of a key": lambda t: of_error(
        lambda: ag.check_gradients(lambda d: define_op("q", lambda x: x, lambda x, y: 2.0)(d[t]), [{t: 1.0}])
    ),
    "key of an argument": lambda t: of_error(lambda: ag.grad(lambda d: d[t])({t: None})),
    "comparison while compiling": lambda t: of_error(
        lambda: compile(lambda x: x if Value(1.0, t) > 0.0 else -x)([1.0])
    ),
    "parameter that is not finite": lambda t: of_error(
        lambda: compile(lambda x: x * Value(float("inf"), t) + define_op(t, abs, lambda x, y: 1.0)(x))([0.0])
    ),
    "name of a function": lambda t: of_error(lambda: ag.grad(named(lambda x: None, t))(1.0)),
    "name of a compiled function": lambda t: (
        repr(compile(named(lambda x: x, t))) + of_error(lambda: compile(named(lambda x: None, t))([1.0]))
    ),
    "comparison within grad": lambda t: of_error(lambda: ag.grad(lambda x: labelled(x * 2.0, t) == 2.0)(1.0)),
    "DivergedError": lambda t: of_error(lambda: diverged(t)),
    "size": lambda t: of_error(lambda: wrong_size(t)),
    "state": lambda t: of_error(lambda: Keyed("a").load_state_dict({t: 1.0})),
    "state of a net with such a key": lambda t: of_error(lambda: Keyed(t).load_state_dict({})),
    "repr of a module": lambda t: repr(Keyed(t)) + Keyed(t).summary(),
    "activation": lambda t: of_error(lambda: nn.Neuron(1, f"{t}-")),
    "optimizer": lambda t: of_error(lambda: optim.SGD([Value(1.0, t) * 2.0], 0.1)),
    "history": lambda t: repr(History([1.0], metrics={t: [1.0]})),
    "two leaves of a name in SymPy": lambda t: of_error(lambda: Graph(Value(1.0, t) * Value(2.0, t)).to_sympy()),
    "explanation": lambda t: str(ag.explain(labelled(Value(1.0, t) * 2.0, t))),
    "drawing": lambda t: repr(ag.draw(Value(1.0, t) * 2.0)),
    "replay of an explanation": lambda t: of_error(lambda: replay_by_walk(Value(1.0, t))),
    "parse": lambda t: of_error(lambda: ag.parse(f"w + {t} ?", w=1.0)),
    "parse of an unused name": lambda t: of_error(lambda: ag.parse("w", **{"w": 1.0, t + "_": 1.0})),
}


def replay_by_walk(x):
    Walk(labelled(1.0 / x, x.label)).forward({x: 0.0})


def named(function, name):
    function.__name__ = function.__qualname__ = name
    return function


def labelled(node, label):
    node.label = label
    return node


def replay(x):
    y = 1.0 / x
    x.data = 0.0
    y.forward()


# Words with what a terminal or a reader of the line takes for a command.
UNSAFE = "\x1b\n\r\x07\x00\x9b\u2028\u202e\u2066\u200e\u061c\ufeff"
WORDS = st.text(st.sampled_from(UNSAFE + "aλ权"), min_size=1, max_size=12).filter(lambda t: any(c in UNSAFE for c in t))


def is_safe(text):
    """Nothing but printable characters, ends of lines, and what the package itself adds beside words from right to left."""
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or c == "\n" for c in text)


@pytest.mark.parametrize("route", ROUTES)
@given(word=WORDS)
@example(word="Q\x1b[31mQ")
@example(word="Q\nQ")
@example(word="Q\u202eQ")
@settings(max_examples=5, deadline=None)
def test_a_message_prints_no_label_key_or_name_raw(route, word):
    text = ROUTES[route](word)
    assert is_safe(text), text[:2000]
    assert "Q\nQ" not in text


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.startswith(("expression", "latex"))])
def test_a_message_shortens_a_long_label_key_or_name(route):
    size = len(ROUTES[route]("k" * 10_000))
    assert size < 5000


@given(word=WORDS.filter(lambda t: "\x00" not in t))
@settings(max_examples=30, deadline=None)
def test_the_command_line_prints_no_argument_raw(word):
    import io

    for arguments in (
        ["eval", word],
        ["eval", "w", word],
        ["eval", "w", f"w={word}"],
        ["eval", "w", f"--{word}"],
        [word],
    ):
        err = io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
            main(arguments)
        assert is_safe(err.getvalue()), err.getvalue()
