"""A second engine, tiny and slow, to hold the real one against: floats, lists, and the textbook's formulas.

It shares no code and no method with the package. A node pulls its gradient from those that use it, where the package
pushes it; the order is found by recursion, where the package counts; the slopes are written in another form.
"""

import copy
import math

INF, NAN = math.inf, math.nan


class Twin:
    """What a Value ought to be."""

    def __init__(self, data, op=None, operands=()):
        self.data, self.grad, self.label = data, 0.0, ""
        self.op, self.operands = op, list(operands)
        self.partials = []
        self.seen = None  # the operands' data when this node was last computed

    def inputs(self):
        return [x.data if isinstance(x, Twin) else x for x in self.operands]

    def compute(self):
        """Data and partials from what the operands are now; the partials are None where we do not vouch for them."""
        xs = self.inputs()
        y = FORWARD[self.op](*xs)
        tame = all(x == 0.0 or 1e-6 < abs(x) < 50.0 for x in [*xs, y])
        slopes = SLOPES[self.op](*xs) if tame else None
        if slopes is not None:
            slopes = [slope for slope, x in zip(slopes, self.operands, strict=True) if isinstance(x, Twin)]
        return y, slopes

    def is_stale(self):
        """Whether an operand has changed since."""
        return self.op is not None and not same_all(self.seen, self.inputs())


def order(root):
    """Every node of a graph after its operands; by recursion, as the textbook has it."""
    found, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for x in node.operands:
                if isinstance(x, Twin):
                    visit(x)
            found.append(node)

    visit(root)
    return found


def clone(root):
    """The same graph once more."""
    copies = {}
    for node in order(root):
        twice = copies[id(node)] = copy.copy(node)
        twice.operands = [copies[id(x)] if isinstance(x, Twin) else x for x in node.operands]
    return copies[id(root)]


def gradients(root, seed):
    """For each node d(root)/d(node) and the size of the terms it is the sum of: pulled from the nodes that use it."""
    nodes = order(root)
    users = {id(node): [] for node in nodes}
    for node in nodes:
        parents = [x for x in node.operands if isinstance(x, Twin)]
        for parent, partial in zip(parents, node.partials, strict=True):
            users[id(parent)].append((node, partial))
    found = {id(root): (seed, abs(seed))}
    for node in nodes[-2::-1]:
        terms = [partial * found[id(user)][0] for user, partial in users[id(node)]]
        sizes = [abs(partial) * found[id(user)][1] for user, partial in users[id(node)]]
        found[id(node)] = (sum(terms), sum(sizes))
    return nodes, found


def same(x, y):
    """Equal to the last bit; any nan equals any."""
    return (x == y and math.copysign(1.0, x) == math.copysign(1.0, y)) or (x != x and y != y)


def same_all(xs, ys):
    return xs is not None and len(xs) == len(ys) and all(map(same, xs, ys))


def close(x, y, size=0.0):
    """Equal up to the rounding of a few operations on numbers of that size."""
    return same(x, y) or x == y or abs(x - y) <= 1e-9 * max(abs(x), abs(y), size if size < INF else 0.0) + 1e-13


# --- the formulas -----------------------------------------------------------------------------------------------------


def over(x, y):
    """x / y, with the limit where y is zero."""
    return x / y if y else NAN if x == 0.0 else math.copysign(INF, x) * math.copysign(1.0, y)


def power(x, y):
    result = x**y
    if isinstance(result, complex):
        raise ValueError
    return result


def power_slopes(x, y):
    by_x = 0.0 if y == 0.0 else over(y * power(x, y), x) if x else {True: 0.0, False: INF}[y > 1] if y != 1 else 1.0
    by_y = power(x, y) * math.log(x) if x > 0 else NAN if x < 0 else 0.0 if y > 0 else -INF
    return (by_x, by_y) if x != 0.0 or y >= 0.0 else None


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def sech2(x):
    return 4 / (math.exp(x) + math.exp(-x)) ** 2


