"""A world of Values in which anything may happen in any order, beside what ought to come of it.

`World` does one thing at a time to Values and to the reference engine's twins, and compares everything that can be
reached: what a step was not to change is the same to the last bit, what it changed is what the reference says.
`ACTIONS` lists what may happen; a hypothesis state machine draws from it, and `run` does with plain random numbers.
"""

import copy
import math
import pickle
import struct
from contextlib import ExitStack, nullcontext
from random import Random

import reference
from reference import Twin, close, order, same

from autograd_lite import (
    AnomalyError,
    Value,
    define_op,
    detect_anomaly,
    dot,
    functions,
    gradients,
    logsumexp,
    mean,
    no_grad,
    ops,
    softmax,
    tangents,
    total,
)

MOST_NODES = 150
UNARY = [name for name in reference.SLOPES if name in ops.TABLE and ops.TABLE[name].arity == 1 and name != "neg"]
OPERATORS = ["add", "sub", "mul", "div", "pow"]
BINARY = [*OPERATORS, "atan2", "hypot", "maximum", "minimum"]
SEQUENCE = {"total": total, "mean": mean, "logsumexp": logsumexp}
# What equals Python's own arithmetic to the last bit. The others are formulas, which can be written in several ways.
EXACT = {*OPERATORS, "neg", "abs", "total", "mean", "dot", "maximum", "minimum"} | {
    n for n in UNARY if hasattr(math, n)
}


class Stop(BaseException):
    """Like a KeyboardInterrupt: nobody catches it."""


# --- operations of your own; module-level functions, so that they pickle ----------------------------------------------

armed = [None]


def _trap(x):
    if armed[0] is not None:
        raise armed[0]("the trap")
    return x


def _cube(x):
    return x**3


def _cube_slopes(x, y):
    return 3 * x**2


def _trap_slopes(x, y):
    return 1.0


def _blend(x, y, z):
    return x * y + z


def _blend_slopes(x, y, z, result):
    return y, x, 1.0


def _squares(*xs):
    result = 0.0
    for x in xs:
        result += x * x
    return result


def _squares_slopes(*xs):
    return [2 * x for x in xs[:-1]]


OWN = {
    "cube": define_op("cube", _cube, _cube_slopes),
    "trap": define_op("trap", _trap, _trap_slopes),
    "blend": define_op("blend", _blend, _blend_slopes),
    "squares": define_op("squares", _squares, _squares_slopes),
}
reference.FORWARD.update(cube=_cube, trap=_trap, blend=_blend, squares=_squares)
reference.SLOPES.update(
    cube=lambda x: (3 * x * x,),
    trap=lambda x: (1.0,),
    blend=lambda x, y, z: (y, x, 1.0),
    squares=lambda *xs: [2 * x for x in xs],
)
EXACT.update(OWN)

MISTAKES = {
    "a str for a number": lambda v: v + "1",
    "a list for a number": lambda v: v - [1.0],
    "no number as data": lambda v: setattr(v, "data", "0.5"),
    "no number as grad": lambda v: setattr(v, "grad", "1.0"),
    "no text as label": lambda v: setattr(v, "label", 3),
    "no number to backward": lambda v: v.backward("1"),
    "a Value of a Value": lambda v: Value(v),
    "a Value of a complex": lambda v: Value(1j),
    "dot of two lengths": lambda v: dot([v], [1.0, 2.0]),
    "mean of nothing": lambda v: mean([]),
    "an int too large": lambda v: v + 10**400,
    "no such attribute": lambda v: v.shape,
    "a row with too many operands": lambda v: ops.TANH(v, v),
    "an iterable that ends badly": lambda v: total(_ends_badly(v)),
}


def _ends_badly(value):
    yield value
    raise Stop


# --- the world --------------------------------------------------------------------------------------------------------


