"""Headers written down as bytes, for packets that are made and not captured."""

from __future__ import annotations

import struct

DONT_FRAGMENT, MORE_FRAGMENTS = 0x4000, 0x2000


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071).

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


#: Where the checksum stands, by protocol; that of ICMP for IPv4 leaves the addresses out.
_SUM_AT = {1: 2, 6: 16, 17: 6, 58: 2}


def summed(packet: bytes, ends: bytes, protocol: int, *, wrong: bool = False) -> bytes:
    """A segment, datagram or ICMP message with its checksum, or with a wrong one; `ends` are both packed addresses."""
    at, size = _SUM_AT[protocol], len(packet)
    form, numbers = (">BBH", (0, protocol, size)) if len(ends) == 8 else (">IHBB", (size, 0, 0, protocol))
    pseudo = b"" if protocol == 1 else ends + struct.pack(form, *numbers)
    value = checksum(pseudo + packet[:at] + bytes(2) + packet[at + 2 :]) ^ (0x5555 if wrong else 0)
    return packet[:at] + struct.pack(">H", value) + packet[at + 2 :]


def ipv4(ends: bytes, protocol: int, length: int, *, ttl: int, ip_id: int = 0, place: int = 0, tos: int = 0) -> bytes:
    """An IPv4 header: `ends` are both packed addresses, `length` is that of what follows, `place` the fragment word.

    A packet that is longer than the field allows has length 0, as segmentation offload leaves it.
    """
    total = 20 + length if 20 + length <= 0xFFFF else 0
    head = struct.pack(">BBHHHBBH", 0x45, tos, total, ip_id, place, ttl, protocol, 0) + ends
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:]
