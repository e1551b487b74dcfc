"""Community ID held against its authors' own library."""

from __future__ import annotations

from ipaddress import ip_address

import communityid
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.flows.community import community_id

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(0, 65535)


@given(st.sampled_from([4, 6]), st.data(), PORTS, PORTS, st.sampled_from([6, 17]))
def test_it_is_what_the_library_says(version: int, data: st.DataObject, sport: int, dport: int, protocol: int) -> None:
    source, target = (data.draw(st.ip_addresses(v=version)) for _ in range(2))
    make = communityid.FlowTuple.make_tcp if protocol == 6 else communityid.FlowTuple.make_udp
    expected = communityid.CommunityID().calc(make(str(source), str(target), sport, dport))
    assert community_id(protocol, source.packed, sport, target.packed, dport) == expected
    assert community_id(protocol, target.packed, dport, source.packed, sport) == expected


def test_address_resolution_has_none() -> None:
    assert community_id(201, ip_address("10.0.0.1").packed, 0, ip_address("10.0.0.2").packed, 0) == ""
