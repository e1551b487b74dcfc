"""Sequence numbers: arithmetic modulo 2**32 (RFC 9293, section 3.4). Comparing them with `<` is a bug."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def distance(later: ArrayLike, earlier: ArrayLike) -> NDArray[np.int64]:
    """Signed bytes from `earlier` to `later`, right across the wrap; in [-2**31, 2**31).

    >>> distance(5, 0xFFFFFFFE)
    array(7)
    """
    span = (np.asarray(later, np.int64) - np.asarray(earlier, np.int64)) & 0xFFFFFFFF
    return np.asarray(np.where(span < 0x80000000, span, span - 0x100000000))


def add(number: ArrayLike, count: ArrayLike) -> NDArray[np.int64]:
    """`number` moved by `count` bytes, modulo 2**32.

    >>> add(0xFFFFFFFF, 2)
    array(1)
    """
    return np.asarray((np.asarray(number, np.int64) + np.asarray(count, np.int64)) & 0xFFFFFFFF)
