"""Connections whose program had closed them, and which their kernel then gave up: many of one host at once."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.ending import reset_at, reset_by, reset_look
from tcpautopsy.features.groups import addresses
from tcpautopsy.features.overlap import counted, others, points
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, across, says

#: A limit of the whole machine hits many connections in one moment.
_TOGETHER_S = 10.0


def reset_behind_own_fin(seen: Seen) -> Mask:
    """The side that reset, with an ACK flag, had sent its FIN before, and the peer no data since that FIN."""
    found = np.zeros(seen.count, bool)
    for side, word in ((CLIENT, "client"), (SERVER, "server")):
        closed = seen.at(side, "fin_ns")
        said = seen.at(1 - side, "last_data_ns")  # of the peer
        quiet = np.isnan(said) | (said < closed)
        found |= says(seen.of(reset_by), word) & (closed <= seen.of(reset_at)) & quiet
    return found & says(seen.of(reset_look), "active")


@across
def resets_behind_fin_near(seen: Seen) -> Values:
    """Other connections of that host that it reset so within 10 s."""
    client, server = seen.of(addresses)
    host = np.where(says(seen.of(reset_by), "client"), client, server)
    mine = seen.of(reset_behind_own_fin)
    at = np.where(mine, seen.of(reset_at), np.nan)
    count = others(host, at, at - _TOGETHER_S, at + _TOGETHER_S)
    return np.where(mine, count, 0).astype(float)


@across
def clean_closes_before(seen: Seen) -> Values:
    """Connections of that host that it had closed before, with a FIN and no reset: to reset is not its habit."""
    client, server = seen.of(addresses)
    mine = seen.of(reset_behind_own_fin)
    host = np.where(says(seen.of(reset_by), "client"), client, server)
    count = np.zeros(seen.count, np.int64)
    for side, addressed in ((CLIENT, client), (SERVER, server)):
        clean = np.where(np.nan_to_num(seen.side(side, "rst")) == 0, seen.at(side, "fin_ns"), np.nan)
        at = seen.of(reset_at)
        count += counted(points(addressed, clean), host, np.where(np.isnan(at), np.nan, -np.inf), at)
    return np.where(mine, count, 0).astype(float)
