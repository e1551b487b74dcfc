"""What was sent and never answered: the ladder of copies, how far it got, when its next step was due.

A ladder is the oldest thing that is unacknowledged at the end (a SYN, data, a FIN) and its copies. The kernel's
interval doubles, so the next copy is due after at most twice the last interval; a fifth more and it is overdue
(CONTRACT: timed-out). Keepalives and window probes are ladders of their own with constant or doubling steps.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.handshake import RESENDS
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, choose, says, unless
from tcpautopsy.features.visible import sees_both_directions

OVERDUE = 1.2
_RTO_MAX_S = 120.0  # TCP_RTO_MAX, include/net/tcp.h
#: Linux's default tcp_retries2 = 15 gives up once this long after the first timer resend (tcp_model_timeout).
_GIVE_UP_S = 924.6
#: keepalive interval while only one probe was seen: tcp_keepalive_intvl.
_PROBE_INTERVAL_S = 75.0


def ladder_side(seen: Seen) -> Values:
    """1 when the client waits for an answer to what it resends, 0 for the server; NA when nobody does."""
    copies = [np.where(_open(seen, side), seen.side(side, "ladder_copies"), -1) for side in (SERVER, CLIENT)]
    longer = np.where(copies[CLIENT] >= copies[SERVER], CLIENT, SERVER)
    return np.where(np.maximum(*copies) >= 0, longer, np.nan)


def _open(seen: Seen, side: int) -> Mask:
    return ~np.isnan(seen.at(side, "ladder_first_ns"))


def ladder_sender(seen: Seen) -> Words:
    """Who waits for an answer to what it resends: client, server or nobody."""
    side = seen.of(ladder_side)
    return choose([side == CLIENT, side == SERVER], ["client", "server"], "nobody")


def ladder_peer(seen: Seen) -> Words:
    """Who does not answer: client, server or nobody."""
    side = seen.of(ladder_side)
    return choose([side == CLIENT, side == SERVER], ["server", "client"], "nobody")


def ladder_of(seen: Seen) -> Words:
    """What is unacknowledged at the end: data, syn, syn-ack, fin or nothing."""
    side = seen.of(ladder_side)
    syn, fin = _chosen(seen, "ladder_is_syn") == 1, _chosen(seen, "ladder_is_fin") == 1
    return choose([np.isnan(side), syn & (side == CLIENT), syn, fin], ["nothing", "syn", "syn-ack", "fin"], "data")


def _chosen(seen: Seen, name: str) -> Values:
    """A number of the direction that resends."""
    return _of_side(seen.of(ladder_side), seen.side(CLIENT, name), seen.side(SERVER, name))


def _chosen_at(seen: Seen, name: str) -> Values:
    return _of_side(seen.of(ladder_side), seen.at(CLIENT, name), seen.at(SERVER, name))


def _of_side(side: Values, client: Values, server: Values) -> Values:
    return np.where(side == CLIENT, client, np.where(side == SERVER, server, np.nan))


def ladder_copies(seen: Seen) -> Values:
    """Times the oldest unacknowledged thing was resent; 0 when all was answered, NA when a direction is unseen."""
    return unless(~seen.of(sees_both_directions), np.nan_to_num(_chosen(seen, "ladder_copies")))


def ladder_span_s(seen: Seen) -> Values:
    """From the first send of the oldest unacknowledged thing to its last copy; 0 when all was answered."""
    span = _chosen_at(seen, "ladder_last_ns") - _chosen_at(seen, "ladder_first_ns")
    return unless(~seen.of(sees_both_directions), np.nan_to_num(span))


def ladder_rto_s(seen: Seen) -> Values:
    """The first retransmission timeout, estimated from the intervals; NA before a timer fired twice."""
    return _chosen(seen, "ladder_base_ns") / 1e9


def ladder_last_gap_s(seen: Seen) -> Values:
    """Interval before the last copy; NA without one."""
    return _chosen(seen, "ladder_last_gap_ns") / 1e9


def ladder_wait_s(seen: Seen) -> Values:
    """From the last copy to the end of the flow's observation: a reset or the end of the capture; NA without a copy."""
    last = _chosen_at(seen, "ladder_last_ns")
    return np.where(np.nan_to_num(_chosen(seen, "ladder_copies")) > 0, seen.end - last, np.nan)


def ladder_step_overdue(seen: Seen) -> Mask:
    """A copy was sent, and the capture runs on past the time at which the next one was due, by a fifth."""
    due = np.minimum(2 * seen.of(ladder_last_gap_s), _RTO_MAX_S)
    return seen.of(ladder_wait_s) > OVERDUE * due


