"""Columns of whole numbers, each as wide as the largest of its values, and no memory where all are zero."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Values looked at together when a column becomes wider: those that are all zero are not written.
_BLOCK = 4096
#: Bytes of a column from which on its memory is asked of the system, and not of the C library.
_PAGES = 256 * 1024


class Narrow:
    """Columns by name, zeros at first; a column becomes wider when a value comes that it cannot hold."""

    def __init__(self, names: Iterable[str], shape: tuple[int, ...]) -> None:
        self._columns = {name: _zeros(shape, np.dtype(np.uint8)) for name in names}

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
            column = self._columns[name] = _copied(
                column, needed if needed.itemsize < 8 else values.dtype, column.shape
            )
        column[place] = values

    def take(self, name: str, place: Any) -> NDArray[Any]:
        """The values in a place, where zeros are from now on."""
        values: NDArray[Any] = self._columns[name][place]
        if values.any():
            self._columns[name][place] = 0
        return values

    def drop(self, name: str) -> None:
        """Forget a column."""
        del self._columns[name]

    def grow(self, shape: tuple[int, ...]) -> None:
        """More room, along the last axis."""
        for name, column in self._columns.items():
            self._columns[name] = _copied(column, column.dtype, shape)

    def copy(self) -> Narrow:
        """The same values elsewhere."""
        found = Narrow((), ())
        found._columns = {name: _copied(c, c.dtype, c.shape) for name, c in self._columns.items()}
        return found


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    """Zeros that are no memory before something else is written.

    NumPy's own may be: the C library hands out again what was freed, written over with zeros, and NumPy asks for huge
    pages, of which a single value fills one.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < _PAGES:
        return np.zeros(shape, dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype).reshape(shape)


def _copied(column: NDArray[Any], dtype: np.dtype, shape: tuple[int, ...]) -> NDArray[Any]:
    """A column in another type, or with more room; blocks that are zero stay untouched."""
    found = _zeros(shape, dtype)
    for start in range(0, column.shape[-1], _BLOCK):
        block = column[..., start : start + _BLOCK]
        if block.any():
            found[..., start : start + _BLOCK][..., : block.shape[-1]] = block
    return found
