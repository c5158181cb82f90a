"""Every kind of operand in every place of a Value: one line of JSON a case, for `test_native_plain.py` to compare.

`python operands.py` prints the cases of the build that it imports: what was done, what came out (numbers by their bits,
an exception by its type), and the text of the exception.
"""

import copy
import json
import math
import operator
import struct
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np

import autograd_lite
from autograd_lite import Value, define_op, functions, ops


class Half(float):
    """A float by another name."""


class Louder(float):
    """A float that says something else when it is asked."""

    def __float__(self):
        return 7.0


class Count(int):
    """An int by another name."""


class Tensor:
    """What another library's number of no dimensions looks like."""

    ndim = 0
    dtype = "tensor.float32"

    def item(self):
        return 2.5

    def __float__(self):
        return 2.5

    def __repr__(self):
        return "Tensor(2.5)"


class Stranger:
    def __repr__(self):
        return "Stranger()"


SCALARS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
SCALARS += [np.float16, np.float32, np.float64, np.longdouble, np.bool_]

NUMBERS = {
    "True": True,
    "False": False,
    "0": 0,
    "3": 3,
    "-2": -2,
    "2**53+1": 2**53 + 1,
    "10**400": 10**400,
    "-(10**400)": -(10**400),
    "0.0": 0.0,
    "-0.0": -0.0,
    "0.3": 0.3,
    "-1.5": -1.5,
    "1e308": 1e308,
    "inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
    "Half(0.5)": Half(0.5),
    "Louder(0.5)": Louder(0.5),
    "Count(3)": Count(3),
    **{f"{kind.__name__}(3)": kind(3) for kind in SCALARS},
    **{f"{kind.__name__}(0)": kind(0) for kind in SCALARS},
    **{f"{kind.__name__}(-0.7)": kind(-0.7) for kind in SCALARS if issubclass(kind, np.floating)},
    "float16(inf)": np.float16(np.inf),
    "longdouble(nan)": np.longdouble(np.nan),
    "uint64(2**63+1)": np.uint64(2**63 + 1),
    "array(0.3)": np.array(0.3),
    "array(3)": np.array(3),
    "array(True)": np.array(True),
    "array(float32 0.3)": np.array(0.3, dtype=np.float32),
    "Fraction(1, 3)": Fraction(1, 3),
    "Fraction(10**400, 3)": Fraction(10**400, 3),
    "Decimal(0.3)": Decimal("0.3"),
    "Decimal(1e400)": Decimal("1e400"),
    "Decimal(nan)": Decimal("nan"),
    "Value(0.3)": Value(0.3, "w"),
}
STRANGERS = {
    "'2'": "2",
    "''": "",
    "str_('a')": np.str_("a"),
    "b'2'": b"2",
    "None": None,
    "NotImplemented": NotImplemented,
    "1j": 1j,
    "complex128(1)": np.complex128(1),
    "complex64(1j)": np.complex64(1j),
    "[1.0]": [1.0],
    "()": (),
    "(1.0, 2.0)": (1.0, 2.0),
    "{}": {},
    "array([1., 2.])": np.array([1.0, 2.0]),
    "array([1])": np.array([1]),
    "array([])": np.array([]),
    "array(1j)": np.array(1j),
    "array('a')": np.array("a"),
    "object array": np.array([Value(0.5), 2.0], dtype=object),
    "timedelta64": np.timedelta64(3, "s"),
    "datetime64": np.datetime64("2026-01-01"),
    "Tensor": Tensor(),
    "Stranger": Stranger(),
    "float": float,
    "len": len,
}
OPERANDS = NUMBERS | STRANGERS

UNARY = [op.name for op in ops.TABLE.values() if op.public and op.arity == 1 and hasattr(functions, op.name)]
BINARY = [op.name for op in ops.TABLE.values() if op.public and op.arity == 2 and hasattr(functions, op.name)]
SEQUENCES = [op.name for op in ops.TABLE.values() if op.public and op.arity == 0 and op.name != "dot"]
OPERATORS = ["add", "sub", "mul", "truediv", "pow", "mod", "floordiv", "matmul", "lshift", "and_"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]
UFUNCS = ["add", "multiply", "divide", "power", "hypot", "maximum", "arctan2", "less", "greater_equal", "equal", "fmax"]
ATTRIBUTES = sorted(
    {name for name in dir(Value) if not name.startswith("__")} | {"_prev", "_op", "_backward", "unknown"}
)


def assign(name, x, v):
    setattr(v, name, x)
    return v, v.data, v.grad, v.label


