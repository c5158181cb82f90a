"""Text in columns."""

from __future__ import annotations

from collections.abc import Sequence


def in_columns(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    r"""The rows as lines whose columns stand in line: the first to the left, the others, which hold numbers, to the right.

    Examples
    --------
    >>> print(*in_columns([("w", "2.0"), ("bias", "-10.5")]), sep="\n")
    w       2.0
    bias  -10.5
    """
    widths = [max([len(cell) for cell in column]) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(gap.join([first.ljust(widths[0]), *cells]).rstrip())
    return lines
