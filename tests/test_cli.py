"""The command line."""

import importlib
import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import run_program
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite
from autograd_lite import NATIVE, Graph, Value, __version__, cli, functions, parse
from autograd_lite.cli import main
from autograd_lite.graph.parse import ExpressionError, evaluate


def run(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_eval_prints_value_and_gradients(capsys):
    code, out, _ = run(capsys, "eval", "0.5*(w*x + b - y)**2", "w=2", "x=-2", "b=8", "y=2")
    assert code == 0
    lines = [line.split() for line in out.splitlines() if line]
    assert lines == [
        ["value", "2"],
        ["leaf", "value", "gradient"],
        ["w", "2", "-4"],
        ["x", "-2", "4"],
        ["b", "8", "2"],
        ["y", "2", "-2"],
    ]


@pytest.mark.parametrize(
    ("expression", "leaf", "value"),
    [("-x**2", "x=3", "-9"), ("-h*2", "h=3", "-6"), ("-h", "h=3", "-3"), ("-0.5*x", "x=2", "-1")],
)
def test_eval_takes_an_expression_that_begins_with_a_minus_sign(expression, leaf, value, capsys):
    code, out, _ = run(capsys, "eval", expression, leaf)
    assert code == 0
    assert out.startswith(f"value  {value}\n")


def test_eval_of_numbers_alone(capsys):
    assert run(capsys, "eval", "2*3")[:2] == (0, "value  6\n")


def test_the_micro_sign_of_a_keyboard_is_the_greek_letter(capsys):
    assert run(capsys, "eval", "µ*2", "µ=3")[1].splitlines()[0].split() == ["value", "6"]
    assert run(capsys, "eval", "µ*2", "μ=3")[0] == 0


def test_eval_draws(capsys, tmp_path):
    code, out, _ = run(capsys, "eval", "--draw", str(tmp_path / "g.svg"), "tanh(w)", "w=1")
    assert code == 0
    assert "<svg" in (tmp_path / "g.svg").read_text(encoding="utf-8")
    assert "g.svg" in out


def test_eval_explains(capsys):
    code, out, _ = run(capsys, "eval", "--explain", "w*x", "w=2", "x=-2")
    assert code == 0
    text = " ".join(out.split())
    assert "v1 = w * x = 2 × −2 = −4" in text
    assert "dv1/dw = dv1/dv1 · ∂v1/∂w = 1 × −2 = −2" in text


def test_eval_bumps_each_name_by_epsilon(capsys):
    code, out, _ = run(capsys, "eval", "--epsilon", "-0.5", "-w*x", "w=2", "x=3")
    assert code == 0
    assert "w: 2 → 1.5, v2: −6 → −4.5, Δv2/ε = −3 ≈ −3" in " ".join(out.split())


def test_eval_saves_the_steps(capsys, tmp_path):
    code, out, _ = run(capsys, "eval", "tanh(w)", "w=1", "--steps", str(tmp_path / "page.html"))
    assert code == 0
    assert "tanh(w)" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "page.html" in out


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("w*", 3, "invalid syntax"),
        ("  w*", 5, "invalid syntax"),
        ("", 1, "invalid syntax"),
        ("w*w^2", 4, "write ** for a power, not ^"),
        ("2w", 2, "write 2*w"),
        ("2(w)", 2, "write 2*(…)"),
        ("w w", 3, "write w*w"),
        ("w(w)", 1, "w is a number, not a function: write w*(…)"),
        ("(w)(w)", 4, "write …*(…)"),
        ("sin(w)w", 7, "write sin(…)*w"),
        ("w²", 2, "write **2"),
        ("w × w", 3, "write * for a product"),
        ("w − 1", 3, "write - "),
        ("0,5*w", 2, "write a decimal point"),
        ("|w|", 1, "write abs(…)"),
        ("ln(w)", 1, "no function ln; write log(…)"),
        ("max(w, 1)", 1, "write maximum(…)"),
        ("w == 1", 3, "write equal(…, …)"),
        ("w > 1", 3, "write greater(…, …)"),
        ("(w\n< w)", 4, "write less(…, …)"),
        ("w)", 2, "no partner"),
        ("(w", 3, "not closed"),
        ("sin(w", 6, "not closed"),
        ("()", 1, "missing"),
        ("w + foo(w)", 5, "there is no function foo"),
        ("w + w.data", 6, "an attribute is not allowed"),
        ("__import__('os')", 1, "no function __import__"),
        ("é*w + (w := 3)", 1, "é has no value"),
        ("w + é", 5, "é has no value"),
        ("w if w else 1", 3, "if is not allowed"),
        ("w + [w][0]", 8, "an index is not allowed"),
        ("w + 'a'", 5, "text in quotes is not allowed"),
        ("w + True", 5, "not allowed"),
        ("w + 1j", 6, "a complex number is not allowed"),
        ("w @ w", 3, "@ is not allowed"),
        ("w + tanh", 5, "it is a function"),
        ("w + [w]", 5, "sequence where a number"),
        ("w + sin(w, w)", 5, "argument"),
        ("w + sin(*[w])", 9, "not allowed"),
        ("w + sin(**w)", 9, "not allowed"),
        ("w + maximum(w, **w)", 16, "** is not allowed in a call"),
        ("maximum(x=w, w)", 14, "an argument without a name"),
        ("w + (lambda: w)()", 6, "lambda is not allowed"),
        ("w.real(w)", 2, "an attribute is not allowed"),
        ("(w\n+ q)", 6, "q has no value"),
        ("(w\r\n+ q)", 7, "q has no value"),
        ("w +\x0c q", 6, "q has no value"),
        ("(w\n+ )", 6, "invalid syntax"),
        ("w + '\x1b[31m'", 5, "text in quotes"),
        ("w + \x1b[31m", 5, r"\x1b is not allowed"),
        ("w + \u202ew", 5, r"\u202e is not allowed"),
        ("w + 1_0if w else 2", 8, "if is not allowed"),
        ("w + \udcff", 5, "not a character"),
        ("w + 007", 5, "zeros in front"),
        ("w + " + 5000 * "1", 5, "the number is too large"),
        ("w * 1" + "0" * 400, 5, "the number is too large"),
        ("w + " + "(" * 101 + "w", 105, "nested more than 100 deep"),
        ("c = w; c = w; c", 8, "c is assigned twice"),
        ("w = 3; w", 1, "w has a value already"),
        ("sin = w; sin", 1, "sin is a function"),
        ("w; w", 2, "only the last part"),
        ("w + c = 2", 5, "c has no value"),
        ("(w = 2)", 4, "= gives a name to a part"),
    ],
)
def test_a_mistake_in_an_expression_is_one_line_with_its_column(capsys, expression, column, message):
    code, out, err = run(capsys, "eval", expression, "w=2")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert column is None or f"column {column}: " in err


