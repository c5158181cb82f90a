"""What `value.py` needs to be both plain Python and mypyc's input.

mypyc reads `mypyc_attr` and `i64` by their full names in `mypy_extensions`, at build time only. The package itself runs
on the standard library alone, so at run time the decorator does nothing and a 64-bit integer is an `int`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import i64 as i64
    from mypy_extensions import mypyc_attr as mypyc_attr
else:
    i64 = int

    def mypyc_attr(**attributes):
        return lambda cls: cls
