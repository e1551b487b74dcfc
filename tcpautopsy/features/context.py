"""A connection among its neighbours: the same listener, the same pair of hosts, the same server, the whole capture.

The cause of a silence is seldom in the silent connection itself. Whether the listener answered others meanwhile,
whether the pair's other connections went on, whether a new connection worked at once: that decides.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tcpautopsy.features.conversation import longest_idle_s
from tcpautopsy.features.ending import reset_at, reset_before_server_spoke, reset_look
from tcpautopsy.features.groups import addresses, elsewhere, host_pair, listener
from tcpautopsy.features.handshake import (
    first_data_ignored_copies,
    handshake_completed,
    server_first_word_at,
    synack_retransmissions_after_client_data,
    syns_unanswered,
)
from tcpautopsy.features.happenings import Happenings
from tcpautopsy.features.ladder import idle_before_ladder_s, silent_side, silent_since
from tcpautopsy.features.overlap import counted, others, outlasting, overlapping, points, within
from tcpautopsy.features.seen import CLIENT, SERVER, Group, Mask, Seen, Values, across, says, unless
from tcpautopsy.features.visible import sees_arp

#: A listener that answers within this time of an unanswered SYN is alive (CATALOGUE: accept-queue-overflow-syn-drop).
NEARBY_S = 2.0
#: A burst that fills a queue, and the retries it causes, lie this close together.
BURST_S = 10.0
#: Connections that one event ends (a crash, a restart) end this close together (CATALOGUE: process-died).
SAME_MOMENT_S = 0.05
#: After a crash or restart refusals follow within this time, or the service is back.
_RESTART_S = 60.0

# ----------------------------------------------------------------------------------------------------- listener


@across
def listener_connections(seen: Seen) -> Values:
    """Other connections to the same listener in the capture."""
    group = seen.of(listener)
    return np.bincount(group, minlength=1)[group].astype(float) - 1


@across
def listener_answered_others(seen: Seen) -> Mask:
    """The listener sent packets on other connections within 2 s of this one's SYNs."""
    low = seen.first("syn", side=CLIENT) - NEARBY_S
    high = seen.last("syn", "syn_retransmission", side=CLIENT) + NEARBY_S
    return elsewhere(seen, seen.of(listener), seen.of(_server_words), low, high)


def _server_words(seen: Seen) -> Happenings:
    """What servers sent to TCP clients, resets left out: a refusing host has no listener."""
    return seen.packets_but("rst", side=SERVER)


@across
def listener_alive_meanwhile(seen: Seen) -> Mask:
    """The listener sent packets on other connections between this one's first packet and its last, 2 s around."""
    low, high = seen.flow_at("first_ns") - NEARBY_S, seen.flow_at("last_ns") + NEARBY_S
    return elsewhere(seen, seen.of(listener), seen.of(_server_words), low, high)


#: How a listener's trouble shows on one connection.
_SYN_IGNORED, ACK_IGNORED, _RESET_AT_ONCE, _REFUSED, _SILENT = 1, 2, 3, 4, 5
_OVERFLOW = (_SYN_IGNORED, ACK_IGNORED, _RESET_AT_ONCE)


def trouble_kind(seen: Seen) -> Values:
    """1 SYN ignored, 2 handshake's ACK ignored, 3 reset in answer to it, 4 refused, 5 silent at the end, 0 none."""
    ignored = (np.nan_to_num(seen.of(synack_retransmissions_after_client_data)) > 0) | (
        np.nan_to_num(seen.of(first_data_ignored_copies)) >= 2
    )
    return np.select(
        [
            seen.of(reset_before_server_spoke) & says(seen.of(reset_look), "reply") & ~ignored,
            ignored,
            says(seen.of(reset_look), "refusal"),
            (np.nan_to_num(seen.of(syns_unanswered)) > 0) & seen.has("tcp"),
            ~np.isnan(seen.of(silent_side)),
        ],
        [_RESET_AT_ONCE, ACK_IGNORED, _REFUSED, _SYN_IGNORED, _SILENT],
        0,
    ).astype(float)


@across
def listener_failed_like_this(seen: Seen) -> Values:
    """Other connections to the listener, within 10 s, with the same kind of trouble (`trouble_kind`)."""
    kind = seen.of(trouble_kind)
    return _neighbours(seen, seen.of(listener) * 8 + kind.astype(np.int64), kind != 0)


