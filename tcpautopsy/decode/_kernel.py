# cython: language_level=3, wraparound=False, initializedcheck=False, cdivision=True, annotation_typing=True
"""Decoding of the common path: link layer, IPv4 and IPv6, TCP and UDP headers into Packet rows.

What is not common is left to Python: `run` writes into `left` what has to be looked at. Lengths come from the IP
header; a length from the wire is compared with what was captured before it is used.

Longer than other modules, for a kernel imports nothing of the house (docs/decisions/005-kernels-stand-alone.md).
"""

from __future__ import annotations

import cython

compiled = cython.compiled

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)

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
Packet = cython.struct(
    time_ns=cython.longlong,
    file_offset=cython.longlong,
    src_hi=cython.ulonglong,
    src_lo=cython.ulonglong,
    dst_hi=cython.ulonglong,
    dst_lo=cython.ulonglong,
    other_hi=cython.ulonglong,
    other_lo=cython.ulonglong,
    src_mac=cython.ulonglong,
    dst_mac=cython.ulonglong,
    frame=cython.uint,
    flow=cython.uint,
    caplen=cython.uint,
    wirelen=cython.uint,
    ip_len=cython.uint,
    zone=cython.uint,
    tag=cython.uint,
    seq=cython.uint,
    ack=cython.uint,
    payload_len=cython.uint,
    payload_at=cython.uint,
    tsval=cython.uint,
    tsecr=cython.uint,
    sack1l=cython.uint,
    sack1r=cython.uint,
    sack2l=cython.uint,
    sack2r=cython.uint,
    sack3l=cython.uint,
    sack3r=cython.uint,
    sack4l=cython.uint,
    sack4r=cython.uint,
    note=cython.uint,
    interface=cython.uint,
    part=cython.uint,
    sport=cython.ushort,
    dport=cython.ushort,
    ip_id=cython.ushort,
    window=cython.ushort,
    mss=cython.ushort,
    checksum=cython.ushort,
    marks=cython.ushort,
    icmp_mtu=cython.ushort,
    kind=cython.uchar,
    protocol=cython.uchar,
    ip_version=cython.uchar,
    ttl=cython.uchar,
    tos=cython.uchar,
    flags=cython.uchar,
    wscale=cython.uchar,
    sack_n=cython.uchar,
    icmp_type=cython.uchar,
    icmp_code=cython.uchar,
    from_originator=cython.uchar,
    pad=cython.uchar,
)

# What `left` says of a row. Numbers are shared with the room's __init__.
DONE = cython.declare(cython.longlong, 0)
LINK = cython.declare(cython.longlong, 1)
ZONE = cython.declare(cython.longlong, 2)
TUNNEL = cython.declare(cython.longlong, 3)
CONTROL = cython.declare(cython.longlong, 4)
PAYLOAD = cython.declare(cython.longlong, 5)
LOOKUP = cython.declare(cython.longlong, 6)
ARP = cython.declare(cython.longlong, 7)
SHORT = cython.declare(cython.longlong, 8)
BAD_IP = cython.declare(cython.longlong, 9)
BAD_TCP = cython.declare(cython.longlong, 10)
LONG_CHAIN = cython.declare(cython.longlong, 11)
OTHER = cython.declare(cython.longlong, 12)
BAD_OPTION = cython.declare(cython.longlong, 13)

