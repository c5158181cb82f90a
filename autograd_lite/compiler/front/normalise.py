"""Second pass: rewrite the graph as sums of products, with constants folded and equal scalars merged.

However a weighted sum was written (with `dot`, a comprehension, a loop, in any order) it ends up as the same `Scalar`: a
constant plus coefficients times products of at most two factors. Everything else is an operation of the table applied
to scalars. Equal scalars are one object; what no output depends on is left out.
"""

from __future__ import annotations

from typing import Any

from autograd_lite import ops
from autograd_lite.compiler.front.rules import RULES, Form, Sum
from autograd_lite.compiler.front.scalars import NormalForm, Product, Scalar
from autograd_lite.compiler.front.trace import DETACH, Trace
from autograd_lite.ops import Op
from autograd_lite.value import Value

_LONG = 16  # a longer sum is not rescaled product by product: it becomes a scalar
_FEW = 4  # up to this many differently weighted scalars are added one by one; more become a product with a row of constants


# Operations of a sequence that are replaced by their formula here.
_FORMULAS = frozenset({ops.LOGSUMEXP, ops.CROSS_ENTROPY, ops.PROD})


def normalise(trace: Trace) -> NormalForm:
    """Rewrite a trace as sums of products and operations."""
    return Normaliser().run(trace)


