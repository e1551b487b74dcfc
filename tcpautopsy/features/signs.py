"""Signs that take more than one column: whether a wait was a wait for an answer, whether a silence is the listener's.

Each is one line of evidence in a rule. What goes into it is said in its docstring, so that the line can be checked.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.answers import dns_queries, dns_wait_s
from tcpautopsy.features.context import (
    SAME_MOMENT_S,
    fatal_idle_s,
    host_pair_acked_meanwhile,
    idle_before_reset,
    listener_alive_meanwhile,
    listener_overflow_signs,
    path_longest_survived_idle_s,
    trouble_kind,
)
from tcpautopsy.features.conversation import (
    first_words,
    http_request_pending,
    longest_answer_s,
    request_unanswered,
    request_wait_s,
    requests,
    responses,
    rtt_s,
)
from tcpautopsy.features.ending import (
    closed_first_by,
    fins,
    last_request_after_server_fin_s,
    packets_after_reset,
    requests_after_server_fin,
    reset_by,
    reset_has_timestamps,
    reset_look,
    reset_ttl_differs,
)
from tcpautopsy.features.groups import listener
from tcpautopsy.features.handshake import (
    RESENDS,
    first_data_ignored_copies,
    handshake_completed,
    synack_retransmissions_after_client_ack,
    synack_retransmissions_after_client_data,
)
from tcpautopsy.features.ladder import (
    first_copy_at,
    full_size_only_lost,
    idle_before_ladder_s,
    keepalive_gave_up,
    keepalive_idle_s,
    keepalive_step_overdue,
    keepalives_unanswered,
    ladder_copies,
    ladder_of,
    ladder_peer_packets,
    ladder_sender,
    ladder_side,
    ladder_span_s,
    ladder_step_overdue,
)
from tcpautopsy.features.place import vantage
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, across, says, true, unless
from tcpautopsy.features.transfer import longest_zero_window_s, losses_repaired, zero_window_open_s
from tcpautopsy.features.visible import sees_both_directions

#: Deadlines that programs and proxies use (CATALOGUE: client-app-timeout), in seconds.
ROUND_TIMES_S = (1, 2, 3, 5, 10, 15, 20, 30, 60, 75, 90, 100, 120, 300, 600)
#: A deadline is kept to 2 %; 30 ms more for the program to act.
_KEPT, _KEPT_S = 0.02, 0.03
#: Half a second: shorter waits end in every conversation.
_PATIENCE_S = 0.5
#: A resolver that asked once waits this long for the answer; one that asked again has waited already.
_RESOLVER_S, _RESOLVER_AGAIN_S = 5.0, 1.0
_OVERFLOW = (1, 2, 3)


def server_ignored_handshake(seen: Seen) -> Values:
    """The server treated the handshake as unfinished although the client's ACK or data had been sent.

    It repeated its SYN-ACK after the client's data was sent twice, or twice after its ACK; or it said nothing at all
    to two or more copies of the first data while they were seen arriving (vantage server) or while it ignored other
    connections, and answered some. NA when a direction is not in the capture.
    """
    copies = np.nan_to_num(seen.of(first_data_ignored_copies))
    after_data = np.nan_to_num(seen.of(synack_retransmissions_after_client_data))
    after_ack = np.nan_to_num(seen.of(synack_retransmissions_after_client_ack))
    others = (seen.of(listener_overflow_signs) >= 2) & seen.of(listener_alive_meanwhile)
    mute = (copies >= 2) & (says(seen.of(vantage), "server") | others)
    repeated = ((after_data >= 1) & (copies >= 1)) | (after_ack >= 2)
    return unless(~seen.of(sees_both_directions), seen.of(handshake_completed) & (repeated | mute))


def connect_over(seen: Seen) -> Mask:
    """The attempt to connect is decided: it succeeded, or the next SYN is overdue while the capture runs."""
    return seen.of(handshake_completed) | seen.of(ladder_step_overdue)


def syn_loss_is_listeners(seen: Seen) -> Mask:
    """The listener ignored others within 10 s: one at least where this one never connected, else two."""
    signs = seen.of(listener_overflow_signs)
    return (seen.of(handshake_hopeless) & (signs >= 1)) | (seen.of(handshake_completed) & (signs >= 2))


@across
def listener_loss_share(seen: Seen) -> Values:
    """Share of repaired payload packets on the listener's other, undisturbed connections; 0 without payload."""
    fine = ~np.isin(seen.of(trouble_kind), _OVERFLOW)
    group = seen.of(listener)
    lost = np.bincount(group, weights=np.where(fine, seen.of(losses_repaired), 0), minlength=1)[group]
    payload = seen.side(CLIENT, "payload_packets") + seen.side(SERVER, "payload_packets")
    sent = np.bincount(group, weights=np.where(fine, payload, 0), minlength=1)[group]
    return np.asarray(lost / np.maximum(sent, 1))


@across
def listener_half_open(seen: Seen) -> Values:
    """Other connections to this listener that never completed their handshake and were not refused."""
    open_ = seen.has("tcp") & ~seen.of(handshake_completed) & says(seen.of(reset_look), "none")
    group = seen.of(listener)
    return np.asarray(np.bincount(group, weights=open_, minlength=1)[group] - open_)


