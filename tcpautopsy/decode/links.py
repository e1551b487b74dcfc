"""Link layers off the common path, walked to the network layer: at most eight headers, each length checked first.

A walk goes from header to header through a closed table; nothing on the wire can make it recurse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
NETWORK = frozenset({IPV4, IPV6, ARP})
MAX_HEADERS = 8

#: What a header says comes next: an EtherType, or one of these (EtherTypes are 16 bits).
ETHERNET, LLC, PPP, IP, WIFI, UNKNOWN = (0x10000 + n for n in range(6))

Bytes = bytes | bytearray | memoryview


class Step(NamedTuple):
    """Where the next header is and what it is; `label` is what the header adds to the zone, "" for nothing."""

    next: int
    at: int
    label: str = ""
    macs: tuple[int, int] | None = None  # (source, destination)


class Link(NamedTuple):
    """Where the network layer is. `ethertype` is 0 when there is none that we decode."""

    ethertype: int
    at: int
    labels: tuple[str, ...]
    macs: tuple[int, int] | None


class ShortError(Exception):
    """A header is cut or too short. Stays within this room."""


def u16(data: Bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def u32(data: Bytes, at: int) -> int:
    return u16(data, at) << 16 | u16(data, at + 2)


def walk(data: Bytes, at: int, end: int, link: int) -> Link | None:
    """The network layer of a frame of this link type; None for a link type that we do not know.

    Raises ShortError when the frame ends before its headers do.
    """
    first = LINKS.get(link)
    return None if first is None else follow(data, at, end, first)


def follow(data: Bytes, at: int, end: int, kind: int) -> Link:
    """The network layer behind a header of this kind. Raises ShortError."""
    labels: list[str] = []
    macs: tuple[int, int] | None = None
    for _ in range(MAX_HEADERS + 3):  # the tags or labels, and what stands around them
        if kind in NETWORK:
            return Link(kind, at, tuple(labels), macs)
        header = HEADERS.get(kind)
        if header is None or len(labels) > MAX_HEADERS:
            break
        size, read = header
        if at + size > end:
            raise ShortError
        step = read(data, at, end)
        if step.label and step.label != (labels[-1] if labels else ""):
            labels.append(step.label)
        macs = step.macs or macs
        kind, at = step.next, step.at
    return Link(0, at, tuple(labels), macs)


def ethernet(data: Bytes, at: int, end: int) -> Step:
    """destination(6) source(6) EtherType or length(2)."""
    kind = u16(data, at + 12)
    macs = (int.from_bytes(data[at + 6 : at + 12]), int.from_bytes(data[at : at + 6]))
    return Step(kind if kind >= 0x600 else LLC, at + 14, macs=macs)


def vlan(data: Bytes, at: int, end: int) -> Step:
    """priority and VLAN id(2) EtherType(2), IEEE 802.1Q; id 0 marks priority only."""
    number, kind = u16(data, at) & 0xFFF, u16(data, at + 2)
    return Step(kind if kind >= 0x600 else LLC, at + 4, f"vlan {number}" if number else "")


def mpls(data: Bytes, at: int, end: int) -> Step:
    """label(20 bits) class(3) bottom(1) TTL(8), RFC 3032; what follows the bottom tells itself by its first bits."""
    # Labels are handed out for each direction (RFC 3031 section 3.1): they do not name a network.
    if not u32(data, at) & 0x100:
        return Step(0x8847, at + 4, "mpls")
    if at + 4 >= end:
        raise ShortError
    # RFC 4385: a pseudowire's control word begins with 0, so that it is not taken for IP.
    if data[at + 4] >> 4 == 0:
        return Step(ETHERNET, at + 8, "mpls")
    return Step(IP, at + 4, "mpls")


def ip(data: Bytes, at: int, end: int) -> Step:
    """An IP packet of either version."""
    return Step({4: IPV4, 6: IPV6}.get(data[at] >> 4, UNKNOWN), at)


def pppoe(data: Bytes, at: int, end: int) -> Step:
    """version and type(1) code(1) session(2) length(2), RFC 2516; code 0 carries PPP."""
    return Step(PPP if data[at + 1] == 0 else UNKNOWN, at + 6, f"pppoe {u16(data, at + 2)}")


def ppp(data: Bytes, at: int, end: int) -> Step:
    """optional address and control(ff 03), protocol(2, or 1 when odd), RFC 1661."""
    if data[at] == 0xFF and data[at + 1] == 0x03:
        at += 2
    if at + 2 > end:
        raise ShortError
    if data[at] & 1:
        return Step(PPP_PROTOCOLS.get(data[at], UNKNOWN), at + 1)
    return Step(PPP_PROTOCOLS.get(u16(data, at), UNKNOWN), at + 2)


PPP_PROTOCOLS = {0x0021: IPV4, 0x0057: IPV6, 0x0281: 0x8847}


def llc(data: Bytes, at: int, end: int) -> Step:
    """DSAP(1) SSAP(1) control(1), then for SNAP an organisation(3) and an EtherType(2), IEEE 802.2."""
    if data[at] != 0xAA or data[at + 1] != 0xAA or at + 8 > end:
        return Step(UNKNOWN, at)
    return Step(u16(data, at + 6), at + 8)


def loopback(data: Bytes, at: int, end: int) -> Step:
    """address family(4), in the byte order of the host that captured; the packet tells its version itself."""
    return Step(IP, at + 4)


def cisco_hdlc(data: Bytes, at: int, end: int) -> Step:
    """address(1) control(1) EtherType(2)."""
    return Step(u16(data, at + 2), at + 4)


def cooked(data: Bytes, at: int, end: int) -> Step:
    """LINUX_SLL: type(2) arphrd(2) length(2) address(8) protocol(2)."""
    kind = u16(data, at + 14)
    return Step(kind if kind >= 0x600 else LLC, at + 16)


def cooked2(data: Bytes, at: int, end: int) -> Step:
    """LINUX_SLL2: protocol(2) reserved(2) interface(4) arphrd(2) type(1) length(1) address(8)."""
    kind = u16(data, at)
    return Step(kind if kind >= 0x600 else LLC, at + 20)


def frame_relay(data: Bytes, at: int, end: int) -> Step:
    """address(2) control(1) then a protocol number(1), RFC 2427; or address(2) EtherType(2)."""
    number = (data[at] >> 2) << 4 | data[at + 1] >> 4
    label, kind = f"dlci {number}", u16(data, at + 2)
    if data[at + 2] != 0x03:
        return Step(kind, at + 4, label)
    place = at + (4 if data[at + 3] == 0 else 3)  # a byte of padding may stand before the number
    if place + 1 > end:
        raise ShortError
    if data[place] == 0x80 and place + 6 <= end:
        return Step(u16(data, place + 4), place + 6, label)
    return Step({0xCC: IPV4, 0x8E: IPV6}.get(data[place], UNKNOWN), place + 1, label)


def pf_log(data: Bytes, at: int, end: int) -> Step:
    """length(1), padded to 4, of OpenBSD's packet filter log; then IP."""
    return Step(IP, at + ((data[at] + 3) & ~3))


