"""Fuzz the reader of expressions behind `autograd-lite eval`.

Whatever the text, the outcome is a number or one of the documented errors, nothing is executed, and a number is the one
that a second reader finds, who walks Python's own syntax tree with plain floats.
"""

import ast
import math
import operator
import re
import sys

from harness import HERE, Guard, instrumented, main

sys.path.insert(0, str(HERE.parent / "torture"))
import reference

with instrumented():
    from autograd_lite import Graph, Value
    from autograd_lite.graph.parse import ExpressionError, evaluate

NAMES = {"w": 0.5, "x": -2.0, "é": 3.0}
SYMBOLS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.USub: "neg"}
TOKENS = [*reference.FORWARD, "softmax", "w", "x", "é", "**", "bias=", "1e", "0x", "_", "lambda:", "__import__", "\\\n"]
guard = Guard()


def nothing(event, arguments):
    return False


def one_input(data):
    text = data.decode("utf-8", "surrogateescape")
    values = {name: Value(number, name) for name, number in NAMES.items() if name in text}
    try:
        result = guard.run(evaluate, text, values, allowed=nothing)
    except ExpressionError as error:
        assert re.sub("[\u200c\u200d]", "", str(error)).isprintable(), error
        assert len(str(error)) < 1000
        return
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        expect_error(text, error)
        return
    number = result.data if isinstance(result, Value) else result
    expected = second_opinion(text)
    assert expected is None or reference.close(number, expected), (text, number, expected)
    if isinstance(result, Value):
        result.backward()
        written_out(result)


def expect_error(text, error):
    try:
        found = second_opinion(text)
    except (ValueError, ArithmeticError):
        return
    if found is not None:
        raise AssertionError(f"{text!r} ought to be {found}") from error


def second_opinion(text):
    """What Python's own parser finds; None where it finds no program (a sum of 10 000 terms, an empty part)."""
    try:
        statements = ast.parse(text.strip(), mode="exec").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = dict(NAMES)
    try:
        for statement in statements:
            result = walk(statement.value, names)
            if isinstance(statement, ast.Assign):
                names[statement.targets[0].id] = result
    except Unknown:
        return None
    return result


class Unknown(Exception):
    """A function that the reference does not have."""


def walk(node, names):
    match node:
        case ast.Constant(value=number):
            return float(number)
        case ast.Name(id=name):
            return names[name]
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [walk(part, names) for part in parts]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return walk(operand, names)
        case ast.UnaryOp(op=op, operand=operand):
            return reference.FORWARD[SYMBOLS[type(op)]](walk(operand, names))
        case ast.BinOp(op=ast.Mod() | ast.FloorDiv() as op, left=left, right=right):
            compute = operator.mod if isinstance(op, ast.Mod) else operator.floordiv
            return compute(walk(left, names), walk(right, names))
        case ast.BinOp(op=op, left=left, right=right):
            return reference.FORWARD[SYMBOLS[type(op)]](walk(left, names), walk(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            return call(name, [walk(a, names) for a in arguments], {k.arg: walk(k.value, names) for k in keywords})
    raise AssertionError(f"{ast.dump(node)} was computed")


ORDER = {"dot": ["a", "b", "bias"], "atan2": ["y", "x"]}


def call(name, positional, keywords):
    if name in ("total", "mean", "logsumexp", "softmax"):
        (xs,) = positional or keywords.values()
        if name != "total" and not xs:
            raise ValueError
        if name == "softmax":
            whole = reference.log_of_sum(*xs)
            return [math.exp(x - whole) for x in xs]
        return reference.FORWARD[name](*xs)
    if name not in reference.FORWARD or name in ("where", "clip", "prod", "log_softmax"):
        raise Unknown
    arguments = dict(zip(ORDER.get(name, ["x", "y"]), positional), **keywords)
    ordered = [arguments[key] for key in ORDER.get(name, ["x", "y"]) if key in arguments]
    if name == "dot":
        a, b, bias = [*ordered, 0.0][:3]
        if len(a) != len(b):
            raise ValueError
        return reference.FORWARD["dot"](*a, *b, bias)
    return reference.FORWARD[name](*ordered)


def written_out(result):
    """The graph written as an expression again is the same number."""
    text = Graph(result).expression()
    if "inf" in text or "nan" in text:  # constants that an expression has no name for
        return
    used = {leaf.label: leaf for leaf in Graph(result).leaves if leaf.label}  # given, or assigned
    again = evaluate(text, used)
    assert reference.same(getattr(again, "data", again), result.data), text


if __name__ == "__main__":
    main(one_input, TOKENS)
