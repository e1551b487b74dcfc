"""Directions at rest: what the kernel knows of flows that have long been silent lies here, narrow, until they speak.

Of a direction that is at rest nothing is lost: when a packet of its flow comes, it gets a row again, with all that
stood in the row it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.events.rows import SIDE, TROUBLE
from tcpautopsy.events.sides import Sides
from tcpautopsy.narrow import Narrow
from tcpautopsy.records import Rows, taken

#: What says which row is whose: it is known without the row.
_WHOSE = frozenset({"twin", "side", "flow"})
_FIELDS = tuple(name for name in SIDE.names if name not in _WHOSE)
#: What the kernel alone asks for.
_INWARD = frozenset(
    {
        *("una", "advance_ns", "ts_last_ns", "trouble", "tail", "segments", "fin_end"),
        *("unseen_left", "unseen_right", "dup", "sacks", "probing", "reset_last"),
        *("zero_since_ns", "zero_probes_before", "full_ns", "hole_ns", "srtt_ns"),
    }
)
_OUTWARD = tuple(name for name in _FIELDS if name not in _INWARD)
_OUTWARD_TROUBLE = tuple(name for name in TROUBLE.names if name not in _INWARD)
#: Instants and frames: those of neighbours are near each other.
_NEAR = (
    *("first_ns", "last_ns", "advance_ns", "first_data_ns", "last_data_ns", "first_data_acked_ns", "ts_last_ns"),
    *("fin_ns", "last_frame", "last_data_frame", "first_frame", "fin_frame", "max_idle_frame", "first_data_frame"),
)
_NEAR_TROUBLE = ("rst_ns", "rst_frame", "max_outage_frame")
#: Rows of the kernel from which on it is worth the while to look for flows that are silent.
MANY = 32_768
#: A flow is silent when none of so many frames was its own; of twice as many, when a share of the rows in use woke
#: again since flows were put to rest: waking takes 3 us.
SILENT = 16_384
_RESTLESS = 4
#: Rows at a time: they stay in the processor's cache while each field is taken out.
_BLOCK = 8192
#: The field of a flow's row that names the row of its originator, and of its responder.
_ENDS = ("originator", "responder")


class Live(NamedTuple):
    """The kernel's rows of directions, from 0 to the last that was taken, and of flows."""

    sides: Rows
    talks: Rows


