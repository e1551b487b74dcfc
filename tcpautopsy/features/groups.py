"""Connections that belong together: the same listener, the same pair of hosts; and what the others of a group did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcpautopsy.features.happenings import Happenings
from tcpautopsy.features.overlap import Points, counted, grouped, instants
from tcpautopsy.features.seen import Group, Mask, Seen, Values, of_all
from tcpautopsy.schema import numbered


@of_all
def addresses(seen: Seen) -> tuple[Group, Group]:
    """(client, server) addresses as numbers in one numbering, VLAN and tunnel told apart."""
    flows = seen.dissection.flows
    client, server, zone = (flows[name].to_numpy() for name in ("client_host", "server_host", "zone"))
    if (zone == zone[:1]).all():
        return client, server
    codes = numbered([np.concatenate([client, server]), np.tile(zone, 2)])
    return codes[: seen.count], codes[seen.count :]


@of_all
def listener(seen: Seen) -> Group:
    """Flows to the same address, port and protocol."""
    _, server = seen.of(addresses)
    protocol = seen.words("protocol").codes.astype(np.int64)
    return numbered([server, np.nan_to_num(seen.flow("server_port"), nan=-1).astype(np.int64), protocol])


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
