"""Random programs over all rows of the table, that a float64 and a float32 compute alike up to rounding.

A program is grown step by step on plain floats, for several samples and two settings of the parameters at once. A step
is taken if its result and its local derivatives are moderate for all of these, and if moving its operands by a ten
thousandth moves neither by much: so no step stands at a jump or a kink, where the last digit of an operand would decide,
unless its operands are leaves, which have no rounding. What two ways compute then differs by rounding times moderate
derivatives only. Rows that are new in the table come in by themselves: which of a few maps leads into a row's domain is
tried out.
"""

import random
from fractions import Fraction

import numpy as np

from autograd_lite import Value, dot, functions, logsumexp, mean, no_grad, ops, softmax, total

ROWS = [op for op in ops.TABLE.values() if op.public]
CONSTANTS = [0.5, -2.0, 3.0, 1, 2, True, np.float32(0.25), np.int64(2), Fraction(1, 4)]
LARGEST, STEEPEST, MOVE, MOVED = 10.0, 20.0, 1e-4, 0.25
SEQUENCES = [softmax, *[getattr(functions, name) for name in ("log_softmax",) if hasattr(functions, name)]]


def grid(random, low, high):
    """A number that single precision holds exactly; now and then 0, 1 or -1, so that there are ties."""
    return float(random.choice([0, 1, -1])) if random.random() < 0.15 else random.randint(64 * low, 64 * high) / 64.0


class Step:
    """One line of a program: a function of earlier nodes and constants, whose results are the next nodes.

    Parameters
    ----------
    name : str
    function : callable
        Takes numbers or Values; returns one or a list of them.
    operands : list
        The index of a node, as an int in a list of one, or a constant.
    is_quiet : bool
        Whether it is computed under `no_grad()`.
    """

    def __init__(self, name, function, operands, is_quiet=False):
        self.name, self.function, self.operands, self.is_quiet = name, function, operands, is_quiet

    def of(self, nodes):
        return [nodes[x[0]] if isinstance(x, list) else x for x in self.operands]

    def results(self, nodes):
        if self.is_quiet:
            with no_grad():
                result = self.function(*self.of(nodes))
        else:
            result = self.function(*self.of(nodes))
        return result if isinstance(result, list) else [result]

    def __str__(self):
        shown = ", ".join(f"n{x[0]}" if isinstance(x, list) else repr(x) for x in self.operands)
        return f"{self.name}({shown}){'  # under no_grad()' if self.is_quiet else ''}"


def detach(x):
    return x.detach() if isinstance(x, Value) else x


class Layer:
    """The dot products of several rows of weights with the same inputs: what `compile` finds matrices in."""

    def __init__(self, inputs, outputs, has_bias):
        self.inputs, self.outputs, self.has_bias = inputs, outputs, has_bias

    def __call__(self, *operands):
        x, rest = operands[: self.inputs], operands[self.inputs :]
        size = self.inputs + self.has_bias
        rows = [rest[i * size : (i + 1) * size] for i in range(self.outputs)]
        return [dot(row[: self.inputs], x, *row[self.inputs :]) for row in rows]


