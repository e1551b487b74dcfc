"""Changes that cannot matter to a cause: time moved, sequence numbers moved over the wrap, every frame doubled."""

from __future__ import annotations

import dpkt
import pytest
from pipeline.edited import FIXTURES, each_tcp, pcap, records

from tcpautopsy import pipeline
from tcpautopsy.result import Connection

SCENARIOS = (
    "accept-queue-ack-drop",
    "accept-queue-syn-drop",
    "cable-cut-restored",
    "close-unread-data",
    "healthy-http",
    "keepalive-race",
    "one-way-loss",
    "path-burst-loss",
    "refused",
    "zero-window-recovered",
)
DAY_NS = 86_400_000_000_000
WRAP = 2**32


def said(data: bytes) -> list[tuple[object, ...]]:
    """What is said of each TCP connection, without what names a time or a number of the edited packets."""
    return [of(c) for c in result(data) if c.protocol == "tcp"]


def result(data: bytes) -> list[Connection]:
    return pipeline.analyse_bytes("edited.pcap", data).result.connections


def of(c: Connection) -> tuple[object, ...]:
    books = c.ledger
    return (c.client.port, c.server.port, c.outcome, c.severity, c.cause, c.confidence, c.fault, c.packets, books)


@pytest.fixture(params=SCENARIOS)
def capture(request: pytest.FixtureRequest) -> bytes:
    return (FIXTURES / request.param / "client.pcap").read_bytes()


def test_another_day(capture: bytes) -> None:
    moved = pcap([(t + DAY_NS, frame, wire) for t, frame, wire in records(capture)])
    assert said(moved) == said(capture)


@pytest.mark.parametrize("shift", [WRAP - 1_000_000, WRAP - 60, 2**31])
def test_sequence_numbers_that_wrap(capture: bytes, shift: int) -> None:
    assert said(each_tcp(capture, wrapped(capture, shift))) == said(capture)


def wrapped(capture: bytes, shift: int):  # type: ignore[no-untyped-def] # a closure for `each_tcp`
    """Moves both sides' numbers so that the lowest one seen of each becomes `shift`."""
    first: dict[bytes, int] = {}
    each_tcp(capture, lambda ip, tcp: first.setdefault(key(ip, tcp), tcp.seq) and None)

    def change(ip: dpkt.ip.IP, tcp: dpkt.tcp.TCP) -> None:
        own, peer = first[key(ip, tcp)], first.get(key(ip, tcp, back=True))
        if not tcp.flags & dpkt.tcp.TH_RST or tcp.seq:
            tcp.seq = (tcp.seq - own + shift) % WRAP
        if peer is not None and tcp.flags & dpkt.tcp.TH_ACK:
            tcp.ack = (tcp.ack - peer + shift) % WRAP
            tcp.opts = moved_sack(tcp.opts, shift - peer)

    return change


def key(ip: dpkt.ip.IP, tcp: dpkt.tcp.TCP, back: bool = False) -> bytes:
    there = ip.src + ip.dst + tcp.sport.to_bytes(2, "big") + tcp.dport.to_bytes(2, "big")
    other = ip.dst + ip.src + tcp.dport.to_bytes(2, "big") + tcp.sport.to_bytes(2, "big")
    return other if back else there


def moved_sack(options: bytes, by: int) -> bytes:
    """The options with all edges of SACK blocks moved."""
    out, at = bytearray(options), 0
    while at < len(out) and out[at] != 0:
        if out[at] == 1:
            at += 1
            continue
        length = out[at + 1]
        if out[at] == 5:
            for edge in range(at + 2, at + length, 4):
                moved = (int.from_bytes(out[edge : edge + 4], "big") + by) % WRAP
                out[edge : edge + 4] = moved.to_bytes(4, "big")
        at += length
    return bytes(out)


def test_endpoints_that_change_places(capture: bytes) -> None:
    """The addresses swapped, with everything else: the client is still who sends the SYN."""

    def swap(ip: dpkt.ip.IP, _tcp: dpkt.tcp.TCP) -> None:
        ip.src, ip.dst = ip.dst, ip.src

    assert said(each_tcp(capture, swap)) == said(capture)


def test_every_frame_doubled(capture: bytes) -> None:
    """As a capture on two interfaces or a mirror port holds them: copies are removed before anything is judged."""
    twice = [(t + gap, frame, wire) for t, frame, wire in records(capture) for gap in (0, 20_000)]
    assert said(pcap(sorted(twice, key=lambda r: r[0]))) == said(capture)
