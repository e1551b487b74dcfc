"""Groups of flows: what is kept of them grows with the flows, not with the pairs of groups that there might be."""

import tracemalloc
from io import BytesIO
from ipaddress import ip_address

import dpkt

from tcpautopsy.features.mappings import came_back_as
from tcpautopsy.features.seen import Seen
from tcpautopsy.pipeline import examined

FLOWS = 2_000


def _datagrams() -> bytes:
    """One datagram each from so many clients to as many servers."""
    out = BytesIO()
    writer = dpkt.pcap.Writer(out, linktype=101, nano=True)
    for n in range(FLOWS):
        udp = dpkt.udp.UDP(sport=5000, dport=6000, data=b"x", ulen=9)
        source, target = (ip_address(f"10.{side}.{n >> 8}.{n & 255}").packed for side in (1, 2))
        packet = dpkt.ip.IP(src=source, dst=target, p=17, data=udp, len=29)
        writer.writepkt(bytes(packet), ts=1_700_000_000 + n)
    return out.getvalue()


def test_the_memory_of_pairs_of_groups_grows_with_the_flows() -> None:
    known = examined(_datagrams())
    seen = Seen(known.dissection, known.quality)
    assert seen.count == FLOWS
    tracemalloc.start()
    try:
        came_back_as(seen)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FLOWS * FLOWS / 2