def ladder_gives_up_s(seen: Seen) -> Values:
    """From the first send to Linux giving up with default settings, as the intervals predict; NA without a timer."""
    base = np.where(says(seen.of(ladder_of), "data", "fin"), seen.of(ladder_rto_s), np.nan)
    first, last = (_chosen_at(seen, n) for n in ("ladder_first_ns", "ladder_last_ns"))
    start = np.fmin(_chosen_at(seen, "ladder_rto_ns"), last)
    gap = np.minimum(2 * seen.of(ladder_last_gap_s), _RTO_MAX_S)
    due = last + gap
    # Fifteen doublings of the shortest timer and eight caps are the longest ladder there is.
    for _ in range(24):
        early = due - start < _GIVE_UP_S
        gap = np.where(early, np.minimum(2 * gap, _RTO_MAX_S), gap)
        due = np.where(early, due + gap, due)
    return np.where(np.isnan(base), np.nan, due - first)


def unanswered_since(seen: Seen) -> Values:
    """When the oldest unacknowledged thing was first sent, in seconds of the capture; NA when all was answered."""
    return _chosen_at(seen, "ladder_first_ns")


def first_copy_at(seen: Seen) -> Values:
    """When the oldest unacknowledged thing was first resent by the timer, in seconds of the capture; NA if never."""
    return np.fmin(_chosen_at(seen, "ladder_rto_ns"), _chosen_at(seen, "ladder_last_ns"))


def ladder_peer_packets(seen: Seen) -> Values:
    """Packets of the other side after the first copy of the oldest unacknowledged thing; NA when one-sided."""
    side, first_copy = seen.of(ladder_side), seen.of(first_copy_at)
    events = seen.happened_packets
    from_peer = (events.side == 1 - side[events.flow]) & (events.side <= 1)
    chosen = events.where(from_peer & (events.last > first_copy[events.flow]))
    return unless(~seen.of(sees_both_directions), seen.total(chosen.flow, chosen.frames))


def peer_silent_s(seen: Seen) -> Values:
    """From the silent side's last packet to the last copy sent to it; NA when nobody waits or it never spoke."""
    side = seen.of(ladder_side)
    peer = _of_side(side, seen.at(SERVER, "last_ns"), seen.at(CLIENT, "last_ns"))
    return _chosen_at(seen, "ladder_last_ns") - peer


def idle_before_ladder_s(seen: Seen) -> Values:
    """How long the flow had been idle when the oldest unacknowledged thing was first sent; NA when nobody waits."""
    first = seen.of(unanswered_since)
    events = seen.happened_packets
    before = events.where(events.last < first[events.flow])
    return first - seen.latest(before.flow, before.last)


def full_size_only_lost(seen: Seen) -> Mask:
    """Each copy of the oldest unacknowledged data was larger than anything of that side ever acknowledged."""
    side, since = seen.of(ladder_side), seen.of(unanswered_since)
    copies = seen.happened(*RESENDS)
    own = copies.where((copies.side == side[copies.flow]) & (copies.time > since[copies.flow]))
    lost = seen.earliest(own.flow, own.value.astype(float) / np.maximum(own.frames, 1))
    got, largest = _chosen(seen, "max_acked_payload"), _chosen(seen, "max_payload")
    # 1,000 bytes: below that no path on today's internet refuses a packet (IPv6 demands 1,280).
    return (lost > 1000) & (lost > np.nan_to_num(got)) & (lost >= largest - 12)


# ----------------------------------------------------------------------------------------------------- probes


def keepalives_sent(seen: Seen) -> Values:
    """Keepalive probes of both sides."""
    return seen.side(CLIENT, "keep_alives") + seen.side(SERVER, "keep_alives")


def keepalives_answered(seen: Seen) -> Values:
    """Answers to keepalive probes, of both sides."""
    return seen.side(CLIENT, "keep_alive_acks") + seen.side(SERVER, "keep_alive_acks")


def keepalives_answered_since_request(seen: Seen) -> Values:
    """Answers of the server to keepalive probes after the client's last new data."""
    answers = seen.happened("keep_alive_ack", side=SERVER)
    since = answers.where(answers.time > seen.at(CLIENT, "last_data_ns")[answers.flow])
    return seen.total(since.flow, since.frames)


def _trailing(seen: Seen, side: int, kind: str) -> tuple[Values, Values, Values]:
    """(number, first, last) of the probes that one side sent after the other's last packet."""
    probes = seen.happened(kind, side=side)
    peer = np.where(np.isnan(seen.at(1 - side, "last_ns")), -np.inf, seen.at(1 - side, "last_ns"))
    late = probes.where(probes.time > peer[probes.flow])
    return seen.total(late.flow, late.frames), seen.earliest(late.flow, late.time), seen.latest(late.flow, late.last)


