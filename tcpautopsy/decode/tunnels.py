"""Tunnels opened: GRE, ERSPAN, VXLAN, GENEVE, GTP-U, IP in IP. Where the inner packet begins, and the zone it adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcpautopsy.decode.links import ARP, ETHERNET, IP, IPV4, IPV6, PPP, Bytes, ShortError, follow, u16, u32

MAX_DEPTH = 4


class Inner(NamedTuple):
    """The network layer inside a tunnel; `ethertype` is 0 when it is none that we decode."""

    ethertype: int
    at: int
    labels: tuple[str, ...]


def opened(data: Bytes, at: int, end: int, protocol: int, port: int) -> Inner | None:
    """The inner packet of an IP payload (by protocol) or a UDP payload (by destination port).

    None when the bytes are not what the port suggests. Raises ShortError when the headers are cut.
    """
    header = PORTS.get(port) if protocol == 17 else PROTOCOLS.get(protocol)
    if header is None:
        return None
    size, read = header
    if at + size > end:
        raise ShortError
    return read(data, at, end)


def _inside(data: Bytes, at: int, end: int, kind: int, label: str) -> Inner:
    link = follow(data, at, end, kind)
    # The network layer of a tunnel is IP; ARP inside one belongs to a network that is not this capture's.
    return Inner(link.ethertype if link.ethertype != ARP else 0, link.at, (label, *link.labels))


def _ipip(data: Bytes, at: int, end: int) -> Inner:
    return Inner(IPV4, at, ("ipip",))


def _ipv6_in_ip(data: Bytes, at: int, end: int) -> Inner:
    return Inner(IPV6, at, ("ip6",))


def _gre(data: Bytes, at: int, end: int) -> Inner | None:
    """flags and version(2) protocol(2), then checksum(4) key(4) sequence(4) as flagged, RFC 2784 and 2890."""
    flags, kind = u16(data, at), u16(data, at + 2)
    if flags & 0x4000:  # source routing (RFC 1701): obsolete, of variable length, never seen in earnest
        return None
    place, label = at + 4 + (4 if flags & 0x8000 else 0), "gre"
    if flags & 0x2000:
        if place + 4 > end:
            raise ShortError
        # The call id of PPTP (version 1) belongs to one direction only.
        label = "gre" if flags & 7 == 1 else f"gre {u32(data, place)}"
        place += 4
    place += 4 if flags & 0x1000 else 0
    place += 4 if flags & 0x0080 and flags & 7 == 1 else 0
    if kind in _ERSPAN:
        # Type I has no header of its own: GRE without a sequence number (draft-foschiano-erspan).
        size = 0 if kind == 0x88BE and not flags & 0x1000 else _ERSPAN[kind]
        if place + max(size, 4) > end:
            raise ShortError
        # Sessions are configured per mirrored port: both directions of a flow need not share one.
        return _inside(data, place + size, end, ETHERNET, "erspan")
    return _inside(data, place, end, PPP if kind == 0x880B else kind, label)


_ERSPAN = {0x88BE: 8, 0x22EB: 12}


def _vxlan(data: Bytes, at: int, end: int) -> Inner | None:
    """flags(1) reserved(3) VNI(3) reserved(1), RFC 7348."""
    if data[at] & 0x08 == 0:
        return None
    return _inside(data, at + 8, end, ETHERNET, f"vxlan {u32(data, at + 4) >> 8}")


def _geneve(data: Bytes, at: int, end: int) -> Inner | None:
    """version and options length(1) flags(1) protocol(2) VNI(3) reserved(1), RFC 8926."""
    if data[at] >> 6:
        return None
    place = at + 8 + (data[at] & 0x3F) * 4
    return _inside(data, place, end, u16(data, at + 2), f"geneve {u32(data, at + 4) >> 8}")


def _gtp(data: Bytes, at: int, end: int) -> Inner | None:
    """flags(1) type(1) length(2) TEID(4), 3GPP TS 29.281; type 255 carries a user's packet."""
    flags = data[at]
    if flags >> 5 != 1 or data[at + 1] != 255:
        return None
    place = at + 8
    if flags & 0x07:
        place += 4
        extension = data[place - 1] if place <= end else 0
        for _ in range(8):
            if not extension or not flags & 0x04:
                break
            if place >= end or place + max(data[place], 1) * 4 > end:
                raise ShortError
            place += max(data[place], 1) * 4
            extension = data[place - 1]
    return _inside(data, place, end, IP, "gtp")  # each direction has a TEID of its own


_Reader = Callable[[Bytes, int, int], Inner | None]

#: IP protocol -> least size, reader.
PROTOCOLS: dict[int, tuple[int, _Reader]] = {4: (20, _ipip), 41: (40, _ipv6_in_ip), 47: (4, _gre)}
#: UDP port -> least size, reader.
PORTS: dict[int, tuple[int, _Reader]] = {4789: (8, _vxlan), 8472: (8, _vxlan), 6081: (8, _geneve), 2152: (8, _gtp)}
