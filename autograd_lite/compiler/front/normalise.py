"""Second pass: rewrite the graph as sums of products, with constants folded and equal terms merged.

However a weighted sum was written (with `dot`, a comprehension, a loop, in any order) it ends up as the same `Term`: a
constant plus coefficients times products of at most two factors. Everything else is an operation of the table applied
to terms. Equal terms are one object; what nothing depends on is never reached.
"""

from __future__ import annotations

from typing import Any

from autograd_lite import ops
from autograd_lite.compiler.front.rules import RULES, Form, Sum
from autograd_lite.compiler.front.terms import NormalForm, Product, Term
from autograd_lite.compiler.front.trace import DETACH, Trace
from autograd_lite.ops import Op
from autograd_lite.value import Value

_LONG = 16  # a longer sum is not rescaled term by term, but made a term of its own
_FEW = 4  # so many differently weighted terms are added one by one; more become a product with a row of constants


# Rows of a sequence that become their formula here, with sums along an axis or products of two.
_FORMULAS = frozenset({ops.LOGSUMEXP, ops.CROSS_ENTROPY, ops.PROD})


def normalise(trace: Trace) -> NormalForm:
    """Rewrite a trace as sums of products and operations."""
    return Normaliser().run(trace)


class Normaliser:
    """The terms made so far, and the rewriting of forms into terms."""

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.known: dict[Any, Term] = {}

    def run(self, trace: Trace) -> NormalForm:
        """Rewrite node by node, from the leaves to the outputs."""
        steps, outputs = _written_out(trace)
        forms: dict[int, Form] = {}
        for i, leaf in enumerate(trace.inputs):
            forms[id(leaf)] = self._new("input", lane=True, active=False, position=i)
        for i, leaf in enumerate(trace.parameters):
            forms[id(leaf)] = self._new("parameter", lane=False, active=True, position=i)
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
                form = self.term(form)  # what is used twice is computed once
            forms[id(node)] = form
        results = [self.term(forms[id(x)]) if isinstance(x, Value) else float(x) for x in outputs]
        return NormalForm(self._reachable(results), results)

    def _new(self, kind: str, **parts: Any) -> Term:
        term = Term(len(self.terms), kind, **parts)
        self.terms.append(term)
        return term

    def _reachable(self, outputs: list[Term | float]) -> list[Term]:
        needed = [term.kind in ("input", "parameter") for term in self.terms]
        for output in outputs:
            if isinstance(output, Term):
                needed[output.index] = True
        for term in reversed(self.terms):
            if needed[term.index]:
                for parent in term.parents(self.terms):
                    needed[parent.index] = True
        if all(needed):
            return self.terms
        kept = [term for term in self.terms if needed[term.index]]
        number = {term.index: i for i, term in enumerate(kept)}
        for i, term in enumerate(kept):
            term.index = i
            term.products = tuple([(tuple([number[j] for j in product]), c) for product, c in term.products])
        return kept

    # --- sums ---------------------------------------------------------------------------------------------------------

    def term(self, form: Form) -> Term | float:
        """A form as one term, or as a float if it is constant."""
        if not isinstance(form, Sum):
            return form
        products = {product: c for product, c in form.products.items() if c != 0.0}
        constant = products.pop((), 0.0)
        if not products:
            return constant
        terms = self.terms
        lane = any(terms[i].lane for product in products for i in product)
        if lane:  # what depends on parameters only is computed once for all samples
            apart = {p: c for p, c in products.items() if not any(terms[i].lane for i in p)}
            if len(apart) > 1 or any(len(p) == 2 for p in apart):
                products = {p: c for p, c in products.items() if p not in apart}
                shared = self.term(Sum(apart))
                assert isinstance(shared, Term)
                products[(shared.index,)] = 1.0
        if len(products) == 1 and constant == 0.0:
            ((product, c),) = products.items()
            if c == 1.0 and len(product) == 1:
                return terms[product[0]]
        singles = [(p, c) for p, c in products.items() if len(p) == 1]
        if len(singles) > _FEW and len({c for _, c in singles}) > _FEW:
            for p, c in singles:
                weight = self.constant(c)
                del products[p]
                products[(min(p[0], weight.index), max(p[0], weight.index))] = 1.0
        key = (constant, *sorted(products.items()))
        found = self.known.get(key)
        if found is None:
            active = any(terms[i].active for product in products for i in product)
            found = self._new(
                "sum", lane=lane, active=active, constant=constant, products=tuple(sorted(products.items()))
            )
            self.known[key] = found
        return found

    def constant(self, number: float) -> Term:
        """A constant that is a factor of many products, kept beside the parameters."""
        key = ("constant", number)
        if key not in self.known:
            self.known[key] = self._new("constant", lane=False, active=False, constant=number)
        return self.known[key]

    def _operation(self, op: Op, of: list[Form], node: Value) -> Form:
        operands = tuple([self.term(form) for form in of])
        parents = [x for x in operands if isinstance(x, Term)]
        if not parents:
            return node.data
        key = (op, *[("term", x.index) if isinstance(x, Term) else x for x in operands])
        found = self.known.get(key)
        if found is None:
            found = self._new(
                "operation",
                lane=any(x.lane for x in parents),
                active=not op.is_flat and any(x.active for x in parents),
                op=op,
                operands=operands,
                sample=(*[x.data if isinstance(x, Value) else x for x in node.operands], node.data),
            )
            self.known[key] = found
        return found

    def _detached(self, form: Form, node: Value) -> Form:
        """A form without a gradient: a term of its own, as the same form may stand elsewhere with one."""
        x = self.term(form)
        if not isinstance(x, Term) or not x.active:
            return x
        key = (DETACH, x.index)
        if key not in self.known:
            self.known[key] = self._new(
                "operation", lane=x.lane, active=False, op=DETACH, operands=(x,), sample=(node.data, node.data)
            )
        return self.known[key]

    def add(self, total: Sum, form: Form, scale: float = 1.0) -> None:
        """Add scale * form to a sum."""
        products = total.products
        if isinstance(form, Sum):
            if scale != 1.0 and len(form.products) > _LONG:
                form = self.term(form)
            elif form.pairs > 1 and (total.of_sums or (total.pairs > 1 and _share_factors(total, form))):
                # Merged into one long sum, the matrix product that both are rows of would be lost.
                if not total.of_sums:
                    inner = self.term(Sum(dict(products)))
                    products.clear()
                    total.pairs = 0
                    total.of_sums = True
                    self.add(total, inner)
                form = self.term(form)
        if isinstance(form, Sum):
            for product, c in form.products.items():
                products[product] = products.get(product, 0.0) + scale * c
            total.pairs += form.pairs
            total.of_sums = total.of_sums or form.of_sums
        elif isinstance(form, Term):
            key = (form.index,)
            products[key] = products.get(key, 0.0) + scale
        else:
            products[()] = products.get((), 0.0) + scale * form

    def sum_of(self, forms: tuple[Form, ...], scales: tuple[float, ...]) -> Sum:
        """The sum of scaled forms. A long first one that nothing else uses is grown in place."""
        first = forms[0]
        if isinstance(first, Sum) and len(first.products) > 1 and scales[0] == 1.0:
            total, rest = first, 1
        else:
            total, rest = Sum(), 0
        for form, scale in zip(forms[rest:], scales[rest:], strict=True):
            self.add(total, form, scale)
        return total

    def multiply(self, left: Form, right: Form) -> Form:
        """The product of two forms; sums of several terms are not multiplied out."""
        if isinstance(left, Term) and isinstance(right, Term):
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
            apart = [i for i in factors if not self.terms[i].lane][:2]
            pair = apart if len(apart) == 2 else factors[:2]
            for i in pair:
                factors.remove(i)
            made = self.term(Sum({(min(pair), max(pair)): 1.0}, 1))
            assert isinstance(made, Term)
            factors.append(made.index)
        product = tuple(sorted(factors))
        return Sum({product: c_left * c_right}, len(product) // 2)

    def _factors(self, form: Form) -> tuple[float, Product]:
        if isinstance(form, Sum) and len(form.products) == 1:
            ((product, c),) = form.products.items()
            return c, product
        term = self.term(form)
        return (1.0, (term.index,)) if isinstance(term, Term) else (term, ())


def _written_out(trace: Trace) -> tuple[list[tuple[Value, tuple[Value | float, ...]]], list[Value | float]]:
    """The nodes with their operands, and the outputs; for some rows the nodes of their formula stand there."""
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