def delete(name, v):
    try:
        delattr(v, name)
    finally:  # and nothing is lost
        assert (v.data, v.grad, v.label) == (1.25, 0.0, "")


def differentiated(y, v, *others):
    y.backward()
    return y, v.grad, [other.grad for other in others]


def actions(x):
    """The things to do with an operand: pairs of a name and a function of a Value."""
    for name in OPERATORS:
        f, g = getattr(operator, name), getattr(operator, f"i{name.strip('_')}")
        yield f"v {name} x", lambda v, f=f: f(v, x)
        yield f"x {name} v", lambda v, f=f: f(x, v)
        yield f"v i{name} x", lambda v, g=g: g(v, x)
    yield "divmod(v, x)", lambda v: divmod(v, x)
    yield "divmod(x, v)", lambda v: divmod(x, v)
    for name in COMPARISONS:
        f = getattr(operator, name)
        yield f"v {name} x", lambda v, f=f: f(v, x)
        yield f"x {name} v", lambda v, f=f: f(x, v)
    yield "max(x, v)", lambda v: max(x, v)
    yield "min(v, x)", lambda v: min(v, x)
    yield "sorted", lambda v: sorted([x, v])
    yield "in", lambda v: v in [x]
    yield "sum", lambda v: sum([v, v], x)
    for name in BINARY:
        f = getattr(functions, name)
        yield f"v.{name}(x)", lambda v, name=name: getattr(v, name)(x)
        yield f"{name}(v, x)", lambda v, f=f: f(v, x)
        yield f"{name}(x, v)", lambda v, f=f: f(x, v)
        yield f"{name}(x, x)", lambda v, f=f: f(x, x)
        yield f"{name}(x, 1.5)", lambda v, f=f: f(x, 1.5)
        yield f"slope {name}", lambda v, f=f: differentiated(f(x, v), v)
    yield "v.pow(x)", lambda v: v.pow(x)
    yield "v.clip(x, 3)", lambda v: v.clip(x, 3.0)
    if not (isinstance(x, Decimal) and sys.version_info >= (3, 13)):  # that ends CPython 3.13 for any class
        yield "pow(v, 2, x)", lambda v: pow(v, 2, x)
    for name in UNARY:
        f = getattr(functions, name)
        yield f"{name}(x)", lambda v, f=f: f(x)
    for name in SEQUENCES:
        f = getattr(functions, name)
        yield f"{name}([v, x])", lambda v, f=f: differentiated(f([v, x]), v)
        yield f"{name}([x, 1.5])", lambda v, f=f: f([x, 1.5])
        yield f"{name}(x)", lambda v, f=f: f(x)
    yield "softmax([v, x])", lambda v: functions.softmax([v, x])
    yield "softmax([x, x])", lambda v: functions.softmax([x, x])
    yield "dot([v], [x])", lambda v: differentiated(functions.dot([v], [x]), v)
    yield "dot([x], [v], x)", lambda v: differentiated(functions.dot([x], [v], x), v)
    yield "dot([x], [x])", lambda v: functions.dot([x], [x])
    yield "dot([x], [0.1], 2)", lambda v: functions.dot([x], [0.1], 2)
    yield "dot(x, [v])", lambda v: functions.dot(x, [v])
    yield "Value(x)", lambda v: Value(x)
    yield "Value(1.0, x)", lambda v: Value(1.0, x)
    yield "Value(1.0, label=x)", lambda v: Value(data=1.0, label=x)
    yield "Value(1.0, '', x)", lambda v: Value(1.0, "", x)
    yield "__init__(x)", lambda v: Value.__init__(v, x)
    yield "__new__(x)", lambda v: Value.__new__(Value, x).data
    yield "Value.data.fget(x)", lambda v: Value.data.__get__(x)
    yield "Value.exp(x)", lambda v: Value.exp(x)
    yield "Value.__add__(x, v)", lambda v: Value.__add__(x, v)
    yield "backward(x)", lambda v: ((v * v).backward(x), v.grad)
    yield "round(v, x)", lambda v: round(v, x)
    yield "format(v, x)", lambda v: format(v, x)
    yield "__format__(x)", lambda v: v.__format__(x)
    yield "__deepcopy__(x)", lambda v: v.__deepcopy__(x)
    yield "__getattr__(x)", lambda v: getattr(v, x)
    for name in ATTRIBUTES:
        if not name.startswith("_") or name in ("_op", "_prev", "_backward"):
            yield f"v.{name} = x", lambda v, name=name: assign(name, x, v)
    for name in UFUNCS:
        f = getattr(np, name)
        yield f"np.{name}(v, x)", lambda v, f=f: f(v, x)
        yield f"np.{name}(x, v)", lambda v, f=f: f(x, v)
    yield "define_op(x)", lambda v: define_op(x, abs, lambda a, y: 1.0)(v)
    yield "define_op symbol", lambda v: define_op("q", abs, lambda a, y: 1.0, x)(v)
    yield "define_op forward", lambda v: define_op("q", x, lambda a, y: 1.0)(v)
    yield "define_op returns", lambda v: define_op("q", lambda a: x, lambda a, y: 1.0)(v)
    yield "define_op partials", lambda v: define_op("q", abs, x)(v)
    yield "define_op gives x", lambda v: differentiated(define_op("q", abs, lambda a, y: x)(v), v)
    yield "define_op gives (x,)", lambda v: differentiated(define_op("q", abs, lambda a, y: (x,))(v), v)
    yield "define_op gives [x, 1]", lambda v: differentiated(define_op("q", max, lambda a, b, y: [x, 1])(v, 1.0), v)
    yield "define_op of x", lambda v: define_op("q", lambda a, b: a + b, lambda a, b, y: (1.0, 1.0))(x, v)
    yield "define_op alone", lambda v: define_op("q", lambda a: a * a, lambda a, y: 2.0 * a)(x)


