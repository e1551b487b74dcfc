"""The kernel's rows of directions, turned into columns: most fields of most directions are zero or small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.events.rows import SIDE, TROUBLE
from tcpautopsy.narrow import Narrow
from tcpautopsy.records import Record, Rows

#: What the kernel alone asks for.
_INWARD = frozenset(
    {
        *("una", "advance_ns", "ts_last_ns", "twin", "side", "trouble", "tail", "segments", "fin_end"),
        *("unseen_left", "unseen_right", "dup", "sacks", "probing", "reset_last"),
        *("zero_since_ns", "zero_probes_before", "full_ns", "hole_ns", "srtt_ns"),
    }
)
#: Flows at a time: their rows stay in the processor's cache while each field is taken out.
_BLOCK = 4096


class Sides:
    """Fields by name, in the narrowest types that hold them; zero where a direction was not seen."""

    def __init__(self, flows: int) -> None:
        self._flows = flows
        self._columns = Narrow((name for record in (SIDE, TROUBLE) for name in _outward(record)), (2, flows))

    def __len__(self) -> int:
        """How many flows."""
        return self._flows

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A field: of originators, and of responders."""
        return self._columns[name]

    def at(self, name: str, rows: range | NDArray[np.int64]) -> NDArray[Any]:
        """A field of these rows of Directions (2*flow, and 1 more for the responder); no copy of those of one side."""
        column = self._columns[name]
        if isinstance(rows, range):
            first, odd = divmod(rows.start, 2)
            if rows.step == 2:
                return np.asarray(column[odd, first : first + len(rows)])
            if rows.step == 1 and not odd and len(rows) % 2 == 0:
                return np.asarray(column[:, first : first + len(rows) // 2].T.reshape(-1))
        numbers = np.asarray(rows, dtype=np.int64)
        return np.asarray(column[numbers & 1, numbers >> 1])

    def put(self, record: Record, which: int, flows: slice | NDArray[np.int64], rows: Rows) -> None:
        """Take the fields of these rows, which are of these flows' originators (0) or responders (1)."""
        for name in _outward(record) if len(rows) else ():
            self._columns.put(name, (which, flows), np.ascontiguousarray(rows[name]))


def _outward(record: Record) -> list[str]:
    return [name for name in record.names if name not in _INWARD]


def _taken(rows: Rows, numbers: NDArray[np.uint32]) -> Rows:
    """Some rows; copied as they are, for NumPy copies what has fields one by one."""
    return rows.view(f"V{rows.dtype.itemsize}")[numbers].view(rows.dtype)


def columns(sides: Rows, troubles: Rows, talks: Rows, done: Callable[[int], None]) -> Sides:
    """The columns of all flows; `done` is told how many of the first rows of `sides` nobody will look at again."""
    found = Sides(len(talks))
    rows = np.stack([talks["originator"], talks["responder"]])
    # Of the flows from each one on, the first row; row 0 is nobody's.
    first = np.where(rows > 0, rows, len(sides)).min(axis=0, initial=len(sides))
    lowest = np.append(np.minimum.accumulate(first[::-1])[::-1], len(sides))
    for start in range(0, len(talks), _BLOCK):
        stop = min(start + _BLOCK, len(talks))
        for which in (0, 1):
            here = rows[which, start:stop]
            if here.any():
                few = _taken(sides, here)
                found.put(SIDE, which, slice(start, stop), few)
                troubled = np.flatnonzero(few["trouble"])
                found.put(TROUBLE, which, start + troubled, _taken(troubles, few["trouble"][troubled]))
        done(int(lowest[stop]))
    return found
