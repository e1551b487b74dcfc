"""ICMP, ICMPv6, ARP and neighbour discovery: what they say of others goes into the packet's row."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from tcpautopsy.decode.links import Bytes, ShortError, u16, u32
from tcpautopsy.tables import Kind, Note, Protocol

#: ICMP types that quote the packet they are about.
ERRORS = {Protocol.ICMP: frozenset({3, 4, 5, 11, 12}), Protocol.ICMPV6: frozenset({1, 2, 3, 4})}
#: ICMP type -> 1 request, 2 reply.
ECHOES = {Protocol.ICMP: {8: 1, 0: 2}, Protocol.ICMPV6: {128: 1, 129: 2}}
_SOLICITATION, _ADVERTISEMENT = 135, 136
_MAX_MTU = 0xFFFF
_LOW = 0xFFFFFFFFFFFFFFFF
_ANSWERED = {Protocol.TCP, Protocol.UDP, Protocol.ICMP, Protocol.ICMPV6}


def icmp(row: Any, data: Bytes, at: int, end: int) -> list[Note]:
    """Fill the row of an ICMP or ICMPv6 packet whose header begins at `at`. Raises ShortError."""
    if at + 8 > end:
        raise ShortError
    protocol, kind, code = Protocol(int(row.protocol)), data[at], data[at + 1]
    row.icmp_type, row.icmp_code = kind, code
    row.payload_at = 0
    if kind in ECHOES[protocol]:
        return _echo(row, data, at, ECHOES[protocol][kind])
    if kind in ERRORS[protocol]:
        return _error(row, data, at, end)
    if protocol == Protocol.ICMPV6 and kind in (_SOLICITATION, _ADVERTISEMENT):
        return _neighbour(row, data, at, end, kind)
    return []


def _echo(row: Any, data: Bytes, at: int, direction: int) -> list[Note]:
    row.kind, row.flags, row.seq = Kind.ECHO, direction, u16(data, at + 6)
    # The identifier stands for the port of the side that asks.
    row.sport, row.dport = (u16(data, at + 4), 0) if direction == 1 else (0, u16(data, at + 4))
    return []


def _error(row: Any, data: Bytes, at: int, end: int) -> list[Note]:
    """type(1) code(1) checksum(2) word(4), then the packet that it is about (RFC 792, RFC 4443)."""
    kind, code, version = data[at], data[at + 1], 4 if row.protocol == Protocol.ICMP else 6
    sender = _sender(row, version)
    if version == 4 and kind == 3 and code == 4:
        row.icmp_mtu = u16(data, at + 6)
    elif version == 6 and kind == 2:
        row.icmp_mtu = min(u32(data, at + 4), _MAX_MTU)
    quoted = _quoted4(row, data, at + 8, end) if version == 4 else _quoted6(row, data, at + 8, end)
    if not quoted:
        return []
    row.kind = Kind.ICMP_ERROR
    row.note = 1
    return [Note(int(row.frame), "icmp_sender", kind * 256 + code, sender)]


def _sender(row: Any, version: int) -> str:
    row.other_hi, row.other_lo = row.src_hi, row.src_lo
    number = int(row.src_hi) << 64 | int(row.src_lo)
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def _quoted4(row: Any, data: Bytes, at: int, end: int) -> bool:
    if at + 20 > end or data[at] >> 4 != 4:
        return False
    size = (data[at] & 15) * 4
    row.src_hi = row.dst_hi = 0
    row.src_lo, row.dst_lo = u32(data, at + 12), u32(data, at + 16)
    return size >= 20 and _quoted_ports(row, data, at + size, end, data[at + 9])


def _quoted6(row: Any, data: Bytes, at: int, end: int) -> bool:
    if at + 40 > end or data[at] >> 4 != 6:
        return False
    source, target = (int.from_bytes(data[at + n : at + n + 16]) for n in (8, 24))
    row.src_hi, row.src_lo = source >> 64, source & _LOW
    row.dst_hi, row.dst_lo = target >> 64, target & _LOW
    protocol, place = data[at + 6], at + 40
    for _ in range(4):  # a quote seldom holds more extension headers
        if protocol not in (0, 43, 44, 60) or place + 8 > end:
            break
        size = 8 if protocol == 44 else (data[place + 1] + 1) * 8
        protocol, place = data[place], place + size
    return _quoted_ports(row, data, place, end, protocol)


def _quoted_ports(row: Any, data: Bytes, at: int, end: int, protocol: int) -> bool:
    """The first eight bytes of the quoted payload: ports, and the sequence number of a TCP segment."""
    if protocol not in _ANSWERED or at + 8 > end:
        return False
    row.protocol = protocol
    if protocol in (Protocol.ICMP, Protocol.ICMPV6):
        direction = ECHOES[Protocol(protocol)].get(data[at])
        if direction is None:
            return False
        row.sport, row.dport = (u16(data, at + 4), 0) if direction == 1 else (0, u16(data, at + 4))
        return True
    row.sport, row.dport, row.seq = u16(data, at), u16(data, at + 2), u32(data, at + 4)
    return True


# ------------------------------------------------------------------------------------------------ address resolution


def arp(row: Any, data: Bytes, at: int, end: int, to_one: bool) -> list[Note]:
    """hardware(2) protocol(2) sizes(2) operation(2) sender MAC(6) IP(4) target MAC(6) IP(4), RFC 826.

    `to_one`: the frame was sent to one host. Raises ShortError.
    """
    if at + 28 > end:
        raise ShortError
    if u16(data, at + 2) != 0x0800 or u16(data, at + 4) != 0x0604:
        return []
    operation, sender, target = u16(data, at + 6), u32(data, at + 14), u32(data, at + 24)
    if operation not in (1, 2):
        return []
    row.ip_version, row.protocol, row.kind = 4, Protocol.ARP, Kind.RESOLUTION
    row.src_lo, row.dst_lo = sender, target
    # RFC 5227: a probe has no sender address, an announcement asks for its own.
    row.flags = 4 if sender in (0, target) else operation
    row.icmp_code = int(to_one and operation == 1)
    row.payload_at = 0
    return _mac(row, operation == 2, bytes(data[at + 8 : at + 14]))


def _neighbour(row: Any, data: Bytes, at: int, end: int, kind: int) -> list[Note]:
    """type(1) code(1) checksum(2) flags(4) target(16), then options with the link-layer address (RFC 4861)."""
    if at + 24 > end:
        raise ShortError
    target = int.from_bytes(data[at + 8 : at + 24])
    asks = kind == _SOLICITATION
    row.protocol, row.kind = Protocol.NDP, Kind.RESOLUTION
    to_one = int(row.dst_hi) >> 56 != 0xFF
    if asks:
        row.dst_hi, row.dst_lo = target >> 64, target & _LOW
        # RFC 4862 5.4.2: duplicate address detection asks without an address of its own.
        row.flags = 1 if int(row.src_hi) or int(row.src_lo) else 4
        row.icmp_code = int(to_one)
    else:
        row.src_hi, row.src_lo = target >> 64, target & _LOW
        row.flags = 2 if to_one else 4
    mac = bytes(data[at + 26 : at + 32]) if at + 32 <= end and data[at + 24] in (1, 2) else b""
    return _mac(row, not asks, mac)


def _mac(row: Any, reply: bool, mac: bytes) -> list[Note]:
    if len(mac) != 6:
        return []
    row.note = 1
    return [Note(int(row.frame), "arp_mac", int(reply), mac.hex(":"))]
