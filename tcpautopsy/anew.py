"""Packets written anew from what was decoded: headers with pseudonyms, without payload and without times of day.

Nothing of the captured bytes is copied, so that nothing can be overlooked: no payload, no IP ids, no TCP timestamps, no
tunnels, no VLAN tags. Lengths, flags, numbers, windows and the other options stay, and so do the intervals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np

from tcpautopsy.capture import Reader, Writer
from tcpautopsy.decode import Decoder
from tcpautopsy.inputs import opened
from tcpautopsy.packing import DONT_FRAGMENT, MORE_FRAGMENTS, ipv4, summed
from tcpautopsy.records import Rows
from tcpautopsy.report.redact import Pseudonyms
from tcpautopsy.tables import NO_TIME, Kind, Mark

_ETHERNET, _RAW = 1, 101
_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_REQUEST, _REPLY = 1, 2
_WIRE_LIMIT = 0xFFFF


def excerpt(path: str, wanted: Mapping[int, str], comment: str, key: bytes) -> Iterator[bytes]:
    """A pcapng file of these frames of a capture, made anew, each with its comment. Raises CaptureError."""
    writer = Writer("tcpautopsy", comment)
    with ExitStack() as stack:
        decoder = Decoder()
        reader = Reader([opened(path, stack)], digest=False)
        yield writer.opening()
        anew: Anew | None = None
        for frames in reader.chunks():
            rows = decoder.packets(frames).rows
            if anew is None and reader.first_ns is not None:
                anew = Anew(writer, key, reader.first_ns)
            if anew is not None:
                yield from anew.packets(rows, wanted)


class Anew:
    """Writes decoded packets; `base_ns` becomes 1970."""

    def __init__(self, writer: Writer, key: bytes, base_ns: int) -> None:
        self._writer = writer
        self._stand_ins = Pseudonyms(key)
        self._base_ns = base_ns

    def packets(self, rows: Rows, wanted: Mapping[int, str]) -> Iterator[bytes]:
        """The wanted packets of a batch; `wanted` holds a comment for each frame number, or "". Others are left out.

        Of a frame that was not decoded nothing can be written.
        """
        for at in np.flatnonzero(np.isin(rows["frame"], list(wanted))).tolist():
            row = rows[at]
            made = self._made(row)
            if made is not None:
                link, data, beyond = made
                time = int(row["time_ns"])
                since = NO_TIME if time == NO_TIME else max(time - self._base_ns, 0)
                yield from self._writer.packet(link, since, data, len(data) + beyond, wanted[int(row["frame"])])

    def _made(self, row: Any) -> tuple[int, bytes, int] | None:
        """(link type, bytes, bytes of the packet beyond them)."""
        kind = int(row["kind"])
        if kind == Kind.RESOLUTION and row["ip_version"] == 4:
            return _ETHERNET, self._arp(row), 0
        beyond = int(row["payload_len"]) if kind in (Kind.TCP, Kind.UDP, Kind.DNS, Kind.ECHO) else 0
        if kind == Kind.TCP:
            body, protocol = _tcp(row), _TCP
        elif kind in (Kind.UDP, Kind.DNS):
            says = _lookup(row) if kind == Kind.DNS else b""
            beyond = max(beyond - len(says), 0)
            size = min(8 + len(says) + beyond, _WIRE_LIMIT)
            body, protocol = struct.pack(">HHHH", int(row["sport"]), int(row["dport"]), size, 0) + says, _UDP
        elif kind in (Kind.ECHO, Kind.ICMP_ERROR, Kind.RESOLUTION):
            body, protocol = self._icmp(row, kind), _ICMP if row["ip_version"] == 4 else _ICMPV6
        elif kind == Kind.FRAGMENT:
            body, protocol, beyond = b"", int(row["protocol"]), max(int(row["ip_len"]) - 20, 0)
        else:
            return None
        ends = ("other", "src") if kind == Kind.ICMP_ERROR else ("src", "dst")
        if body and not beyond:  # what is whole can be checked, and is as right or wrong as it was
            packed = b"".join(self._address(row, end) for end in ends)
            body = summed(body, packed, protocol, wrong=bool(row["marks"] & Mark.BAD_CHECKSUM))
        return _RAW, self._ip(row, ends, protocol, len(body) + beyond) + body, beyond

    def _address(self, row: Any, which: str) -> bytes:
        high, low = int(row[f"{which}_hi"]), int(row[f"{which}_lo"])
        real = IPv4Address(low & 0xFFFFFFFF) if row["ip_version"] == 4 else IPv6Address(high << 64 | low)
        return self._stand_ins.address(real).packed

    def _ip(self, row: Any, ends: tuple[str, str], protocol: int, length: int) -> bytes:
        source, target = (self._address(row, end) for end in ends)
        ttl, tos = int(row["ttl"]), int(row["tos"])
        if row["ip_version"] == 6:
            return struct.pack(">IHBB", 6 << 28 | tos << 20, min(length, _WIRE_LIMIT), protocol, ttl) + source + target
        marks = int(row["marks"])
        # More fragments, at offset 0 or at one that is not known any more.
        place = MORE_FRAGMENTS if marks & Mark.FIRST_FRAGMENT else 1 if row["kind"] == Kind.FRAGMENT else 0
        place |= DONT_FRAGMENT if marks & Mark.DF else 0
        return ipv4(source + target, protocol, length, ttl=ttl, place=place, tos=tos)

    def _icmp(self, row: Any, kind: int) -> bytes:
        if kind == Kind.ECHO:
            rest = struct.pack(">HH", int(row["sport"]), int(row["seq"]) & 0xFFFF)
            return struct.pack(">BBH", int(row["icmp_type"]), int(row["icmp_code"]), 0) + rest
        if kind == Kind.RESOLUTION:
            asks = int(row["flags"]) != _REPLY
            target = self._address(row, "dst" if asks else "src")
            return struct.pack(">BBHI", 135 if asks else 136, 0, 0, 0 if asks else 0x60000000) + target
        quoted = struct.pack(">HHI", int(row["sport"]), int(row["dport"]), int(row["seq"]))
        protocol = int(row["protocol"]) if row["protocol"] in (_TCP, _UDP) else _UDP
        mtu = int(row["icmp_mtu"])
        says = struct.pack(">BBHI", int(row["icmp_type"]), int(row["icmp_code"]), 0, mtu)
        return says + self._ip(row, ("src", "dst"), protocol, 8) + quoted

    def _arp(self, row: Any) -> bytes:
        real = (f"{int(row[end]):012x}" for end in ("src_mac", "dst_mac"))
        macs = [bytes.fromhex(self._stand_ins.mac(each).replace(":", "")) for each in real]
        asks = int(row["flags"]) != _REPLY
        source, target = self._address(row, "src"), self._address(row, "dst")
        ends = macs[0] + source + (bytes(6) if asks else macs[1]) + target
        to = b"\xff" * 6 if asks and not row["icmp_code"] else macs[1]
        return to + macs[0] + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, _REQUEST if asks else _REPLY) + ends


def _tcp(row: Any) -> bytes:
    """The header, without its checksum, with the options that say something of the connection."""
    marks, options = int(row["marks"]), b""
    if marks & Mark.MSS:
        options += struct.pack(">BBH", 2, 4, int(row["mss"]))
    if marks & Mark.WSCALE:
        options += struct.pack(">BBBB", 1, 3, 3, int(row["wscale"]))
    if marks & Mark.SACK_PERMITTED:
        options += bytes((1, 1, 4, 2))
    blocks = min(int(row["sack_n"]), 4)
    if blocks:
        edges = [int(row[f"sack{n}{side}"]) for n in range(1, blocks + 1) for side in "lr"]
        options += struct.pack(f">BBBB{2 * blocks}I", 1, 1, 5, 2 + 8 * blocks, *edges)
    size = (20 + len(options)) // 4
    numbers = (int(row[name]) for name in ("sport", "dport", "seq", "ack"))
    return struct.pack(">HHIIBBHHH", *numbers, size << 4, int(row["flags"]) & 0xFF, int(row["window"]), 0, 0) + options


def _lookup(row: Any) -> bytes:
    """The header of a lookup, and its question for the root in place of the name."""
    flags = 0x0100 if row["flags"] == _REQUEST else 0x8180 | int(row["window"]) & 15
    return struct.pack(">HHHHHHBHH", int(row["tag"]) & 0xFFFF, flags, 1, 0, 0, 0, 0, int(row["icmp_mtu"]), 1)
