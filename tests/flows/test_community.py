"""Community ID held against its authors' own library."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import communityid
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.flows import community
from tcpautopsy.flows.community import Ends, community_ids

PORTS = st.integers(0, 65535)
ENDS = st.sampled_from([4, 6]).flatmap(lambda v: st.tuples(st.just(v), st.ip_addresses(v=v), st.ip_addresses(v=v)))
FLOWS = st.lists(st.tuples(ENDS, PORTS, PORTS, st.sampled_from([6, 17])), min_size=1, max_size=5)


def ids(flows: list[tuple[int, Any, int, Any, int, int]]) -> list[str]:
    """Community IDs of (version, client, its port, server, its port, protocol)."""
    version, client, sport, server, dport, protocol = zip(*flows, strict=True)
    halves = [
        np.array([int(a) >> 64 * n & (1 << 64) - 1 for a in side], np.uint64)
        for side in (client, server)
        for n in (1, 0)
    ]
    ends = Ends(np.array(version), *halves, np.array(sport), np.array(dport))
    return list(community_ids(ends, np.array(protocol, np.uint8)))


@given(FLOWS)
def test_they_are_what_the_library_says(flows: list[tuple[tuple[int, Any, Any], int, int, int]]) -> None:
    expected, there, back = [], [], []
    for (version, source, target), sport, dport, protocol in flows:
        make = communityid.FlowTuple.make_tcp if protocol == 6 else communityid.FlowTuple.make_udp
        expected.append(communityid.CommunityID().calc(make(str(source), str(target), sport, dport)))
        there.append((version, source, sport, target, dport, protocol))
        back.append((version, target, dport, source, sport, protocol))
    assert ids(there) == expected
    assert ids(back) == expected


def test_echoes_have_their_types_for_ports_and_resolution_has_none() -> None:
    a, b = ip_address("10.0.0.1"), ip_address("10.0.0.2")
    echo = communityid.CommunityID().calc(communityid.FlowTuple.make_icmp(str(a), str(b), 8, 0))
    assert ids([(4, a, 0, b, 0, 1), (4, b, 7, a, 9, 1), (4, a, 0, b, 0, 201), (4, a, 53, b, 5, 202)])[:3] == [
        echo,
        communityid.CommunityID().calc(communityid.FlowTuple.make_icmp(str(b), str(a), 8, 0)),
        "",
    ]


def test_many_are_made_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    flows = [(4, ip_address(f"10.0.0.{n}"), n, ip_address("10.0.1.1"), 80, 6) for n in range(10)]
    expected = ids(flows)
    monkeypatch.setattr(community, "_STRETCH", 3)
    assert ids(flows) == expected
