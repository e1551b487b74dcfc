# cython: language_level=3, wraparound=False, initializedcheck=False, cdivision=True, annotation_typing=True
"""Framing: where each record's bytes lie, when it was captured, how long it was. Two walks, pcap and pcapng.

Both stop where the bytes at hand end, where the rows are full, or at what Python has to look at; `why` tells which.
Every local integer is 64 bits wide; narrow types are in storage only.
"""

from __future__ import annotations

import cython

compiled = cython.compiled

i64 = cython.typedef(cython.longlong)

Frame = cython.struct(
    time_ns=cython.longlong,
    file_offset=cython.longlong,
    frame=cython.uint,
    position=cython.uint,
    caplen=cython.uint,
    wirelen=cython.uint,
    interface=cython.uint,
    part=cython.uint,
    link=cython.ushort,
    direction=cython.uchar,
    pad=cython.uchar,
)

#: Why a walk stopped.
MORE = cython.declare(cython.longlong, 0)
FULL = cython.declare(cython.longlong, 1)
LONG = cython.declare(cython.longlong, 2)
BLOCK = cython.declare(cython.longlong, 3)

#: How ticks become nanoseconds: times `factor`, divided by it, or a power of two (`factor` is the exponent).
MULTIPLY = cython.declare(cython.longlong, 0)
DIVIDE = cython.declare(cython.longlong, 1)
ODD = cython.declare(cython.longlong, 3)


