"""The kernel's fields held against dpkt's, packet by packet, over every recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dpkt
import pytest

from tcpautopsy.capture import Input, Reader
from tcpautopsy.decode import Decoder
from tcpautopsy.tables import Kind, Mark

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CAPTURES = sorted(FIXTURES.glob("*/client.pcap"))


def decoded(path: Path) -> list[tuple[Any, bytes]]:
    """Every TCP row with the bytes of its frame."""
    found = []
    with path.open("rb") as stream:
        reader, decoder = Reader([Input(path.name, stream)]), Decoder()
        for frames in reader.chunks():
            for row, frame in zip(decoder.packets(frames).rows.copy(), frames.rows, strict=True):
                at = int(frame["position"])
                found.append((row, bytes(frames.buffer[at : at + int(frame["caplen"])])))
    return [(row, data) for row, data in found if row["kind"] == Kind.TCP]


#: Scenarios whose captures hold no TCP.
WITHOUT_TCP = ("udp", "dns", "arp", "ndp", "fragment", "ip-address")


def network(row: Any, data: bytes) -> Any:
    """The IP packet by dpkt, found by the version that the row names."""
    ethernet = dpkt.ethernet.Ethernet(data)
    packet = ethernet.data if isinstance(ethernet.data, dpkt.ip.IP | dpkt.ip6.IP6) else None
    return packet if packet is not None and isinstance(packet.data, dpkt.tcp.TCP) else None


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda p: p.parent.name)
def test_tcp_fields_are_those_of_dpkt(capture: Path) -> None:
    compared = 0
    for row, data in decoded(capture):
        packet = network(row, data)
        if packet is None:
            continue
        compared += 1
        segment = packet.data
        assert (row["sport"], row["dport"]) == (segment.sport, segment.dport)
        assert (row["seq"], row["ack"], row["window"]) == (segment.seq, segment.ack, segment.win)
        assert row["flags"] == segment.flags & 0x3F
        assert row["checksum"] == segment.sum
        options = dict(dpkt.tcp.parse_opts(segment.opts))
        assert bool(row["marks"] & Mark.MSS) == (dpkt.tcp.TCP_OPT_MSS in options)
        assert bool(row["marks"] & Mark.TIMESTAMPS) == (dpkt.tcp.TCP_OPT_TIMESTAMP in options)
        if isinstance(packet, dpkt.ip.IP):
            assert (row["ip_id"], row["ttl"], row["ip_len"]) == (packet.id, packet.ttl, packet.len)
            assert row["payload_len"] == packet.len - packet.hl * 4 - segment.off * 4
            assert int(row["src_lo"]).to_bytes(4) == packet.src
    first = capture.read_bytes()[20]
    assert compared > 0 or first != 1 or capture.parent.name.startswith(WITHOUT_TCP)