class Normaliser:
    """The scalars made so far, and the rewriting of forms into scalars."""

    def __init__(self) -> None:
        self.scalars: list[Scalar] = []
        self.known: dict[Any, Scalar] = {}

    def run(self, trace: Trace) -> NormalForm:
        """Rewrite node by node, from the leaves to the outputs."""
        steps, outputs = _written_out(trace)
        forms: dict[int, Form] = {}
        for i, leaf in enumerate(trace.inputs):
            forms[id(leaf)] = self._new("input", batched=True, active=False, position=i)
        for i, leaf in enumerate(trace.parameters):
            forms[id(leaf)] = self._new("parameter", batched=False, active=True, position=i)
        used_again = _used_again([operands for _, operands in steps], outputs)
        for node, operands in steps:
            op = node.op
            if op is None:
                continue
            of = [forms[id(x)] if isinstance(x, Value) else x for x in operands]
            rule = RULES.get(op)
            form = rule(self, *of) if rule is not None else None
            if form is None:
                form = self._detached(of[0], node) if op is DETACH else self._operation(op, of, node)
            if id(node) in trace.stopped:
                form = self._detached(form, node)
            if isinstance(form, Sum) and id(node) in used_again and (len(form.products) > 1 or form.pairs):
                form = self.scalar(form)  # what is used twice is computed once
            forms[id(node)] = form
        results = [self.scalar(forms[id(x)]) if isinstance(x, Value) else float(x) for x in outputs]
        return NormalForm(self._reachable(results), results)

    def _new(self, kind: str, **parts: Any) -> Scalar:
        scalar = Scalar(len(self.scalars), kind, **parts)
        self.scalars.append(scalar)
        return scalar

    def _reachable(self, outputs: list[Scalar | float]) -> list[Scalar]:
        needed = [scalar.kind in ("input", "parameter") for scalar in self.scalars]
        for output in outputs:
            if isinstance(output, Scalar):
                needed[output.index] = True
        for scalar in reversed(self.scalars):
            if needed[scalar.index]:
                for parent in scalar.parents(self.scalars):
                    needed[parent.index] = True
        if all(needed):
            return self.scalars
        kept = [scalar for scalar in self.scalars if needed[scalar.index]]
        number = {scalar.index: i for i, scalar in enumerate(kept)}
        for i, scalar in enumerate(kept):
            scalar.index = i
            scalar.products = tuple([(tuple([number[j] for j in product]), c) for product, c in scalar.products])
        return kept

    # --- sums ---------------------------------------------------------------------------------------------------------

    def scalar(self, form: Form) -> Scalar | float:
        """A form as one scalar, or as a float if it is constant."""
        if not isinstance(form, Sum):
            return form
        products = {product: c for product, c in form.products.items() if c != 0.0}
        constant = products.pop((), 0.0)
        if not products:
            return constant
        scalars = self.scalars
        batched = any(scalars[i].batched for product in products for i in product)
        if batched:  # what depends on parameters only is computed once for all samples
            apart = {p: c for p, c in products.items() if not any(scalars[i].batched for i in p)}
            if len(apart) > 1 or any(len(p) == 2 for p in apart):
                products = {p: c for p, c in products.items() if p not in apart}
                shared = self.scalar(Sum(apart))
                assert isinstance(shared, Scalar)
                products[(shared.index,)] = 1.0
        if len(products) == 1 and constant == 0.0:
            ((product, c),) = products.items()
            if c == 1.0 and len(product) == 1:
                return scalars[product[0]]
        singles = [(p, c) for p, c in products.items() if len(p) == 1]
        if len(singles) > _FEW and len({c for _, c in singles}) > _FEW:
            for p, c in singles:
                weight = self.constant(c)
                del products[p]
                products[(min(p[0], weight.index), max(p[0], weight.index))] = 1.0
        key = (constant, *sorted(products.items()))
        found = self.known.get(key)
        if found is None:
            active = any(scalars[i].active for product in products for i in product)
            found = self._new(
                "sum", batched=batched, active=active, constant=constant, products=tuple(sorted(products.items()))
            )
            self.known[key] = found
        return found

    def constant(self, number: float) -> Scalar:
        """A constant that is a factor of many products, kept beside the parameters."""
        key = ("constant", number)
        if key not in self.known:
            self.known[key] = self._new("constant", batched=False, active=False, constant=number)
        return self.known[key]

    def _operation(self, op: Op, of: list[Form], node: Value) -> Form:
        operands = tuple([self.scalar(form) for form in of])
        parents = [x for x in operands if isinstance(x, Scalar)]
        if not parents:
            return node.data
        key = (op, *[("scalar", x.index) if isinstance(x, Scalar) else x for x in operands])
        found = self.known.get(key)
        if found is None:
            found = self._new(
                "operation",
                batched=any(x.batched for x in parents),
                active=not op.is_flat and any(x.active for x in parents),
                op=op,
                operands=operands,
            )
            self.known[key] = found
        return found

    def _detached(self, form: Form, node: Value) -> Form:
        """A form without a gradient. It is a separate scalar, because the same form may have a gradient elsewhere."""
        x = self.scalar(form)
        if not isinstance(x, Scalar) or not x.active:
            return x
        key = (DETACH, x.index)
        if key not in self.known:
            self.known[key] = self._new("operation", batched=x.batched, active=False, op=DETACH, operands=(x,))
        return self.known[key]

    def add(self, total: Sum, form: Form, scale: float = 1.0) -> None:
        """Add scale * form to a sum."""
        products = total.products
        if isinstance(form, Sum):
            if scale != 1.0 and len(form.products) > _LONG:
                form = self.scalar(form)
            elif form.pairs > 1 and (total.of_sums or (total.pairs > 1 and _share_factors(total, form))):
                # Merged into one long sum, the matrix product that both are rows of would be lost.
                if not total.of_sums:
                    inner = self.scalar(Sum(dict(products)))
                    products.clear()
                    total.pairs = 0
                    total.of_sums = True
                    self.add(total, inner)
                form = self.scalar(form)
        if isinstance(form, Sum):
            for product, c in form.products.items():
                products[product] = products.get(product, 0.0) + scale * c
            total.pairs += form.pairs
            total.of_sums = total.of_sums or form.of_sums
        elif isinstance(form, Scalar):
            key = (form.index,)
            products[key] = products.get(key, 0.0) + scale
        else:
            products[()] = products.get((), 0.0) + scale * form

    def sum_of(self, forms: tuple[Form, ...], scales: tuple[float, ...]) -> Sum:
        """The sum of scaled forms. A long first one that nothing else uses is extended."""
        first = forms[0]
        if isinstance(first, Sum) and len(first.products) > 1 and scales[0] == 1.0:
            total, rest = first, 1
        else:
            total, rest = Sum(), 0
        for form, scale in zip(forms[rest:], scales[rest:], strict=True):
            self.add(total, form, scale)
        return total

    def multiply(self, left: Form, right: Form) -> Form:
        """The product of two forms; sums of several products are not multiplied out."""
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            i, j = left.index, right.index
            return Sum({(i, j) if i < j else (j, i): 1.0}, 1)
        if isinstance(left, float):
            left, right = right, left
        if isinstance(right, float):
            return right * left if isinstance(left, float) else self.sum_of((left,), (right,)) if right != 1.0 else left
        c_left, factors_left = self._factors(left)
        c_right, factors_right = self._factors(right)
        factors = [*factors_left, *factors_right]
        while len(factors) > 2:  # what depends on parameters only goes first
            apart = [i for i in factors if not self.scalars[i].batched][:2]
            pair = apart if len(apart) == 2 else factors[:2]
            for i in pair:
                factors.remove(i)
            made = self.scalar(Sum({(min(pair), max(pair)): 1.0}, 1))
            assert isinstance(made, Scalar)
            factors.append(made.index)
        product = tuple(sorted(factors))
        return Sum({product: c_left * c_right}, len(product) // 2)

    def _factors(self, form: Form) -> tuple[float, Product]:
        if isinstance(form, Sum) and len(form.products) == 1:
            ((product, c),) = form.products.items()
            return c, product
        scalar = self.scalar(form)
        return (1.0, (scalar.index,)) if isinstance(scalar, Scalar) else (scalar, ())


def _written_out(trace: Trace) -> tuple[list[tuple[Value, tuple[Value | float, ...]]], list[Value | float]]:
    """The nodes with their operands, and the outputs. Some operations are replaced by the nodes of their formula."""
    steps: list[tuple[Value, tuple[Value | float, ...]]] = []
    instead: dict[int, Value | float] = {}
    for node in trace.nodes:
        operands = node.operands
        if instead:
            operands = tuple([instead.get(id(x), x) for x in operands])
        if node.op not in _FORMULAS:
            steps.append((node, operands))
            continue
        assert node.op is not None and node.op.formula is not None
        leaves = [Value(x.data) if isinstance(x, Value) else x for x in operands]
        root: Value | float = node.op.formula(*leaves)
        if id(node) in trace.stopped and isinstance(root, Value):
            root = DETACH(root)
        given: dict[int, Value | float] = {id(leaf): x for leaf, x in zip(leaves, operands, strict=True)}
        for inner in root.topological_order() if isinstance(root, Value) else []:
            if id(inner) not in given:
                steps.append((inner, tuple([given.get(id(x), x) for x in inner.operands])))
        instead[id(node)] = given.get(id(root), root)
    return steps, [instead.get(id(x), x) for x in trace.outputs]


def _share_factors(left: Sum, right: Sum) -> bool:
    factors = {i for product in left.products if len(product) == 2 for i in product}
    return any(i in factors for product in right.products if len(product) == 2 for i in product)


def _used_again(operands_of: list[tuple[Value | float, ...]], outputs: list[Value | float]) -> set[int]:
    """The ids of the Values that are an operand (or an output) more than once."""
    once: set[int] = set()
    more: set[int] = set()
    for operands in (*operands_of, outputs):
        for x in operands:
            if isinstance(x, Value):
                i = id(x)
                if i in once:
                    more.add(i)
                else:
                    once.add(i)
    return more