def bell(x):
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def below(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def plus(*xs):
    result = 0.0
    for x in xs:
        result += x
    return result


def product(*xs):
    n = len(xs) // 2
    result = xs[-1]
    for a, b in zip(xs[:n], xs[n:-1], strict=True):
        result += a * b
    return result


def log_of_sum(*xs):
    top = max(xs)
    if any(math.isnan(x) for x in xs):
        return NAN
    return top if math.isinf(top) else top + math.log(sum(math.exp(x - top) for x in xs))


def halves(x, y):
    """The share of the first where the larger one wins."""
    return 1.0 if x > y else 0.5 if x == y else 0.0


FORWARD = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": power,
    "neg": lambda x: -x,
    "sigmoid": logistic,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "relu": lambda x: 0.0 if x <= 0 else x,
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * below(x),
    "maximum": max,
    "minimum": min,
    "total": plus,
    "mean": lambda *xs: plus(*xs) / len(xs),
    "dot": product,
    "logsumexp": log_of_sum,
    "abs": abs,
    "sign": lambda x: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 * x,
} | {
    name: getattr(math, name)
    for name in [
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "exp2",
        "log2",
        "log10",
        "cbrt",
        "atan2",
        "hypot",
    ]
}

SLOPES = {
    "add": lambda x, y: (1, 1),
    "sub": lambda x, y: (1, -1),
    "mul": lambda x, y: (y, x),
    "div": lambda x, y: (over(1, y), -x / y / y),
    "pow": power_slopes,
    "neg": lambda x: (-1,),
    "abs": lambda x: (1 if x > 0 else -1 if x < 0 else 0,),
    "exp": lambda x: (math.exp(x),),
    "expm1": lambda x: (math.exp(x),),
    "log": lambda x: (1 / x,),
    "log1p": lambda x: (1 / (1 + x),),
    "exp2": lambda x: (2.0**x * math.log(2),),
    "log2": lambda x: (1 / (x * math.log(2)),),
    "log10": lambda x: (1 / (x * math.log(10)),),
    "cbrt": lambda x: (over(1, 3 * math.cbrt(x) ** 2),),
    "sign": lambda x: (0.0,),
    "sqrt": lambda x: (over(1, 2 * math.sqrt(x)),),
    "sin": lambda x: (math.cos(x),),
    "cos": lambda x: (-math.sin(x),),
    "tan": lambda x: (1 / math.cos(x) ** 2,),
    "asin": lambda x: (over(1, math.sqrt(1 - x * x)),) if abs(x) < 0.999 else None,
    "acos": lambda x: (-over(1, math.sqrt(1 - x * x)),) if abs(x) < 0.999 else None,
    "atan": lambda x: (1 / (1 + x * x),),
    "sinh": lambda x: ((math.exp(x) + math.exp(-x)) / 2,),
    "cosh": lambda x: (math.sinh(x),),
    "tanh": lambda x: (sech2(x),),
    "asinh": lambda x: (1 / math.sqrt(1 + x * x),),
    "acosh": lambda x: (over(1, math.sqrt(x * x - 1)),) if x > 1.001 else None,
    "atanh": lambda x: (1 / (1 - x * x),) if abs(x) < 0.999 else None,
    "erf": lambda x: (2 / math.sqrt(math.pi) * math.exp(-x * x),),
    "erfc": lambda x: (-2 / math.sqrt(math.pi) * math.exp(-x * x),),
    "sigmoid": lambda x: (sech2(x / 2) / 4,),
    "softplus": lambda x: (logistic(x),),
    "relu": lambda x: (float(x > 0),),
    "leaky_relu": lambda x: (1.0 if x > 0 else 0.01,),
    "elu": lambda x: (1.0 if x > 0 else math.exp(x),),
    "silu": lambda x: (logistic(x) + x * sech2(x / 2) / 4,),
    "gelu": lambda x: (below(x) + x * bell(x),),
    "atan2": lambda y, x: (over(x, x * x + y * y), over(-y, x * x + y * y)) if x or y else None,
    "hypot": lambda x, y: (
        (over(x, math.sqrt(x * x + y * y)), over(y, math.sqrt(x * x + y * y))) if x or y else (0.0, 0.0)
    ),
    "maximum": lambda x, y: (1.0 - halves(y, x), halves(y, x)),
    "minimum": lambda x, y: (1.0 - halves(x, y), halves(x, y)),
    "total": lambda *xs: [1.0] * len(xs),
    "mean": lambda *xs: [1 / len(xs)] * len(xs),
    "dot": lambda *xs: [*xs[len(xs) // 2 : -1], *xs[: len(xs) // 2], 1.0],
    "logsumexp": lambda *xs: [math.exp(x) / sum(map(math.exp, xs)) for x in xs],
}
