"""Finding matrix products among sums of pairwise products.

Each sum Σₖ aₖ·bₖ is a list of left factors and a list of right factors. Where several left lists meet the same set of
right lists, each with each, the sums form a grid: out[l, r] = Σₖ left[l, k] · right[r, k], which is a matrix product.
A dense layer, a convolution (its windows are the right lists), attention scores and their weighted sums are all grids.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FactorList = tuple[int, ...]


class Grid(NamedTuple):
    """A stack of complete grids of the same size.

    Parameters
    ----------
    lefts, rights : list of lists
        For each grid of the stack, its left and its right factor lists.
    members : dict
        The number of the sum with these two lists. A cell of the grid that no sum fills is missing here.
    """

    lefts: list[list[FactorList]]
    rights: list[list[FactorList]]
    members: dict[tuple[FactorList, FactorList], int]


def find_grids(
    sums: list[tuple[FactorList, FactorList]], address: Callable[[FactorList], list[int]]
) -> tuple[list[Grid], list[int]]:
    """Arrange sums of products as grids.

    Parameters
    ----------
    sums : list of pairs
        The left and the right factors of each sum.
    address : callable
        The sort key of right lists.

    Returns
    -------
    grids : list of Grid
    left over : list of int
        The numbers of the sums whose lists repeat those of an earlier one.
    """
    members: dict[tuple[FactorList, FactorList], int] = {}
    met: dict[FactorList, list[FactorList]] = {}
    left_over: list[int] = []
    for number, (left, right) in enumerate(sums):
        if (left, right) in members:
            left_over.append(number)
        else:
            members[left, right] = number
            met.setdefault(right, []).append(left)
    grids: dict[frozenset[FactorList], tuple[list[FactorList], list[FactorList]]] = {}
    for right, lefts in met.items():
        grids.setdefault(frozenset(lefts), (lefts, []))[1].append(right)
    stacks: dict[tuple[int, int], Grid] = {}
    for lefts, rights in _completed(list(grids.values())):
        stack = stacks.setdefault((len(lefts), len(rights)), Grid([], [], members))
        stack.lefts.append(lefts)
        stack.rights.append(sorted(rights, key=address))
    return list(stacks.values()), left_over


def _completed(
    grids: list[tuple[list[FactorList], list[FactorList]]],
) -> list[tuple[list[FactorList], list[FactorList]]]:
    """Join grids that share left lists into one, if about half of it or more is filled: a causal mask, for example."""
    component: dict[FactorList, int] = {}
    joined: dict[int, list[int]] = {}
    for number, (lefts, _) in enumerate(grids):
        touched = {component[left] for left in lefts if left in component}
        own = [number, *[i for c in touched for i in joined.pop(c)]]
        joined[number] = own
        for i in own:
            for left in grids[i][0]:
                component[left] = number
    result = []
    for numbers in joined.values():
        lefts = list(dict.fromkeys([left for i in sorted(numbers) for left in grids[i][0]]))
        rights = [right for i in sorted(numbers) for right in grids[i][1]]
        filled = sum(len(grids[i][0]) * len(grids[i][1]) for i in numbers)
        if filled >= 0.45 * len(lefts) * len(rights):
            result.append((lefts, rights))
        else:
            result += [grids[i] for i in sorted(numbers)]
    return result