class World:
    def __init__(self):
        self.held = []  # (Value, Twin), those that the program still holds
        self.log = []

    def pick(self, i):
        return self.held[i % len(self.held)]

    def operand(self, choice):
        """A held node, or a constant."""
        return self.pick(choice) if isinstance(choice, int) else (choice, choice)

    # --- making -------------------------------------------------------------------------------------------------------

    def leaf(self, x, label):
        value, twin = Value(x, label), Twin(x)
        twin.label = label
        self.held.append((value, twin))

    def unary(self, name, i, quiet):
        self.build(name, [self.pick(i)], getattr(functions, name, abs), quiet)

    def negate(self, i, quiet):
        self.build("neg", [self.pick(i)], lambda x: -x, quiet)

    def binary(self, name, i, j, swapped, quiet):
        operands = [self.pick(i), self.operand(j)]
        self.build(name, operands[::-1] if swapped else operands, BINARY_CALLS[name], quiet)

    def sequence(self, name, choices, quiet):
        operands = [self.pick(0), *map(self.operand, choices)]
        self.build(name, operands, lambda *xs: SEQUENCE[name](xs), quiet)

    def weighted(self, a, b, bias, quiet):
        n = min(len(a), len(b))
        operands = [self.operand(choice) for choice in [*a[:n], *b[:n], bias]]
        if any(isinstance(value, Value) for value, _ in operands):
            self.build("dot", operands, lambda *xs: dot(xs[:n], xs[n:-1], xs[-1]), quiet)

    def soft(self, i, j):
        """Composed of two rows: checked as a whole, and made a leaf."""
        values = [self.pick(i)[0], self.pick(j)[0], 0.5]
        found, before = [y.data for y in softmax(values)], [getattr(v, "data", v) for v in values]
        if all(abs(x) < 50.0 for x in before):
            assert close(sum(found), 1.0)
            assert all(close(y * math.exp(0.5), found[2] * math.exp(x)) for x, y in zip(before, found, strict=True))

    def own(self, name, i, j, k, quiet):
        operands = [self.pick(i), self.operand(j), self.operand(k)]
        self.build(name, operands[:1] if name in ("cube", "trap") else operands, OWN[name], quiet)

    def build(self, name, operands, call, quiet):
        if len(self.reachable()) > MOST_NODES:
            return
        twin = Twin(0.0, name, [twin for _, twin in operands])
        twin.seen = twin.inputs()
        expected, slopes, error = None, None, None
        try:
            expected, slopes = twin.compute()
        except (ArithmeticError, ValueError, Stop) as problem:
            error = problem
        try:
            with ExitStack() as stack:
                for _ in range(quiet):
                    stack.enter_context(no_grad())
                value = call(*[value for value, _ in operands])
        except (ArithmeticError, ValueError, Stop) as problem:
            self.note(problem)
            assert type(problem) is type(error)
            assert isinstance(error, Stop) or f"in {name}(" in str(problem)
            return
        assert error is None, f"{name} ought to have raised {error!r}"
        if quiet:
            assert value.is_leaf
            self.agree(name, value.data, expected)
            self.held.append((value, Twin(value.data)))
        else:
            self.adopt(value, twin, expected, slopes)
            self.held.append((value, twin))

    def agree(self, name, found, expected):
        assert same(found, expected) if name in EXACT else close(found, expected), (name, found, expected)

    def adopt(self, value, twin, expected, slopes):
        """Check a node that was just computed, then take the engine's digits, so that roundings do not add up."""
        self.agree(twin.op, value.data, expected)
        twin.data, twin.seen = value.data, twin.inputs()
        found = list(value.partials)
        for partial, slope in zip(found, slopes or found, strict=True):
            assert close(partial, slope), (twin.op, twin.inputs(), found, slopes)
        twin.partials = found

    # --- passes -------------------------------------------------------------------------------------------------------

    def backward(self, i, seed, watched):
        root, twin = self.pick(i)
        if any(node.is_stale() for node in order(twin)):
            return  # unspecified, as the design has it
        nodes, found = reference.gradients(twin, seed)
        values = self.reachable()
        strange = [node for node in nodes if node is not twin and not math.isfinite(found[id(node)][0])]
        try:
            with detect_anomaly() if watched else nullcontext():
                root.backward(seed)
        except AnomalyError as error:
            self.note(error)
            assert strange
            for node in nodes:  # leaves are as they were
                if node.op is not None:
                    node.grad = values[id(node)][0].grad
            return
        assert not (watched and strange)
        for node in nodes:
            gradient, size = found[id(node)]
            if node.op is None:
                gradient, size = node.grad + gradient, size + abs(node.grad)
            grad = values[id(node)][0].grad
            assert close(grad, gradient, size), (node.op, grad, gradient)
            node.grad = grad

    def zero_grad(self, i):
        root, twin = self.pick(i)
        root.zero_grad()
        for node in order(twin):
            node.grad = 0.0

    def forward(self, i, watched):
        root, twin = self.pick(i)
        values = self.reachable()
        try:
            with detect_anomaly() if watched else nullcontext():
                found = root.forward()
        except (ArithmeticError, ValueError, Stop) as problem:
            self.note(problem)
            self.forward_failed(twin, values, type(problem))
            return
        for node in order(twin):
            if node.op is not None:
                self.adopt(values[id(node)][0], node, *node.compute())
                assert not watched or math.isfinite(node.data)
        assert same(found, twin.data)

    def forward_failed(self, root, values, kind):
        """Each node is as it was or as it ought to become, and one of them cannot be computed."""
        failed = set()
        for node in order(root):
            if node.op is None:
                continue
            value = values[id(node)][0]
            try:
                expected, _ = node.compute()
                if not math.isfinite(expected):
                    failed.add(AnomalyError)
            except (ArithmeticError, ValueError, Stop) as error:
                failed.add(type(error))
                expected = node.data
            assert same(value.data, node.data) or close(value.data, expected)
            node.data, node.partials, node.seen = value.data, list(value.partials), None  # stale until it is mended
        assert kind in failed

    # --- changing -----------------------------------------------------------------------------------------------------

    def set_data(self, i, x):
        value, twin = self.pick(i)
        if twin.op is None:
            value.data = twin.data = x

    def set_grad(self, i, x):
        value, twin = self.pick(i)
        value.grad = twin.grad = x

    def arm(self, kind):
        armed[0] = kind

    def drop(self, i):
        if len(self.held) > 1:
            del self.held[i % len(self.held)]

    def mistake(self, what, i):
        try:
            MISTAKES[what](self.pick(i)[0])
        except Exception as error:
            assert isinstance(error, (TypeError, ValueError, OverflowError, AttributeError)), error
            self.note(error)
        except Stop:
            pass
        else:
            raise AssertionError(f"{what} is not a mistake")

    # --- copies -------------------------------------------------------------------------------------------------------

    def pickle_all(self, protocol):
        values = pickle.loads(pickle.dumps([value for value, _ in self.held], protocol))
        self.held = [(value, twin) for value, (_, twin) in zip(values, self.held, strict=True)]

    def deepcopy_all(self):
        self.held = copy.deepcopy([value for value, _ in self.held]), [twin for _, twin in self.held]
        self.held = list(zip(*self.held, strict=True))

    def clone(self, i, protocol):
        """A copy of one graph, beside it: they share nothing."""
        value, twin = self.pick(i)
        if len(self.reachable()) + len(order(twin)) <= MOST_NODES:
            twice = copy.deepcopy(value) if protocol is None else pickle.loads(pickle.dumps(value, protocol))
            self.held.append((twice, reference.clone(twin)))

    def copy_node(self, i):
        value, twin = self.pick(i)
        self.held.append((copy.copy(value), copy.copy(twin)))

    # --- derivatives as functions -------------------------------------------------------------------------------------

    def gradients(self, i, j, k):
        (root, twin), *leaves = self.pick(i), self.pick(j), self.pick(k)
        if any(node.is_stale() for node in order(twin)):
            return
        _, found = reference.gradients(twin, 1.0)
        slopes = gradients(root, [value for value, _ in leaves])
        for (_, leaf), slope in zip(leaves, slopes, strict=True):
            expected, size = found.get(id(leaf), (0.0, 0.0))
            if math.isfinite(size):  # else terms may be left out, or nan
                assert close(slope.data, expected, size), (slope.data, expected)
        expected, size = found.get(id(leaves[0][1]), (0.0, 0.0))
        if math.isfinite(size):
            self.along(root, leaves[0][0], expected, size)

    def along(self, root, leaf, expected, size):
        """Forward mode says the same."""
        found = tangents(root, {leaf: 1.0})
        assert close(found, expected, size), (found, expected)

    # --- looking ------------------------------------------------------------------------------------------------------

    def reachable(self):
        """Every Value that hangs on a held one with its twin, by the twin's id; both graphs have the same shape."""
        found, values, todo = {}, {}, list(self.held)
        while todo:
            value, twin = todo.pop()
            if id(twin) in found:
                assert found[id(twin)][0] is value
                continue
            assert id(value) not in values, "one Value stands for two"
            found[id(twin)], values[id(value)] = (value, twin), twin
            assert (None if value.op is None else value.op.name) == twin.op
            assert len(value.operands) == len(twin.operands)
            for x, y in zip(value.operands, twin.operands, strict=True):
                assert isinstance(x, Value) == isinstance(y, Twin)
                if isinstance(x, Value):
                    todo.append((x, y))
                else:
                    assert same(x, y)
        return found

    def check(self):
        """Nothing but what the last step was to change has changed."""
        for value, twin in self.reachable().values():
            assert same(value.data, twin.data), (value, twin.data)
            assert same(value.grad, twin.grad), (value, twin.grad)
            assert value.label == twin.label
            if twin.op == "dot":  # read from the other factors, so they are as new as these
                twin.partials = list(value.partials)
            assert reference.same_all(value.partials, twin.partials), (twin.op, value.partials, twin.partials)

    def note(self, error):
        if not isinstance(error, Stop):
            self.log.append(f"{type(error).__name__}: {error}")

    def bits(self):
        """All numbers, to the last bit."""
        numbers = [x for value, _ in self.reachable().values() for x in (value.data, value.grad, *value.partials)]
        return struct.pack(f"<{len(numbers)}d", *[math.nan if x != x else x for x in numbers])