def _of_listener(seen: Seen, mask: Mask) -> Values:
    group = seen.of(listener)
    return np.asarray(np.bincount(group, weights=mask, minlength=1)[group], np.float64)


@across
def listener_syn_ignored(seen: Seen) -> Values:
    """Connections to this listener, this one included, whose SYN it ignored."""
    return _of_listener(seen, seen.of(trouble_kind) == _SYN_IGNORED)


@across
def listener_ack_ignored(seen: Seen) -> Values:
    """Connections to this listener, this one included, of which it ignored the end of the handshake."""
    return _of_listener(seen, seen.of(trouble_kind) == ACK_IGNORED)


@across
def listener_reset_at_once(seen: Seen) -> Values:
    """Connections to this listener, this one included, that it reset in answer to the end of the handshake."""
    return _of_listener(seen, seen.of(trouble_kind) == _RESET_AT_ONCE)


@across
def listener_served_late(seen: Seen) -> Values:
    """Connections to this listener, this one included, that waited 1 s or more for the server's first word."""
    return _of_listener(seen, seen.has("tcp") & (seen.of(_first_word_wait_s) >= 1))


@across
def listener_latest_s(seen: Seen) -> Values:
    """Longest wait for the server's first word among the connections to this listener; 0 when none came late."""
    group = seen.of(listener)
    longest = np.zeros(int(group.max(initial=-1)) + 1)
    np.maximum.at(longest, group, np.nan_to_num(np.where(seen.has("tcp"), seen.of(_first_word_wait_s), 0)))
    return longest[group]


def _first_word_wait_s(seen: Seen) -> Values:
    return seen.at(SERVER, "first_data_ns") - seen.first("syn", side=CLIENT)


@across
def listener_overflow_signs(seen: Seen) -> Values:
    """Other connections to the listener, within 10 s, whose SYN or last handshake ACK it ignored or reset."""
    return _neighbours(seen, seen.of(listener), np.isin(seen.of(trouble_kind), _OVERFLOW))


def _neighbours(seen: Seen, group: Group, those: Mask) -> Values:
    """How many others of those flows are in the group of each of them, within 10 s; 0 for all other flows."""
    found = np.zeros(seen.count)
    start, end = seen.flow_at("first_ns")[those], seen.flow_at("last_ns")[those]
    found[those] = overlapping(group[those], start, end, start - BURST_S, end + BURST_S) - 1
    return found


@across
def listener_answered_after(seen: Seen) -> Mask:
    """The listener completed a handshake with another connection after this one got no answer or was reset."""
    since = np.fmin(np.fmin(seen.of(silent_since), seen.of(reset_at)), seen.flow_at("last_ns"))
    opened = np.where(seen.of(handshake_completed), seen.first("syn_ack", side=SERVER), np.nan)
    later = others(seen.of(listener), opened, np.nextafter(since, np.inf), np.full(seen.count, np.inf))
    return later > 0


@across
def listener_refused_after(seen: Seen) -> Mask:
    """The listener's port refused another connection within 60 s after this one's server closed or reset it."""
    ended = _server_end(seen)
    refusal = np.where(says(seen.of(reset_look), "refusal"), seen.of(reset_at), np.nan)
    return others(seen.of(listener), refusal, ended, ended + _RESTART_S) > 0


@across
def listener_accepted_others(seen: Seen) -> Mask:
    """Another connection to the same listener completed its handshake at any time of the capture."""
    done = seen.of(handshake_completed) & seen.has("tcp")
    group = seen.of(listener)
    return (np.bincount(group, weights=done, minlength=1)[group] - done) > 0


def _server_end(seen: Seen) -> Values:
    return np.fmin(seen.at(SERVER, "fin_ns"), seen.at(SERVER, "rst_ns"))


@across
def listener_ended_together(seen: Seen) -> Values:
    """Other connections of the listener that the server closed or reset within 50 ms of this one's end."""
    refused = says(seen.of(reset_look), "refusal")
    end = np.where(refused, np.nan, _server_end(seen))
    near = others(seen.of(listener), end, end - SAME_MOMENT_S, end + SAME_MOMENT_S)
    return near.astype(float)


@across
def listener_reset_together(seen: Seen) -> Values:
    """Other connections of the listener that the server reset in active form within 50 ms of this one's reset."""
    active = np.where(says(seen.of(reset_look), "active"), seen.at(SERVER, "rst_ns"), np.nan)
    near = others(seen.of(listener), active, active - SAME_MOMENT_S, active + SAME_MOMENT_S)
    return near.astype(float)