class RandomProgram:
    """A function of one or two structures of numbers, with parameters.

    Parameters
    ----------
    seed : int
    size : int
        The number of steps that are tried.

    Attributes
    ----------
    parameters : list of Value
    settings : list of two lists of float
        What their data are to be, one after the other.
    batches : list of two lists of arrays
        The arguments, for five samples and for three.
    """

    def __init__(self, seed, size):
        self.seed = seed
        self.random = random.Random(seed)
        self.shapes = self.random.choice([[()], [(3,)], [(2, 2)], [(3,), ()], [(2,), (2,)]])
        self.inputs = sum(int(np.prod(shape)) for shape in self.shapes)
        count = self.random.choice([1, 4, 8])
        self.settings = [[grid(self.random, -2, 2) for _ in range(count)] for _ in range(2)]
        self.parameters = [Value(x, f"p{i}") for i, x in enumerate(self.settings[0])]
        self.batches = [
            [
                np.array([grid(self.random, -2, 2) for _ in range(n * int(np.prod(shape)))]).reshape(n, *shape)
                for shape in self.shapes
            ]
            for n in (5, 3)
        ]
        self.leaves = self.inputs + count
        self.steps = []
        self._known = [
            [*np.concatenate([np.ravel(argument[i]) for argument in batch]).tolist(), *setting]
            for batch in self.batches
            for i in range(len(batch[0]))
            for setting in self.settings
        ]
        for _ in range(size):
            self._grow()
        self.outputs = self._choose_outputs()
        del self._known

    # --- growing ------------------------------------------------------------------------------------------------------

    def _grow(self):
        draw = self.random
        kind = draw.random()
        if kind < 0.6:
            op = draw.choice(ROWS)
            for _ in range(4):
                if self._take_row(op, [self._into_a_domain() for _ in range(op.arity or self._length(op))]):
                    return
        elif kind < 0.7:
            self._take_layer()
        elif kind < 0.78:
            self._take(Step("detach", detach, [self._node()]))
        elif kind < 0.86:
            function = draw.choice(SEQUENCES)
            operands = [self._node(), *[self._operand() for _ in range(draw.randint(1, 3))]]
            self._take(Step(function.__name__, lambda *xs: list(function(list(xs))), operands))
        elif kind < 0.93:
            function = draw.choice([total, mean, logsumexp])
            operands = [self._operand() for _ in range(draw.randint(1, 5))]
            self._take(Step(function.__name__, lambda *xs: function(xs), [self._node(), *operands]))
        else:  # the same function of several nodes
            op = draw.choice([op for op in ROWS if op.arity == 1])
            first = draw.randrange(len(self._known[0]))
            for i in range(first, min(first + 3, len(self._known[0]))):
                self._take_row(op, [([i], None)])

    def _node(self):
        """Later nodes are taken more often, so that programs become deep."""
        count = len(self._known[0])
        return [max(self.random.randrange(count), self.random.randrange(count))]

    def _operand(self):
        return self._node() if self.random.random() < 0.85 else self.random.choice(CONSTANTS)

    def _into_a_domain(self):
        """An operand, and what is to be done to it first."""
        maps = [None, None, None, "squash", "positive", "above one"]
        return self._operand(), self.random.choice(maps)

    def _length(self, op):
        n = self.random.randint(1, 4)
        return 2 * n + 1 if op is ops.DOT else n

    def _take_row(self, op, operands):
        before = len(self.steps), len(self._known[0])
        is_quiet = self.random.random() < 0.08
        refs = []
        for x, into in operands:
            if into is not None and isinstance(x, list):
                if not self._take(Step(into, MAPS[into], [x], is_quiet)):
                    return self._back_to(before)
                x = [len(self._known[0]) - 1]
            refs.append(x)
        if not any(isinstance(x, list) for x in refs) or not self._take(Step(op.name, op, refs, is_quiet), op):
            return self._back_to(before)
        return True

    def _take_layer(self):
        inputs, outputs, has_bias = self.random.randint(2, 3), self.random.randint(2, 3), self.random.random() < 0.5
        x = [self._node() for _ in range(inputs)]
        weights = [[self.random.randrange(self.inputs, self.leaves)] for _ in range(outputs * (inputs + has_bias))]
        self._take(Step(f"layer_{inputs}_{outputs}_{has_bias:d}_", Layer(inputs, outputs, has_bias), x + weights))

    def _take(self, step, op=None):
        """Add a step if it is tame for all samples and settings."""
        try:
            results = [step.results(nodes) for nodes in self._known]
            tame = all(abs(x) <= LARGEST for xs in results for x in xs)
            if not tame or (op is not None and not all(self._is_smooth(step, op, nodes) for nodes in self._known)):
                return False
        except (ArithmeticError, ValueError):
            return False
        self.steps.append(step)
        for nodes, new in zip(self._known, results, strict=True):
            nodes += map(float, new)
        return True

    def _is_smooth(self, step, op, nodes):
        xs = [float(x) for x in step.of(nodes)]
        here = _numbers(op, xs)
        if not all(abs(slope) <= STEEPEST for slope in here[1:]):
            return False
        for ref in {x[0] for x in step.operands if isinstance(x, list) and x[0] >= self.leaves}:
            for sign in (-1.0, 1.0):
                moved = [
                    x + sign * MOVE * (1.0 + abs(x)) if operand == [ref] else x
                    for x, operand in zip(xs, step.operands, strict=True)
                ]
                if not all(abs(a - b) <= MOVED for a, b in zip(here, _numbers(op, moved), strict=True)):
                    return False
        return True

    def _back_to(self, before):
        steps, nodes = before
        del self.steps[steps:]
        for known in self._known:
            del known[nodes:]
        return False

    def _choose_outputs(self):
        """A nested list of nodes, or of a constant among them; or one node."""
        draw, last = self.random, len(self._known[0]) - 1
        kind = draw.random()
        if kind < 0.5:
            return [last]
        some = [[last], *[self._node() for _ in range(3)]]
        if kind < 0.75:
            return (some[: draw.randint(1, 4)],)
        return (some, [0.5, *some[1:]]) if kind < 0.85 else (some[:2], some[2:])

    # --- running ------------------------------------------------------------------------------------------------------

    def __call__(self, *arguments):
        nodes = [*_flat(arguments), *self.parameters]
        for step in self.steps:
            nodes += step.results(nodes)
        if isinstance(self.outputs, list):
            return nodes[self.outputs[0]]
        rows = [[nodes[x[0]] if isinstance(x, list) else x for x in row] for row in self.outputs]
        return rows if len(rows) > 1 else rows[0]

    def add_up(self, outputs):
        """One number of all outputs: their sum, with weights."""
        return outputs[0] if len(outputs) == 1 else total([x * (i + 1.0) for i, x in enumerate(outputs)])

    def __str__(self):
        lines = [f"seed {self.seed}: inputs n0 to n{self.inputs - 1} of shapes {self.shapes}"]
        lines += [
            f"n{self.inputs + i} = Value(…)  # {[s[i] for s in self.settings]}" for i in range(len(self.parameters))
        ]
        count = self.leaves
        for step in self.steps:
            lines.append(f"n{count}{', …' if step.name[:4] in ('soft', 'laye', 'log_') else ''} = {step}")
            count += len(step.results(self._example()[:count]))
        return "\n".join([*lines, f"return {self.outputs}", *map(str, self.batches)])

    def _example(self):
        nodes = [*[float(np.ravel(argument[0])[i]) for argument in self.batches[0] for i in range(argument[0].size)]]
        nodes += self.settings[0]
        for step in self.steps:
            nodes += step.results(nodes)
        return nodes


MAPS = {
    "squash": lambda x: 0.9 * functions.tanh(x),
    "positive": lambda x: x * x + 0.5,
    "above one": lambda x: x * x + 1.5,
}


def _numbers(op, xs):
    """Result and local derivatives."""
    y = op(*xs)
    return [y, *op.partials(*xs, y)]


def _flat(nested):
    return [y for x in nested for y in _flat(x)] if isinstance(nested, (list, tuple)) else [nested]
