"""Segments that nobody has acknowledged yet: those of flows at rest lie here, narrow, until these speak.

A direction's segments are a list: its row names the first and the last, each names the next; 0 is none, else 1 plus the
number of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.events.rows import SEGMENT
from tcpautopsy.narrow import Narrow
from tcpautopsy.records import Rows, taken

_NEAR = ("left", "first_ns", "rto_ns", "first_frame", "last_frame", "next")


def _plain(name: str) -> Callable[[Rows], NDArray[Any]]:
    return lambda rows: np.ascontiguousarray(rows[name])


#: What is kept of the kernel's rows.
_VALUES = {name: _plain(name) for name in SEGMENT.names if name not in ("right", "last_ns", "pad")} | {
    "length": lambda rows: rows["right"] - rows["left"],
    "later_ns": lambda rows: rows["last_ns"] - rows["first_ns"],
}
#: Rows at a time: they stay in the processor's cache while each field is taken out.
_BLOCK = 8192


class Outstanding:
    """Segments by the number of the row that they had in the kernel."""

    def __init__(self) -> None:
        self._fields = Narrow(_VALUES, (1, 1), _NEAR)
        self._from = 0  # the first of the kernel's rows that is in use

    def copy(self) -> Outstanding:
        """The same elsewhere."""
        found = Outstanding()
        found._fields, found._from = self._fields.copy(), self._from
        return found

    def at(self, name: str, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """A field of the segments in these rows."""
        if name == "last_ns":
            return self.at("first_ns", places) + self.at("later_ns", places)
        return self._fields.get(name, 0, places).astype(np.int64)

    def lay_down(self, rows: Rows, resting: NDArray[np.uint32], awake: Rows) -> Rows:
        """Take the lists that begin with `resting` of all `rows` there are; returns those of directions `awake`.

        These are to stand behind the last row, and the directions say so already. Of the rows so far none is used any
        more.
        """
        places = _lists(resting, lambda at: rows["next"][at]).rows
        self._fields.room(len(rows))
        for start in range(0, len(places), _BLOCK):
            self._put(places[start : start + _BLOCK], taken(rows, places[start : start + _BLOCK]))
        those = _lists(awake["head"], lambda at: rows["next"][at])
        self._from = len(rows)
        return _linked(taken(rows, those.rows), those, awake, self._from)

    def wake(self, sides: Rows, count: int) -> Rows:
        """The segments of these directions, which lie here no longer; to stand behind `count` rows."""
        those = _lists(sides["head"], lambda at: self.at("next", at))
        rows = SEGMENT.zeros(len(those.rows))
        if len(rows):
            values = {name: self._fields.take(name, 0, those.rows).astype(np.int64) for name in _VALUES}
            values["right"] = values["left"] + values.pop("length")
            values["last_ns"] = values["first_ns"] + values.pop("later_ns")
            for name, column in values.items():
                rows[name] = column
        return _linked(rows, those, sides, count)

    def take(self, rows: Rows, done: Callable[[int], None]) -> None:
        """Take the rest of the kernel's rows; `done` is told how many of the first nobody will look at again."""
        self._fields.room(len(rows))
        for start in range(self._from, len(rows), _BLOCK):
            few = rows[start : start + _BLOCK]
            self._put(slice(start, start + len(few)), few)
            done(start + len(few))

    def _put(self, places: slice | NDArray[np.int64], rows: Rows) -> None:
        for name, value in _VALUES.items():
            self._fields.put(name, 0, places, value(rows))


class _Lists(NamedTuple):
    """The rows of several lists, one list after the other, and the direction that each row is of."""

    rows: NDArray[np.int64]
    owner: NDArray[np.int64]


def _lists(heads: NDArray[np.uint32], following: Callable[[NDArray[np.int64]], NDArray[Any]]) -> _Lists:
    """Walks all lists at once, step by step."""
    owner = np.flatnonzero(heads)
    at = heads[owner].astype(np.int64) - 1
    steps = [_Lists(at, owner)]
    while len(at):
        at = following(at).astype(np.int64) - 1
        owner, at = owner[at >= 0], at[at >= 0]
        steps.append(_Lists(at, owner))
    rows, owners = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    order = np.argsort(owners, kind="stable")
    return _Lists(rows[order], owners[order])


def _linked(rows: Rows, lists: _Lists, sides: Rows, first: int) -> Rows:
    """Number these rows from `first` on: each names the next of its list, and the directions their first and last."""
    numbers = np.arange(first + 1, first + 1 + len(rows), dtype=np.uint32)
    follows = lists.owner[1:] == lists.owner[:-1]
    rows["next"] = 0
    rows["next"][:-1][follows] = numbers[1:][follows]
    sides["tail"][lists.owner] = numbers
    sides["head"][lists.owner[::-1]] = numbers[::-1]
    return rows
