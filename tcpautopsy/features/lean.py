"""What is kept of a whole capture while its parts are looked at, in little memory."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

_T = TypeVar("_T")
#: Values that are looked at before all others.
_FEW = 1000


def wide(numbers: object) -> object:
    """Groups as they were before `lean`."""
    if isinstance(numbers, tuple):
        return tuple(wide(each) for each in numbers)
    assert isinstance(numbers, np.ndarray)
    return numbers.astype(np.int64, copy=False)


def lean(values: _T, narrow: bool = False) -> _T:
    """The same values; those that are all one take no memory, and cannot be written to.

    Numbers of groups may be `narrow`: until they are asked for again.
    """
    if isinstance(values, tuple):
        return tuple(lean(each, narrow) for each in values)  # type: ignore[return-value]
    if not isinstance(values, np.ndarray) or not len(values):
        return values
    one = np.broadcast_to(values[:1].copy(), values.shape)  # a view would keep them all
    alike = all(np.array_equal(values[few], one[few], equal_nan=True) for few in (slice(_FEW), slice(None)))
    if alike:
        return one  # type: ignore[return-value]
    return values.astype(np.uint32) if narrow and values.max() <= 0xFFFFFFFF else values  # type: ignore[return-value]