def lonely_actions():
    """The things to do with a Value alone."""
    for name in ATTRIBUTES:
        if not name.startswith("_") or name in ("_op", "_prev", "_backward"):
            yield f"del v.{name}", lambda v, name=name: delete(name, v)
            yield f"v.{name}", lambda v, name=name: getattr(v, name)
            yield f"(v*v).{name}", lambda v, name=name: getattr(v * v, name)
    for name in UNARY:
        yield f"v.{name}()", lambda v, name=name: differentiated(getattr(v, name)(), v)
        yield f"v.{name}(1.0)", lambda v, name=name: getattr(v, name)(1.0)
    for f in (float, int, bool, abs, round, math.trunc, math.floor, math.ceil, repr, str, hash, len, iter, complex):
        yield f.__name__, f if f is not hash else lambda v: hash(v) == hash(v)
    for name in ("is_integer", "as_integer_ratio", "conjugate", "hex"):
        yield name, lambda v, name=name: getattr(v, name)()
    for f in (operator.neg, operator.pos, operator.invert, operator.index, copy.copy, copy.deepcopy, np.exp, np.sqrt):
        yield f.__name__, f
    for f in (np.std, np.mean, np.var, np.max, np.sum, np.prod, np.sort, np.conjugate, np.real):
        yield f.__name__, lambda v, f=f: f(np.array([v, v * 2.0, Value(0.1)]))
    yield "object.__new__", lambda v: object.__new__(Value).data
    yield "Value()", lambda v: Value()
    yield "a subclass", lambda v: type("Sub", (Value,), {})
    yield "two __init__", lambda v: (Value.__init__(v, 3.0, "a"), v)


def shown(x, depth=0):
    """A result by its bits."""
    if isinstance(x, Value):
        op = x.op.name if x.op is not None else None
        return ["Value", shown(x.data), shown(x.grad), x.label, op, [shown(p) for p in x.partials]]
    if type(x) is float:
        return "nan" if math.isnan(x) else struct.pack(">d", x).hex()
    if isinstance(x, np.ndarray) and x.dtype == object:
        return ["array", list(x.shape), [shown(y, depth + 1) for y in x.ravel()]]
    if isinstance(x, (list, tuple, set)) and depth < 5:
        return [type(x).__name__, *[shown(y, depth + 1) for y in x]]
    if callable(x):
        return "callable"
    if isinstance(x, (str, bytes, int, complex, Fraction, Decimal, np.generic, np.ndarray, dict, type(None))):
        return f"{type(x).__name__} {x!r}"[:200]
    return type(x).__name__


def result_of(action, v):
    try:
        return shown(action(v)), ""
    except Exception as error:  # whichever it is, the other build is to raise it too
        return f"raises {type(error).__name__}", str(error)


def main():
    np.seterr(all="ignore")
    for operand, x in OPERANDS.items():
        for name, action in actions(x):
            print(json.dumps([f"{name}: x = {operand}", *result_of(action, Value(1.25))]))
    for start in (1.25, -0.0, math.inf, math.nan):
        for name, action in lonely_actions():
            if not (name.startswith("del") and start != 1.25):
                print(json.dumps([f"{name}: v = {start}", *result_of(action, Value(start))]))


if __name__ == "__main__":
    import sys
    import warnings

    warnings.simplefilter("ignore")
    print(autograd_lite.value.__file__, file=sys.stderr)
    main()