# Mark bits of tables.Mark.
TRUNCATED = cython.declare(cython.longlong, 1)
BAD_CHECKSUM = cython.declare(cython.longlong, 2)
GOOD_CHECKSUM = cython.declare(cython.longlong, 4)
#: "SIP/" and "2.0 ".
SIP = cython.declare(cython.longlong, 0x5349502F)
VERSION_2 = cython.declare(cython.longlong, 0x322E3020)
DF = cython.declare(cython.longlong, 8)
FIRST_FRAGMENT = cython.declare(cython.longlong, 16)
TIMESTAMPS = cython.declare(cython.longlong, 32)
SACK_PERMITTED = cython.declare(cython.longlong, 64)
MSS = cython.declare(cython.longlong, 128)
WSCALE = cython.declare(cython.longlong, 256)
FAST_OPEN = cython.declare(cython.longlong, 512)
MPTCP = cython.declare(cython.longlong, 1024)
INCOMING = cython.declare(cython.longlong, 2048)
OUTGOING = cython.declare(cython.longlong, 4096)
OPTIONS = cython.declare(cython.longlong, 16384)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def summed(at: cython.p_uchar, count: i64) -> i64:
    """The ones' complement sum of `count` times eight bytes, folded to 16 bits, as words in network order.

    Taken over words in the other order of bytes, it is the same sum with its bytes swapped (RFC 1071 section 2).
    """
    n: i64
    low: u64 = 0
    high: u64 = 0
    word: u64
    half: u64 = cython.cast(u64, 0xFFFFFFFF)
    for n in range(count):
        word = (
            cython.cast(u64, at[0])
            | (cython.cast(u64, at[1]) << 8)
            | (cython.cast(u64, at[2]) << 16)
            | (cython.cast(u64, at[3]) << 24)
            | (cython.cast(u64, at[4]) << 32)
            | (cython.cast(u64, at[5]) << 40)
            | (cython.cast(u64, at[6]) << 48)
            | (cython.cast(u64, at[7]) << 56)
        )
        low += word & half
        high += word >> 32
        at += 8
    low = (low & half) + (low >> 32) + (high & half) + (high >> 32)
    while low >> 16:
        low = (low & 0xFFFF) + (low >> 16)
    return cython.cast(i64, ((low & 0xFF) << 8) | (low >> 8))


