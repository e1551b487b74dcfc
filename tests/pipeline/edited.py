"""Captures edited packet by packet: what a test changes must not change what is said."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import dpkt

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def records(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(time in ns, bytes, wire length) of each record of a little-endian pcap."""
    magic, linktype = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 20)[0]
    assert linktype == 1
    scale = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, wire = struct.unpack_from("<IIII", data, at)
        yield seconds * 1_000_000_000 + fraction * scale, data[at + 16 : at + 16 + captured], wire
        at += 16 + captured


def pcap(found: list[tuple[int, bytes, int]]) -> bytes:
    """A nanosecond pcap of these records."""
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    body = b"".join(struct.pack("<IIII", *divmod(t, 1_000_000_000), len(b), w) + b for t, b, w in found)
    return head + body


def frame_ends(data: bytes) -> list[int]:
    """Offsets behind the header and behind each record of a pcap."""
    ends, at = [24], 24
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        ends.append(at)
    return ends


def each_tcp(data: bytes, change: Callable[[dpkt.ip.IP, dpkt.tcp.TCP], None]) -> bytes:
    """The capture with `change` made to every whole IPv4 TCP packet, its checksum right again if it was right."""
    return pcap([(t, _changed(frame, change), wire) for t, frame, wire in records(data)])


def _changed(frame: bytes, change: Callable[[dpkt.ip.IP, dpkt.tcp.TCP], None]) -> bytes:
    ethernet = dpkt.ethernet.Ethernet(frame)
    if not isinstance(ethernet.data, dpkt.ip.IP) or not isinstance(ethernet.data.data, dpkt.tcp.TCP):
        return frame
    ip, tcp = ethernet.data, ethernet.data.data
    change(ip, tcp)
    tcp.sum, ip.sum = 0, 0
    tail = frame[14 + ip.len :]
    return bytes(ethernet)[: 14 + ip.len] + tail
