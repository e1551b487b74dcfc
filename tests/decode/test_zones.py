"""Zones get numbers in the order of their first packet, and a hostile capture cannot make them grow without end."""

from __future__ import annotations

from tcpautopsy.decode.zones import MAX_ZONES, Zones


def test_numbers_begin_at_one_and_a_vlan_is_known_to_the_kernel() -> None:
    zones = Zones()
    assert [zones.number(labels) for labels in ((), ("vlan 7",), ("vlan 7", "vxlan 9"), ("vlan 7",))] == [0, 1, 2, 1]
    assert zones.vlans[7] == 1
    assert zones.labels(2) == ("vlan 7", "vxlan 9")
    assert zones.names() == ["", "vlan 7", "vlan 7 / vxlan 9"]


def test_what_is_beyond_the_limit_shares_one_number() -> None:
    zones = Zones()
    numbers = {zones.number((f"vxlan {n}",)) for n in range(MAX_ZONES + 10)}
    assert max(numbers) == MAX_ZONES
    assert len(zones.names()) == MAX_ZONES + 1
    assert zones.labels(MAX_ZONES) == ()
