"""The capture to take next, as a ready command, where the place or the filter of this one was the limit."""

from __future__ import annotations

from collections.abc import Collection

from tcpautopsy.explain.told import Row
from tcpautopsy.result import NextCapture

_FILTERED = "capture-filter-excludes-icmp-arp-dns"
_ONE_SIDED = "capture-one-sided"
#: Vantage of this capture -> where the other half of the truth is, and the host to single out there.
_ELSEWHERE = {
    "client": ("at the server", "client_address"),
    "server": ("at the client", "server_address"),
    "middle": ("at the server, and at the client at the same time", "client_address"),
    "unknown": ("at the server, and at the client at the same time", "client_address"),
    "both": ("on the same host, on the loopback or the bridge between the programs", "client_address"),
}


def next_capture(flow: Row, vantage: str, limits: Collection[str], elsewhere: bool) -> NextCapture | None:
    """What to capture next: elsewhere when this place cannot decide, here when the filter hid what would."""
    if elsewhere:
        where, host = _ELSEWHERE[vantage]
    elif _FILTERED in limits or _ONE_SIDED in limits:
        where, host = "at the same place, without a filter on ports or directions", "server_address"
    else:
        return None
    return NextCapture(where=where, command=_command(flow, flow[host]))


def _command(flow: Row, host: str) -> str:
    """Headers of the one connection's host, and the ICMP, ARP and neighbour messages that explain it."""
    wanted = f"host {host}"
    if flow["server_port"] is not None and flow["protocol"] in ("tcp", "udp", "dns"):
        wanted = f"(host {host} and port {flow['server_port']})"
    return f"tcpdump -ni any -s 160 -w next.pcap '{wanted} or icmp or icmp6 or arp'"
