"""Captures made for timing: as many packets as wanted, of connections that look like those of the internet.

`python -m benchmarks.captures OUT.pcap --packets 1000000 --kind mix`. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.int64]

_SYN, _ACK, _PSH, _FIN = 2, 16, 8, 1
_EPOCH_NS = 1_700_000_000_000_000_000
_MSS = 1448
_PIECE = 400_000
_SLACK = 256


class Kind(NamedTuple):
    """What a capture is made of.

    `groups`: mean number of (data, data, ACK) groups of a connection. `snap`: bytes kept of a packet. `span_s`: how
    long it lasts. `payload`: bytes of a full segment. `v6`, `vlan`, `udp`: shares of the connections. `flood`: SYNs
    only.
    """

    groups: float
    snap: int = 65_535
    span_s: float = 60.0
    payload: int = _MSS
    v6: float = 0.15
    vlan: float = 0.05
    udp: float = 0.1
    flood: bool = False


KINDS = {
    "mix": Kind(groups=7.0, payload=900),
    "headers": Kind(groups=8.0, snap=96, span_s=300.0),
    "short": Kind(groups=1.0, payload=600),
    "many": Kind(groups=1.0, snap=96),
    "small": Kind(groups=7.0, payload=1),
    "flood": Kind(groups=0.0, flood=True, udp=0.0),
    "elephant": Kind(groups=1e9, v6=0.0, vlan=0.0, udp=0.0),
    "tagged": Kind(groups=7.0, payload=900, v6=0.5, vlan=1.0),
}


class _Plan(NamedTuple):
    """One row a packet, in order of time: its connection, its place in it, and what it is."""

    connection: _Numbers
    time_ns: _Numbers
    from_client: NDArray[np.bool_]
    flags: _Numbers
    seq: _Numbers
    ack: _Numbers
    payload: _Numbers


class _Ends(NamedTuple):
    """One row a connection."""

    v6: NDArray[np.bool_]
    vlan: NDArray[np.bool_]
    udp: NDArray[np.bool_]
    client: _Numbers
    port: _Numbers
    server: _Numbers


def write(path: Path, kind: Kind, packets: int, seed: int = 1) -> None:
    """A pcap file of about this many packets."""
    random = np.random.default_rng(seed)
    plan, ends = _flood(random, kind, packets) if kind.flood else _connections(random, kind, packets)
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, kind.snap, 1))
        for start in range(0, len(plan.connection), _PIECE):
            _write(out, _Plan(*(column[start : start + _PIECE] for column in plan)), ends, kind)


def _flood(random: np.random.Generator, kind: Kind, packets: int) -> tuple[_Plan, _Ends]:
    n = np.arange(packets)
    times = np.sort(random.integers(0, int(kind.span_s * 1e9), packets))
    nothing = np.zeros(packets, np.int64)
    plan = _Plan(n, times, np.ones(packets, bool), nothing + _SYN, random.integers(0, 2**32, packets), nothing, nothing)
    return plan, _ends(random, kind, packets, servers=1)


def _ends(random: np.random.Generator, kind: Kind, count: int, servers: int = 500) -> _Ends:
    n = np.arange(count)
    return _Ends(
        v6=random.random(count) < kind.v6,
        vlan=random.random(count) < kind.vlan,
        udp=random.random(count) < kind.udp,
        client=(n // 60_000) * 2_000 + random.integers(0, 2_000, count),
        port=1_024 + n % 60_000,
        server=random.integers(0, servers, count),
    )


class _Places(NamedTuple):
    """One row a packet, connection by connection: which packet of its connection it is.

    `last` counts from the first FIN (0), below that it is negative.
    """

    connection: _Numbers
    place: _Numbers
    group: _Numbers
    role: _Numbers
    last: _Numbers
    middle: NDArray[np.bool_]


def _places(groups: _Numbers) -> _Places:
    size = 7 + 3 * groups
    connection = np.repeat(np.arange(len(groups)), size)
    place = np.arange(len(connection)) - np.repeat(np.cumsum(size) - size, size)
    last = place - 4 - 3 * groups[connection]
    return _Places(connection, place, (place - 4) // 3, (place - 4) % 3, last, (place >= 4) & (last < 0))


def _connections(random: np.random.Generator, kind: Kind, packets: int) -> tuple[_Plan, _Ends]:
    """Handshake, a request, groups of two segments and an ACK, close; one ACK in a hundred is a lost segment resent."""
    if kind.groups > packets:
        groups = np.asarray([max((packets - 7) // 3, 1)])
    else:
        groups = random.geometric(1 / max(kind.groups, 1.0), max(int(packets / (7 + 3 * kind.groups)), 1))
    count = len(groups)
    p = _places(groups)
    resent = p.middle & (p.role == 2) & (random.random(len(p.place)) < 0.01)
    data, request = p.middle & (p.role < 2) | resent, p.place == 3
    from_client = (p.place == 0) | (p.place == 2) | request | p.middle & (p.role == 2) & ~resent | (p.last == 1)
    seq, ack = _numbers(random, kind, p, from_client, np.where(resent, 1, np.where(data, p.role, 2)))
    flags = np.select([p.place == 0, p.place == 1, request], [_SYN, _SYN | _ACK, _PSH | _ACK], _ACK)
    flags = np.where((p.last == 0) | (p.last == 1), flags | _FIN, flags)
    busy_ns = int(kind.span_s * 0.2e9)
    gap = random.integers(50_000, busy_ns // 200 + 60_000, count)
    step = np.minimum(gap[p.connection], busy_ns // (7 + 3 * groups[p.connection]))
    times = random.integers(0, int(kind.span_s * 0.8e9), count)[p.connection] + p.place * step
    payload = np.where(data, kind.payload, np.where(request, 200, 0))
    order = np.argsort(times, kind="stable")
    columns = (p.connection, times, from_client, flags, seq, ack, payload)
    return _Plan(*(column[order] for column in columns)), _ends(random, kind, count)


def _numbers(
    random: np.random.Generator, kind: Kind, p: _Places, from_client: NDArray[np.bool_], within: _Numbers
) -> tuple[_Numbers, _Numbers]:
    """Sequence and acknowledgement numbers; `within` is how many segments of its group went before a packet."""
    isn = random.integers(0, 2**31, (2, int(p.connection.max()) + 1))[:, p.connection]
    segments = np.where(p.middle, p.group * 2 + within, np.where(p.last >= 0, (p.place - 4 - p.last) // 3 * 2, 0))
    client = isn[0] + (p.place > 0) + np.where(p.place > 3, 200, 0) + (p.last == 2)
    server = isn[1] + (p.place > 1) + segments * kind.payload + (p.last >= 1)
    seq, ack = np.where(from_client, client, server), np.where(from_client, server, client)
    return seq % 2**32, np.where(p.place > 0, ack, 0) % 2**32


def _write(out: BinaryIO, plan: _Plan, ends: _Ends, kind: Kind) -> None:
    """These packets as records, each class of headers written as columns."""
    connection = plan.connection
    udp, v6, vlan = ends.udp[connection], ends.v6[connection], ends.vlan[connection]
    transport = np.where(udp, 8, np.where(plan.flags & _SYN != 0, 40, 32))
    headers = 14 + np.where(vlan, 4, 0) + np.where(v6, 40, 20) + transport
    wire = np.maximum(headers + plan.payload, 60)
    kept = np.minimum(wire, kind.snap)
    offsets = np.cumsum(16 + kept) - (16 + kept)
    buffer = np.zeros(int(offsets[-1] + 16 + kept[-1]) + _SLACK, np.uint8)
    at = offsets + 16
    _put(buffer, at + 5, ">u1", np.where(plan.from_client, 1, 2))
    _put(buffer, at + 11, ">u1", np.where(plan.from_client, 2, 1))
    ethertype = np.where(v6, 0x86DD, 0x0800)
    _put(buffer, (at + 12)[vlan], ">u2", np.full(int(vlan.sum()), 0x8100))
    _put(buffer, (at + 14)[vlan], ">u2", np.full(int(vlan.sum()), 7))
    at = at + 12 + np.where(vlan, 4, 0)
    _put(buffer, at, ">u2", ethertype)
    _network(buffer, at + 2, plan, ends, transport)
    _transport(buffer, at + 2 + np.where(v6, 40, 20), plan, ends)
    _checksums(buffer, at + 2, plan, ends, transport)
    # Last, for headers longer than what is kept of a packet reach into the next record.
    _put(buffer, offsets, "<u4", (_EPOCH_NS + plan.time_ns) // 10**9)
    _put(buffer, offsets + 4, "<u4", (_EPOCH_NS + plan.time_ns) % 10**9 // 1000)
    _put(buffer, offsets + 8, "<u4", kept)
    _put(buffer, offsets + 12, "<u4", wire)
    out.write(buffer[:-_SLACK])


def _network(buffer: NDArray[np.uint8], at: _Numbers, plan: _Plan, ends: _Ends, transport: _Numbers) -> None:
    connection = plan.connection
    v6, protocol = ends.v6[connection], np.where(ends.udp[connection], 17, 6)
    client, server = 0x0A000000 + ends.client[connection], 0xC0A80000 + ends.server[connection]
    source, target = np.where(plan.from_client, client, server), np.where(plan.from_client, server, client)
    length = transport + plan.payload
    for chosen, fields in (
        (
            ~v6,
            (
                (0, ">u1", 0x45),
                (2, ">u2", 20 + length),
                (4, ">u2", np.arange(len(at)) % 65_535 + 1),
                (6, ">u2", 0x4000),
                (8, ">u1", 64),
                (9, ">u1", protocol),
                (12, ">u4", source),
                (16, ">u4", target),
            ),
        ),
        (
            v6,
            (
                (0, ">u1", 0x60),
                (4, ">u2", length),
                (6, ">u1", protocol),
                (7, ">u1", 64),
                (8, ">u2", 0x2001),
                (20, ">u4", source),
                (24, ">u2", 0x2001),
                (36, ">u4", target),
            ),
        ),
    ):
        for offset, form, values in fields:
            _put(buffer, (at + offset)[chosen], form, np.broadcast_to(values, len(at))[chosen])


def _transport(buffer: NDArray[np.uint8], at: _Numbers, plan: _Plan, ends: _Ends) -> None:
    connection = plan.connection
    client, server = ends.port[connection], np.full(len(at), 443)
    _put(buffer, at, ">u2", np.where(plan.from_client, client, server))
    _put(buffer, at + 2, ">u2", np.where(plan.from_client, server, client))
    udp, syn = ends.udp[connection], plan.flags & _SYN != 0
    _put(buffer, (at + 4)[udp], ">u2", (8 + plan.payload)[udp])
    tcp = ~udp
    first = tcp & syn
    rest = tcp & ~syn
    stamps = plan.time_ns // 1_000_000
    for chosen, fields in (
        (
            tcp,
            (
                (4, ">u4", plan.seq),
                (8, ">u4", plan.ack),
                (12, ">u1", np.where(syn, 0xA0, 0x80)),
                (13, ">u1", plan.flags),
                (14, ">u2", 0xFFFF),
            ),
        ),
        (
            first,
            ((20, ">u4", 0x02040000 | _MSS), (24, ">u4", 0x0402080A), (28, ">u4", stamps), (36, ">u4", 0x01030307)),
        ),
        (rest, ((20, ">u4", 0x0101080A), (24, ">u4", stamps), (28, ">u4", stamps))),
    ):
        for offset, form, values in fields:
            _put(buffer, (at + offset)[chosen], form, np.broadcast_to(values, len(at))[chosen])


def _checksums(buffer: NDArray[np.uint8], at: _Numbers, plan: _Plan, ends: _Ends, transport: _Numbers) -> None:
    """Those of the transport headers; payload is all zeros and adds nothing."""
    v6, udp = ends.v6[plan.connection], ends.udp[plan.connection]
    length = transport + plan.payload
    network = np.where(v6, 40, 20)
    total = length + np.where(udp, 17, 6)
    for word in range(16):  # addresses: 2 * 2 words of IPv4, 2 * 8 of IPv6
        used = v6 | (word < 4)
        total += np.where(used, _word(buffer, at + np.where(v6, 8, 12) + 2 * word * used), 0)
    for word in range(20):
        used = 2 * word < transport
        total += np.where(used, _word(buffer, at + network + 2 * word * used), 0)
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    place = at + network + np.where(udp, 6, 16)
    _put(buffer, place, ">u2", 0xFFFF - total)


def _word(buffer: NDArray[np.uint8], at: _Numbers) -> _Numbers:
    return buffer[at].astype(np.int64) * 256 + buffer[at + 1]


def _put(buffer: NDArray[np.uint8], at: _Numbers, form: str, values: NDArray[np.generic]) -> None:
    """Write one number at each of these places."""
    width = np.dtype(form).itemsize
    parts = np.ascontiguousarray(values.astype(form)).view(np.uint8).reshape(len(at), width)
    for n in range(width):
        buffer[at + n] = parts[:, n]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="mix")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    write(given.out, KINDS[given.kind], given.packets, given.seed)


if __name__ == "__main__":
    main()
