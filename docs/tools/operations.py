"""The tables of operations and their derivatives, in Markdown, from the rows themselves.

`python docs/tools/operations.py` prints them; the site shows them on the page of the operations.
"""

from __future__ import annotations

import re

from autograd_lite import Graph, Value, gradients, ops

_HEADS = {
    1: "| operation | derivative |\n|---|---|",
    2: "| operation | derivative by x | derivative by y |\n|---|---|---|",
}
_PLACE = re.compile(r"<!-- operations of (\d) -->.*?<!-- end -->", re.DOTALL)


def table(arity: int) -> str:
    """Each public operation with this number of operands, and its derivatives as `gradients` writes them."""
    lines = [_HEADS[arity]]
    for op in ops.TABLE.values():
        if op.public and op.arity == arity:
            # A point in every domain: only the formula is shown.
            operands = [Value(1.5 if op is ops.ACOSH else 0.5, "x"), Value(0.5, "y")][:arity]
            result = op(*operands)
            formulas = [f"${Graph(derivative, names={}).latex()}$" for derivative in gradients(result, operands)]
            lines.append(f"| `{Graph(result, names={}).expression()}` | {'<br>'.join(formulas)} |")
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """The text of a page with its tables, instead of the lines that say where they are."""
    return _PLACE.sub(lambda match: table(int(match[1])), page)


if __name__ == "__main__":
    print(*[table(arity) for arity in _HEADS], sep="\n\n")
