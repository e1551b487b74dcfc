"""Connections that belong together: the same listener, the same pair of hosts; and what the others of a group did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcpautopsy.features.happenings import Happenings
from tcpautopsy.features.overlap import Points, counted, grouped, instants
from tcpautopsy.features.seen import Group, Mask, Seen, Values, of_all
from tcpautopsy.schema import numbered

#: VLANs and tunnels up to which a host in each gets a number, whether or not it was seen there.
_FEW_ZONES = 4


@of_all
def addresses(seen: Seen) -> tuple[Group, Group]:
    """(client, server) addresses as numbers in one numbering, VLAN and tunnel told apart."""
    flows = seen.dissection.flows
    client, server = (flows[f"{end}_host"].to_numpy() for end in ("client", "server"))
    zone = numbered([flows["zone"].to_numpy()])
    zones, hosts = (int(max(each.max(initial=-1) for each in them)) + 1 for them in ((zone,), (client, server)))
    if zones <= _FEW_ZONES:
        zone *= hosts
        return client + zone, server + zone
    codes = numbered([np.concatenate([client, server]), np.tile(zone, 2)])
    return codes[: seen.count], codes[seen.count :]


@of_all
def listener(seen: Seen) -> Group:
    """Flows to the same address, port and protocol."""
    _, server = seen.of(addresses)
    port = seen.dissection.flows["server_port"].to_numpy(dtype="int64", na_value=-1)
    return numbered([server, port, seen.words("protocol").codes])


@of_all
def host_pair(seen: Seen) -> Group:
    """Flows from the same client host to the same server host."""
    return numbered(seen.of(addresses))


def split(group: Group, by: Group) -> Group:
    """Groups made smaller: equal numbers only where both were equal."""
    return group * (int(by.max(initial=0)) + 1) + by


def elsewhere(seen: Seen, group: Group, events: Happenings, low: Values, high: Values) -> Mask:
    """Whether *other* flows of the group have a begin or end of an event in [low, high]."""
    asked = ~(np.isnan(low) | np.isnan(high)) & (low <= high)
    if not asked.any():
        return asked
    wanted = np.zeros(int(group.max(initial=-1)) + 1, bool)
    wanted[group[asked]] = True
    chosen = wanted[group[events.flow]]
    if 2 * chosen.sum() > len(chosen):
        company = seen.keep((id(group), id(events)), lambda: _company(group, events))
    else:
        company = _company(group, events.where(chosen))
    everywhere = counted(company.of_group, group, low, high)
    return everywhere > counted(company.of_flow, np.arange(seen.count), low, high)


class _Company(NamedTuple):
    """Begins and ends of events, by group and by flow."""

    of_group: Points
    of_flow: Points
    made_of: tuple[Group, Happenings]  # kept, so that nothing else gets their identity


def _company(group: Group, events: Happenings) -> _Company:
    runs = events.last > events.time
    those = instants(np.concatenate([events.time, events.last[runs]]))
    owner = np.concatenate([events.flow, events.flow[runs]])
    return _Company(grouped(those, group[owner]), grouped(those, owner), (group, events))
