"""What the capture could show of each flow: one column for each word that a rule may write under `needs`.

A need is about sight, not about existence: a server that sends no SYN-ACK is seen to send none, as long as its
direction is in the capture. Where a need is not met a rule says "unknown", never "no".
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.seen import CLIENT, OTHER, SERVER, Mask, Seen, across

#: Link types whose frames carry ARP and neighbour discovery at all.
_WITH_NEIGHBOURS = ("EN10MB", "LINUX_SLL", "LINUX_SLL2", "IEEE802_11", "IEEE802_11_RADIO")


def flag(seen: Seen, name: str) -> Mask:
    """A capture-quality flag, per flow."""
    return np.asarray(seen.quality.per_flow[name.replace("-", "_")].to_numpy(dtype=bool))


def sees_syn(seen: Seen) -> Mask:
    """The originator's SYN is in the capture."""
    return seen.side(CLIENT, "syn") > 0


def sees_synack(seen: Seen) -> Mask:
    """A SYN-ACK is in the capture, or would be had there been one."""
    return (seen.side(SERVER, "syn_ack") > 0) | (seen.of(sees_syn) & seen.of(sees_resp_direction))


def sees_handshake(seen: Seen) -> Mask:
    """The flow's beginning and both its directions are in the capture."""
    return seen.of(sees_syn) & seen.of(sees_resp_direction)


def sees_both_directions(seen: Seen) -> Mask:
    """Packets of either side would be in the capture."""
    return seen.of(sees_orig_direction) & seen.of(sees_resp_direction)


def sees_orig_direction(seen: Seen) -> Mask:
    """Packets of the originator would be in the capture."""
    return (seen.side(CLIENT, "packets") > 0) | ~flag(seen, "capture-one-sided")


@across
def sees_resp_direction(seen: Seen) -> Mask:
    """Packets of the responder would be in the capture."""
    spoke = seen.side(SERVER, "packets") > 0
    # A flow of nothing but SYNs cannot tell by itself whether the answers were captured; its neighbours can.
    blind = flag(seen, "capture-one-sided").any() & ~(spoke & (seen.side(CLIENT, "packets") > 0)).any()
    return spoke | (~flag(seen, "capture-one-sided") & ~blind)


def sees_payload(seen: Seen) -> Mask:
    """Payloads are whole in the capture."""
    return ~flag(seen, "capture-snaplen-truncated")


def sees_window_scale(seen: Seen) -> Mask:
    """SYN and SYN-ACK were captured, so that windows are known in bytes."""
    return (seen.side(CLIENT, "syn") > 0) & (seen.side(SERVER, "syn_ack") > 0)


def sees_timestamps(seen: Seen) -> Mask:
    """Both sides use TCP timestamps."""
    return (seen.side(CLIENT, "timestamps") > 0) & (seen.side(SERVER, "timestamps") > 0)


def sees_arp(seen: Seen) -> Mask:
    """Address resolution would be in the capture."""
    carries = any(link in _WITH_NEIGHBOURS for link in seen.dissection.facts.link_types)
    own = seen.has("arp") | seen.has("ndp")
    return own | (np.full(seen.count, carries) & ~flag(seen, "capture-filter-excludes-icmp-arp-dns"))


def sees_icmp(seen: Seen) -> Mask:
    """ICMP errors would be in the capture."""
    own = seen.saw("icmp_unreachable", "icmp_too_big", "icmp_time_exceeded", side=OTHER)
    return own | ~flag(seen, "capture-filter-excludes-icmp-arp-dns")


def sees_dns(seen: Seen) -> Mask:
    """Lookups would be in the capture."""
    return seen.has("dns") | ~flag(seen, "capture-filter-excludes-icmp-arp-dns")


def sees_end_of_flow(seen: Seen) -> Mask:
    """The flow's end is in the capture: it was closed, or the capture ran on well after its last packet."""
    closed = [(seen.side(side, "fin") > 0) | (seen.side(side, "rst") > 0) for side in (CLIENT, SERVER)]
    quiet = seen.end - seen.flow_at("last_ns")
    # A second is longer than any delayed acknowledgement and than the first timer of RFC 6298.
    return (closed[0] & closed[1]) | ((quiet >= 1.0) & ~flag(seen, "capture-ended-before-verdict"))


@across
def sees_host_siblings(seen: Seen) -> Mask:
    """Another flow of the same server is in the capture."""
    host = seen.words("server_address").codes
    return np.asarray(np.bincount(host, minlength=1)[host] > 1)
