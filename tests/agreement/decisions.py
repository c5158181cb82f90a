"""Every way to decide on a number: what `test_decisions.py` puts at each place of a program.

Each decision takes one number, a float or a Value, and returns another, which differs between ordinary samples (positive,
about 1) and odd ones (-2). `NOTICED` are those that run a method of the number, so that tracing sees them where they
happen; `FOUND` look only at its type, or do so first.
"""

import asyncio
import bisect
import contextlib
import copy
import decimal
import functools
import heapq
import io
import itertools
import math
import operator
import pickle
import statistics
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np

from autograd_lite import Value, relu

# --- in helpers -------------------------------------------------------------------------------------------------------


def is_positive(v):
    return v > 0.0


class Judge:
    limit = 0.5

    def above(self, v):
        return 2.0 if v > self.limit else 3.0

    def __call__(self, v):
        return self.above(v)

    def __contains__(self, v):
        return v > self.limit


class Key:
    """An object that compares by the number that it holds."""

    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return self.number < other.number


judge = Judge()


# --- with statements --------------------------------------------------------------------------------------------------


def match_literal(v):
    match v:
        case 1.0:
            return 2.0
        case _:
            return 3.0


def match_guard(v):
    match v:
        case x if x > 0:
            return 2.0
        case _:
            return 3.0


def match_sequence(v):
    match [v, 0.5]:
        case [1.0, second]:
            return second
        case [first, _]:
            return 2.0 * first


def match_class(v):
    match v:
        case float() | int():
            return 2.0
        case _:
            return 3.0


def match_class_and_guard(v):
    match v:
        case float() if v < 0.0:
            return 3.0
        case _:
            return 2.0


def swallow_type_error(v):
    try:
        return 2.0 if v > 0 else 3.0
    except TypeError:
        return 4.0


def swallow_all(v):
    try:
        return 2.0 if v > 0 else 3.0
    except Exception:
        return 4.0


def swallow_twice(v):
    for number in (0, 0.5):
        with contextlib.suppress(TypeError):
            if v > number:
                return 2.0
    return 3.0


def swallow_and_return(v):
    try:
        chosen = 2.0 if v > 0 else 3.0
    finally:
        return chosen if "chosen" in locals() else 4.0  # noqa: B012


def swallow_float(v):
    try:
        return float(v)
    except TypeError:
        return 0.5


def while_positive(v):
    steps = 0
    while v > 0.0:
        v = v - 0.75
        steps += 1
    return steps + 1.0


def assert_positive(v):
    try:
        assert v > 0
    except AssertionError:
        return 3.0
    return 2.0


def early_return(v):
    for limit in (-1.0, 0.0, 0.75):
        if v < limit:
            return limit
    return 2.0


def backward_inside(v):
    y = v * v
    y.backward()
    return v.grad


def attribute_of_a_parent(v):
    return (v * 2.0).parents[0].data


def sort_in_place(v):
    numbers = [v, 0.25]
    numbers.sort()
    return numbers[0]


def fill(v):
    array = np.zeros(2)
    array[0] = v
    return array.sum()


def store_in_a_set(v):
    seen = {0.5}
    seen.add(v)
    return float(1.0 in seen)


def store_in_a_dict(v):
    counts = {1.0: 2.0}
    counts[v] = 3.0
    return counts[1.0]


def setdefault(v):
    return {1.0: 2.0}.setdefault(v, 3.0)


def in_a_thread(v):
    with ThreadPoolExecutor(1) as executor:
        return 2.0 if executor.submit(lambda: v > 0).result(timeout=60) else 3.0


async def _choose(v):
    return 2.0 if v > 0 else 3.0


def printed(v):
    text = io.StringIO()
    print(v, file=text)
    return 2.0 if "-" in text.getvalue() else 3.0


def forward_inside(v):
    return (v * 2.0).forward()


@functools.cache
def cached(v):
    return 2.0 if isinstance(v, float) and v > 0 else 3.0