@pytest.mark.parametrize("expression", ["softmax([w, 1])", "[w]", "w\0"])
def test_an_expression_that_is_not_a_number_is_exit_code_2(capsys, expression):
    code, out, err = run(capsys, "eval", expression, "w=2")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_an_argument_may_be_given_by_its_name():
    w = Value(2.0)
    assert evaluate("dot([w], [3], bias=1)", {"w": w}).data == 7.0


@pytest.mark.parametrize("expression", ["log(w - 2)", "1/(w - 2)", "exp(1000*w)", "(w - 3)**0.5"])
def test_failing_arithmetic_is_one_line_and_exit_code_1(capsys, expression):
    code, out, err = run(capsys, "eval", expression, "w=2")
    assert (code, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("values", [["w=a"], ["w"], ["w=1", "w=2"], ["2=1"], ["w=1", "q=1"], []])
def test_a_mistake_in_the_values_is_exit_code_2(capsys, values):
    code, out, err = run(capsys, "eval", "w*w", *values)
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+".join(["w"] * 10_000), 10_000.0),
        ("*".join(["w"] * 10_000), 1.0),
        ("**".join(["w"] * 10_000), 1.0),
        ("-" * 5001 + "w", -1.0),
        ("(" * 100 + "w" + ")" * 100, 1.0),
        ("total([" + ",".join(["w"] * 10_000) + "])", 10_000.0),
        ("\n".join(["a0 = w", *[f"a{i} = (a{i - 1})" for i in range(1, 3000)], "a2999"]), 1.0),
    ],
    ids=["sum", "product", "power", "signs", "brackets", "list", "assignments"],
)
def test_an_expression_may_be_long(text, expected):
    assert evaluate(text, {"w": Value(1.0)}).data == expected


def test_a_string_of_a_million_characters_is_refused_in_one_short_line():
    with pytest.raises(ExpressionError) as caught:
        evaluate("w + '" + "a" * 1_000_000 + "'", {"w": Value(1.0)})
    assert str(caught.value) == "column 5: text in quotes is not allowed in an expression"


def test_a_result_that_is_too_large_is_said_in_words(capsys):
    assert run(capsys, "eval", "9**9**9*w", "w=2") == (
        1,
        "",
        "autograd-lite: the result is too large for a float, in pow(9.0, 387420489.0)\n",
    )


def test_parse_builds_a_graph_with_labelled_leaves():
    J = parse("0.5*(w*x + b - y)**2", w=2, x=-2, b=8, y=2)
    assert (J.data, [leaf.label for leaf in Graph(J).leaves]) == (2.0, ["w", "x", "b", "y"])
    J.backward()
    assert [leaf.grad for leaf in Graph(J).leaves] == [-4.0, 4.0, 2.0, -2.0]


