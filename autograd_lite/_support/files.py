"""Saving to a file: where it may go, and that it appears whole."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final


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
    """Write a file so that at every moment there is either the old one, the new one, or none; see `replacing`.

    Raises
    ------
    OSError
        If it cannot be written; the old file stays.
    """
    with replacing(target) as draft:
        draft.write_bytes(content)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a draft to write to, which takes the file's place at the end, all at once; after an error it is gone.

    The file keeps its permissions, a link is followed, and what is not a regular file (a device, a pipe) is written to as
    it is. A process that is killed leaves its draft, a `.autograd-lite-….part` in the file's directory. So each call
    also removes the drafts there that are older than ten minutes.

    Raises
    ------
    OSError
        If it cannot be written; the old file stays. The message says why, what to do and which file it was.
    """
    try:
        if target.exists() and not target.is_file():
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            yield target
        else:
            yield from _replace(Path(os.path.realpath(target)))
    except OSError as error:
        reason = error.strerror or str(error)
        hint = _WHAT_TO_DO.get(error.errno or 0, "save somewhere else")
        message = f"cannot save: {reason[:1].lower()}{reason[1:]} (what was there is as it was; {hint})"
        raise OSError(error.errno or errno.EIO, message, str(target)) from error


def _replace(target: Path) -> Iterator[Path]:
    draft = target.with_name(f"{_DRAFT}{secrets.token_hex(8)}.part{target.suffix}")
    if target.exists() and not os.access(target, os.W_OK):  # a directory may allow it all the same
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        draft.open("xb").close()
        if target.exists():
            shutil.copymode(target, draft)
        yield draft
        with draft.open("r+b") as file:
            os.fsync(file.fileno())  # the content before the name, even if the power fails
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    _sweep(target.parent)


def _sweep(directory: Path) -> None:
    """Remove what killed processes have left."""
    with suppress(OSError):
        for draft in directory.glob(f"{_DRAFT}*.part*"):
            if time.time() - draft.stat().st_mtime > _ABANDONED:
                draft.unlink(missing_ok=True)


_DRAFT: Final = ".autograd-lite-"
_ABANDONED: Final = 600.0  # seconds without a write
_WHAT_TO_DO: Final = {
    errno.ENOSPC: "free some space, or save somewhere else",
    errno.EDQUOT: "free some space, or save somewhere else",
    errno.EFBIG: "raise the limit on the size of a file, or save somewhere else",
    errno.EACCES: "save where you may write",
    errno.EPERM: "save where you may write",
    errno.EROFS: "save on a disk that can be written to",
    errno.EISDIR: "give the name of a file in it",
    errno.ENOENT: "make the directory first",
    errno.ENOTDIR: "make the directory first",
    errno.ENAMETOOLONG: "take a shorter name",
}