# --- the lists --------------------------------------------------------------------------------------------------------

TEST = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
KINDS = {
    "int": 1,
    "float": 1.0,
    "bool": True,
    "np.float16": np.float16(1),
    "np.float32": np.float32(1),
    "np.float64": np.float64(1),
    "np.int8": np.int8(1),
    "np.int64": np.int64(1),
    "np.uint8": np.uint8(1),
    "np.bool": np.bool_(True),
    "0-d array": np.array(1.0),
    "Fraction": Fraction(1),
    "Decimal": decimal.Decimal(1),
    "Value": Value(1.0),
}


def _comparison(test, other, swapped):
    if swapped:
        return lambda v: 2.0 if test(other, v) else 3.0
    return lambda v: 2.0 if test(v, other) else 3.0


COMPARISONS = {
    f"{'number' if swapped else 'v'} {sign} {'v' if swapped else kind}{f' of {kind}' if swapped else ''}": _comparison(
        test, other, swapped
    )
    for sign, test in TEST.items()
    for kind, other in KINDS.items()
    for swapped in (False, True)
}

NOTICED = {
    "if": lambda v: 2.0 if v > 0 else 3.0,
    "chained comparison": lambda v: 2.0 if 0 < v < 2 else 3.0,
    "comparison with another": lambda v: 2.0 if v > 0.5 * v else 3.0,
    "comparison in a helper": lambda v: 2.0 if is_positive(v) else 3.0,
    "comparison in a method": lambda v: judge.above(v),
    "comparison in a callable": judge,
    "comparison in __contains__": lambda v: 2.0 if v in judge else 3.0,
    "comparison in a lambda": lambda v: (lambda u: 2.0 if u > 0 else 3.0)(v),
    "comparison in a partial": lambda v: 2.0 if functools.partial(operator.lt, 0.0)(v) else 3.0,
    "comparison in a comprehension": lambda v: sum([2.0 for u in (v, v) if u > 0]) + 1.0,
    "comparison in a generator": lambda v: float(sum(1 for limit in (0, 0.5) if v > limit)),
    "comparison in a thread": in_a_thread,
    "comparison in a coroutine": lambda v: asyncio.run(_choose(v)),
    "comparison by eval": lambda v: 2.0 if eval("v > 0") else 3.0,
    "comparison of an attribute": lambda v: min(Key(v), Key(0.5)).number,
    "table of a comparison": lambda v: {True: 2.0, False: 3.0}[v > 0],
    "index of a comparison": lambda v: (3.0, 2.0)[v > 0],
    "product with a comparison": lambda v: v * (v > 0),
    "any": lambda v: 2.0 if any([v < -1, v < -1.5]) else 3.0,
    "all": lambda v: 2.0 if all(v > limit for limit in (0, 0.5)) else 3.0,
    "next": lambda v: next(limit for limit in (-3.0, 0.0, 9.0) if v < limit),
    "filter": lambda v: float(len(list(filter(lambda u: u > 0, [v, 1.0])))),
    "takewhile": lambda v: float(len(list(itertools.takewhile(lambda u: u > 0, [v, 1.0])))),
    "while": while_positive,
    "assert": assert_positive,
    "early return": early_return,
    "abs then compare": lambda v: 2.0 if abs(v) > 1.5 else 3.0,
    "is in a set": lambda v: 2.0 if v in {1.0, 5.0} else 3.0,
    "is in a set of int": lambda v: 2.0 if v in {1, 5} else 3.0,
    "is in a list": lambda v: 2.0 if v in [1.0, 5.0] else 3.0,
    "is in a tuple": lambda v: 2.0 if v in (1, 5) else 3.0,
    "is in a list of NumPy": lambda v: 2.0 if v in [np.float32(1.0)] else 3.0,
    "is not in a dict": lambda v: 2.0 if v not in {1.0: 2.0} else 3.0,
    "is in a range": lambda v: 2.0 if v in range(3) else 3.0,
    "is in an array": lambda v: 2.0 if v in np.array([1.0, 5.0]) else 3.0,
    "dict": lambda v: {1.0: 2.0, -2.0: 3.0}[v],
    "dict.get": lambda v: {1: 2.0}.get(v, 3.0),
    "dict.setdefault": setdefault,
    "item of a dict": store_in_a_dict,
    "set.add": store_in_a_set,
    "set of one": lambda v: float(len({v, 1.0})),
    "list.index": lambda v: float([1.0, -2.0].index(v)) + 1.0,
    "list.count": lambda v: float([1.0, 1.0].count(v)) + 1.0,
    "list == list": lambda v: 2.0 if [v] == [1.0] else 3.0,
    "tuple < tuple": lambda v: 2.0 if (v, 1) < (0.5, 2) else 3.0,
    "match literal": match_literal,
    "match guard": match_guard,
    "match sequence": match_sequence,
    "bool": lambda v: 2.0 if bool(v + 2.0) else 3.0,
    "truth": lambda v: 2.0 if v + 2.0 else 3.0,
    "and": lambda v: (v + 2.0) and 5.0,
    "or": lambda v: (v + 2.0) or 5.0,
    "not": lambda v: 2.0 if not v + 2.0 else 3.0,
    "float": lambda v: float(v),
    "int": lambda v: int(v) + 0.5,
    "abs then int": lambda v: int(abs(v)) + 0.5,
    "round": lambda v: round(v) + 0.5,
    "round to digits": lambda v: round(v, 1) + 0.5,
    "math.floor": lambda v: math.floor(v) + 0.5,
    "math.ceil": lambda v: math.ceil(v) + 0.5,
    "math.trunc": lambda v: math.trunc(v) + 0.5,
    "math.exp": lambda v: math.exp(v),
    "math.copysign": lambda v: math.copysign(2.0, v),
    "math.isnan": lambda v: 3.0 if math.isnan(v) or v < 0 else 2.0,
    "math.isclose": lambda v: 2.0 if math.isclose(v, 1.0) else 3.0,
    "math.fmod": lambda v: math.fmod(v, 0.75),
    "is_integer": lambda v: 2.0 if (v * 0.5).is_integer() else 3.0,
    "as_integer_ratio": lambda v: float(v.as_integer_ratio()[0]),
    "complex": lambda v: complex(v).real,
    "Fraction": lambda v: float(Fraction(float(v))),
    ".data": lambda v: v.data,
    ".data of a result": lambda v: (v * 2.0).data,
    ".data of a parent": attribute_of_a_parent,
    ".data by getattr": lambda v: getattr(v, "data", 2.0),
    ".data by attrgetter": lambda v: operator.attrgetter("data")(v * 1.0),
    ".grad": lambda v: v.grad + 2.0,
    ".grad after backward": backward_inside,
    "forward": forward_inside,
    ".partials": lambda v: (v * v).partials[0],
    ".partials of relu": lambda v: relu(v).partials[0],
    "f-string": lambda v: float(f"{v:.1f}"),
    "f-string without format": lambda v: 2.0 if "-" in f"{v}" else 3.0,
    "format": lambda v: float(format(v, ".2e")),
    "%": lambda v: float("%.1f" % v),  # noqa: UP031
    "str": lambda v: 2.0 if "-" in str(v) else 3.0,
    "repr": lambda v: 2.0 if "-" in repr(v) else 3.0,
    "print": printed,
    "ascii": lambda v: 2.0 if "-" in ascii(v) else 3.0,
    "str of a list": lambda v: 2.0 if "-" in str([v]) else 3.0,
    "max": lambda v: max(v, 0.5),
    "min": lambda v: min(v, 0.5),
    "max of a list": lambda v: max([0.5, v]),
    "max by key": lambda v: max([0.5, v], key=lambda u: abs(u)),
    "max of indices by key": lambda v: float(max(range(2), key=lambda i: [0.5, v][i])) + 1.0,
    "min by .data": lambda v: min([v * 1.0, v * 2.0], key=lambda u: u.data),
    "sorted": lambda v: sorted([0.5, v])[0],
    "sorted by key": lambda v: sorted([0.5, v], key=lambda u: u)[1],
    "sorted in reverse": lambda v: sorted([0.5, v], reverse=True)[0],
    "list.sort": sort_in_place,
    "bisect": lambda v: float(bisect.bisect([-1.0, 0.0], v)) + 1.0,
    "heapq": lambda v: heapq.nsmallest(1, [0.5, v])[0],
    "reduce with max": lambda v: functools.reduce(max, [0.5, v, 0.25]),
    "statistics.median": lambda v: statistics.median([v, 0.5, 0.25]),
    "groupby": lambda v: float(len(list(itertools.groupby([v, 1.0])))),
    "np.max": lambda v: np.max(np.array([v, 0.5])),
    "np.min": lambda v: np.min(np.array([v, 0.5])),
    "np.argmax": lambda v: float(np.argmax(np.array([v, 0.5]))) + 1.0,
    "np.argmin of a list": lambda v: float(np.argmin([v, 0.5])) + 1.0,
    "np.sort": lambda v: np.sort(np.array([v, 0.5]))[0],
    "np.argsort": lambda v: float(np.argsort(np.array([v, 0.5]))[0]) + 1.0,
    "np.sign": lambda v: np.sign(v) + 3.0,
    "np.sign of an array": lambda v: np.sign(np.array([v]))[0] + 3.0,
    "np.where": lambda v: float(np.where(v > 0, 2.0, 3.0)),
    "np.where of arrays": lambda v: np.where(np.array([v]) > 0, np.array([v]), 3.0)[0],
    "np.where of the number": lambda v: float(np.where(v + 2.0, 2.0, 3.0)),
    "np.select": lambda v: float(np.select([v > 0], [2.0], 3.0)),
    "np.isclose": lambda v: 2.0 if np.isclose(v, 1.0) else 3.0,
    "np.allclose": lambda v: 2.0 if np.allclose([v], [1.0]) else 3.0,
    "np.array_equal": lambda v: 2.0 if np.array_equal([v], [1.0]) else 3.0,
    "np.isnan": lambda v: 2.0 if np.isnan(v) or v > 0 else 3.0,
    "np.isfinite": lambda v: 2.0 if np.isfinite(v) and v > 0 else 3.0,
    "np.signbit": lambda v: 2.0 if np.signbit(v) else 3.0,
    "np.floor": lambda v: np.floor(v) + 0.5,
    "np.rint": lambda v: np.rint(v) + 0.5,
    "np.round": lambda v: np.round(v) + 0.5,
    "np.copysign": lambda v: np.copysign(2.0, v),
    "np.heaviside": lambda v: np.heaviside(v, 0.5) + 1.0,
    "np.greater": lambda v: 2.0 if np.greater(v, 0.0) else 3.0,
    "np.greater of arrays": lambda v: float(np.greater(np.array([v, v]), 0.0).sum()) + 1.0,
    "np.equal": lambda v: 2.0 if np.equal(v, 1.0) else 3.0,
    "np.logical_and": lambda v: 2.0 if np.logical_and(v + 2.0, True) else 3.0,
    "np.any": lambda v: 2.0 if np.any(np.array([v + 2.0])) else 3.0,
    "np.count_nonzero": lambda v: float(np.count_nonzero([v + 2.0])) + 1.0,
    "np.nonzero": lambda v: float(len(np.nonzero(np.array([v + 2.0]))[0])) + 1.0,
    "np.maximum": lambda v: np.maximum(v, 0.5),
    "np.maximum of arrays": lambda v: np.maximum(np.array([v]), 0.5)[0],
    "np.maximum.reduce": lambda v: np.maximum.reduce([v, 0.5]),
    "np.minimum.accumulate": lambda v: np.minimum.accumulate(np.array([0.5, v]))[1],
    "np.fmax": lambda v: np.fmax(v, 0.5),
    "np.clip": lambda v: np.clip(v, -1.0, 0.5),
    "np.clip of an array": lambda v: np.clip(np.array([v]), -1.0, 0.5)[0],
    "np.median": lambda v: np.median(np.array([v, 0.5, 0.25])),
    "np.unique": lambda v: float(len(np.unique(np.array([v, 1.0])))),
    "np.searchsorted": lambda v: float(np.searchsorted([-1.0, 0.0], v)) + 1.0,
    "np.digitize": lambda v: float(np.digitize(v, [-1.0, 0.0])) + 1.0,
    "np.interp": lambda v: float(np.interp(v, [-3.0, 3.0], [0.0, 6.0])),
    "np.float64": lambda v: np.float64(v),
    "np.asarray as float": lambda v: np.asarray(v, dtype=float)[()],
    "np.array of float": lambda v: np.array([v], dtype=float)[0],
    "astype": lambda v: np.array([v]).astype(np.float32)[0],
    "item of an array": fill,
    "compare arrays": lambda v: 2.0 if (np.array([v, v]) > 0).all() else 3.0,
    "mask of an array": lambda v: np.array([v, 0.5])[np.array([v, 0.5]) > 0].sum(),
    "array.argmax": lambda v: float(np.array([v, 0.5]).argmax()) + 1.0,
    "array.max": lambda v: np.array([v, 0.5]).max(),
    "array.item": lambda v: float(np.array([v]).item()),
    "swallow TypeError": swallow_type_error,
    "swallow everything": swallow_all,
    "swallow twice": swallow_twice,
    "swallow in finally": swallow_and_return,
    "swallow float": swallow_float,
    "pickle": lambda v: float(len(pickle.dumps(v + 0.0)) > 5) + float(pickle.loads(pickle.dumps(v))),
    "deepcopy": lambda v: float(copy.deepcopy(v)),
    "copy": lambda v: 2.0 if copy.copy(v) > 0 else 3.0,
    "lru_cache": cached,
    "hash": lambda v: 2.0 if hash(v) == hash(1.0) else 3.0,
}