def encapsulated(data: Bytes, at: int, end: int) -> Step:
    """OpenBSD's enc(4): family(4) spi(4) flags(4)."""
    return Step(IP, at + 12)


def radiotap(data: Bytes, at: int, end: int) -> Step:
    """version(1) pad(1) length(2, little endian); the length covers all fields."""
    length = data[at + 2] | data[at + 3] << 8
    return Step(WIFI if length >= 8 else UNKNOWN, at + length)


def prism(data: Bytes, at: int, end: int) -> Step:
    """code(4) length(4), in the byte order of the driver; AVS headers have the same two words."""
    length = min(u32(data, at + 4), int.from_bytes(data[at + 4 : at + 8], "little"))
    return Step(WIFI if length >= 8 else UNKNOWN, at + length)


def wifi(data: Bytes, at: int, end: int) -> Step:
    """frame control(2) duration(2) addresses(18) sequence(2), IEEE 802.11; only data frames in the clear go on."""
    control, flags = data[at], data[at + 1]
    data_frame, empty, protected = control & 0x0C == 0x08, bool(control & 0x40), bool(flags & 0x40)
    if not data_frame or empty or protected or at + 24 > end:
        return Step(UNKNOWN, at)
    to_system, from_system, quality = bool(flags & 1), bool(flags & 2), bool(control & 0x80)
    size = 24 + (6 if to_system and from_system else 0) + (2 if quality else 0)
    source = at + (24 if to_system and from_system else 16 if from_system else 10)
    target = at + (16 if to_system else 4)
    if at + size > end:
        raise ShortError
    macs = (int.from_bytes(data[source : source + 6]), int.from_bytes(data[target : target + 6]))
    return Step(LLC, at + size, macs=macs)


