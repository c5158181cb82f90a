"""Saving to a file: where it may go, and that it appears whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path


def target_of(path: str | os.PathLike[str], endings: Sequence[str]) -> Path:
    """Check where something is to be saved, before the work of making it.

    Raises
    ------
    ValueError
        If the file's ending is none of those known.
    FileNotFoundError
        If the directory is not there.

    Examples
    --------
    >>> target_of("graph.bmp", [".svg", ".png"])
    Traceback (most recent call last):
    ...
    ValueError: cannot save 'graph.bmp': the file's ending must be one of .svg, .png
    """
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise ValueError(f"cannot save {target.name!r}: the file's ending must be one of {', '.join(endings)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot save {target.name!r}: there is no directory {str(target.parent)!r}")
    return target


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file so that at every moment there is either the old one, the new one, or none.

    Raises
    ------
    OSError
        If it cannot be written; the old file stays.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the content before the name, even if the power fails
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