def test_assignments_label_their_nodes_and_the_last_part_is_the_result():
    for text in ("c = w*x; a = c + b; J = a**2", "c = w*x\na = c + b\n\nJ = a**2;"):
        J = parse(text, w=2, x=-2, b=8)
        assert (J.data, [node.label for node in Graph(J)]) == (16.0, ["w", "x", "c", "b", "a", "J"])
    assert parse("k = 3; k*w; ", w=2).parents[0].label == "k"


def test_parse_takes_values_and_leaves_their_labels_alone():
    w = Value(2.0)
    result = parse("v = w; v*w", w=w)
    assert (result.parents, w.label) == ((w, w), "")


def test_parse_knows_every_function_of_the_package():
    names = [name for name in autograd_lite.__all__ if inspect.isfunction(vars(functions).get(name))]
    assert "tanh" in names
    for name in [*names, "abs"]:
        with pytest.raises(ExpressionError, match=rf"{name} has no value; it is a function"):
            parse(f"w + {name}", w=2)


def test_a_mistake_of_parse_is_a_value_error_that_knows_its_column():
    with pytest.raises(ValueError, match=r"^column 4: write \*\*") as caught:
        parse("w*x^2", w=2, x=3)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.column, str(again)) == (4, str(caught.value))


@pytest.mark.parametrize("text", [None, b"w", 3])
def test_parse_takes_text(text):
    with pytest.raises(TypeError, match="takes an expression as text"):
        parse(text)


def test_what_a_formula_writes_in_lines_can_be_read_again():
    y = Value(1.000001, "x")
    for _ in range(20):
        y = y * y
    assert parse(Graph(y).expression(), x=1.000001).data == y.data


@given(text=st.text(alphabet="wx+-*/().,[]'\" =:1e9_é\n\tsin", max_size=30))
@settings(max_examples=300)
def test_any_text_is_a_number_or_a_known_error(text):
    try:
        result = evaluate(text, {"w": Value(0.5)})
    except (ExpressionError, ArithmeticError, ValueError):
        return
    assert isinstance(result, (Value, float))


def test_the_file_that_cannot_be_written_is_exit_code_1(capsys, tmp_path):
    code, _, err = run(capsys, "eval", "w", "w=1", "--draw", str(tmp_path / "no" / "g.svg"))
    assert (code, err.count("\n")) == (1, 1)


def test_demo_shows_the_example_saves_its_pictures_and_trains(capsys, tmp_path):
    folder = tmp_path / "out"
    code, out, _ = run(capsys, "demo", "--out", str(folder))
    assert code == 0
    assert "dJ/dw" in out
    assert "1.996002" in out
    assert "accuracy 100%" in out
    assert (folder / "graph.svg").read_text(encoding="utf-8").endswith("</svg>\n")
    assert "<html" in (folder / "steps.html").read_text(encoding="utf-8")
    for name in ("graph", "loss", "boundary"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_demo_without_the_training_extra_says_how_to_get_it(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    main(["demo", "--out", str(tmp_path)])
    assert 'pip install "autograd-lite[train,viz]"' in capsys.readouterr().out


def test_importing_the_command_runs_nothing():
    assert importlib.import_module("autograd_lite.__main__").main is main


def test_python_m_is_the_same_command(tmp_path):
    command = [sys.executable, "-m", "autograd_lite", "--version"]
    run = run_program(*command, cwd=tmp_path)
    assert run.stdout.startswith(f"autograd-lite {__version__} ({'native' if NATIVE else 'plain'} engine")
    assert run.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "native, written, answer",
    [
        (True, None, "native engine"),
        (False, None, "plain engine: it runs from its source, not from a wheel"),
        (False, "there was no C compiler", "plain engine: there was no C compiler"),
    ],
)
def test_the_version_says_which_engine_it_is_and_why(native, written, answer, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(autograd_lite, "NATIVE", native)
    monkeypatch.setattr(cli, "files", lambda package: tmp_path)
    if written:
        (tmp_path / "why_plain.txt").write_text(written)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"autograd-lite {__version__} ({answer})\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_output_that_cannot_be_written_is_one_line_and_exit_code_1():
    command = [sys.executable, "-m", "autograd_lite", "eval", "w", "w=1"]
    with open("/dev/full", "w") as full:
        run = run_program(*command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (run.returncode, run.stderr) == (1, "autograd-lite: [Errno 28] No space left on device\n")


def test_a_terminal_without_the_letters_gets_question_marks():
    command = [sys.executable, "-m", "autograd_lite", "eval", "2*w", "w=1", "--explain"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = run_program(*command, env=environment)
    assert "?v1/?w = 2" in run.stdout


def test_a_missing_renderer_is_one_line_and_exit_code_1(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, _, err = run(capsys, "eval", "w", "w=1", "--draw", str(tmp_path / "g.pdf"))
    assert (code, err.count("\n")) == (1, 1)
    assert "install Graphviz" in err