# --------------------------------------------------------------------------------------------------- host pair


def _window(seen: Seen) -> tuple[Values, Values]:
    """While this connection went unanswered: from the first such send to its last packet, or to the late answer."""
    ignored = np.nan_to_num(seen.of(first_data_ignored_copies)) > 0
    start = np.where(ignored, seen.at(CLIENT, "first_data_ns"), seen.of(silent_since))
    late = np.where(ignored, seen.of(server_first_word_at), np.nan)
    return start, np.where(np.isnan(late), seen.flow_at("last_ns"), late)


def _silent(seen: Seen) -> Values:
    """The side that does not answer; the server where it ignored the client's first data."""
    ignored = np.nan_to_num(seen.of(first_data_ignored_copies)) > 0
    return np.where(ignored, SERVER, seen.of(silent_side))


@across
def host_pair_acked_meanwhile(seen: Seen) -> Mask:
    """The silent host acknowledged packets of this peer on other connections while this one went unanswered."""
    return _by_silent(seen, _acknowledging)


@across
def host_pair_alive_meanwhile(seen: Seen) -> Mask:
    """The silent host sent packets to this peer on other connections while this one went unanswered."""
    return _by_silent(seen, _from)


def _acknowledging(seen: Seen, side: int) -> Happenings:
    # A SYN-ACK, or an acknowledgement that advances, proves that the peer's packet arrived.
    return seen.happened("ack", "handshake_ack" if side == CLIENT else "syn_ack", side=side)


def _from(seen: Seen, side: int) -> Happenings:
    return seen.packets_but(side=side)


def _by_silent(seen: Seen, events: Callable[[Seen, int], Happenings]) -> Mask:
    low, high = _window(seen)
    silent = _silent(seen)
    found = np.zeros(seen.count, bool)
    for side in (CLIENT, SERVER):
        asked = np.where(silent == side, low, np.nan)
        if not np.isnan(asked).all():
            found |= elsewhere(seen, seen.of(host_pair), events(seen, side), asked, high)
    return found


@across
def host_pair_silent_too(seen: Seen) -> Values:
    """Other connections of the pair of hosts that went unanswered at the same time."""
    mute = ~np.isnan(seen.of(silent_side))
    group = seen.of(host_pair)[mute]
    low, high = (v[mute] for v in _window(seen))
    count = np.zeros(seen.count)
    count[mute] = overlapping(group, low, high, low - NEARBY_S, high + NEARBY_S) - 1
    return np.maximum(count, 0)


@across
def silent_host_alive_meanwhile(seen: Seen) -> Mask:
    """The silent host sent packets to anyone else, on other connections, while this one went unanswered."""
    client, server = seen.of(addresses)
    silent = np.where(_silent(seen) == CLIENT, client, server)
    low, high = _window(seen)
    low = np.where(np.isnan(_silent(seen)), np.nan, low)
    wanted = np.zeros(int(max(client.max(initial=-1), server.max(initial=-1))) + 1, bool)
    wanted[silent[~np.isnan(low)]] = True
    packets = seen.happened_packets
    address = np.where(packets.side == CLIENT, client[packets.flow], server[packets.flow])
    heard = (packets.side <= 1) & wanted[address]
    known, address = packets.where(heard), address[heard]
    everywhere = counted(points(address, known.time), silent, low, high)
    own = known.where(address == silent[known.flow])
    here = counted(points(own.flow, own.time), np.arange(seen.count), low, high)
    return everywhere > here


@across
def host_outlived_reset(seen: Seen) -> Mask:
    """The server went on with another of the pair's connections, begun before the quiet that this one's reset ended."""
    reset = np.where(says(seen.of(reset_look), "none"), np.nan, seen.at(SERVER, "rst_ns"))
    quiet_since = reset - np.nan_to_num(seen.of(idle_before_reset))
    alive = seen.side(SERVER, "rst") == 0
    spoken = np.where(alive, seen.at(SERVER, "last_ns"), np.nan)
    return outlasting(seen.of(host_pair), seen.flow_at("first_ns"), spoken, quiet_since, reset)


# -------------------------------------------------------------------------------------------------------- path


def fatal_idle_s(seen: Seen) -> Values:
    """Idle time right before the packet that was never answered, or was answered by a reset; NA otherwise."""
    quiet = np.where(says(seen.of(reset_look), "reply"), seen.of(idle_before_reset), np.nan)
    return np.fmax(seen.of(idle_before_ladder_s), quiet)


