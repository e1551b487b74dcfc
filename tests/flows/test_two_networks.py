"""A router that is captured on both sides: every packet twice, in two VLANs, the answers first where they come from."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from tcpautopsy.notation import capture
from tcpautopsy.pipeline import Options, analyse_bytes, examined

_HOP_S = 0.00002
ASKED = """
    +0   > udp (20) id 100
    +.02 < udp (60) id 200
    +1   > udp (20) id 101
    +.02 < udp (60) id 201
"""
CALLED = """
    +0   > S 0:0(0) id 100
    +.02 < S. 0:0(0) ack 1 id 200
    +0   > . 1:1(0) ack 1 id 101
    +0   > P. 1:33(32) ack 1 id 102
    +.02 < P. 1:43(42) ack 33 id 201
    +.1  < F. 43:43(0) ack 33 id 202
    +.01 > F. 33:33(0) ack 44 id 103
    +.01 < . 44:44(0) ack 34 id 203
"""


def records(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 24
    while at < len(content):
        seconds, rest, size, _ = struct.unpack_from("<IIII", content, at)
        yield seconds, rest, content[at + 16 : at + 16 + size]
        at += 16 + size


def tagged(frame: bytes, vlan: int, ttl: int) -> bytes:
    """The frame in a VLAN, with its TTL lowered as a router does it, and the checksum that belongs to it."""
    ip = bytearray(frame[14:])
    old = ip[8]
    ip[8] = ttl
    total = int.from_bytes(ip[10:12]) + ((old - ttl) << 8)
    ip[10:12] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2)
    return frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:14] + bytes(ip)


def both_sides(text: str) -> bytes:
    """The capture of a trunk: the client lives in VLAN 10, the server in VLAN 20."""
    made = capture(text)
    written = bytearray(made[:24])
    for seconds, rest, frame in records(made):
        vlans = (10, 20) if frame[26:30] == bytes((10, 0, 0, 1)) else (20, 10)
        for place, vlan in enumerate(vlans):
            copy = tagged(frame, vlan, frame[22] - place)
            written += struct.pack("<IIII", seconds, rest + round(place * _HOP_S * 1e9), len(copy), len(copy)) + copy
    return bytes(written)


@pytest.mark.parametrize(("text", "packets"), [(ASKED, 4), (CALLED, 8)])
def test_it_is_one_conversation(text: str, packets: int) -> None:
    result = analyse_bytes("trunk", both_sides(text), Options(debug=True)).result
    [one] = result.connections
    assert (one.outcome, one.severity, one.packets) == ("completed", "none", packets)
    assert result.totals.duplicates_removed == packets


def test_without_copies_two_networks_stay_apart() -> None:
    made = capture("+0 > udp (20) id 100")
    other = bytearray(made)
    for seconds, rest, frame in records(made):
        copy = tagged(frame, 20, 64)
        other += struct.pack("<IIII", seconds + 3, rest, len(copy), len(copy)) + copy
    assert len(analyse_bytes("two", bytes(other), Options(debug=True)).result.connections) == 2


@pytest.mark.parametrize("vlans", [(0, 20), (20, 0), (10, 0, 20), (0, 10, 0, 20), (10, 20, 0)])
def test_wiresharks_number_is_that_of_the_endpoints_in_whatever_network(vlans: tuple[int, ...]) -> None:
    made = capture("+0 > S 0:0(0) id 100\n+1 > S 0:0(0) id 101")
    written = bytearray(made[:24])
    for place, vlan in enumerate(vlans):
        for seconds, rest, frame in records(made):
            copy = tagged(frame, vlan, 64) if vlan else frame
            written += struct.pack("<IIII", seconds + 3 * place, rest, len(copy), len(copy)) + copy
    flows = examined(bytes(written)).dissection.flows
    assert len(flows) == len(set(vlans))
    assert set(flows["tcp_stream"].tolist()) == {0}