def _keepalives(seen: Seen) -> tuple[Values, Values, Values, Values]:
    """(side, number, first, last) of the trailing keepalives; side NaN without any."""
    client, server = (_trailing(seen, side, "keep_alive") for side in (CLIENT, SERVER))
    side = np.where(client[0] + server[0] == 0, np.nan, np.where(client[0] >= server[0], CLIENT, SERVER))
    number, first, last = (np.where(side == CLIENT, c, s) for c, s in zip(client, server, strict=True))
    return side, number, first, last


def keepalives_unanswered(seen: Seen) -> Values:
    """Keepalive probes sent after the other side's last packet; NA when a direction is not in the capture."""
    return unless(~seen.of(sees_both_directions), seen.of(_keepalives)[1])


def keepalive_prober(seen: Seen) -> Words:
    """Who sent the keepalives that were never answered: client, server or nobody."""
    side = seen.of(_keepalives)[0]
    return choose([side == CLIENT, side == SERVER], ["client", "server"], "nobody")


def keepalive_target(seen: Seen) -> Words:
    """Who did not answer the last keepalives: client, server or nobody."""
    side = seen.of(_keepalives)[0]
    return choose([side == CLIENT, side == SERVER], ["server", "client"], "nobody")


def keepalive_interval_s(seen: Seen) -> Values:
    """Mean interval of the unanswered keepalives; NA with fewer than two."""
    _, number, first, last = seen.of(_keepalives)
    return np.where(number >= 2, (last - first) / np.maximum(number - 1, 1), np.nan)


def keepalive_idle_s(seen: Seen) -> Values:
    """From the flow's packet before the first unanswered keepalive to that keepalive; NA without one."""
    first = seen.of(_keepalives)[2]
    events = seen.happened_packets
    before = events.where(events.last < first[events.flow])
    return first - seen.latest(before.flow, before.last)


def keepalive_step_overdue(seen: Seen) -> Mask:
    """Keepalives are unanswered, and the capture runs on past the time at which the next was due, by a fifth."""
    _, number, _, last = seen.of(_keepalives)
    interval = np.where(number >= 2, seen.of(keepalive_interval_s), _PROBE_INTERVAL_S)
    return (number > 0) & (seen.end - last > OVERDUE * interval)


def keepalive_gave_up(seen: Seen) -> Mask:
    """The prober reset the connection after unanswered keepalives."""
    side, number, _, last = seen.of(_keepalives)
    reset = _of_side(side, seen.at(CLIENT, "rst_ns"), seen.at(SERVER, "rst_ns"))
    return (number > 0) & (reset >= last)


def window_probes_unanswered(seen: Seen) -> Values:
    """Window probes sent after the other side's last packet; NA when a direction is not in the capture."""
    probes = [_trailing(seen, side, "zero_window_probe")[0] for side in (CLIENT, SERVER)]
    return unless(~seen.of(sees_both_directions), np.maximum(*probes))


def window_probe_overdue(seen: Seen) -> Mask:
    """Window probes are unanswered, and the capture runs on past the time at which the next was due, by a fifth."""
    late = np.zeros(seen.count, bool)
    for side in (CLIENT, SERVER):
        number, first, last = _trailing(seen, side, "zero_window_probe")
        # Spacing doubles: the last gap is at most half of what lies between the first probe and the last, plus one.
        due = np.minimum(2 * np.maximum(last - first, 1.0), _RTO_MAX_S)
        late |= (number > 0) & (seen.end - last > OVERDUE * due)
    return late


def silent_side(seen: Seen) -> Values:
    """Who does not answer data, a SYN, a FIN or a probe at the end: 1 the client, 0 the server; NA nobody."""
    ladder, prober = seen.of(ladder_side), seen.of(_keepalives)[0]
    probed = [_trailing(seen, side, "zero_window_probe")[0] > 0 for side in (CLIENT, SERVER)]
    window = np.where(probed[0], CLIENT, np.where(probed[1], SERVER, np.nan))
    return 1 - np.where(~np.isnan(ladder), ladder, np.where(~np.isnan(prober), prober, window))


def silent_host(seen: Seen) -> Words:
    """Who does not answer at the end: client, server or nobody."""
    side = seen.of(silent_side)
    return choose([side == CLIENT, side == SERVER], ["client", "server"], "nobody")


def silent_since(seen: Seen) -> Values:
    """When what is unanswered at the end was first sent, in seconds of the capture; NA when all was answered."""
    probe = np.fmin.reduce([_trailing(seen, side, "zero_window_probe")[1] for side in (CLIENT, SERVER)])
    return np.where(
        ~np.isnan(seen.of(ladder_side)),
        seen.of(unanswered_since),
        np.where(np.isnan(seen.of(_keepalives)[0]), probe, seen.of(_keepalives)[2]),
    )


def step_overdue(seen: Seen) -> Mask:
    """A copy or probe is unanswered and the next one is overdue by a fifth while the capture runs."""
    return seen.of(ladder_step_overdue) | seen.of(keepalive_step_overdue) | seen.of(window_probe_overdue)