BINARY_CALLS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    **{name: getattr(functions, name) for name in ("atan2", "hypot", "maximum", "minimum")},
}

# --- what may happen --------------------------------------------------------------------------------------------------

# Each kind of argument: draw it from a random.Random. The state machine has a strategy for each.
NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 1e-3, 40.0, 800.0, 1e200, -1e200, 5e-324, math.inf, -math.inf, math.nan]
LABELS = ["", "w", "b", "two words", "é", "<&>"]
ACTIONS = {
    "leaf": ("number", "label"),
    "unary": ("unary", "node", "quiet"),
    "negate": ("node", "quiet"),
    "binary": ("binary", "node", "operand", "flag", "quiet"),
    "sequence": ("sequence", "operands", "quiet"),
    "weighted": ("operands", "operands", "operand", "quiet"),
    "soft": ("node", "node"),
    "own": ("own", "node", "operand", "operand", "quiet"),
    "backward": ("node", "number", "watched"),
    "zero_grad": ("node",),
    "forward": ("node", "watched"),
    "set_data": ("node", "number"),
    "set_grad": ("node", "number"),
    "arm": ("exception",),
    "drop": ("node",),
    "mistake": ("mistake", "node"),
    "pickle_all": ("protocol",),
    "deepcopy_all": (),
    "clone": ("node", "copier"),
    "copy_node": ("node",),
    "gradients": ("node", "node", "node"),
}
CHOICES = {
    "label": LABELS,
    "unary": UNARY,
    "binary": BINARY,
    "sequence": list(SEQUENCE),
    "own": list(OWN),
    "exception": [None, None, ValueError, ZeroDivisionError, Stop],
    "mistake": list(MISTAKES),
    "protocol": list(range(pickle.HIGHEST_PROTOCOL + 1)),
    "copier": [None, *range(pickle.HIGHEST_PROTOCOL + 1)],
    "flag": [False, True],
    "watched": [False, False, True],
    "quiet": [0, 0, 0, 0, 0, 1, 2],
}


def draw(kind, random):
    if kind in CHOICES:
        return random.choice(CHOICES[kind])
    if kind == "number":
        return random.choice(NUMBERS) if random.random() < 0.2 else random.uniform(-3.0, 3.0)
    if kind == "operand":
        return draw("number", random) if random.random() < 0.3 else draw("node", random)
    if kind == "operands":
        return [draw("operand", random) for _ in range(random.randrange(5))]
    return random.randrange(1000)  # a node


def run(seed, length, look=lambda world, action: world.check()):
    """A random program of so many steps."""
    random, world = Random(seed), World()
    armed[0] = None
    world.leaf(0.5, "w")
    often = ["unary", "binary", "own", "own", "sequence", "weighted"] * 2 + ["set_data", "forward", "backward"] * 2
    names = [*ACTIONS, *often]
    for _ in range(length):
        name = random.choice(names)
        getattr(world, name)(*[draw(kind, random) for kind in ACTIONS[name]])
        look(world, name)
    return world