@across
def listener_half_open_share(seen: Seen) -> Values:
    """Share of the connections to this listener that never completed their handshake and were not refused."""
    group = seen.of(listener)
    total = np.bincount(group, minlength=1)[group]
    open_ = seen.has("tcp") & ~seen.of(handshake_completed) & says(seen.of(reset_look), "none")
    return np.asarray(np.bincount(group, weights=open_, minlength=1)[group] / total)


# ------------------------------------------------------------------------------------------------------- waiting


def answer_missing_s(seen: Seen) -> Values:
    """How long an answer of the server's program was missing: to the end, or until it came; 0 when it came at once."""
    return np.where(
        true(seen.of(request_unanswered)), seen.of(request_wait_s), np.nan_to_num(seen.of(longest_answer_s))
    )


def request_wait_round_s(seen: Seen) -> Values:
    """The usual deadline (1, 2, 3, 5, 10, 15, 20, 30, 60 s and so on) that the client's wait equals; 0 if none."""
    wait = np.where(says(seen.of(closed_first_by), "client"), seen.of(request_wait_s), np.nan)
    found = np.zeros(seen.count)
    for deadline in ROUND_TIMES_S:
        kept = np.abs(wait - deadline) <= _KEPT * deadline + _KEPT_S
        found = np.where(kept, deadline, found)
    return found


def answer_expected(seen: Seen) -> Mask:
    """The client's last data asked for an answer.

    It is an HTTP request without a status line; or the server had answered such data before; or the client closed
    after a wait, and what it had sent begins like HTTP or TLS or the wait is a usual deadline.
    """
    gave_up = says(seen.of(closed_first_by), "client") & (seen.of(request_wait_s) >= _PATIENCE_S)
    words = seen.of(first_words)
    known = says(words, "http-request") | says(words, "tls") | (seen.of(request_wait_round_s) > 0)
    habit = (seen.of(responses) >= 1) & (seen.of(requests) <= seen.of(responses) + 1)
    answered = ~true(seen.of(request_unanswered))
    return seen.of(http_request_pending) | answered | (gave_up & (known | habit))


def ladder_peer_repeats(seen: Seen) -> Values:
    """Packets of the side that does not acknowledge which repeat what it had sent: it hears nothing either."""
    side, since = seen.of(ladder_side), seen.of(first_copy_at)
    repeats = seen.happened(*RESENDS, "fin_retransmission", "syn_ack_retransmission")
    late = repeats.where((repeats.side == 1 - side[repeats.flow]) & (repeats.last > since[repeats.flow]))
    return seen.total(late.flow, late.frames)


def idle_before_failure_s(seen: Seen) -> Values:
    """Idle time before the packet that was never answered, or was answered by a reset; 0 when there was none."""
    return np.nan_to_num(seen.of(fatal_idle_s))


def keepalive_over(seen: Seen) -> Mask:
    """Keepalive has spoken: the prober reset the connection, or its next probe is overdue."""
    return seen.of(keepalive_gave_up) | seen.of(keepalive_step_overdue)


def zero_window_for_s(seen: Seen) -> Values:
    """Longest time that a window was 0 with the other side probing, the one that is still closed included."""
    return np.fmax(seen.of(longest_zero_window_s), np.nan_to_num(seen.of(zero_window_open_s)))


def server_left_work(seen: Seen) -> Mask:
    """The server closed or was closed while a request was unanswered."""
    return true(seen.of(request_unanswered))


def idle_before_silence_s(seen: Seen) -> Values:
    """Idle time before the first data or probe of a silence at the end; 0 when nobody is silent."""
    probed = seen.of(keepalives_unanswered) > 0
    return np.nan_to_num(np.where(probed, seen.of(keepalive_idle_s), seen.of(idle_before_ladder_s)))


def unanswered_after_idle(seen: Seen) -> Values:
    """Packets without an answer at the end: repeats of the oldest data, or keepalives."""
    data = np.where(says(seen.of(ladder_of), "data"), np.nan_to_num(seen.of(ladder_copies)), 0)
    return np.fmax(data, np.nan_to_num(seen.of(keepalives_unanswered)))


def longer_idle_survived(seen: Seen) -> Mask:
    """A connection between the same hosts was idle for longer than this one before its silence, and went on."""
    return seen.of(path_longest_survived_idle_s) >= seen.of(idle_before_silence_s)


def large_lost_small_passed(seen: Seen) -> Mask:
    """Full-size data was resent three times or more in vain while smaller packets went both ways, or shrank and passed.

    That smaller ones pass is shown by SACK, by packets of the peer during the resends, or by other connections of the
    two hosts that were acknowledged meanwhile.
    """
    sender = says(seen.of(ladder_sender), "client")
    sacked = np.where(sender, seen.side(SERVER, "sacked_bytes"), seen.side(CLIENT, "sacked_bytes")) > 0
    alive = sacked | (seen.of(ladder_peer_packets) > 0) | seen.of(host_pair_acked_meanwhile)
    in_vain = seen.of(full_size_only_lost) & (seen.of(ladder_copies) >= 3)
    return np.asarray((in_vain & alive) | seen.of(resends_shrank))