@cython.final
@cython.cclass
class Decode:
    """One batch: the buffer, its frames, the rows to fill, what is left to Python per row."""

    buf: cython.uchar[::1]
    frames: Frame[::1]
    rows: Packet[::1]
    left: cython.uchar[::1]
    vlans: cython.longlong[::1]
    #: Where the network layer begins and what it is: set by the link layer, read by `network`.
    at: i64
    ethertype: i64

    def __init__(self):
        self.at = self.ethertype = 0

    def bind(self, buf, frames, rows, left, vlans):
        """The batch to decode; `vlans` maps a VLAN id to its zone, 0 for none yet."""
        self.buf = buf
        self.frames = frames
        self.rows = rows
        self.left = left
        self.vlans = vlans

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def u16(self, at: i64) -> i64:
        return (cython.cast(i64, self.buf[at]) << 8) | cython.cast(i64, self.buf[at + 1])

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def u32(self, at: i64) -> i64:
        return (self.u16(at) << 16) | self.u16(at + 2)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def u48(self, at: i64) -> i64:
        return (self.u16(at) << 32) | self.u32(at + 2)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def u64(self, at: i64) -> cython.ulonglong:
        return (cython.cast(cython.ulonglong, self.u32(at)) << 32) | cython.cast(cython.ulonglong, self.u32(at + 4))

    # ------------------------------------------------------------------------------------------------ link layers

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def ethernet(self, i: i64, p: i64, end: i64) -> i64:
        """Ethernet II with at most two VLAN tags (IEEE 802.1Q, 802.1ad)."""
        o: i64 = p + 14
        first: i64
        tags: i64 = 0
        outcome: i64 = DONE
        if o > end:
            return SHORT
        self.rows[i].dst_mac = self.u48(p)
        self.rows[i].src_mac = self.u48(p + 6)
        self.ethertype = self.u16(p + 12)
        while self.ethertype == 0x8100 or self.ethertype == 0x88A8:
            if o + 4 > end:
                return SHORT
            tags += 1
            if tags > 2:
                return LINK
            first = self.u16(o) & 0xFFF
            self.ethertype = self.u16(o + 2)
            o += 4
            if tags == 2:
                outcome = ZONE
            elif first:
                self.rows[i].zone = self.vlans[first]
                if self.vlans[first] == 0:
                    outcome = ZONE
        self.at = o
        if self.ethertype != 0x0800 and self.ethertype != 0x86DD and self.ethertype != 0x0806:
            return LINK
        return outcome

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def cooked(self, i: i64, p: i64, end: i64, link: i64) -> i64:
        """LINUX_SLL (113): type(2) arphrd(2) length(2) address(8) protocol(2); SLL2 (276): protocol first, 20 bytes."""
        kind: i64
        length: i64
        address: i64
        if link == 113:
            if p + 16 > end:
                return SHORT
            kind = self.u16(p)
            length = self.u16(p + 4)
            address = p + 6
            self.ethertype = self.u16(p + 14)
            self.at = p + 16
        else:
            if p + 20 > end:
                return SHORT
            kind = cython.cast(i64, self.buf[p + 10])
            length = cython.cast(i64, self.buf[p + 11])
            address = p + 12
            self.ethertype = self.u16(p)
            self.at = p + 20
        if length == 6:
            self.rows[i].src_mac = self.u48(address)
        if kind == 4:
            self.rows[i].marks |= OUTGOING
        elif kind == 0 or kind == 1 or kind == 2:
            self.rows[i].marks |= INCOMING
        if self.ethertype == 0x8100 or self.ethertype == 0x88A8:
            if self.at + 4 > end:
                return SHORT
            kind = self.u16(self.at) & 0xFFF
            self.ethertype = self.u16(self.at + 2)
            self.at += 4
            if kind:
                self.rows[i].zone = self.vlans[kind]
                if self.vlans[kind] == 0:
                    return ZONE
        if self.ethertype != 0x0800 and self.ethertype != 0x86DD and self.ethertype != 0x0806:
            return LINK
        return DONE

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def link_layer(self, i: i64, p: i64, end: i64, link: i64) -> i64:
        """Sets `at` and `ethertype`."""
        version: i64
        if link == 1:
            return self.ethernet(i, p, end)
        if link == 113 or link == 276:
            return self.cooked(i, p, end, link)
        if link == 101 or link == 12 or link == 14 or link == 228 or link == 229:
            self.at = p
        elif link == 0 or link == 108:
            # A family word in the byte order of the capturing host: what follows tells the version itself.
            self.at = p + 4
        else:
            return LINK
        if self.at >= end:
            return SHORT
        version = cython.cast(i64, self.buf[self.at]) >> 4
        if version == 4:
            self.ethertype = 0x0800
        elif version == 6:
            self.ethertype = 0x86DD
        else:
            return LINK
        return DONE

    # ---------------------------------------------------------------------------------------------- network layer

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def network(self, i: i64, p: i64, end: i64, wire_end: i64) -> i64:
        """IPv4 or IPv6 at `p`; `end` is where captured bytes end, `wire_end` where the frame did."""
        if self.ethertype == 0x0800:
            return self.ipv4(i, p, end, wire_end)
        if self.ethertype == 0x86DD:
            return self.ipv6(i, p, end, wire_end)
        self.rows[i].payload_at = p
        return ARP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def ipv4(self, i: i64, p: i64, end: i64, wire_end: i64) -> i64:
        header: i64
        total: i64
        fragment: i64
        if p + 20 > end:
            return SHORT
        header = (cython.cast(i64, self.buf[p]) & 15) * 4
        total = self.u16(p + 2)
        if total == 0:
            # Segmentation offload leaves the field empty: the frame tells the length.
            total = wire_end - p
        if (cython.cast(i64, self.buf[p]) >> 4) != 4 or header < 20 or total < header:
            return BAD_IP
        self.rows[i].ip_version = 4
        self.rows[i].tos = self.buf[p + 1]
        self.rows[i].ip_len = total
        self.rows[i].ip_id = self.u16(p + 4)
        self.rows[i].ttl = self.buf[p + 8]
        self.rows[i].protocol = self.buf[p + 9]
        self.rows[i].src_lo = self.u32(p + 12)
        self.rows[i].dst_lo = self.u32(p + 16)
        fragment = self.u16(p + 6)
        if fragment & 0x4000:
            self.rows[i].marks |= DF
        if fragment & 0x1FFF:
            self.rows[i].kind = 7
            self.rows[i].payload_len = total - header
            return DONE
        if fragment & 0x2000:
            self.rows[i].marks |= FIRST_FRAGMENT
        p += header
        total -= header
        if self.rows[i].protocol == 51:
            # An authentication header (RFC 4302) hides nothing: its length counts 32-bit words, minus 2.
            if p + 12 > end:
                return SHORT
            header = (cython.cast(i64, self.buf[p + 1]) + 2) * 4
            if header > total:
                return BAD_IP
            self.rows[i].protocol = self.buf[p]
            p += header
            total -= header
        return self.transport(i, p, total, end)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def ipv6(self, i: i64, p: i64, end: i64, wire_end: i64) -> i64:
        protocol: i64
        length: i64
        at: i64 = p + 40
        size: i64
        headers: i64 = 0
        fragment: i64
        if at > end:
            return SHORT
        if (cython.cast(i64, self.buf[p]) >> 4) != 6:
            return BAD_IP
        length = self.u16(p + 4)
        if length == 0:
            length = wire_end - at
        self.rows[i].ip_version = 6
        self.rows[i].tos = (self.u16(p) >> 4) & 0xFF
        self.rows[i].ip_len = length + 40
        self.rows[i].ttl = self.buf[p + 7]
        self.rows[i].src_hi = self.u64(p + 8)
        self.rows[i].src_lo = self.u64(p + 16)
        self.rows[i].dst_hi = self.u64(p + 24)
        self.rows[i].dst_lo = self.u64(p + 32)
        protocol = cython.cast(i64, self.buf[p + 6])
        while protocol == 0 or protocol == 43 or protocol == 44 or protocol == 51 or protocol == 60 or protocol == 135:
            headers += 1
            if headers > 16 or at - p > 1064:
                return LONG_CHAIN
            if at + 8 > end:
                return SHORT
            size = cython.cast(i64, self.buf[at + 1])
            size = 8 if protocol == 44 else (size + 2) * 4 if protocol == 51 else (size + 1) * 8
            if size > length:
                return BAD_IP
            if protocol == 44:
                fragment = self.u16(at + 2)
                if fragment & 0xFFF8:
                    self.rows[i].kind = 7
                    self.rows[i].protocol = self.buf[at]
                    self.rows[i].payload_len = length - size
                    self.rows[i].ip_id = self.u16(at + 6)
                    return DONE
                if fragment & 1:
                    self.rows[i].marks |= FIRST_FRAGMENT
                    self.rows[i].ip_id = self.u16(at + 6)
            protocol = cython.cast(i64, self.buf[at])
            at += size
            length -= size
        self.rows[i].protocol = protocol
        return self.transport(i, at, length, end)

    # -------------------------------------------------------------------------------------------- transport layer

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def transport(self, i: i64, p: i64, length: i64, end: i64) -> i64:
        protocol: i64 = self.rows[i].protocol
        if p + length > end:
            self.rows[i].marks |= TRUNCATED
        if protocol == 6:
            return self.tcp(i, p, length, end)
        if protocol == 17:
            return self.udp(i, p, length, end)
        self.rows[i].payload_at = p
        self.rows[i].payload_len = length
        if protocol == 1 or protocol == 58:
            return CONTROL
        if protocol == 47 or protocol == 4 or protocol == 41:
            return TUNNEL
        return OTHER

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def halves(self, number: cython.ulonglong) -> i64:
        """The sum of the four 16-bit words of half an address."""
        high: i64 = cython.cast(i64, number >> 32)
        low: i64 = cython.cast(i64, number & cython.cast(cython.ulonglong, 0xFFFFFFFF))
        return (high >> 16) + (high & 0xFFFF) + (low >> 16) + (low & 0xFFFF)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def check(self, i: i64, p: i64, length: i64) -> i64:
        """The ones' complement sum over pseudo header and segment (RFC 9293 section 3.1), as a mark."""
        total: i64 = length + cython.cast(i64, self.rows[i].protocol)
        at: i64 = p
        words: i64
        stop: i64 = p + (length & ~cython.cast(i64, 1))
        total += self.halves(self.rows[i].src_hi) + self.halves(self.rows[i].src_lo)
        total += self.halves(self.rows[i].dst_hi) + self.halves(self.rows[i].dst_lo)
        if cython.compiled and stop - at >= 8 and stop <= len(self.buf):
            # Bounds are known here, and eight bytes at once are one load.
            words = (stop - at) // 8
            total += summed(cython.address(self.buf[at]), words)
            at += 8 * words
        while at < stop:
            total += self.u16(at)
            at += 2
        if length & 1:
            total += cython.cast(i64, self.buf[stop]) << 8
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        if total == 0xFFFF:
            self.rows[i].marks |= GOOD_CHECKSUM
        else:
            self.rows[i].marks |= BAD_CHECKSUM
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def udp(self, i: i64, p: i64, length: i64, end: i64) -> i64:
        own: i64
        if p + 8 > end or length < 8:
            return SHORT
        self.rows[i].kind = 2
        self.rows[i].sport = self.u16(p)
        self.rows[i].dport = self.u16(p + 2)
        self.rows[i].checksum = self.u16(p + 6)
        own = self.u16(p + 4)
        if own < 8 or own > length:
            own = length
        self.rows[i].payload_len = own - 8
        if own > 8 and p + 8 < end:
            self.rows[i].payload_at = p + 8
        if own >= 16 and p + 16 <= end and self.u32(p + 8) == SIP and self.u32(p + 12) == VERSION_2:
            # RFC 3261 section 7.2: a response begins so, a request with its method. As with lookups, 2 is an answer.
            self.rows[i].flags = 2
        if p + length <= end and not self.rows[i].marks & FIRST_FRAGMENT and self.rows[i].checksum:
            self.check(i, p, own)
        if self.rows[i].sport == 53 or self.rows[i].dport == 53:
            return LOOKUP
        own = self.rows[i].dport
        if own == 4789 or own == 6081 or own == 2152 or own == 8472:
            return TUNNEL
        return DONE

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def tcp(self, i: i64, p: i64, length: i64, end: i64) -> i64:
        header: i64
        found: i64
        outcome: i64 = DONE
        if p + 20 > end or length < 20:
            return SHORT
        header = (cython.cast(i64, self.buf[p + 12]) >> 4) * 4
        if header < 20 or header > length:
            return BAD_TCP
        self.rows[i].kind = 1
        self.rows[i].sport = self.u16(p)
        self.rows[i].dport = self.u16(p + 2)
        self.rows[i].seq = self.u32(p + 4)
        self.rows[i].ack = self.u32(p + 8)
        self.rows[i].flags = self.buf[p + 13] & 0x3F
        self.rows[i].window = self.u16(p + 14)
        self.rows[i].checksum = self.u16(p + 16)
        self.rows[i].payload_len = length - header
        if header > 20:
            self.rows[i].marks |= OPTIONS
            outcome = self.options(i, p + 20, p + header if p + header < end else end)
        if p + header > end:
            # The capture cut the options: what they would say is unknown.
            self.rows[i].pad = 1
            outcome = DONE
        if p + length <= end and not self.rows[i].marks & FIRST_FRAGMENT:
            self.check(i, p, length)
        if length > header and p + header < end:
            self.rows[i].payload_at = p + header
            found = self.payload_class(p + header, p + length if p + length < end else end)
            self.rows[i].icmp_type = found
            if found == 1 or found == 2 or found == 4 or found == 5:
                return PAYLOAD
            if self.rows[i].sport == 53 or self.rows[i].dport == 53:
                return PAYLOAD
        return outcome

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def options(self, i: i64, at: i64, stop: i64) -> i64:
        """TCP options; those from the first bad one on are ignored (RFC 9293 section 3.2)."""
        kind: i64
        length: i64
        while at < stop:
            kind = cython.cast(i64, self.buf[at])
            if kind == 0:
                return DONE
            if kind == 1:
                at += 1
                continue
            if at + 2 > stop:
                return BAD_OPTION
            length = cython.cast(i64, self.buf[at + 1])
            if length < 2 or at + length > stop:
                return BAD_OPTION
            if kind == 8 and length == 10:
                self.rows[i].marks |= TIMESTAMPS
                self.rows[i].tsval = self.u32(at + 2)
                self.rows[i].tsecr = self.u32(at + 6)
            elif kind == 2 and length == 4:
                self.rows[i].marks |= MSS
                self.rows[i].mss = self.u16(at + 2)
            elif kind == 3 and length == 3:
                self.rows[i].marks |= WSCALE
                # RFC 7323 section 2.3: a larger shift is taken as 14.
                self.rows[i].wscale = self.buf[at + 2] if self.buf[at + 2] < 14 else 14
            elif kind == 4 and length == 2:
                self.rows[i].marks |= SACK_PERMITTED
            elif kind == 5:
                self.sack(i, at + 2, at + length)
            elif kind == 34:
                self.rows[i].marks |= FAST_OPEN
            elif kind == 30:
                self.rows[i].marks |= MPTCP
            at += length
        return DONE

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def sack(self, i: i64, at: i64, stop: i64) -> i64:
        while at + 8 <= stop and self.rows[i].sack_n < 4:
            if self.rows[i].sack_n == 0:
                self.rows[i].sack1l = self.u32(at)
                self.rows[i].sack1r = self.u32(at + 4)
            elif self.rows[i].sack_n == 1:
                self.rows[i].sack2l = self.u32(at)
                self.rows[i].sack2r = self.u32(at + 4)
            elif self.rows[i].sack_n == 2:
                self.rows[i].sack3l = self.u32(at)
                self.rows[i].sack3r = self.u32(at + 4)
            else:
                self.rows[i].sack4l = self.u32(at)
                self.rows[i].sack4r = self.u32(at + 4)
            self.rows[i].sack_n += 1
            at += 8
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def payload_class(self, p: i64, stop: i64) -> i64:
        """1 TLS handshake, 2 TLS alert, 3 other TLS, 4 HTTP request, 5 HTTP response, 6 SSH, 7 text, 8 binary."""
        a: i64 = cython.cast(i64, self.buf[p])
        word: i64
        n: i64
        if p + 3 > stop:
            return 7 if 32 <= a < 127 else 8
        if cython.cast(i64, self.buf[p + 1]) == 3:
            if a == 0x16:
                return 1
            if a == 0x15:
                return 2
            if a == 0x17 or a == 0x14:
                return 3
        if not (32 <= a < 127 or a == 9 or a == 10 or a == 13):
            return 8
        if p + 5 <= stop:
            word = self.u32(p)
            # "GET ", "HEAD", "POST", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC"
            if (
                word == 0x47455420
                or word == 0x48454144
                or word == 0x504F5354
                or word == 0x50555420
                or word == 0x44454C45
                or word == 0x4F505449
                or word == 0x50415443
                or word == 0x434F4E4E
                or word == 0x54524143
            ):
                return 4
            if word == 0x48545450 and self.buf[p + 4] == 47:
                return 5
            if word == 0x5353482D:
                return 6
        n = p + 1
        while n < stop and n < p + 16:
            a = cython.cast(i64, self.buf[n])
            if not (32 <= a < 127 or a == 9 or a == 10 or a == 13):
                return 8
            n += 1
        return 7

    # ------------------------------------------------------------------------------------------------------ doors

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def forget(self, i: i64) -> i64:
        """What an outer network layer wrote into the row; the link layer's part stays."""
        self.rows[i].src_hi = self.rows[i].src_lo = self.rows[i].dst_hi = self.rows[i].dst_lo = 0
        self.rows[i].ip_len = self.rows[i].seq = self.rows[i].ack = self.rows[i].payload_len = 0
        self.rows[i].payload_at = self.rows[i].tsval = self.rows[i].tsecr = 0
        self.rows[i].sport = self.rows[i].dport = self.rows[i].ip_id = self.rows[i].window = 0
        self.rows[i].mss = self.rows[i].checksum = self.rows[i].icmp_mtu = 0
        self.rows[i].kind = self.rows[i].protocol = self.rows[i].ip_version = self.rows[i].ttl = 0
        self.rows[i].tos = self.rows[i].flags = self.rows[i].wscale = self.rows[i].sack_n = 0
        self.rows[i].icmp_type = self.rows[i].icmp_code = self.rows[i].pad = 0
        self.rows[i].marks &= INCOMING | OUTGOING
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def loop(self, count: i64) -> i64:
        i: i64
        p: i64
        end: i64
        wire_end: i64
        outcome: i64
        link: i64
        waiting: i64 = 0
        for i in range(count):
            p = self.frames[i].position
            end = p + cython.cast(i64, self.frames[i].caplen)
            wire_end = p + cython.cast(i64, self.frames[i].wirelen)
            self.rows[i].time_ns = self.frames[i].time_ns
            self.rows[i].file_offset = self.frames[i].file_offset
            self.rows[i].frame = self.frames[i].frame
            self.rows[i].caplen = self.frames[i].caplen
            self.rows[i].wirelen = self.frames[i].wirelen
            self.rows[i].interface = self.frames[i].interface
            self.rows[i].part = self.frames[i].part
            self.rows[i].flow = cython.cast(i64, 0xFFFFFFFF)
            if self.frames[i].direction == 1:
                self.rows[i].marks |= INCOMING
            elif self.frames[i].direction == 2:
                self.rows[i].marks |= OUTGOING
            link = self.frames[i].link
            outcome = self.link_layer(i, p, end, link)
            if outcome == ZONE:
                self.network(i, self.at, end, wire_end)
            elif outcome == DONE:
                outcome = self.network(i, self.at, end, wire_end)
            self.left[i] = outcome
            if outcome:
                waiting += 1
        return waiting

    def run(self, count):
        """Decode the frames of the batch; returns how many rows are left to Python."""
        return self.loop(count)

    def inner(self, i, position, ethertype, end, wire_end):
        """Decode the row again from a network layer that Python found; returns what is left of it."""
        self.forget(i)
        self.ethertype = ethertype
        return self.network(i, position, end, wire_end)
