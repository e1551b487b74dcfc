"""Frames become Packets: a kernel for the common path, this room's Python and dpkt for the rest.

The kernel says of each row what is left to do; `_HANDLERS` is the closed table of who does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tcpautopsy import records
from tcpautopsy.decode import control, links, payloads, tunnels
from tcpautopsy.decode.anomalies import Anomalies
from tcpautopsy.decode.lookups import Lookup, lookup
from tcpautopsy.decode.zones import Zones
from tcpautopsy.records import Rows
from tcpautopsy.tables import FRAME, PACKET, Frames, Kind, Mark, Note, Packets, Problem, Protocol

__all__ = ["Decoder"]

# What the kernel says of a row; its constants of the same names.
LINK, ZONE, TUNNEL, CONTROL, PAYLOAD, LOOKUP, ARP = 1, 2, 3, 4, 5, 6, 7
#: Rows of which only the count is left.
_COUNTED = {8: "too-short", 9: "malformed-ip", 10: "malformed-tcp", 11: "extension-chain", 13: "bad-tcp-option"}
_BROADCAST = 0xFFFFFFFFFFFF
_DNS_PORT = 53


class _Frame(NamedTuple):
    """Where the bytes of the frame at hand are."""

    at: int
    end: int
    wire_end: int
    link: int
    number: int
    offset: int


class Decoder:
    """Decodes batch after batch. The rows handed out are the caller's."""

    def __init__(self) -> None:
        module = records.kernel("decode")
        self._compiled: bool = module.compiled
        self._kernel: Any = module.Decode()
        self._zones = Zones()
        self._anomalies = Anomalies()
        self._notes: list[Note] = []
        self._rows: Any = None
        self._view: Any = None
        self._frames: Frames = Frames(bytearray(), FRAME.zeros(0))

    def packets(self, frames: Frames) -> Packets:
        """The packets of a batch, one row per frame, in their order."""
        count = len(frames.rows)
        rows = PACKET.zeros(count)  # anew: who puts them in order of time keeps them, and need not copy
        left = records.integers(count, "B")
        self._frames, self._notes = frames, []
        self._rows = PACKET.entered(rows, self._compiled)
        self._view = rows.view(np.recarray) if self._compiled else self._rows
        entered = FRAME.entered(frames.rows, self._compiled)
        self._kernel.bind(frames.buffer, entered, self._rows, left, self._zones.vlans)
        if self._kernel.run(count):
            self._rest(np.asarray(left))
        PACKET.left(self._rows, rows, self._compiled)
        self._fragments(rows)
        return Packets(rows, self._notes)

    def problems(self) -> tuple[Problem, ...]:
        """What was odd in the frames so far."""
        return self._anomalies.problems()

    def unsupported(self) -> int:
        """Frames so far whose link type is not supported."""
        return self._anomalies.unsupported

    def zone_names(self) -> list[str]:
        """The name of each zone; index 0 is that of none."""
        return self._zones.names()

    def _rest(self, left: Any) -> None:
        """What the kernel left: counted, or handled row by row in their order."""
        handled = (left >= LINK) & (left <= ARP)
        for outcome in np.unique(left[(left != 0) & ~handled]).tolist():
            where = np.nonzero(left == outcome)[0]
            if outcome in _COUNTED:
                self._count(_COUNTED[outcome], self._frame(int(where[0])), len(where))
        for i in np.nonzero(handled)[0].tolist():
            self._handle(i, int(left[i]), self._frame(i), depth=0)

    def _frame(self, i: int) -> _Frame:
        row = self._frames.rows[i]
        at = int(row["position"])
        end, wire_end = at + int(row["caplen"]), at + int(row["wirelen"])
        return _Frame(at, end, wire_end, int(row["link"]), int(row["frame"]), int(row["file_offset"]))

    def _count(self, code: str, frame: _Frame, count: int = 1) -> None:
        self._anomalies.met(code, frame.number, frame.offset, count)

    def _handle(self, i: int, outcome: int, frame: _Frame, depth: int) -> None:
        """Go on with a row until nothing is left of it; each tunnel opened is one level deeper."""
        row = self._view[i]
        while outcome:
            handler = _HANDLERS.get(outcome)
            if handler is None:
                if outcome in _COUNTED:
                    self._count(_COUNTED[outcome], frame)
                return
            if outcome == TUNNEL:
                depth += 1
                if depth > tunnels.MAX_DEPTH:
                    row.kind = Kind.OTHER
                    self._count("encapsulation", frame)
                    return
            try:
                outcome, frame = handler(self, i, row, frame)
            except links.ShortError:
                self._count("too-short", frame)
                return

    # Each of these returns what is left of the row then, and where its bytes end from now on.

    def _link(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        found = links.walk(self._frames.buffer, frame.at, frame.end, frame.link)
        if found is None:
            self._anomalies.link(frame.link)
            return 0, frame
        if found.macs:
            row.src_mac, row.dst_mac = found.macs
        if not found.ethertype:
            self._count("not-decoded", frame)
            return 0, frame
        row.zone = self._zones.number(found.labels)
        return self._kernel.inner(i, found.at, found.ethertype, frame.end, frame.wire_end), frame

    def _tunnel(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        at, port = int(row.payload_at), int(row.dport) if row.protocol == Protocol.UDP else 0
        inner = tunnels.opened(self._frames.buffer, at, frame.end, int(row.protocol), port) if at else None
        if inner is None or not inner.ethertype:
            if row.protocol != Protocol.UDP:
                self._count("not-decoded", frame)
            return 0, frame
        end, wire_end = frame.end, min(frame.wire_end, at + int(row.payload_len))
        row.zone = self._zones.number((*self._zones.labels(int(row.zone)), *inner.labels))
        inside = frame._replace(end=min(end, wire_end), wire_end=wire_end)
        return self._kernel.inner(i, inner.at, inner.ethertype, inside.end, wire_end), inside

    def _control(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        at = int(row.payload_at)
        end = min(frame.end, at + int(row.payload_len))
        self._notes += control.icmp(row, self._frames.buffer, at, end)
        return 0, frame

    def _arp(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        to_one = bool(row.dst_mac) and row.dst_mac != _BROADCAST
        self._notes += control.arp(row, self._frames.buffer, int(row.payload_at), frame.end, to_one)
        return 0, frame

    def _payload(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        at = int(row.payload_at)
        payload = bytes(self._frames.buffer[at : min(frame.end, at + int(row.payload_len), at + 4096)])
        if _DNS_PORT in (row.sport, row.dport):
            # RFC 1035 4.2.2: a length of two bytes stands before each message.
            found = lookup(frame.number, payload[2:]) if len(payload) > 2 else None
            notes = found.notes if found else []
        else:
            notes = payloads.told(frame.number, payload, int(row.icmp_type), int(row.seq))
        row.note = int(bool(notes))
        self._notes += notes
        return 0, frame

    def _lookup(self, i: int, row: Any, frame: _Frame) -> tuple[int, _Frame]:
        at = int(row.payload_at)
        if not at:
            return 0, frame
        found = lookup(frame.number, bytes(self._frames.buffer[at : min(frame.end, at + int(row.payload_len))]))
        if found is not None and (row.sport if found.answer else row.dport) == _DNS_PORT:
            self._become_lookup(row, found)
        return 0, frame

    def _become_lookup(self, row: Any, found: Lookup) -> None:
        row.kind, row.protocol, row.tag = Kind.DNS, Protocol.DNS, found.tag
        row.flags, row.window, row.icmp_mtu = 2 if found.answer else 1, found.rcode, found.kind
        row.note = int(bool(found.notes))
        self._notes += found.notes

    def _fragments(self, rows: Rows) -> None:
        parts = (rows["kind"] == Kind.FRAGMENT) | (rows["marks"] & Mark.FIRST_FRAGMENT != 0)
        if parts.any():
            self._anomalies.fragments(int(parts.sum()), int(rows["frame"][np.argmax(parts)]))


_Handler = Callable[[Decoder, int, Any, _Frame], tuple[int, _Frame]]
_HANDLERS: dict[int, _Handler] = {
    LINK: Decoder._link,
    ZONE: Decoder._link,
    TUNNEL: Decoder._tunnel,
    CONTROL: Decoder._control,
    PAYLOAD: Decoder._payload,
    LOOKUP: Decoder._lookup,
    ARP: Decoder._arp,
}
