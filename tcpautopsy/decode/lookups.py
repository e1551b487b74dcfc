"""DNS messages, read by dpkt: who asks for which name, and what the answer is."""

from __future__ import annotations

import struct
import zlib
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from tcpautopsy.tables import Note

#: What dpkt raises on odd bytes besides errors of its own.
_ODD = (
    struct.error,
    IndexError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    RecursionError,
)
_MAX_ADDRESSES = 16
_MAX_MESSAGE = 4096


class Lookup(NamedTuple):
    """One DNS message. `tag` is the same for a query and its answer."""

    tag: int
    answer: bool
    kind: int
    rcode: int
    notes: list[Note]


def lookup(frame: int, message: bytes) -> Lookup | None:
    """What a DNS message says; None when it is not one, or asks nothing."""
    if len(message) < 12 or len(message) > _MAX_MESSAGE:
        return None
    import dpkt  # noqa: PLC0415 # two hundred modules, and most captures have no lookups

    try:
        found: Any = dpkt.dns.DNS(message)
        if not found.qd:
            return None
        question = found.qd[0]
        name = str(question.name)
        return Lookup(
            tag=zlib.crc32(f"{found.id} {question.type} {name.lower()}".encode("utf-8", "surrogateescape")),
            answer=bool(found.qr),
            kind=int(question.type),
            rcode=int(found.rcode),
            notes=_notes(frame, found, name, int(question.type)),
        )
    except (dpkt.UnpackError, *_ODD):
        return None


def _notes(frame: int, message: Any, name: str, kind: int) -> list[Note]:
    if not message.qr:
        return [Note(frame, "dns_query", kind, name)]
    addresses = [_address(frame, answer, name) for answer in message.an[:_MAX_ADDRESSES] if answer.type in (1, 28)]
    cut = [Note(frame, "dns_truncated", 1, name)] if message.tc else []
    return [Note(frame, "dns_answer", int(message.rcode), name), *cut, *(note for note in addresses if note)]


def _address(frame: int, answer: Any, name: str) -> Note | None:
    """`name` is the name asked for: an alias in between says less to the reader."""
    data = bytes(answer.rdata)
    if answer.type == 1 and len(data) == 4:
        return Note(frame, "dns_address", 4, f"{IPv4Address(data)} {name}")
    if answer.type == 28 and len(data) == 16:
        return Note(frame, "dns_address", 6, f"{IPv6Address(data)} {name}")
    return None
