"""A capture read once, in pieces: Frames out, and what the file says of itself at the end.

Damage ends a file where it is met, is told, and takes nothing back: the packets before it count.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from tcpautopsy import records
from tcpautopsy.capture.interfaces import Interfaces, Ticks, link_name
from tcpautopsy.capture.pcapng import Blocks
from tcpautopsy.capture.resync import plausible
from tcpautopsy.capture.sources import Counted, Source, unpacked
from tcpautopsy.capture.window import MAX_RECORD, Window
from tcpautopsy.errors import CaptureError
from tcpautopsy.tables import FRAME, NO_TIME, CaptureFacts, Frames, Interface, Part, Problem

_ROOM = 8192  # frames of a batch
MORE, FULL, LONG, BLOCK = 0, 1, 2, 3  # why a walk stopped

#: First four bytes -> (struct's byte order, ns per tick, bytes between record header and packet).
PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 0),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1, 0),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 8),  # Kuznetzov's format: interface, protocol, packet type
    b"\xa1\xb2\xcd\x34": (">", 1000, 8),
}
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_HEADER = 24
_PCAPNG_HEADER = 28
#: What else a file may be: first bytes -> what to do about it.
_OTHERS = {
    b"snoop\x00": "snoop capture: convert with editcap -F pcap",
    b"ERF": "ERF capture: convert with editcap -F pcap",
    b"GMBU": "NetMon capture: convert with editcap -F pcap",
    b"RTSS": "NetMon capture: convert with editcap -F pcap",
    b"PK\x03\x04": "zip archive: unpack it first",
    b"\x1f\x8b": "packed twice: unpack it once first",
    b"\xfd7zXZ": "packed twice: unpack it once first",
    b"\x28\xb5\x2f\xfd": "packed twice: unpack it once first",
    b"\x04\x22\x4d\x18": "packed twice: unpack it once first",
}


class Input(NamedTuple):
    """One file, under the name by which it is shown."""

    name: str
    stream: BinaryIO


class Reader:
    """The frames of one capture; several inputs are the parts of one ring-buffer set, in order of time."""

    def __init__(
        self,
        inputs: Sequence[Input],
        *,
        chunk_bytes: int = 4 * 1024 * 1024,
        resync: bool = False,
        max_bytes: int = 64 * 2**30,
        digest: bool = True,
    ) -> None:
        self._inputs = inputs
        self._chunk_bytes = chunk_bytes
        self._resync = resync
        self._max_bytes = max_bytes
        self._digest = digest
        kernel = records.kernel("capture")
        self._compiled: bool = kernel.compiled
        self._rows = FRAME.zeros(_ROOM)
        self._entered = FRAME.entered(self._rows, self._compiled)
        self._walk: Any = kernel.Walk(MAX_RECORD)
        self._interfaces = Interfaces()
        self._problems: list[Problem] = []
        self._parts: list[Part] = []
        self._comments: list[tuple[int, str]] = []
        self._links: dict[int, None] = {}
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._format: str | None = None
        self._compression: str | None = None
        self._cut_short = False
        self._secrets = False
        self._untimed = 0

    def chunks(self) -> Iterator[Frames]:
        """The frames in the order of the file. Raises CaptureError when nothing at all can be read."""
        for number, one in enumerate(self._inputs):
            try:
                yield from self._part(number, one)
            except CaptureError as error:
                if len(self._inputs) == 1 or not (self._walk.frame or number + 1 < len(self._inputs)):
                    raise CaptureError(f"{one.name}: {error}", error.code) from None
                self._problems.append(Problem(error.code, None, None, f"{one.name}: {error}"))
        if self._format is None:
            raise CaptureError(f"{self._inputs[0].name}: no part could be read", "unreadable")

    def further(self, one: Input) -> Iterator[Frames]:
        """The frames of one more part, of a set that grows; one that cannot be read is told among the problems."""
        self._inputs = [*self._inputs, one]
        try:
            yield from self._part(len(self._inputs) - 1, one)
        except CaptureError as error:
            self._problems.append(Problem(error.code, None, None, f"{one.name}: {error}"))

    @property
    def first_ns(self) -> int | None:
        """The earliest time so far; None before the first packet that has one."""
        return self._first_ns

    @property
    def last_ns(self) -> int | None:
        """The latest time so far; None before the first packet that has one."""
        return self._last_ns

    def facts(self) -> CaptureFacts:
        """What is known of all chunks that were taken."""
        walk = self._walk
        problems = [*self._problems, *self._counted()]
        if not walk.frame:
            problems.append(Problem("no-packets", None, None, "no packets"))
        several = len(self._inputs) > 1
        return CaptureFacts(
            name=self._inputs[0].name,
            sha256=self._parts[0].sha256 if not several else None,
            format=self._format,
            compression=self._compression,
            link_types=tuple(dict.fromkeys(link_name(link) for link in self._links)),
            packets=walk.frame,
            bytes=walk.wire_bytes,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            snaplen=max((i.snaplen for i in self._interfaces.facts), default=0) or None,
            interfaces=tuple(self._interfaces.facts),
            parts=tuple(self._parts) if several else (),
            problems=tuple(problems),
            comments=tuple(self._comments),
            cut_short=self._cut_short,
            holds_secrets=self._secrets,
        )

    def _counted(self) -> Iterator[Problem]:
        """Anomalies that many frames share."""
        walk = self._walk
        if walk.too_long:
            words = "the captured length is larger than the length on the wire"
            yield Problem("caplen-gt-len", None, walk.first_too_long, words, walk.too_long)
        if self._untimed:
            yield Problem("no-timestamps", None, None, f"packets without timestamps: {self._untimed}")
        invalid = walk.bad_times - self._untimed
        if invalid > 0:
            yield Problem(
                "timestamp-invalid", None, walk.first_bad_time, "the time of the record is not valid", invalid
            )
        if self._secrets:
            warning = "capture holds TLS secrets: do not attach the capture"
            yield Problem("decryption-secrets", None, None, warning)

    # -------------------------------------------------------------------------------------------------- one part

    def _part(self, number: int, one: Input) -> Iterator[Frames]:
        raw = Counted(one.stream, self._digest)
        before = self._walk.frame
        source: Source | None = None
        try:
            source = unpacked(raw)
            window = Window(source, self._chunk_bytes, self._max_bytes)
            self._walk.part, self._walk.at, self._walk.base, self._walk.count = number, 0, 0, 0
            self._walk.bind(window.buffer, self._entered)
            self._interfaces.section()
            window.hold(_PCAPNG_HEADER)
            yield from self._frames(window)
            if window.over_limit:
                size = f"{self._max_bytes / 2**30:g} GiB"
                self._problems.append(Problem("size-limit", None, None, f"decompressed size limit {size} reached"))
        finally:
            if source is not None:
                self._problems += source.problems
                self._compression = self._compression or source.compression
            digest, first = raw.sha256(), before + 1
            if raw.failure is not None and raw.begun:
                words = f"{one.name}: reading stopped: {raw.failure}"
                self._problems.append(Problem("read-error", None, self._walk.frame or None, words))
            self._parts.append(Part(one.name, digest, self._walk.frame - before, first))

    def _frames(self, window: Window) -> Iterator[Frames]:
        head = bytes(window.buffer[: min(window.have, _PCAPNG_HEADER)])
        if head[:4] in PCAP_MAGIC:
            return self._pcap(window, head)
        if head[:4] == PCAPNG_MAGIC:
            return self._pcapng(window, head)
        raise CaptureError(*_refused(head))

    def _batch(self, window: Window) -> Frames:
        """The rows filled so far; the walk begins a new batch."""
        rows = FRAME.array(self._entered, self._walk.count, self._compiled)
        self._walk.count = 0
        times = rows["time_ns"]
        valid = times if times.min() != NO_TIME else times[times != NO_TIME]
        if len(valid):
            low, high = int(valid.min()), int(valid.max())
            self._first_ns = low if self._first_ns is None else min(low, self._first_ns)
            self._last_ns = high if self._last_ns is None else max(high, self._last_ns)
        return Frames(window.buffer, rows)

    # ------------------------------------------------------------------------------------------------------ pcap

    def _pcap(self, window: Window, head: bytes) -> Iterator[Frames]:
        order, tick, extra = PCAP_MAGIC[head[:4]]
        if len(head) < _PCAP_HEADER:
            raise CaptureError(f"file header is cut short ({len(head)} of {_PCAP_HEADER} bytes)", "cut-short")
        major, minor, _zone, _sigfigs, snaplen, link = struct.unpack_from(order + "HHiIII", head, 4)
        if major != 2:
            words = f"version {major}.{minor} of the file format, read as 2.4"
            self._problems.append(Problem("version", 4, None, words))
        # The upper bits of the link type word tell how many 16-bit units of FCS each packet has (libpcap).
        trailer = 2 * (link >> 28) if link & 0x04000000 else 0
        facts = Interface(None, link & 0xFFFF, snaplen, None, None, None, float(tick))
        self._format = self._format or "pcap"
        self._links[facts.link] = None
        self._interfaces.add(facts, Ticks(0, tick), trailer=trailer)
        walk = self._walk
        walk.swapped, walk.tick, walk.extra, walk.at = int(order == ">"), tick, extra, _PCAP_HEADER
        walk.lengths = {True: 1, False: 2 if minor == 3 else 0}[minor < 3] if major == 2 else 0
        self._interfaces.teach(walk)
        while True:
            why = walk.pcap(window.have, _ROOM)
            if walk.count:
                yield self._batch(window)
            if why == LONG and not self._past_damage(window):
                return
            if why == MORE and not self._more(window):
                self._pcap_end(window)
                return

    def _more(self, window: Window) -> bool:
        """Read on behind what the walk has passed."""
        filled = window.fill(self._walk.at)
        self._walk.at, self._walk.base = 0, window.base
        return filled

    def _pcap_end(self, window: Window) -> None:
        """What is left when no whole record is."""
        if not window.have or window.over_limit:
            return
        head = 16 + self._walk.extra
        self._cut_short = True
        number, have = self._walk.frame + 1, window.have
        order = ">I" if self._walk.swapped else "<I"
        need = head if have < head else head + struct.unpack_from(order, window.buffer, 8)[0]
        words = f"capture ends in the middle of packet {number} ({have} of {need} bytes)"
        self._problems.append(Problem("cut-short", window.base, number, words))

    def _past_damage(self, window: Window) -> bool:
        """A record that cannot be: stop there, or search the next plausible one when that was asked for."""
        walk = self._walk
        offset, number = window.base + walk.at, walk.frame + 1
        words = f"packet {number} at offset {offset}: record length {walk.length} exceeds {MAX_RECORD}"
        if not self._resync:
            self._problems.append(Problem("record-length", offset, number, f"{words}; stopped there"))
            return False
        skipped = 1
        while True:
            found = plausible(window, walk.at + 1, walk)
            if found is not None:
                skipped += found - walk.at - 1
                walk.at = found
                self._problems.append(Problem("record-length", offset, number, f"{words}; skipped {skipped} bytes"))
                return True
            keep = max(walk.at, window.have - MAX_RECORD // 2)
            skipped += keep - walk.at
            walk.at = keep
            if not self._more(window):
                rest = f"{words}; nothing plausible after it"
                self._problems.append(Problem("record-length", offset, number, rest))
                return False

    # ---------------------------------------------------------------------------------------------------- pcapng

    def _pcapng(self, window: Window, head: bytes) -> Iterator[Frames]:
        if len(head) < _PCAPNG_HEADER:
            raise CaptureError(f"file header is cut short ({len(head)} of {_PCAPNG_HEADER} bytes)", "cut-short")
        self._format = self._format or "pcapng"
        blocks = Blocks(self._walk, self._interfaces)
        before = self._walk.frame
        try:
            yield from self._walked(window, blocks)
            self._pcapng_end(window, blocks)
        except CaptureError as error:
            if self._walk.count:
                yield self._batch(window)
            if self._walk.frame == before:
                raise
            self._problems.append(Problem(error.code, None, self._walk.frame, str(error)))
        finally:
            self._took(blocks)

    def _walked(self, window: Window, blocks: Blocks) -> Iterator[Frames]:
        """The kernel's walk and Python's blocks in turn, until the bytes end or one of them is damaged."""
        walk = self._walk
        going = True
        while going:
            why = walk.pcapng(window.have, _ROOM) if blocks.begun and walk.count < _ROOM else BLOCK
            if walk.count and (why != BLOCK or walk.count >= _ROOM or blocks.need(window) > window.have - walk.at):
                # The rows point into the buffer: they are handed out before it moves.
                yield self._batch(window)
            if why == MORE:
                going = self._more(window)
            elif why == BLOCK:
                going = self._block(window, blocks)
        if walk.count:
            yield self._batch(window)

    def _block(self, window: Window, blocks: Blocks) -> bool:
        """Take the block at the walk's place, or read on for it; False when the file ends or the block is damaged."""
        need = blocks.need(window)
        if need <= window.have - self._walk.at:
            return blocks.take(window)
        self._more(window)
        held = window.hold(need)
        self._walk.bind(window.buffer, self._entered)
        return held

    def _pcapng_end(self, window: Window, blocks: Blocks) -> None:
        rest = window.have - self._walk.at
        if rest and not window.over_limit and not any(p.code == "damaged-block" for p in blocks.problems):
            self._cut_short = True
            offset = window.base + self._walk.at
            words = f"damaged block at offset {offset}: cut short after {rest} bytes; stopped there"
            self._problems.append(Problem("damaged-block", offset, self._walk.frame or None, words))

    def _took(self, blocks: Blocks) -> None:
        self._problems += blocks.problems
        self._comments += blocks.comments
        self._secrets = self._secrets or blocks.secrets
        self._untimed += blocks.untimed
        for facts in self._interfaces.facts:
            self._links[facts.link] = None


def _refused(head: bytes) -> tuple[str, str]:
    """Why these first bytes are no capture, and its code."""
    if not head:
        return "empty file", "empty"
    for start, words in _OTHERS.items():
        if head.startswith(start):
            return words, "not-a-capture"
    if len(head) < 4:
        return f"file header is cut short ({len(head)} of {_PCAP_HEADER} bytes)", "cut-short"
    return f"not a capture file (starts with {head[:4].hex(' ')})", "not-a-capture"
