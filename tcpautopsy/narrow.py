"""Columns of whole numbers, each as wide as the largest of its values, and no memory where all are zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Values looked at together when a column becomes wider: those that are all zero are not written.
_BLOCK = 4096


class Narrow:
    """Columns by name, zeros at first; a column becomes wider when a value comes that it cannot hold."""

    def __init__(self, names: Iterable[str], shape: tuple[int, ...]) -> None:
        self._columns = {name: np.zeros(shape, np.uint8) for name in names}  # pages never written are no memory

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The column, of whatever type of integers holds it now."""
        return self._columns[name]

    def put(self, name: str, place: Any, values: NDArray[Any]) -> None:
        """Put values, at least one, into a place of a column (what NumPy takes as an index)."""
        least, most = values.min(), values.max()
        if not least and not most:
            return
        needed = np.min_scalar_type(most) if least >= 0 else np.dtype(np.int64)
        column = self._columns[name]
        if needed.itemsize > column.itemsize or (least < 0 and column.dtype.kind == "u"):
            column = self._columns[name] = _wider(column, needed if needed.itemsize < 8 else values.dtype)
        column[place] = values

    def drop(self, name: str) -> None:
        """Forget a column."""
        del self._columns[name]


def _wider(column: NDArray[Any], dtype: np.dtype) -> NDArray[Any]:
    found = np.zeros(column.shape, dtype)
    old, new = column.reshape(-1), found.reshape(-1)
    for start in range(0, len(old), _BLOCK):
        block = old[start : start + _BLOCK]
        if block.any():
            new[start : start + _BLOCK] = block
    return found