FOUND = {
    "isinstance": lambda v: 2.0 if isinstance(v, float) else 3.0,
    "not isinstance": lambda v: 2.0 * v if not isinstance(v, Value) else 3.0,
    "isinstance and sign": lambda v: 3.0 if isinstance(v, float) and v < 0 else 2.0,
    "isinstance and equal": lambda v: 3.0 if isinstance(v, float) and v == -2.0 else 2.0,
    "isinstance and in": lambda v: 2.0 if isinstance(v, float) and v in {1.0} else 3.0,
    "type": lambda v: 2.0 if type(v) is float else 3.0,
    "type in a dict": lambda v: {float: 2.0}.get(type(v), 3.0),
    "type and sign": lambda v: 3.0 if type(v) is float and v < 0 else 2.0,
    "__class__": lambda v: 2.0 if v.__class__ is float else 3.0,
    "hasattr": lambda v: 2.0 if hasattr(v, "hex") else 3.0,
    "hasattr and sign": lambda v: 3.0 if hasattr(v, "hex") and v < 0 else 2.0,
    "try hex": lambda v: 2.0 if "-" in getattr(v, "hex", lambda: "")() else 3.0,
    "match class": match_class,
    "match class and guard": match_class_and_guard,
    "singledispatch": functools.singledispatch(lambda v: 3.0),
    "np.isscalar": lambda v: 2.0 if np.isscalar(v) else 3.0,
    "dtype of an array": lambda v: 2.0 if np.array([v]).dtype.kind == "f" else 3.0,
}
FOUND["singledispatch"].register(float)(lambda v: 3.0 if v < 0 else 2.0)
