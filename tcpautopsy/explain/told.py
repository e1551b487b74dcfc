"""One connection with all that is known of it, as plain Python values: what the modules of this room tell from.

Only connections that are told get one; everything before is columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from tcpautopsy.tables import EVENT_KINDS, Dissection

Row = Mapping[str, Any]  # a table row; None for NA


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
    count: int


class Told(NamedTuple):
    """A connection to be told: its rows of the tables and its events in time order."""

    number: int
    flow: Row
    orig: Row
    resp: Row
    features: Row
    events: Sequence[Event]
    capture_end_ns: int | None

    @property
    def sides(self) -> tuple[Row, Row]:
        """(responder, originator): indexed by `side`."""
        return self.resp, self.orig

    def first(self, *kinds: str, side: int | None = None) -> Event | None:
        """The first event of these kinds, from that side when one is given."""
        return next(self.all(*kinds, side=side), None)

    def all(self, *kinds: str, side: int | None = None) -> Iterator[Event]:
        """Events of these kinds in time order."""
        return (e for e in self.events if e.kind in kinds and side in (None, e.side))


def told(dissection: Dissection, features: pd.DataFrame, numbers: Sequence[int]) -> dict[int, Told]:
    """{flow number: Told} for the flows asked for."""
    wanted = list(numbers)
    flows = _rows(dissection.flows, wanted)
    orig = _rows(dissection.directions, [2 * n for n in wanted])
    resp = _rows(dissection.directions, [2 * n + 1 for n in wanted])
    marks = _rows(features, wanted)
    events = _events(dissection, wanted)
    return {
        n: Told(n, flows[i], orig[i], resp[i], marks[i], events.get(n, ()), dissection.last_ns)
        for i, n in enumerate(wanted)
    }


def _rows(table: pd.DataFrame, positions: list[int]) -> list[Row]:
    chosen = table.iloc[positions].astype(object)
    return [dict(row) for row in chosen.where(chosen.notna(), None).to_dict("records")]


def _events(dissection: Dissection, wanted: list[int]) -> dict[int, list[Event]]:
    table = dissection.events
    chosen = table[table["flow"].isin(wanted)]
    names = [k.name for k in EVENT_KINDS]
    found: dict[int, list[Event]] = {}
    columns = [chosen[c].tolist() for c in ("flow", "kind", "side", "frame", "last_frame", "time_ns", "last_time_ns")]
    of_frame = chosen["of_frame"].astype(object).where(chosen["of_frame"].notna(), None).tolist()
    rest = [of_frame, chosen["value"].tolist(), chosen["count"].tolist()]
    for flow, kind, side, frame, last, time, last_time, of, value, count in zip(*columns, *rest, strict=True):
        found.setdefault(flow, []).append(Event(names[kind], side, frame, last, time, last_time, of, value, count))
    return found