@cython.final
@cython.cclass
class Walk:
    """Where a walk is, and what it counted."""

    buf: cython.uchar[::1]
    rows: Frame[::1]
    links: cython.longlong[::1]
    modes: cython.longlong[::1]
    factors: cython.longlong[::1]
    offsets: cython.longlong[::1]
    trailers: cython.longlong[::1]
    at = cython.declare(cython.longlong, visibility="public")
    count = cython.declare(cython.longlong, visibility="public")
    frame = cython.declare(cython.longlong, visibility="public")
    part = cython.declare(cython.longlong, visibility="public")
    base = cython.declare(cython.longlong, visibility="public")
    wire_bytes = cython.declare(cython.longlong, visibility="public")
    bad_times = cython.declare(cython.longlong, visibility="public")
    first_bad_time = cython.declare(cython.longlong, visibility="public")
    too_long = cython.declare(cython.longlong, visibility="public")
    first_too_long = cython.declare(cython.longlong, visibility="public")
    length = cython.declare(cython.longlong, visibility="public")
    swapped = cython.declare(cython.longlong, visibility="public")
    limit = cython.declare(cython.longlong, visibility="public")
    lengths = cython.declare(cython.longlong, visibility="public")
    extra = cython.declare(cython.longlong, visibility="public")
    tick = cython.declare(cython.longlong, visibility="public")
    interfaces = cython.declare(cython.longlong, visibility="public")
    first_interface = cython.declare(cython.longlong, visibility="public")

    def __init__(self, limit):
        self.limit = limit
        self.at = self.count = self.frame = self.part = self.base = self.wire_bytes = 0
        self.bad_times = self.first_bad_time = self.too_long = self.first_too_long = 0
        self.length = self.lengths = self.swapped = self.extra = self.interfaces = self.first_interface = 0
        self.tick = 1000

    def bind(self, buf, rows):
        """The bytes to walk over and the rows to fill."""
        self.buf = buf
        self.rows = rows

    def know(self, links, modes, factors, offsets, trailers, interfaces):
        """The interfaces: link type, how ticks are counted, offset in ns, trailer length."""
        self.links = links
        self.modes = modes
        self.factors = factors
        self.offsets = offsets
        self.trailers = trailers
        self.interfaces = interfaces

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def u32(self, at: i64) -> i64:
        if self.swapped:
            return (
                (cython.cast(i64, self.buf[at]) << 24)
                | (cython.cast(i64, self.buf[at + 1]) << 16)
                | (cython.cast(i64, self.buf[at + 2]) << 8)
                | cython.cast(i64, self.buf[at + 3])
            )
        return (
            (cython.cast(i64, self.buf[at + 3]) << 24)
            | (cython.cast(i64, self.buf[at + 2]) << 16)
            | (cython.cast(i64, self.buf[at + 1]) << 8)
            | cython.cast(i64, self.buf[at])
        )

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def u16(self, at: i64) -> i64:
        if self.swapped:
            return (cython.cast(i64, self.buf[at]) << 8) | cython.cast(i64, self.buf[at + 1])
        return (cython.cast(i64, self.buf[at + 1]) << 8) | cython.cast(i64, self.buf[at])

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def put(self, position: i64, captured: i64, wire: i64, time_ns: i64, interface: i64, direction: i64) -> cython.int:
        """One row more; the trailer (FCS) is taken off both lengths."""
        row: i64 = self.count
        trailer: i64 = self.trailers[interface]
        self.frame += 1
        self.wire_bytes += wire
        if captured > wire:
            wire = captured
            if self.too_long == 0:
                self.first_too_long = self.frame
            self.too_long += 1
        if time_ns == cython.cast(i64, -0x8000000000000000):
            if self.bad_times == 0:
                self.first_bad_time = self.frame
            self.bad_times += 1
        if trailer > wire:
            trailer = wire
        wire -= trailer
        if captured > wire:
            captured = wire
        self.rows[row].time_ns = time_ns
        self.rows[row].file_offset = self.base + position
        self.rows[row].frame = self.frame
        self.rows[row].position = position
        self.rows[row].caplen = captured
        self.rows[row].wirelen = wire
        self.rows[row].interface = self.first_interface + interface
        self.rows[row].part = self.part
        self.rows[row].link = self.links[interface]
        self.rows[row].direction = direction
        self.rows[row].pad = 0
        self.count += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def pcap_records(self, end: i64, room: i64) -> i64:
        head: i64 = 16 + self.extra
        seconds: i64
        fraction: i64
        captured: i64
        wire: i64
        time_ns: i64
        second: i64 = cython.cast(i64, 1000000000)
        while True:
            if self.count >= room:
                return FULL
            if self.at + head > end:
                return MORE
            captured = self.u32(self.at + 8)
            wire = self.u32(self.at + 12)
            # Before version 2.3 the two lengths stood the other way round; in 2.3 some writers still did it.
            if self.lengths == 1 or (self.lengths == 2 and captured > wire):
                captured, wire = wire, captured
            if captured > self.limit:
                self.length = captured
                return LONG
            if self.at + head + captured > end:
                return MORE
            seconds = self.u32(self.at)
            fraction = self.u32(self.at + 4)
            time_ns = seconds * second + fraction * self.tick
            # A fraction of a second or more, no time at all, or one beyond the year 2100 is no time.
            if fraction * self.tick >= second or time_ns == 0 or seconds > cython.cast(i64, 4102444800):
                time_ns = cython.cast(i64, -0x8000000000000000)
            self.put(self.at + head, captured, wire, time_ns, 0, 0)
            self.at += head + captured

    def pcap(self, end, room):
        """Walk over pcap records up to `end`; returns why it stopped."""
        return self.pcap_records(end, room)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def nanoseconds(self, high: i64, low: i64, interface: i64) -> i64:
        """The time of a packet block; the least int64 for one that cannot be said."""
        none: i64 = cython.cast(i64, -0x8000000000000000)
        most: i64 = cython.cast(i64, 4102444800000000000)
        mode: i64 = self.modes[interface]
        factor: i64 = self.factors[interface]
        ticks: i64
        time_ns: i64
        if high > 0x7FFFFFFF:
            return none
        ticks = (high << 32) | low
        if mode == ODD:
            return none
        if mode == MULTIPLY:
            if ticks > most // factor:
                return none
            time_ns = ticks * factor
        elif mode == DIVIDE:
            time_ns = ticks // factor
        else:
            if (ticks >> factor) > cython.cast(i64, 4102444800):
                return none
            time_ns = (ticks >> factor) * cython.cast(i64, 1000000000) + (
                ((ticks & ((cython.cast(i64, 1) << factor) - 1)) * cython.cast(i64, 1000000000)) >> factor
            )
        time_ns += self.offsets[interface]
        if time_ns <= 0 or time_ns > most:
            return none
        return time_ns

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def direction_of(self, at: i64, end: i64) -> i64:
        """The direction among the options from `at` to `end`; -1 when Python has to read them."""
        code: i64
        length: i64
        found: i64 = 0
        while at + 4 <= end:
            code = self.u16(at)
            length = self.u16(at + 2)
            if code == 0:
                return found
            if code == 1 or at + 4 + length > end:
                return -1
            if code == 2 and length == 4:
                found = self.u32(at + 4) & 3
            at += 4 + ((length + 3) & ~3)
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def packet_blocks(self, end: i64, room: i64) -> i64:
        total: i64
        interface: i64
        captured: i64
        options: i64
        direction: i64
        while True:
            if self.count >= room:
                return FULL
            if self.at + 12 > end:
                return MORE
            if self.u32(self.at) != 6:
                return BLOCK
            total = self.u32(self.at + 4)
            if total < 32 or total > self.limit + 1024 or total & 3:
                return BLOCK
            if self.at + total > end:
                return MORE
            interface = self.u32(self.at + 8)
            captured = self.u32(self.at + 20)
            if interface >= self.interfaces or self.modes[interface] == ODD:
                return BLOCK
            options = self.at + 28 + ((captured + 3) & ~3)
            if captured > self.limit or options > self.at + total - 4 or self.u32(self.at + total - 4) != total:
                return BLOCK
            direction = 0
            if options < self.at + total - 4:
                direction = self.direction_of(options, self.at + total - 4)
                if direction < 0:
                    return BLOCK
            self.put(
                self.at + 28,
                captured,
                self.u32(self.at + 24),
                self.nanoseconds(self.u32(self.at + 12), self.u32(self.at + 16), interface),
                interface,
                direction,
            )
            self.at += total

    def pcapng(self, end, room):
        """Walk over Enhanced Packet Blocks up to `end`; returns why it stopped."""
        return self.packet_blocks(end, room)

    def packet(self, position, captured, wire, time_ns, interface, direction):
        """A row for a packet that Python found."""
        self.put(position, captured, wire, time_ns, interface, direction)

    def time_of(self, high, low, interface):
        """The time of a packet block that Python found."""
        return self.nanoseconds(high, low, interface)
