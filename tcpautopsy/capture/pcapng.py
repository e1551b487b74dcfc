"""The blocks of a pcapng file that the walk leaves to Python: sections, interfaces, statistics, odd packets."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from tcpautopsy.capture.interfaces import MAX_INTERFACES, ODD, Interfaces, Ticks, ticks
from tcpautopsy.capture.window import MAX_BLOCK, MAX_RECORD, Window
from tcpautopsy.errors import CaptureError
from tcpautopsy.tables import NO_TIME, Interface, Problem

SECTION, INTERFACE, PACKET, SIMPLE, STATISTICS, ENHANCED, SECRETS = 0x0A0D0D0A, 1, 2, 3, 5, 6, 10
_MAGIC = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_COMMENT, _FLAGS = 1, 2
_NAME, _FILTER, _TSRESOL, _FCSLEN, _TSOFFSET = 2, 11, 9, 13, 14
_RECEIVED, _IF_DROPPED, _OS_DROPPED = 4, 5, 7
_MOST_COMMENTS = 1000
_MOST_OFFSET_S = 2**32
_DEFAULT_TICKS = Ticks(0, 1000)  # microseconds (pcapng, if_tsresol)


class Blocks:
    """Reads the block at the walk's place and moves the walk behind it."""

    def __init__(self, walk: Any, interfaces: Interfaces) -> None:
        self.begun = False
        self.problems: list[Problem] = []
        self.comments: list[tuple[int, str]] = []
        self.secrets = False
        self.untimed = 0
        self._walk = walk
        self._interfaces = interfaces
        self._order = "<"
        self._snaplens: list[int] = []
        self._takers: dict[int, Callable[[bytes, int], None]] = {
            SECTION: self._section,
            INTERFACE: self._interface,
            PACKET: self._old_packet,
            SIMPLE: self._simple,
            STATISTICS: self._statistics,
            ENHANCED: self._enhanced,
            SECRETS: self._secret,
        }

    def need(self, window: Window) -> int:
        """Bytes from the walk's place on that must be at hand to take the block. Raises CaptureError."""
        at = self._walk.at
        if window.have - at < 12:
            return 12
        kind, total = self._head(window.buffer, at)
        if kind == SECTION and not self.begun and not 28 <= total <= MAX_BLOCK:
            raise CaptureError(f"block length {total} at offset {at}", "damaged-block")
        # A length that cannot be is not waited for: `take` tells it.
        return total + (-total) % 4 if 12 <= total <= MAX_BLOCK else 12

    def take(self, window: Window) -> bool:
        """Take the block; False when it is damaged, which is told. Raises CaptureError for what no reader can read."""
        at, buffer = self._walk.at, window.buffer
        kind, total = self._head(buffer, at)
        offset = window.base + at
        fault = self._fault(buffer, at, kind, total)
        if fault is not None:
            words = f"damaged block at offset {offset}: {fault}; stopped there"
            self.problems.append(Problem("damaged-block", offset, self._walk.frame or None, words))
            return False
        if total % 4:
            self._odd("block-length", offset, f"block length {total} at offset {offset} is no multiple of 4")
        if kind in self._takers:
            try:
                self._takers[kind](bytes(buffer[at + 8 : at + total - 4]), at + 8)
            except _Damaged as damage:
                words = f"damaged block at offset {offset}: {damage}; stopped there"
                self.problems.append(Problem("damaged-block", offset, self._walk.frame or None, words))
                return False
        self._walk.at = at + total + (-total) % 4
        return True

    def _head(self, buffer: bytearray, at: int) -> tuple[int, int]:
        """Kind and length; a section header tells its byte order itself."""
        raw = bytes(buffer[at : at + 12])
        if raw[:4] == b"\x0a\x0d\x0d\x0a":
            order = _MAGIC.get(raw[8:12])
            if order is None:
                raise CaptureError("bad byte-order magic", "damaged-block")
            return SECTION, int(struct.unpack_from(order + "I", raw, 4)[0])
        kind, total = struct.unpack_from(self._order + "II", raw)
        return int(kind), int(total)

    def _fault(self, buffer: bytearray, at: int, kind: int, total: int) -> str | None:
        if not 12 <= total <= MAX_BLOCK:
            return f"block length {total}"
        order = _MAGIC[bytes(buffer[at + 8 : at + 12])] if kind == SECTION else self._order
        again = struct.unpack_from(order + "I", buffer, at + total + (-total) % 4 - 4)[0]
        return None if again == total else f"block lengths {total} and {again} differ"

    def _odd(self, code: str, offset: int | None, words: str) -> None:
        """An anomaly; like ones are counted."""
        for place, known in enumerate(self.problems):
            if known.code == code:
                self.problems[place] = known._replace(count=known.count + 1)
                return
        self.problems.append(Problem(code, offset, None, words))

    # ------------------------------------------------------------------------------------------- kinds of blocks

    def _section(self, body: bytes, _at: int) -> None:
        if len(body) < 16:
            raise CaptureError(
                f"block length {len(body) + 12} at offset {self._walk.base + self._walk.at}", "damaged-block"
            )
        self._order = _MAGIC[body[:4]]
        major = struct.unpack_from(self._order + "H", body, 4)[0]
        if major != 1:
            raise CaptureError(f"pcapng version {major} not supported", "version")
        self._walk.swapped = int(self._order == ">")
        self.begun = True
        self._interfaces.section()
        self._snaplens = []
        self._interfaces.teach(self._walk)

    def _interface(self, body: bytes, _at: int) -> None:
        if len(body) < 8:
            raise _Damaged("an interface description of fewer than 8 bytes")
        if self._interfaces.count >= MAX_INTERFACES:
            raise _Damaged(f"more than {MAX_INTERFACES} interfaces")
        link, _reserved, snaplen = struct.unpack_from(self._order + "HHI", body)
        found = dict(self._options(body[8:]))
        counted, offset_ns = self._clock(found)
        name, filtered = found.get(_NAME), found.get(_FILTER)
        facts = Interface(
            name=name.decode("utf-8", "replace") if name else None,
            link=link,
            snaplen=snaplen,
            filter=filtered[1:].decode("utf-8", "replace") if filtered and filtered[0] == 0 else None,
            received=None,
            dropped=None,
            ns_per_tick=counted.ns_per_tick,
        )
        trailer = found[_FCSLEN][0] if len(found.get(_FCSLEN, b"")) == 1 else 0
        self._snaplens.append(snaplen)
        self._interfaces.add(facts, counted, offset_ns, trailer if trailer <= 8 else 0)
        self._interfaces.teach(self._walk)

    def _clock(self, found: dict[int, bytes]) -> tuple[Ticks, int]:
        """How times are counted, and what is added to them in ns."""
        counted, offset_s = _DEFAULT_TICKS, 0
        if _TSRESOL in found:
            if len(found[_TSRESOL]) == 1:
                counted = ticks(found[_TSRESOL][0])
            else:
                self._odd("bad-option", None, "an if_tsresol option that is not 1 byte long")
        if _TSOFFSET in found:
            if len(found[_TSOFFSET]) == 8:
                offset_s = struct.unpack(self._order + "q", found[_TSOFFSET])[0]
            else:
                self._odd("bad-option", None, "an if_tsoffset option that is not 8 bytes long")
        if abs(offset_s) > _MOST_OFFSET_S:
            return Ticks(ODD, 1), 0
        return counted, offset_s * 1_000_000_000

    def _statistics(self, body: bytes, _at: int) -> None:
        if len(body) < 12:
            return
        place = struct.unpack_from(self._order + "I", body)[0]
        if place >= self._interfaces.count:
            self._odd("bad-interface", None, f"statistics of interface {place}, which was not described")
            return
        found = {
            code: struct.unpack(self._order + "Q", value)[0]
            for code, value in self._options(body[12:])
            if len(value) == 8
        }
        drops = [found[code] for code in (_IF_DROPPED, _OS_DROPPED) if code in found]
        self._interfaces.statistics(place, found.get(_RECEIVED), sum(drops) if drops else None)

    def _enhanced(self, body: bytes, at: int) -> None:
        if len(body) < 20:
            raise _Damaged("a packet block of fewer than 32 bytes")
        place, high, low, captured, wire = struct.unpack_from(self._order + "IIIII", body)
        self._packet(place, (high, low), (captured, wire), body, at)

    def _old_packet(self, body: bytes, at: int) -> None:
        if len(body) < 20:
            raise _Damaged("a packet block of fewer than 32 bytes")
        place, _drops, high, low, captured, wire = struct.unpack_from(self._order + "HHIIII", body)
        self._packet(place, (high, low), (captured, wire), body, at)

    def _packet(self, place: int, time: tuple[int, int], lengths: tuple[int, int], body: bytes, at: int) -> None:
        captured, wire = lengths
        self._check_interface(place)
        if captured > min(len(body) - 20, MAX_RECORD):
            raise _Damaged(f"a packet of {captured} bytes in a block of {len(body) + 12}")
        direction = 0
        for code, value in self._options(body[20 + captured + (-captured) % 4 :]):
            if code == _FLAGS and len(value) == 4:
                direction = struct.unpack(self._order + "I", value)[0] & 3
            elif code == _COMMENT and len(self.comments) < _MOST_COMMENTS:
                self.comments.append((self._walk.frame + 1, value.decode("utf-8", "replace")))
        self._walk.packet(at + 20, captured, wire, self._time(place, time), place, direction)

    def _simple(self, body: bytes, at: int) -> None:
        if len(body) < 4:
            raise _Damaged("a simple packet block of fewer than 16 bytes")
        self._check_interface(0)
        wire = struct.unpack_from(self._order + "I", body)[0]
        captured = min(wire, len(body) - 4, self._snaplens[0] or MAX_RECORD, MAX_RECORD)
        self.untimed += 1
        self._walk.packet(at + 4, captured, wire, NO_TIME, 0, 0)

    def _check_interface(self, place: int) -> None:
        if not self._interfaces.count:
            raise CaptureError("packet before any interface description", "damaged-block")
        if place >= self._interfaces.count:
            raise _Damaged(f"interface {place} was not described")

    def _time(self, place: int, time: tuple[int, int]) -> int:
        return int(self._walk.time_of(*time, place))

    def _secret(self, _body: bytes, _at: int) -> None:
        self.secrets = True

    def _options(self, raw: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(raw):
            code, length = struct.unpack_from(self._order + "HH", raw, at)
            if code == 0:
                return
            if at + 4 + length > len(raw):
                self._odd("bad-option", None, f"option {code} is longer than its block")
                return
            yield code, raw[at + 4 : at + 4 + length]
            at += 4 + length + (-length) % 4


class _Damaged(Exception):  # noqa: N818 # never leaves this module
    """A block whose content cannot be."""