def idle_before_reset(seen: Seen) -> Values:
    """The gap before the exchange that the reset ended: the reset answers the packet which ended the idle time."""
    at = seen.of(reset_at)
    packets = seen.happened_packets
    before = packets.where(packets.last < at[packets.flow])
    trigger = seen.latest(before.flow, before.time)
    earlier = before.where(before.last < trigger[before.flow])
    return trigger - seen.latest(earlier.flow, earlier.last)


@across
def path_longest_survived_idle_s(seen: Seen) -> Values:
    """Longest idle time between these two hosts after which a connection went on; NA when none was idle for 1 s."""
    survived = np.where(np.isnan(seen.of(fatal_idle_s)), seen.of(longest_idle_s), np.nan)
    return _best(seen, np.maximum, -np.inf, np.where(survived >= 1, survived, np.nan))


@across
def path_shortest_fatal_idle_s(seen: Seen) -> Values:
    """Shortest idle time between these two hosts after which a connection got no answer; NA when none did."""
    return _best(seen, np.minimum, np.inf, seen.of(fatal_idle_s))


def _best(seen: Seen, choose: np.ufunc, start: float, values: Values) -> Values:
    group = seen.of(host_pair)
    known = ~np.isnan(values)
    best = np.full(int(group.max(initial=-1)) + 1, start)
    choose.at(best, group[known], values[known])
    found = best[group]
    return np.where(np.isinf(found), np.nan, found)


@across
def path_idle_deaths(seen: Seen) -> Values:
    """Other connections between these two hosts that got no answer after at least half this one's idle time."""
    fatal = seen.of(fatal_idle_s)
    low = np.maximum(fatal / 2, 1.0)
    return others(seen.of(host_pair), fatal, low, np.full(seen.count, np.inf)).astype(float)


# ------------------------------------------------------------------------------------------------ neighbours, L2


@across
def silent_host_arp_unanswered(seen: Seen) -> Values:
    """Address resolution for the silent host got no answer meanwhile; NA when ARP is not in the capture."""
    client, server = seen.of(addresses)
    asks = seen.has("arp") | seen.has("ndp")
    unanswered = np.where(asks & ~seen.saw("arp_reply"), seen.flow_at("last_ns"), np.nan)
    low = _window(seen)[0] - NEARBY_S
    mute = np.where(_silent(seen) == CLIENT, client, server)
    count = counted(points(server, unanswered), mute, low, np.full(seen.count, np.inf))
    return unless(~seen.of(sees_arp), ~np.isnan(_silent(seen)) & (count > 0))


@across
def silent_host_asked_first_s(seen: Seen) -> Values:
    """From the silent host's last packet here to the first resolution of its address without answer; NA without one."""
    return _asked(seen, last=False) - np.fmin(*_last_words(seen))


@across
def silent_host_asked_last_s(seen: Seen) -> Values:
    """From this connection's last packet to the last resolution of the silent host without answer; NA without one.

    A kernel that cannot resolve the next hop puts no resend on the wire; each try begins with such a question.
    """
    return _asked(seen, last=True) - seen.flow_at("last_ns")


def _last_words(seen: Seen) -> tuple[Values, Values]:
    silent = _silent(seen)
    return tuple(np.where(silent == side, seen.at(side, "last_ns"), np.inf) for side in (CLIENT, SERVER))  # type: ignore[return-value]


def _asked(seen: Seen, last: bool) -> Values:
    """When the silent host's address was asked for in vain, after the silence began: the first or the last time."""
    client, server = seen.of(addresses)
    asks = (seen.has("arp") | seen.has("ndp")) & ~seen.saw("arp_reply")
    mute = np.where(_silent(seen) == CLIENT, client, server)
    known = points(server, np.where(asks, seen.flow_at("first_ns"), np.nan))
    low = np.where(np.isnan(_silent(seen)), np.nan, _window(seen)[0])
    return within(known, mute, low, np.full(seen.count, np.inf), last=last)


@across
def server_arp_unanswered(seen: Seen) -> Values:
    """Address resolution for the server got no answer at any time; NA when ARP is not in the capture."""
    _, server = seen.of(addresses)
    asks = (seen.has("arp") | seen.has("ndp")) & ~seen.saw("arp_reply")
    count = np.bincount(server, weights=asks, minlength=int(server.max(initial=0)) + 1)[server] - asks
    return unless(~seen.of(sees_arp), count > 0)
