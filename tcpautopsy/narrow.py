"""Columns of whole numbers, each as wide as the largest of its values, and no memory where all are zero.

One of more than 32 bits is held in two halves: nanoseconds of minutes need no more than five bytes. Of instants and of
numbers of frames, those of neighbours are near each other: such a column holds differences.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Integers = NDArray[Any]
#: Places in a row of a column.
Places: TypeAlias = "slice | NDArray[Any]"

#: Values looked at together when a column becomes wider: those that are all zero are not written.
_BLOCK = 4096
#: Bytes of a column from which on its memory is asked of the system, and not of the C library.
_PAGES = 256 * 1024
#: Places whose values are kept as differences from the least of them: so many short connections begin and end within
#: four seconds, the nanoseconds of which fit into 32 bits.
_SPAN = 512
_NONE = np.iinfo(np.int64).max
#: Values further apart than this have no difference that could be trusted.
_FAR = 2**62


class Narrow:
    """Columns by name, each of some rows; zeros at first."""

    def __init__(self, names: Iterable[str], shape: tuple[int, int], near: Iterable[str] = ()) -> None:
        """`shape` is that of every column: rows, and places in a row. The values of those `near` lie together."""
        self._columns: dict[str, Integers] = {name: zeros(shape, np.uint8) for name in names}
        self._highs: dict[str, _High] = {}  # beside columns of which 32 bits are not enough
        self._size = shape[1]
        # Of each span the value that stands for 1: differences count from it, and 0 stays 0.
        self._bases = {name: _no_bases(shape) for name in near}

    def __getitem__(self, name: str) -> Integers:
        """All rows of a column, of whatever type of integers holds them."""
        column = self._columns[name]
        if name not in self._bases and name not in self._highs:
            return column
        return np.stack([self.get(name, row, slice(0, column.shape[1])) for row in range(len(column))])

    def get(self, name: str, row: int, places: Places) -> Integers:
        """The values in these places of a row."""
        kept = self._kept(name, row, places)
        if name not in self._bases:
            return kept
        found = kept.astype(np.int64)
        found += (self._bases[name][row] - 1)[self._spans(name, places)]
        if not kept.all():
            found[kept == 0] = 0
        return found

    def put(self, name: str, row: int, places: Places, values: Integers) -> None:
        """Put values, at least one, into these places of a row, where zeros are: at first, or since `take`."""
        least, most = values.min(), values.max()
        if not least and not most:
            return
        if name in self._bases:
            values = self._differences(name, row, places, values.astype(np.int64))
            least, most = values.min(), values.max()
        self._fit(name, int(least), int(most), values.dtype)
        self._write(name, row, places, values)

    def take(self, name: str, row: int, places: Places) -> Integers:
        """The values in these places, where zeros are from now on."""
        values = self.get(name, row, places).copy()
        if values.any():
            self._write(name, row, places, np.zeros(1, np.uint8))
        return values

    def drop(self, name: str) -> None:
        """Forget a column."""
        del self._columns[name]
        self._bases.pop(name, None)
        self._highs.pop(name, None)

    def room(self, places: int) -> None:
        """Room for so many places in a row: at least for twice as many as there were when it does not suffice."""
        if places > self._size:
            self.grow(max(places, 2 * self._size))

    def grow(self, size: int) -> None:
        """So many places in a row, which are not fewer than there were."""
        self._size = size
        for name, column in self._columns.items():
            self._columns[name] = _copied(column, column.dtype, size)
        for name, high in self._highs.items():
            self._highs[name] = high._replace(half=_copied(high.half, high.half.dtype, size))
        for name, bases in self._bases.items():
            self._bases[name] = _no_bases((len(bases), size))
            self._bases[name][:, : bases.shape[1]] = bases

    def copy(self) -> Narrow:
        """The same values elsewhere."""
        found = Narrow((), (0, self._size))
        found._columns = {name: _copied(c, c.dtype, self._size) for name, c in self._columns.items()}
        found._highs = {n: high._replace(half=high.half.copy()) for n, high in self._highs.items()}
        found._bases = {name: bases.copy() for name, bases in self._bases.items()}
        return found

    def lean(self, places: int) -> None:
        """Keep the first places, for good: where each row has one value everywhere it is kept once, for nothing."""
        for name, column in self._columns.items():
            self._columns[name] = _once(column, places)
        for name, high in self._highs.items():
            self._highs[name] = high._replace(half=_once(high.half, places))
        self._size = places

    # ------------------------------------------------------------------------------------------------------- halves

    def _kept(self, name: str, row: int, places: Places) -> Integers:
        """What is held in these places: values, or differences."""
        low = self._columns[name][row, places]
        if name not in self._highs:
            return low
        half, dtype = self._highs[name]
        found = half[row, places].astype(dtype)
        found <<= 32
        found |= low.astype(dtype)
        return found

    def _write(self, name: str, row: int, places: Places, values: Integers) -> None:
        """Hold these, for which the column is wide enough."""
        if name in self._highs:
            half, dtype = self._highs[name]
            values = values.astype(dtype, copy=False)
            half[row, places] = values >> 32
            values = values & 0xFFFFFFFF
        self._columns[name][row, places] = values

    def _fit(self, name: str, least: int, most: int, dtype: np.dtype) -> None:
        """Make the column wide enough for values between these, of this type."""
        column, high = self._columns[name], self._highs.get(name)
        signed = column.dtype.kind == "i"
        if least < 0 and not signed:
            self._whole(name, np.stack([self._kept(name, row, slice(None)) for row in range(len(column))]))
        elif most > 0xFFFFFFFF and not signed:
            if high is None:
                self._columns[name] = _copied(column, np.uint32, column.shape[1])
                high = _High(zeros(column.shape, np.uint8), dtype)
            self._highs[name] = high._replace(half=_fitted(high.half, most >> 32))
        elif not signed:
            self._columns[name] = _fitted(column, most)

    def _whole(self, name: str, values: Integers) -> None:
        """Hold these in one piece."""
        self._columns[name] = values.astype(np.int64)
        self._highs.pop(name, None)

    # ---------------------------------------------------------------------------------------------- differences

    def _spans(self, name: str, places: Places) -> NDArray[np.int64]:
        """The span of each place."""
        if isinstance(places, slice):
            start, stop, step = places.indices(self._columns[name].shape[1])
            if step == 1 and start < stop:
                spans = np.arange(start // _SPAN, -(-stop // _SPAN))
                return np.repeat(spans, _SPAN)[start % _SPAN :][: stop - start]
            return np.arange(start, stop, step) // _SPAN
        return places.astype(np.int64) // _SPAN

    def _differences(self, name: str, row: int, places: Places, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """What stands for these values in their spans; the values themselves once they are too far apart."""
        known, spans, bases = None if values.all() else values != 0, self._spans(name, places), self._bases[name][row]
        there, lowest = _lowest(spans, values if known is None else np.where(known, values, _NONE))
        lower = lowest < bases[there]
        lifts = [
            (span, before - after)
            for span, before, after in zip(*(a[lower].tolist() for a in (there, bases[there], lowest)), strict=True)
            if before != _NONE
        ]
        most = values.max() if known is None else values.max(where=known, initial=-_NONE)
        furthest = int(most) - int(min(lowest.min(), bases.min()))
        if max([furthest, *(by for _, by in lifts)]) >= _FAR:
            self._whole(name, self[name])
            del self._bases[name]
            return values
        bases[there[lower]] = lowest[lower]
        for span, by in lifts:
            self._lift(name, row, span, by)
        found = values - (bases - 1)[spans]
        return found if known is None else np.where(known, found, 0)

    def _lift(self, name: str, row: int, span: int, by: int) -> None:
        """Add to all differences of a span, which count from a lower value now."""
        here = slice(span * _SPAN, (span + 1) * _SPAN)
        kept = self._kept(name, row, here)
        lifted = np.where(kept != 0, kept.astype(np.int64) + by, 0)
        self._fit(name, 0, int(lifted.max()), lifted.dtype)
        self._write(name, row, here, lifted)


def _lowest(spans: NDArray[np.int64], values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The spans that there are, and the lowest value in each; most come in order."""
    firsts = np.flatnonzero(np.concatenate([[True], spans[1:] != spans[:-1]]))
    there, lowest = spans[firsts], np.minimum.reduceat(values, firsts)
    if (np.diff(there) > 0).all():
        return there, lowest
    there, place = np.unique(there, return_inverse=True)
    found = np.full(len(there), _NONE)
    np.minimum.at(found, place, lowest)
    return there, found


