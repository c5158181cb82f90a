"""Text from elsewhere (labels, keys of a file, names) as a message may show it: on one line, short, and only as characters.

A label is any string. Printed as it is, it could move the cursor of a terminal, break a message into lines, or turn the
writing direction of what follows.
"""

from __future__ import annotations

from typing import Final

LIMIT: Final = 80  # characters
_JOINERS: Final = "\u200c\u200d"  # format characters that words and emoji are written with


def escaped(text: str, limit: int = LIMIT) -> str:
    r"""The text with escapes such as `\x1b` and `\u202e` for what does not print, and shortened to `limit` characters.

    Examples
    --------
    >>> print(escaped("λ\x1b[2J\n"))
    λ\x1b[2J\n
    >>> escaped("w" * 1_048_576, limit=8)
    'wwwwwwww… (1048576 characters)'
    """
    if len(text) > limit:
        return f"{escaped(text[:limit], limit)}… ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() or c in _JOINERS else repr(c)[1:-1] for c in text])


def quoted(text: str, limit: int = LIMIT) -> str:
    """The text as Python writes a string, shortened to `limit` characters.

    Examples
    --------
    >>> quoted("w" * 1_048_576, limit=8)
    "'wwwwwwww'… (1048576 characters)"
    """
    if len(text) > limit:
        return f"{text[:limit]!r}… ({len(text)} characters)"
    return repr(text)