class Rest:
    """All flows, of which some are at rest."""

    def __init__(self) -> None:
        self._fields = Narrow(_FIELDS, (2, 0), _NEAR)
        self._asleep = np.zeros(0, bool)
        self._from = 1  # the first of the kernel's rows that is in use
        self._due = MANY
        self._silent, self._woken = SILENT, 0  # rows that woke since flows were put to rest

    def due(self, heard: int) -> bool:
        """Whether so many rows are in use that it is time for `lay_down`; `heard` is the last."""
        return heard - self._from >= self._due

    def in_use(self, sides: Rows) -> Rows:
        """Those of all the kernel's rows so far that are in use."""
        return sides[self._from :]

    def asleep(self, flows: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of these flows are at rest."""
        known = flows < len(self._asleep)
        found = np.zeros(len(flows), bool)
        found[known] = self._asleep[flows[known]]
        return found

    def lay_down(self, live: Live, frame: int) -> Rows:
        """Put flows to rest of which no frame of late, before this one, was; returns the rows of all others.

        These are to stand behind the last row; the talks say so already. Of the rows so far none is used any more.
        """
        self._room(len(live.talks))
        if _RESTLESS * self._woken > len(live.sides) - self._from:
            self._silent *= 2  # they speak in turn, so many of them that each is silent for long
        self._woken = 0
        awake = [SIDE.zeros(0)]
        for start in range(self._from, len(live.sides), _BLOCK):
            rows = live.sides[start : start + _BLOCK]
            silent = live.talks["last_frame"][rows["flow"]].astype(np.int64) < frame - self._silent
            _put(self._fields, _FIELDS, rows, silent)
            self._asleep[rows["flow"][silent]] = True
            awake.append(taken(rows, ~silent))
        moved = np.concatenate(awake)
        self._from = len(live.sides)
        self._due = MANY + 2 * len(moved)
        _place(live.talks, moved, self._from)
        return moved

    def wake(self, live: Live, flows: NDArray[np.uint32]) -> Rows:
        """The rows of those of these flows that are at rest, which are so no longer; as `lay_down` returns them."""
        known = flows[flows < len(self._asleep)] if len(self._asleep) else flows[:0]
        wanted = np.unique(known[self._asleep[known]])
        if not len(wanted):
            return SIDE.zeros(0)
        self._asleep[wanted] = False
        found = []
        for which, end in enumerate(_ENDS):
            own = wanted[live.talks[end][wanted] != 0]
            rows = SIDE.zeros(len(own))
            rows["flow"], rows["side"] = own, 1 - which
            for name in _FIELDS:
                rows[name] = self._fields.take(name, which, own)
            found.append(rows)
        moved = np.concatenate(found)
        self._woken += len(moved)
        _place(live.talks, moved, len(live.sides))
        return moved

    def sides(self, live: Live, troubles: Rows, done: Callable[[int], None] | None) -> Sides:
        """The columns of all flows; `done` is told how many of the first rows nobody will look at again.

        Without it the kernel goes on, and what is at rest stays as it is.
        """
        self._room(len(live.talks))
        fields = self._fields if done is not None else self._fields.copy()
        for start in range(self._from, len(live.sides), _BLOCK):
            rows = live.sides[start : start + _BLOCK]
            _put(fields, (*_OUTWARD, "trouble"), rows, np.ones(len(rows), bool))
            if done is not None:
                done(min(start + _BLOCK, len(live.sides)))
        return _columns(fields, troubles, len(live.talks))

    def _room(self, flows: int) -> None:
        """Room for so many flows."""
        size = len(self._asleep)
        if flows > size:
            size = max(flows, 2 * size if size else 0)
            self._fields.grow(size)
            self._asleep = np.concatenate([self._asleep, np.zeros(size - len(self._asleep), bool)])


def _put(fields: Narrow, names: tuple[str, ...], rows: Rows, chosen: NDArray[np.bool_]) -> None:
    """Take these fields of the chosen rows into columns."""
    for which in (0, 1):
        own = taken(rows, chosen & (rows["side"] == 1 - which))
        if not len(own):
            continue
        flows = own["flow"]
        dense = bool((np.diff(flows.astype(np.int64)) == 1).all())
        place = slice(int(flows[0]), int(flows[-1]) + 1) if dense else flows
        for name in names:
            fields.put(name, which, place, np.ascontiguousarray(own[name]))


def _place(talks: Rows, rows: Rows, first: int) -> None:
    """Let flows know of their rows, which get the numbers from `first` on, and the rows of each other."""
    numbers = np.arange(first, first + len(rows), dtype=np.uint32)
    for which, end in enumerate(_ENDS):
        own = rows["side"] == 1 - which
        talks[end][rows["flow"][own]] = numbers[own]
    there = [talks[end][rows["flow"]] for end in _ENDS]
    rows["twin"] = np.where(rows["side"] == 1, there[1], there[0])


def _columns(fields: Narrow, troubles: Rows, flows: int) -> Sides:
    """What others ask for, with what happened to few directions."""
    found = Narrow(_OUTWARD_TROUBLE, (2, flows), _NEAR_TROUBLE)
    for which in (0, 1):
        number = fields.get("trouble", which, slice(0, flows))
        troubled = np.flatnonzero(number)
        for start in range(0, len(troubled), _BLOCK):
            few = troubled[start : start + _BLOCK]
            rows = taken(troubles, number[few])
            for name in _OUTWARD_TROUBLE:
                found.put(name, which, few, np.ascontiguousarray(rows[name]))
    for name in _INWARD.intersection(_FIELDS):
        fields.drop(name)
    fields.lean(flows)
    found.lean(flows)
    return Sides(flows, dict.fromkeys(_OUTWARD, fields) | dict.fromkeys(_OUTWARD_TROUBLE, found))