def _no_bases(shape: tuple[int, int]) -> NDArray[np.int64]:
    return np.full((shape[0], -(-shape[1] // _SPAN)), _NONE)


def zeros(shape: tuple[int, int], kind: DTypeLike) -> Integers:
    """Zeros that are no memory before something else is written.

    NumPy's own may be: the C library hands out again what was freed, written over with zeros, and NumPy asks for huge
    pages, of which a single value fills one.
    """
    dtype = np.dtype(kind)
    size = math.prod(shape) * dtype.itemsize
    if size < _PAGES:
        return np.zeros(shape, dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype).reshape(shape)


class _High(NamedTuple):
    """The upper halves of a column, and the type of its values: with a sign or without."""

    half: Integers
    dtype: np.dtype


def _once(column: Integers, places: int) -> Integers:
    """The first places of a column; one value of each row that has no other."""
    kept, first = column[:, :places], column[:, :1]
    alike = all(bool((kept[:, few] == first).all()) for few in (slice(_BLOCK), slice(None)))
    return np.broadcast_to(first.copy(), kept.shape) if alike and places else kept


def _fitted(column: Integers, most: int) -> Integers:
    """A column that is wide enough for this value."""
    needed = np.min_scalar_type(most)
    return _copied(column, needed, column.shape[1]) if needed.itemsize > column.itemsize else column


def _copied(column: Integers, dtype: DTypeLike, size: int) -> Integers:
    """A column in another type, or with more room; blocks that are zero stay untouched."""
    found = zeros((len(column), size), dtype)
    for start in range(0, column.shape[1], _BLOCK):
        block = column[:, start : start + _BLOCK]
        if block.any():
            found[:, start : start + _BLOCK][:, : block.shape[1]] = block
    return found
