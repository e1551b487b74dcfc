"""The loop that one writes first: every packet through dpkt, a dictionary of connections. A peer for the benchmark."""

from __future__ import annotations

import sys

import dpkt


def main(path: str) -> None:
    """Count packets and bytes of each connection."""
    flows: dict[tuple[bytes, bytes, int, int], list[int]] = {}
    with open(path, "rb") as stream:
        for _, data in dpkt.pcap.Reader(stream):
            network = dpkt.ethernet.Ethernet(data).data
            segment = getattr(network, "data", None)
            if not isinstance(segment, dpkt.tcp.TCP | dpkt.udp.UDP):
                continue
            ends = sorted([(network.src, segment.sport), (network.dst, segment.dport)])
            counts = flows.setdefault((ends[0][0], ends[1][0], ends[0][1], ends[1][1]), [0, 0])
            counts[0] += 1
            counts[1] += len(segment.data)
    print(len(flows))


if __name__ == "__main__":
    main(sys.argv[1])
