"""What happened, in the order in which it came, narrow; and the table Events that is made of it.

Of the kernel's rows only those are kept as they are that a further packet may prolong: the last one of each flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.events.table import NEAR, STORED, events
from tcpautopsy.narrow import Narrow, zeros
from tcpautopsy.records import Rows, taken
from tcpautopsy.tables import EVENT, Events

#: Fields of an event here: those of the table, and its flow plus 1, 0 where no event is (any more).
_FIELDS = (*STORED, "flow")
_NEAR = (*NEAR, "flow")
#: Rows of the kernel from which on it is worth the while to look for those that are over: at first, and later on.
#: Laying one down costs 150 ns, for nothing where the capture is over soon (docs/decisions/023).
FIRST, MANY = 500_000, 131_072
#: Rows at a time: they stay in the processor's cache while each field is taken out.
_BLOCK = 8192
#: Rows of the table at a time: each is looked for among all.
_PLACED = 65_536


class Log:
    """Events by the number of the row that they had in the kernel."""

    def __init__(self) -> None:
        self._fields = Narrow(_FIELDS, (1, 0), _NEAR)
        self._from = 0  # the first of the kernel's rows that is in use
        self._due = FIRST

    def copy(self) -> Log:
        """The same elsewhere."""
        found = Log()
        found._fields, found._from = self._fields.copy(), self._from
        return found

    def due(self, count: int) -> bool:
        """Whether so many rows are in use that it is time for `lay_down`; `count` is that of all so far."""
        return count - self._from >= self._due

    def lay_down(self, rows: Rows, talks: Rows, asleep: Callable[..., NDArray[np.bool_]]) -> Rows:
        """Take all `rows` there are; returns those that may be prolonged, which are to stand behind the last.

        The talks say so already. `asleep` says which flows are at rest: of these no row is prolonged before `wake`.
        """
        awake = [EVENT.zeros(0)]
        self._fields.room(len(rows))
        for start in range(self._from, len(rows), _BLOCK):
            few = rows[start : start + _BLOCK]
            last = talks["last_event"][few["flow"]] == np.arange(start + 1, start + 1 + len(few))
            last &= ~asleep(few["flow"])
            self._put(start, few, ~last)
            awake.append(taken(few, last))
        moved = np.concatenate(awake)
        self._from = len(rows)
        self._due = MANY + 2 * len(moved)
        _place(talks, moved, self._from)
        return moved

    def wake(self, talks: Rows, flows: NDArray[np.uint32], count: int) -> Rows:
        """The last event of each of these flows that lies here, and does no longer; to stand behind `count` rows."""
        places = talks["last_event"][flows].astype(np.int64) - 1
        places = places[(places >= 0) & (places < self._from)]
        rows = EVENT.zeros(len(places))
        kept = {name: self._fields.take(name, 0, places).astype(np.int64) for name in _FIELDS}
        rows["time_ns"], rows["value"], rows["frame"] = (kept[name] for name in ("time_ns", "value", "frame"))
        rows["last_time_ns"], rows["flow"] = kept["time_ns"] + kept["later_ns"], kept["flow"] - 1
        rows["other"], rows["what"] = kept["other"], kept["more"] + 1 << 8 | kept["kind"] << 2 | kept["side"]
        _place(talks, rows, count)
        return rows

    def take(self, rows: Rows, done: Callable[[int], None]) -> None:
        """Take the rest of the kernel's `rows`; `done` is told how many of the first nobody will look at again."""
        self.add(rows[self._from :], done)

    def add(self, rows: Rows, done: Callable[[int], None] = lambda _: None) -> None:
        """Take rows that stand behind all that there were."""
        first = self._from
        self._from += len(rows)
        self._fields.room(self._from)
        for start in range(0, len(rows), _BLOCK):
            few = rows[start : start + _BLOCK]
            self._put(first + start, few, np.ones(len(few), bool))
            done(first + start + len(few))

    def events(
        self, rows: Rows, counts: NDArray[Any], place: Callable[..., None], done: Callable[[int], None]
    ) -> Events:
        """The table, with all the kernel's rows, of flows that have so many events each; nothing is left here.

        `place` is the kernel's; `done` is told how many of the first rows nobody will look at again.
        """
        narrow = self._from > 0  # those that came first are here already
        if narrow:
            self.take(rows, done)
        count = self._from if narrow else len(rows)
        starts = np.zeros(len(counts) + 1, np.min_scalar_type(count))
        np.cumsum(counts, out=starts[1:])
        order, free = zeros((1, count), np.uint32)[0], starts[:-1].astype(np.int64)
        for first in range(0, count, _PLACED):
            here = slice(first, min(first + _PLACED, count))
            flows = self._fields.get("flow", 0, here) if narrow else _VALUES["flow"](rows[here])
            place(np.ascontiguousarray(flows, dtype=np.int64).data, first, free.data, order.data)
        del free
        found = Narrow(STORED, (1, len(order)), NEAR)
        if not narrow:
            _gather(found, rows, order)
            done(len(rows))
        for name in (*STORED, "flow") if narrow else ():
            for first in range(0, len(order) if name in STORED else 0, _PLACED):
                few = order[first : first + _PLACED]
                found.put(name, 0, slice(first, first + len(few)), self._fields.get(name, 0, few))
            self._fields.drop(name)
        found.lean(count)
        return events(starts, found)

    def _put(self, start: int, rows: Rows, chosen: NDArray[np.bool_]) -> None:
        """Take the chosen rows, of which the first has this number; where others are nothing is."""
        here, whole = slice(start, start + len(rows)), bool(chosen.all())
        for name in _FIELDS:
            values = _VALUES[name](rows)
            self._fields.put(name, 0, here, values if whole else np.where(chosen, values, 0))


#: What is kept of the kernel's rows.
_VALUES: dict[str, Callable[[Rows], NDArray[Any]]] = {
    "time_ns": lambda rows: np.ascontiguousarray(rows["time_ns"]),
    "later_ns": lambda rows: rows["last_time_ns"] - rows["time_ns"],
    "value": lambda rows: np.ascontiguousarray(rows["value"]),
    "flow": lambda rows: rows["flow"] + np.int64(1),
    "frame": lambda rows: np.ascontiguousarray(rows["frame"]),
    "other": lambda rows: np.ascontiguousarray(rows["other"]),
    "more": lambda rows: (rows["what"] >> 8) - np.uint32(1),
    "kind": lambda rows: rows["what"] >> 2 & 0x3F,
    "side": lambda rows: rows["what"] & 3,
}


def _gather(found: Narrow, rows: Rows, order: NDArray[np.uint32]) -> None:
    """Take the kernel's rows into columns in this order."""
    for first in range(0, len(order), _BLOCK):
        few = taken(rows, order[first : first + _BLOCK])
        for name in STORED:
            found.put(name, 0, slice(first, first + len(few)), _VALUES[name](few))


def _place(talks: Rows, rows: Rows, first: int) -> None:
    """Let flows know of their last events, which get the numbers from `first` on."""
    talks["last_event"][rows["flow"]] = np.arange(first + 1, first + 1 + len(rows), dtype=np.uint32)
