"""The longest time for which a side's data went unacknowledged, and was acknowledged in the end.

The last resend in vain and the one that was answered bound the instant at which the path came back; what else the
silent host sent between them bounds it closer. From that instant on TCP only waited for its timer.

Then silences that other connections share: those of one client, and of the whole capture.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.groups import addresses
from tcpautopsy.features.ladder import ladder_copies, ladder_sender, ladder_step_overdue
from tcpautopsy.features.overlap import points, within
from tcpautopsy.features.place import vantage, vantage_confidence
from tcpautopsy.features.seen import CLIENT, SERVER, Group, Mask, Seen, Values, Words, across, choose, plain, says

#: A pause of 0.65 s leaves at least one slot of this length empty; captures of more slots are sorted instead.
_SLOT_S, _SLOTS = 0.3, 10_000_000


def _lasted(seen: Seen, side: int) -> Values:
    return np.nan_to_num(seen.span(side, "max_outage_ns"))


def longest_outage_s(seen: Seen) -> Values:
    """Longest time from the first send of data to its ACK that took two or more timer resends; 0 without one."""
    return np.fmax(_lasted(seen, CLIENT), _lasted(seen, SERVER))


def outage_sender(seen: Seen) -> Words:
    """Whose data waited longest for its ACK across timer resends: client, server or nobody."""
    client, server = _lasted(seen, CLIENT), _lasted(seen, SERVER)
    return choose([(client > 0) & (client >= server), server > 0], ["client", "server"], "nobody")


def outage_dead_s(seen: Seen) -> Values:
    """Of the longest outage, from the first send to the last resend that got no answer; NA without an outage."""
    return _of_sender(seen, seen.span(CLIENT, "max_outage_dead_ns"), seen.span(SERVER, "max_outage_dead_ns"))


def outage_gap_s(seen: Seen) -> Values:
    """Of the longest outage, from the last resend without an answer to the one that got it; NA without an outage."""
    return _of_sender(seen, seen.span(CLIENT, "max_outage_gap_ns"), seen.span(SERVER, "max_outage_gap_ns"))


def outage_answer(seen: Seen) -> Words:
    """Which copy the ACK that ended the longest outage echoes the timestamp of: newest, older, or unknown."""
    newest = _of_sender(seen, seen.side(CLIENT, "max_outage_newest"), seen.side(SERVER, "max_outage_newest"))
    return choose([newest == 1, newest == 0], ["newest", "older"], "unknown")


@across
def outage_heard_s(seen: Seen) -> Values:
    """From the silent host's first packet after the last vain resend to the answered one; NA if it sent none.

    Known only where the sender itself captured: elsewhere a packet of the silent host need not have reached it. And
    only where nothing of that host came before: else just the way to it was dead, and what it sends tells nothing.
    """
    sure = ~says(seen.of(vantage_confidence), "low")
    there = (seen.of(longest_outage_s) > 0) & (plain(seen.of(vantage)) == plain(seen.of(outage_sender))) & sure
    resend = _of_sender(seen, seen.at(CLIENT, "max_outage_resend_ns"), seen.at(SERVER, "max_outage_resend_ns"))
    in_vain = resend - seen.of(outage_gap_s)
    # What the host had sent before the path died is on its way for one round trip at most.
    flying = _of_sender(seen, seen.span(CLIENT, "rtt_min_ns"), seen.span(SERVER, "rtt_min_ns"))
    silent_from = in_vain - seen.of(outage_dead_s) + np.nan_to_num(flying)
    heard: Values = np.full(seen.count, np.nan)
    if there.any():
        heard[there] = _first_from(seen, there, silent_from[there], resend[there])
    return np.where(heard > in_vain, resend - heard, np.nan)


def _first_from(seen: Seen, there: Mask, low: Values, high: Values) -> Values:
    """The first packet within the bounds from these flows' silent host to the sender, on any flow; NaN without one."""
    client, server = seen.of(addresses)
    mine = says(seen.of(outage_sender), "client")
    asked, number = np.unique(
        _directed(np.where(mine, server, client), np.where(mine, client, server))[there], return_inverse=True
    )
    packets = seen.happened_packets
    ends = client[packets.flow], server[packets.flow]
    said = packets.side == CLIENT
    owner = _directed(np.where(said, *ends), np.where(said, *reversed(ends)))
    chosen = np.isin(owner, asked) & (packets.side <= CLIENT)
    group = np.searchsorted(asked, owner[chosen])
    known = points(np.tile(group, 2), np.concatenate([packets.time[chosen], packets.last[chosen]]))
    return within(known, number, low, high)


def _directed(source: Group, target: Group) -> Group:
    """One number for each pair of hosts and direction."""
    return source << 31 | target


def _of_sender(seen: Seen, client: Values, server: Values) -> Values:
    """The client's or the server's value, whichever side waited; NaN when none did."""
    sender = seen.of(outage_sender)
    return np.select([says(sender, "client"), says(sender, "server")], [client, server], np.nan).astype(np.float64)


# ------------------------------------------------------------------------------------------------- shared silence


@across
def silent_together(seen: Seen) -> Values:
    """Connections of the client to other servers whose last packets left within 0.3 s of this one's, unanswered."""
    copies = np.nan_to_num(seen.of(ladder_copies))
    dead = says(seen.of(ladder_sender), "client") & seen.of(ladder_step_overdue) & (copies <= 4) & seen.has("tcp")
    rows = np.flatnonzero(dead)
    found = np.zeros(seen.count)
    last, clients, servers = seen.at(CLIENT, "last_ns"), seen.texts("client_address"), seen.texts("server_address")
    rows = rows[np.argsort(last[rows], kind="stable")]
    times = last[rows]
    for place, row in enumerate(rows):
        low, high = np.searchsorted(times, [times[place] - 0.3, times[place] + 0.3])
        near = rows[low : min(high, low + 64)]
        found[row] = sum(clients[n] == clients[row] and servers[n] != servers[row] for n in near)
    return found


def _paused(times: Values) -> bool:
    """Whether nothing happened for half a second anywhere between the first and the last of these times."""
    if not len(times) or not np.isfinite(times).all():
        return True
    slots = ((times - times.min()) / _SLOT_S).astype(np.int64)
    if slots.max() > _SLOTS:
        return True
    busy = np.flatnonzero(np.bincount(slots))
    return bool((np.diff(busy) > 1).any())


@across
def whole_capture_silent_s(seen: Seen) -> Values:
    """How long no packet at all was captured after this connection's last one; 0 when others went on within 1 s."""
    packets = seen.happened_packets
    last = seen.flow_at("last_ns")
    times = np.concatenate([packets.time, packets.last])
    # Without a pause before, only what was sent last can have been followed by silence.
    late = -np.inf if _paused(times) else times.max() - 2
    times = np.sort(times[times >= late])
    after = np.searchsorted(times, last + 0.35, "right")
    later = np.concatenate([times, [np.inf]])[after]
    following = np.fmin(later, seen.end)
    gap = following - last
    return np.where((gap >= 1) & (last >= late), gap, 0.0)