def fddi(data: Bytes, at: int, end: int) -> Step:
    """frame control(1) destination(6) source(6), then LLC (RFC 1188)."""
    macs = (int.from_bytes(data[at + 7 : at + 13]), int.from_bytes(data[at + 1 : at + 7]))
    return Step(LLC, at + 13, macs=macs)


def netfilter_log(data: Bytes, at: int, end: int) -> Step:
    """family(1) version(1) group(2), then fields: length(2) type(2), little endian on all common hosts, padded to 4."""
    place = at + 4
    for _ in range(_FIELDS):
        if place + 4 > end:
            break
        length = data[place] | data[place + 1] << 8
        kind = data[place + 2] | data[place + 3] << 8
        if length < 4:
            break
        if kind == _PAYLOAD:
            return Step(IP, place + 4)
        place += (length + 3) & ~3
    return Step(UNKNOWN, at)


#: Fields of a netfilter log before its payload at most, and the number of the payload (NFULA_PAYLOAD,
#: include/uapi/linux/netfilter/nfnetlink_log.h).
_FIELDS, _PAYLOAD = 32, 9


#: Kind of header -> its least size, and what reads it.
HEADERS: dict[int, tuple[int, Callable[[Bytes, int, int], Step]]] = {
    ETHERNET: (14, ethernet),
    0x6558: (14, ethernet),
    0x8100: (4, vlan),
    0x88A8: (4, vlan),
    0x9100: (4, vlan),
    0x8847: (4, mpls),
    0x8848: (4, mpls),
    0x8864: (6, pppoe),
    0x880B: (2, ppp),
    PPP: (2, ppp),
    LLC: (3, llc),
    IP: (1, ip),
    WIFI: (10, wifi),
    0x20000: (4, loopback),
    0x20001: (4, cisco_hdlc),
    0x20002: (16, cooked),
    0x20003: (20, cooked2),
    0x20004: (4, pf_log),
    0x20005: (12, encapsulated),
    0x20006: (8, radiotap),
    0x20007: (8, prism),
    0x20008: (4, frame_relay),
    0x20009: (13, fddi),
    0x2000A: (8, netfilter_log),
}

#: LINKTYPE number -> the kind of its first header.
LINKS = {
    0: 0x20000,
    1: ETHERNET,
    9: PPP,
    10: 0x20009,
    12: IP,
    14: IP,
    50: PPP,
    51: 0x8864,
    101: IP,
    104: 0x20001,
    105: WIFI,
    107: 0x20008,
    108: 0x20000,
    109: 0x20005,
    113: 0x20002,
    117: 0x20004,
    119: 0x20007,
    127: 0x20006,
    163: 0x20007,
    228: IP,
    229: IP,
    239: 0x2000A,
    276: 0x20003,
}
