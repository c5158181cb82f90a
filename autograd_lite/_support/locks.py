"""Locks that a forked process finds free.

A fork copies the memory of a process, but only one of its threads: what another thread held, nobody would free.
"""

from __future__ import annotations

import os
import threading
from typing import Final
from weakref import WeakSet


class Locked:
    """An object with a lock, `_lock`, that its thread may take again; in a forked process no thread that is gone has it.

    Examples
    --------
    >>> owner = Locked()
    >>> with owner._lock, owner._lock:
    ...     pass
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _all.add(self)

    def _renew_lock(self) -> None:
        if self._lock.acquire(blocking=False):  # free, or of the thread that forked and goes on
            self._lock.release()
        else:
            self._lock = threading.RLock()


_all: Final[WeakSet[Locked]] = WeakSet()


def _begin_in_child() -> None:
    for owner in list(_all):
        owner._renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
