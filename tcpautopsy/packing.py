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


def ipv4(ends: bytes, protocol: int, length: int, *, ttl: int, ip_id: int = 0, place: int = 0, tos: int = 0) -> bytes:
    """An IPv4 header: `ends` are both packed addresses, `length` is that of what follows, `place` the fragment word.

    A packet that is longer than the field allows has length 0, as segmentation offload leaves it.
    """
    total = 20 + length if 20 + length <= 0xFFFF else 0
    head = struct.pack(">BBHHHBBH", 0x45, tos, total, ip_id, place, ttl, protocol, 0) + ends
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:]
