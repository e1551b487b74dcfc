"""One connection with all that is known of it, as plain Python values: what the modules of this room tell from.

Only connections that are told get one; everything before is columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.schema import LazyTable, ranges
from tcpautopsy.tables import EVENT_KINDS, Dissection, Features

Row = Mapping[str, Any]  # a table row; None for NA
_KINDS = [kind.name for kind in EVENT_KINDS]


class Event(NamedTuple):
    """One event of the connection; `side` 1 originator, 0 responder, 2 third party."""

    kind: str
    side: int
    frame: int
    last_frame: int
    time_ns: int
    last_time_ns: int
    of_frame: int | None
    value: int
    count: int  # type: ignore[assignment]  # shadows tuple.count


class Happened:
    """Some events, which become objects when they are asked for: what is told in short asks for few."""

    __slots__ = ("_columns", "_events", "_first", "_last", "kinds")

    def __init__(self, columns: Sequence[list[Any]], first: int, last: int) -> None:
        """Those from the first to the last (exclusive) of columns that are the fields of Event."""
        self._columns, self._first, self._last = columns, first, last
        self._events: list[Event] | None = None
        #: The kinds that there are.
        self.kinds: frozenset[str] = frozenset(columns[0][first:last])

    @property
    def events(self) -> list[Event]:
        """Made once."""
        if self._events is None:
            fields = (column[self._first : self._last] for column in self._columns)
            self._events = [Event(*values) for values in zip(*fields, strict=True)]
        return self._events


class Told(NamedTuple):
    """A connection to be told: its rows of the tables and its events."""

    number: int
    flow: Row
    orig: Row
    resp: Row
    features: Row
    happened: Happened
    capture_end_ns: int | None

    @property
    def events(self) -> Sequence[Event]:
        """In time order."""
        return self.happened.events

    @property
    def sides(self) -> tuple[Row, Row]:
        """(responder, originator): indexed by `side`."""
        return self.resp, self.orig

    def first(self, *kinds: str, side: int | None = None) -> Event | None:
        """The first event of these kinds, from that side when one is given."""
        if self.happened.kinds.isdisjoint(kinds):
            return None
        for event in self.events:
            if event.kind in kinds and (side is None or event.side == side):
                return event
        return None

    def all(self, *kinds: str, side: int | None = None) -> Iterator[Event]:
        """Events of these kinds in time order."""
        return (e for e in self.events if e.kind in kinds and side in (None, e.side))


def told(dissection: Dissection, features: Features, numbers: Sequence[int]) -> dict[int, Told]:
    """{flow number: Told} for the flows asked for, which come in order."""
    wanted = np.asarray(numbers, dtype=np.int64)
    flows = rows(dissection.flows.at(wanted))
    orig = rows(dissection.directions.at(2 * wanted))
    resp = rows(dissection.directions.at(2 * wanted + 1))
    marks = rows(features.at(wanted))
    low, high = dissection.events.bounds(wanted)
    fields = _fields(dissection, ranges(low, high))
    last = np.cumsum(high - low)
    happened = [Happened(fields, *part) for part in zip((last - (high - low)).tolist(), last.tolist(), strict=True)]
    each = zip(wanted.tolist(), flows, orig, resp, marks, happened, strict=True)
    return {n: Told(n, flow, o, r, known, events, dissection.last_ns) for n, flow, o, r, known, events in each}


class _Columns(dict[str, list[Any]]):
    """Some rows of a table's columns as plain lists, each made when it is first asked for."""

    def __init__(self, table: pd.DataFrame | LazyTable, places: NDArray[np.int64] | None) -> None:
        super().__init__()
        self._table, self._places = table, places

    def __missing__(self, name: str) -> list[Any]:
        column = _array(self._table[name])
        self[name] = _plain(column if self._places is None else column.take(self._places))
        return self[name]

    @property
    def names(self) -> list[str]:
        """All of them, in the table's order."""
        return list(self._table.columns)


class _TableRow(Mapping[str, Any]):
    """One row of a table. A table of features has two hundred columns, of which a story asks for ten."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: _Columns, place: int) -> None:
        self._columns = columns
        self._place = place

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


def columns(table: pd.DataFrame | LazyTable, *names: str, rows: slice = slice(None)) -> list[list[Any]]:
    """These columns of a table with plain values, NA as None."""
    return [_plain(_array(table[name])[rows]) for name in names]


def rows(table: pd.DataFrame | LazyTable, places: NDArray[np.int64] | None = None) -> list[Row]:
    """Rows of a table (all without `places`) by column name, with plain values, NA as None; made when asked for."""
    plain = _Columns(table, places)
    return [_TableRow(plain, place) for place in range(len(table) if places is None else len(places))]


def _array(column: pd.Series | ExtensionArray) -> ExtensionArray:
    return column.array if isinstance(column, pd.Series) else column


def _plain(column: ExtensionArray) -> list[Any]:
    if isinstance(column, pd.Categorical):
        return list(np.array([*column.categories, None], dtype=object)[column.codes].tolist())
    if column.isna().any():
        return list(column.to_numpy(dtype=object, na_value=None).tolist())  # type: ignore[arg-type]  # None is right
    return list(column.to_numpy().tolist())


def events_at(dissection: Dissection, positions: Sequence[int] | NDArray[np.int64]) -> list[Event]:
    """The events at these rows of Events."""
    return [Event(*values) for values in zip(*_fields(dissection, positions), strict=True)]


def _fields(dissection: Dissection, positions: Sequence[int] | NDArray[np.int64]) -> list[list[Any]]:
    """The fields of Event at these rows of Events."""
    chosen = dissection.events.at(np.asarray(positions, dtype=np.int64))
    kinds = [_KINDS[kind] for kind in chosen["kind"].to_numpy().tolist()]
    return [kinds, *(_plain(chosen[name]) for name in Event._fields[1:])]
