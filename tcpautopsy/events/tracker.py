"""Packets become Events, Directions and Notes: the kernel's state grown here, and what only the end can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy import records
from tcpautopsy.events.directions import directions
from tcpautopsy.events.log import Log
from tcpautopsy.events.outstanding import Outstanding
from tcpautopsy.events.rest import Live, Rest
from tcpautopsy.events.rows import SEGMENT, SIDE, TALK, TROUBLE
from tcpautopsy.events.sides import Sides
from tcpautopsy.records import Pool, Rows, taken
from tcpautopsy.tables import (
    EVENT,
    EVENT_NUMBER,
    NO_FLOW,
    NOTES_TABLE,
    PACKET,
    Directions,
    Events,
    Kind,
    Mark,
    Note,
    Notes,
    Packets,
)

_AT_FIRST = {"sides": 2048, "troubles": 256, "talks": 1024, "segments": 2048, "events": 4096}
#: Events that only the end can tell, made at a time.
_TOGETHER = 65_536
_FIRST_COPY = 2  # the kernel's mark in `pad`: payload seen for the first time
#: Notes that are events of their flow too.
_TOLD = frozenset({"tls_client_hello", "tls_server_hello", "tls_alert", "http_request", "http_response"})
#: A question is unanswered when a second went by without an answer (Linux: neigh/default/retrans_time_ms).
_ANSWER_NS = 1_000_000_000


class Tracker:
    """Follows every flow, packet by packet, in the order in which they come."""

    def __init__(self) -> None:
        module = records.kernel("events")
        self._compiled: bool = module.compiled
        self._kernel: Any = module.Track()
        self._sides = Pool(SIDE, _AT_FIRST["sides"], self._compiled)
        self._troubles = Pool(TROUBLE, _AT_FIRST["troubles"], self._compiled)
        self._talks = Pool(TALK, _AT_FIRST["talks"], self._compiled)
        self._segments = Pool(SEGMENT, _AT_FIRST["segments"], self._compiled)
        self._events = Pool(EVENT, _AT_FIRST["events"], self._compiled)
        self._hold()
        self._rest, self._log, self._outstanding = Rest(), Log(), Outstanding()
        self._waiting: dict[int, list[Note]] = {}  # notes whose packet is still to come
        self._notes: list[tuple[int, int | None, int, str, int, str]] = []

    def feed(self, packets: Packets) -> None:
        """Take these packets, each with its flow."""
        rows = packets.rows
        for note in packets.notes:
            self._waiting.setdefault(note.frame, []).append(note)
        spoken = np.nonzero(rows["note"] != 0)[0].tolist() if self._waiting else []
        for i in spoken:
            self._announce(rows[i])
        if self._compiled:  # the other form has no rows whose memory could be given back
            self._wake(rows["flow"])
        entered = PACKET.entered(rows, self._compiled)
        self._kernel.bind(entered)
        at, count = 0, len(rows)
        while count and (at := self._kernel.run(at, count)) < count:
            self._grow(at)
        PACKET.left(entered, rows, self._compiled)
        for i in spoken:
            self._keep(rows[i])
        if self._compiled:
            self._lay_down(rows)

    def finish(
        self, first_ns: int | None, last_ns: int | None, flow_count: int, over: bool = False
    ) -> tuple[Events, Directions, Notes]:
        """The tables, once all packets have come; `first_ns` and `last_ns` are the capture's.

        `over` when no more will come: then the memory of what was put into tables is given back.
        """
        self._make_room(flow_count)
        talks = self._talks.array(flow_count)
        sides = self._seen(talks, over)
        segments = self._open_segments(over)
        events = self._arranged(talks, _Ends(sides, talks, last_ns), over)
        if over:
            self._talks.forget(len(talks))
        return events, directions(sides, segments), self._notes_table()

    def _open_segments(self, over: bool) -> Outstanding:
        """All that is not acknowledged."""
        self._kernel.let_go()
        rows = self._segments.array(self._kernel.used)
        found = self._outstanding if over else self._outstanding.copy()
        found.take(rows, self._segments.forget if over else lambda _: None)
        self._hold()
        return found

    def _seen(self, talks: Rows, over: bool) -> Sides:
        """All directions as columns."""
        self._kernel.let_go()
        live = Live(self._sides.array(self._kernel.heard + 1), talks)
        troubles = self._troubles.array(self._kernel.troubled + 1)
        found = self._rest.sides(live, troubles, self._sides.forget if over else None)
        if over:
            self._troubles.forget(len(troubles))
        self._hold()
        return found

    # --------------------------------------------------------------------------------------------------------- rest

    def _wake(self, flows: NDArray[np.uint32]) -> None:
        """Rows for those of these flows that are at rest."""
        woken = self._rest.wake(self._live(), flows)
        if len(woken):
            self._add(woken, self._outstanding.wake(woken, self._kernel.used))
            self._tell(self._log.wake(self._talking(), np.unique(woken["flow"]), self._kernel.count))

    def _lay_down(self, rows: Rows) -> None:
        """Put to rest what is silent, and events that are over, when there are many; these packets were the last."""
        if self._rest.due(self._kernel.heard):
            behind, used = self._kernel.heard + 1, self._kernel.used
            whose, heads = (self._rest.in_use(self._live().sides)[name].copy() for name in ("flow", "head"))
            awake = self._rest.lay_down(self._live(), int(rows["frame"][-1]))
            resting = heads[self._rest.asleep(whose)]
            self._add(awake, self._outstanding.lay_down(self._segments.array(used), resting, awake))
            self._kernel.free = 0
            self._segments.forget(used)
            self._sides.forget(behind)
        if self._log.due(count := self._kernel.count):
            self._tell(self._log.lay_down(self._events.array(count), self._talking(), self._rest.asleep))
            self._events.forget(count)

    # -------------------------------------------------------------------------------------------------------- notes

    def _announce(self, row: Any) -> None:
        """Let the kernel write the event of a note in its place: kind plus 1 and value stand in the row."""
        for note in self._waiting.get(int(row["frame"]), ()):
            if note.kind in _TOLD:
                row["other_hi"], row["other_lo"] = EVENT_NUMBER[note.kind] + 1, note.number

    def _keep(self, row: Any) -> None:
        """Keep the notes of a packet, unless it is a copy of one that was told before."""
        notes = self._waiting.pop(int(row["frame"]), [])
        repeat = row["kind"] == Kind.TCP and not row["pad"] & _FIRST_COPY
        if repeat or row["marks"] & Mark.DUPLICATE:
            return
        flow = int(row["flow"]) if row["flow"] != NO_FLOW else None
        side = 2 if row["kind"] == Kind.ICMP_ERROR else int(row["from_originator"])
        self._notes += [(note.frame, flow, side, note.kind, note.number, note.text) for note in notes]

    def _notes_table(self) -> Notes:
        told = list(zip(*self._notes, strict=True)) or [()] * len(NOTES_TABLE.columns)
        columns = zip(NOTES_TABLE.columns, told, strict=True)
        frame = pd.DataFrame({c.name: pd.Series(list(values), dtype=c.dtype) for c, values in columns})
        return Notes(NOTES_TABLE.check(frame.sort_values("frame", kind="stable", ignore_index=True)))

    def _arranged(self, talks: Rows, ends: _Ends, over: bool) -> Events:
        """The table: by flow, and within a flow in the order in which things happened; `ends` come last."""
        log, done = (self._log, self._events.forget) if over else (self._log.copy(), lambda _: None)
        counts = talks["events"] + ends.counts
        count, size = self._kernel.count, int(counts.sum())
        if log.due(size):
            log.take(self._events.array(count), done)
            for rows in ends:
                log.add(rows)
            return log.events(self._events.array(0), counts, self._kernel.place, done)
        self._kernel.let_go()
        if size > len(self._events):
            self._events.grow(size)
        for rows in ends:
            self._events.write(count, rows)
            count += len(rows)
        self._hold()
        return log.events(self._events.array(count), counts, self._kernel.place, done)

    # --------------------------------------------------------------------------------------------------------- room

    def _live(self) -> Live:
        return Live(self._sides.array(self._kernel.heard + 1), self._talking())

    def _talking(self) -> Rows:
        return self._talks.array(len(self._talks))

    def _behind(self, pool: Pool, count: int, rows: Rows) -> int:
        """Take these rows behind the first `count` of a pool; returns how many there are then."""
        last = count + len(rows)
        if last + 16 > len(pool):
            self._kernel.let_go()
            while last + 16 > len(pool):
                pool.grow(pool.more())
            self._hold()
        pool.write(count, rows)
        return last

    def _add(self, sides: Rows, segments: Rows) -> None:
        """Take these rows of directions, and those of their segments."""
        self._kernel.heard = self._behind(self._sides, self._kernel.heard + 1, sides) - 1
        self._kernel.used = self._behind(self._segments, self._kernel.used, segments)

    def _tell(self, rows: Rows) -> None:
        """Take these rows of events."""
        self._kernel.count = self._behind(self._events, self._kernel.count, rows)

    def _hold(self) -> None:
        pools = (self._sides, self._troubles, self._talks, self._segments, self._events)
        self._kernel.hold(*(pool.rows for pool in pools))

    def _grow(self, at: int) -> None:
        """Room for the row that did not fit."""
        self._kernel.let_go()
        if self._kernel.count + 16 > len(self._events):
            self._events.grow(self._events.more())
        if self._kernel.used + 4 > len(self._segments):
            self._segments.grow(self._segments.more())
        if self._kernel.heard + 3 > len(self._sides):
            self._sides.grow(self._sides.more())
        if self._kernel.troubled + 3 > len(self._troubles):
            self._troubles.grow(self._troubles.more())
        self._make_room(self._kernel.flow(at) + 1)

    def _make_room(self, flows: int) -> None:
        self._kernel.let_go()
        while len(self._talks) < flows:
            self._talks.grow(self._talks.more())
        self._hold()


class _Ends:
    """What is known of flows only when all packets are read: one event for each of some, at its last packet.

    `capture_end` of each connection that neither a reset nor both FINs had ended; `arp_unanswered` of each resolution
    without a reply, unless the capture ended while one could still come.
    """

    def __init__(self, sides: Sides, talks: Rows, last_ns: int | None) -> None:
        self._talks, self._last_ns = talks, last_ns
        self._asked, answered = sides["packets"]
        over = (sides["rst"] > 0).any(axis=0) | (sides["fin"] > 0).all(axis=0)
        silent = (talks["kind"] == Kind.RESOLUTION) & (self._asked > 0) & (answered == 0)
        if last_ns is not None:
            silent &= (last_ns - talks["last_ns"] >= _ANSWER_NS) | (self._asked > 1)
        self._flows = {"capture_end": (talks["kind"] == Kind.TCP) & ~over, "arp_unanswered": silent}

    @property
    def counts(self) -> NDArray[np.uint8]:
        """How many each flow has."""
        return np.asarray(np.sum([*self._flows.values()], axis=0, dtype=np.uint8))

    def __iter__(self) -> Iterator[Rows]:
        """Their rows, some at a time."""
        for kind, which in self._flows.items():
            flows = np.flatnonzero(which)
            for first in range(0, len(flows), _TOGETHER):
                yield self._rows(kind, flows[first : first + _TOGETHER])

    def _rows(self, kind: str, flows: NDArray[np.int64]) -> Rows:
        rows, talks = EVENT.zeros(len(flows)), taken(self._talks, flows)
        rows["flow"], rows["what"] = flows, 0x100 | EVENT_NUMBER[kind] << 2 | 1  # one frame, of the originator
        rows["frame"] = talks["last_frame"]
        rows["time_ns"] = talks["last_ns"]
        if kind == "arp_unanswered":
            rows["value"] = self._asked[flows]
        elif self._last_ns is not None:
            rows["value"] = np.maximum(self._last_ns - talks["last_ns"], 0)
            rows["time_ns"] = np.maximum(self._last_ns, talks["last_ns"])
        rows["last_time_ns"] = rows["time_ns"]
        return rows