def resends_shrank(seen: Seen) -> Mask:
    """After three resends of one segment of 1,000 bytes or more, the same side's timer sent a smaller piece of it.

    Linux does so when it probes for the path's MTU (tcp_mtu_probing). No segment of that size was ever acknowledged.
    """
    resends = seen.happened(*RESENDS)
    found = np.zeros(seen.count, bool)
    if len(resends.flow) < 4:
        return found
    size = resends.value // np.maximum(resends.frames, 1)
    line = 2 * resends.flow + resends.side
    three = [np.stack([line, resends.of, size])[:, k : len(line) - 3 + k] for k in (0, 1, 2)]
    same = [np.all(three[k] == three[2], axis=0) for k in (0, 1)]
    acked = np.stack([seen.side(SERVER, "max_acked_payload"), seen.side(CLIENT, "max_acked_payload")])
    largest = np.nan_to_num(acked[np.minimum(resends.side, 1), resends.flow])[3:]
    # The last step is a timer's, not part of a burst: 0.2 s is the shortest timer.
    again = (line[3:] == line[2:-1]) & (resends.of[3:] == resends.of[2:-1])
    timer = again & (resends.time[3:] - resends.time[2:-1] >= 0.2)
    smaller = (size[2:-1] >= 1000) & (size[3:] < size[2:-1]) & (size[3:] >= 500) & (largest < size[2:-1])
    found[resends.flow[3:][same[0] & same[1] & timer & smaller]] = True
    return found


def hole_at_end(seen: Seen) -> Mask:
    """Bytes of one side never came past this point, and the other side never acknowledged them: they are lost."""
    holes = np.zeros(seen.count, bool)
    for side in (CLIENT, SERVER):
        holes |= (seen.side(side, "lost_bytes") > 0) & (seen.side(side, "unacked_bytes") > 0)
    return holes


def handshake_hopeless(seen: Seen) -> Mask:
    """SYN or SYN-ACK was repeated in vain: the next copy is overdue, or four were sent over four seconds or more."""
    many = (seen.of(ladder_copies) >= 3) & (seen.of(ladder_span_s) >= 4)
    return ~seen.of(handshake_completed) & (seen.of(ladder_step_overdue) | many)


# -------------------------------------------------------------------------------------------------------- resets


def reset_forgery_signs(seen: Seen) -> Values:
    """How many signs of a third party the first reset bears.

    Another TTL than the side's other packets; packets of that side after its reset; both sides reset within 50 ms
    without a FIN before. Beside one of these, an active form without timestamps on a connection that uses them: Linux
    sends them with its resets, macOS and the BSDs do not, so that alone it says nothing.
    """
    client, server = (seen.at(side, "rst_ns") for side in (CLIENT, SERVER))
    by_client = says(seen.of(reset_by), "client")
    stamped = np.where(by_client, seen.side(CLIENT, "timestamps"), seen.side(SERVER, "timestamps")) == 1
    signs = [
        true(seen.of(reset_ttl_differs)),
        seen.of(packets_after_reset) > 0,
        (np.abs(client - server) <= SAME_MOMENT_S) & (seen.of(fins) == 0),
    ]
    strong = np.asarray(np.sum(signs, axis=0), np.float64)
    unstamped = says(seen.of(reset_look), "active") & stamped & ~seen.of(reset_has_timestamps)
    return np.asarray(strong + (unstamped & (strong > 0)), np.float64)


def request_near_server_fin(seen: Seen) -> Mask:
    """The client sent data after the server's FIN had arrived, or while that FIN was under way to it."""
    crossing = np.fmax(1.5 * np.nan_to_num(seen.of(rtt_s)), 0.05)
    gap = seen.of(last_request_after_server_fin_s)
    return (seen.of(requests_after_server_fin) > 0) | (np.abs(gap) <= crossing)


def reset_made_elsewhere(seen: Seen) -> Mask:
    """The first reset was not made by the host in whose name it came: its TTL differs, or the host talks on."""
    return true(seen.of(reset_ttl_differs)) | (seen.of(packets_after_reset) > 0)


def reset_ttl_known(seen: Seen) -> Mask:
    """The first reset's TTL could be compared with other packets of the same side."""
    return ~np.isnan(seen.of(reset_ttl_differs)) & ~says(seen.of(reset_look), "none")


def reset_quiet_before_s(seen: Seen) -> Values:
    """Idle time before the exchange that the first reset ended; 0 when there was none."""
    return np.nan_to_num(seen.of(idle_before_reset))


# ------------------------------------------------------------------------------------------------------- lookups


def dns_gave_up(seen: Seen) -> Mask:
    """The lookup had its time: 5 s passed without an answer since the first query, or 1 s since a repeat."""
    again = (seen.of(dns_queries) > 1) & (seen.of(dns_wait_s) >= _RESOLVER_AGAIN_S)
    waiting = ~np.isnan(seen.of(dns_wait_s))
    return again | (waiting & (seen.end - seen.first("dns_query") >= _RESOLVER_S))
