"""What a rule of the operations table can be run on besides numbers, Values and arrays."""

from __future__ import annotations

from typing import Any

from autograd_lite import ops
from autograd_lite.ops import Op


class Arithmetic:
    """Python's operators, each as the row of the table that it is.

    A subclass says in `_record` what becomes of a row and its operands; `Op.__call__` goes there too, as with a Value.
    """

    __slots__ = ()

    def _record(self, op: Op, operands: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self._record(ops.ADD, (self, other))

    def __radd__(self, other: Any) -> Any:
        return self._record(ops.ADD, (other, self))

    def __sub__(self, other: Any) -> Any:
        return self._record(ops.SUB, (self, other))

    def __rsub__(self, other: Any) -> Any:
        return self._record(ops.SUB, (other, self))

    def __mul__(self, other: Any) -> Any:
        return self._record(ops.MUL, (self, other))

    def __rmul__(self, other: Any) -> Any:
        return self._record(ops.MUL, (other, self))

    def __truediv__(self, other: Any) -> Any:
        return self._record(ops.DIV, (self, other))

    def __rtruediv__(self, other: Any) -> Any:
        return self._record(ops.DIV, (other, self))

    def __mod__(self, other: Any) -> Any:
        return self._record(ops.MOD, (self, other))

    def __rmod__(self, other: Any) -> Any:
        return self._record(ops.MOD, (other, self))

    def __floordiv__(self, other: Any) -> Any:
        return self._record(ops.FLOOR_DIVIDE, (self, other))

    def __rfloordiv__(self, other: Any) -> Any:
        return self._record(ops.FLOOR_DIVIDE, (other, self))

    def __pow__(self, other: Any) -> Any:
        return self._record(ops.POW, (self, other))

    def __rpow__(self, other: Any) -> Any:
        return self._record(ops.POW, (other, self))

    def __neg__(self) -> Any:
        return self._record(ops.NEG, (self,))

    def __abs__(self) -> Any:
        return self._record(ops.ABS, (self,))
