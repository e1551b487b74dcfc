"""Rows that the kernels read and write: one layout, two forms.

Compiled kernels see a NumPy structured array as an array of C structs (zero copy). Interpreted kernels see a
list of small Python objects with the same attributes: their fields are plain ints, so arithmetic does not
wrap at the width of the storage. Outside the kernels rows are always NumPy structured arrays.

A kernel declares the same struct again (`cython.struct`); Cython compares names and types when the array is
bound, so the two cannot drift apart unnoticed.
"""

from __future__ import annotations

import importlib
import importlib.util
import mmap
import os
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

#: Letter of a field -> NumPy type; the letters are those of `struct` and `array`.
_TYPES = {"q": np.int64, "Q": np.uint64, "i": np.int32, "I": np.uint32, "H": np.uint16, "B": np.uint8}

Rows = NDArray[np.void]
#: Bytes from which on rows are only doubled: more would be refused where memory is promised with care.
_PLENTY = 64 * 1024 * 1024
#: Bytes from which on huge pages are asked for, as NumPy does.
_LARGE = 4 * 1024 * 1024


class Record:
    """The layout of one row: `fields` is `"q:time_ns offset;I:seq ack"`, widest types first (no padding)."""

    def __init__(self, name: str, fields: str) -> None:
        self.name = name
        pairs = [(field, _TYPES[kind]) for kind, names in _groups(fields) for field in names]
        self.names = tuple(field for field, _ in pairs)
        self.dtype = np.dtype(pairs, align=True)
        self._object = type(name, (), {"__slots__": self.names})

    def zeros(self, count: int) -> Rows:
        """`count` rows of zeros."""
        return np.zeros(count, self.dtype)

    def entered(self, rows: Rows, compiled: bool) -> Any:
        """`rows` in the form in which a kernel takes them; see `left` for the way back."""
        return rows if compiled else [self._row(values) for values in rows.tolist()]

    def left(self, entered: Any, rows: Rows, compiled: bool) -> None:
        """Write what a kernel did to `entered` back into `rows`; nothing to do for a compiled one."""
        if not compiled:
            for i, row in enumerate(entered):
                rows[i] = tuple(getattr(row, name) for name in self.names)

    def array(self, entered: Any, count: int, compiled: bool) -> Rows:
        """The first `count` of a kernel's own rows as a structured array."""
        if compiled:
            return np.asarray(entered)[:count]
        rows = self.zeros(count)
        self.left(entered[:count], rows, compiled)
        return rows

    def _row(self, values: tuple[int, ...]) -> Any:
        row = self._object()
        for name, value in zip(self.names, values, strict=True):
            setattr(row, name, value)
        return row


def _groups(fields: str) -> list[tuple[str, list[str]]]:
    parts = (group.split(":") for group in fields.split(";"))
    return [(kind.strip(), names.split()) for kind, names in parts]


def kernel(room: str) -> ModuleType:
    """The kernel `tcpautopsy.<room>._kernel`; its plain Python form when TCPAUTOPSY_INTERPRETED=1."""
    name = f"tcpautopsy.{room}._kernel"
    if os.environ.get("TCPAUTOPSY_INTERPRETED") != "1":
        return importlib.import_module(name)
    return interpreted_kernel(room)


def interpreted_kernel(room: str) -> ModuleType:
    """The kernel of a room as plain Python, whether or not it was compiled."""
    name = f"tcpautopsy.{room}._kernel_interpreted"
    if name not in sys.modules:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), room, "_kernel.py")
        spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, path))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def integers(count: int, kind: str = "q") -> memoryview:
    """A zeroed integer array that both forms of a kernel index alike (a memoryview yields plain ints)."""
    return np.zeros(count, _TYPES[kind]).data


def taken(rows: Rows, chosen: NDArray[Any]) -> Rows:
    """Some rows; copied as they are, for NumPy copies what has fields one by one."""
    found: Rows = rows.view(f"V{rows.dtype.itemsize}")[chosen].view(rows.dtype)
    return found


class Pool:
    """Rows that a kernel fills, and that can become more. Compiled ones are memory that the system moves, not copies.

    Untouched rows cost no memory. Whoever holds `rows` must let go of them before they grow.
    """

    def __init__(self, record: Record, count: int, compiled: bool) -> None:
        self._record, self._compiled = record, compiled
        self._map = _mapping(count * record.dtype.itemsize) if compiled else None
        self.rows: Any = self._mapped() if compiled else record.entered(record.zeros(count), False)

    def __len__(self) -> int:
        return len(self.rows)

    def more(self) -> int:
        """How many rows to hold when those that there are do not suffice."""
        plenty = not self._compiled or len(self.rows) * self._record.dtype.itemsize >= _PLENTY
        return len(self.rows) * (2 if plenty else 4)

    def grow(self, count: int) -> None:
        """Hold so many rows; the new ones are zero."""
        if self._map is None:
            self.rows += self._record.entered(self._record.zeros(count - len(self.rows)), False)
            return
        self.rows = None
        size = count * self._record.dtype.itemsize
        try:
            self._map.resize(size)
        except (BufferError, OSError, SystemError):  # somebody looks at the rows still, or the system cannot
            old, self._map = self._map, _mapping(size)
            self._map[: len(old)] = old[:]
        if size >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel without huge pages
                self._map.madvise(mmap.MADV_HUGEPAGE)
        self.rows = self._mapped()

    def write(self, at: int, rows: Rows) -> None:
        """Put these in place of the rows from `at` on."""
        self.rows[at : at + len(rows)] = rows if self._compiled else self._record.entered(rows, False)

    def forget(self, count: int) -> None:
        """Give back the memory of the first rows, which nobody will look at again."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            whole = count * self._record.dtype.itemsize // mmap.PAGESIZE * mmap.PAGESIZE
            if whole:
                self._map.madvise(mmap.MADV_DONTNEED, 0, whole)

    def array(self, count: int) -> Rows:
        """The first rows as a structured array."""
        return self._record.array(self.rows, count, self._compiled)

    def _mapped(self) -> Rows:
        return np.frombuffer(cast("mmap.mmap", self._map), self._record.dtype)


def _mapping(size: int) -> mmap.mmap:
    """Memory of this process alone, zero until it is written."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
