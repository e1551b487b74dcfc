"""Shapes in the order of events: who waited for whom, what came twice, what came before it was due.

Each looks at neighbouring events of one connection; `_Steps` holds those that are packets, in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.features.context import SAME_MOMENT_S
from tcpautopsy.features.conversation import rtt_s
from tcpautopsy.features.ending import (
    closed_first_by,
    data_after_peer_fin,
    fins,
    packets_after_reset,
    reset_at,
    reset_by,
    reset_look,
    resets,
)
from tcpautopsy.features.groups import host_pair, listener
from tcpautopsy.features.handshake import RESENDS, handshake_completed, syn_copies
from tcpautopsy.features.happenings import Happenings, any_of
from tcpautopsy.features.ladder import ladder_last_gap_s, ladder_of, ladder_sender, ladder_step_overdue
from tcpautopsy.features.seen import (
    CLIENT,
    SERVER,
    Mask,
    Seen,
    Values,
    Words,
    across,
    choose,
    says,
    true,
)

#: Delayed-ACK timers (CATALOGUE 3.7): Linux 40 ms, macOS and older BSD 100 ms, Windows 200 ms; kept to 10 %.
_DELAYED_ACKS_S = (0.04, 0.1, 0.2)
_KEPT, _KEPT_S = 0.1, 0.004
#: A held segment leaves as soon as the ACK is there (CATALOGUE: nagle-delayed-ack-stall).
_AT_ONCE_S = 0.005
#: A resend cannot close a gap earlier than one round trip after the gap was seen; this share of it is surely less.
_TOO_SOON = 0.4
#: TLS 1.3: record header 5, alert 2, content type 1, tag 16 (RFC 8446, section 5.2); a change_cipher_spec record is 6.
_ALERT_BYTES, _CIPHER_CHANGE_BYTES = 24, 6
_TLS13 = 0x0304


class _Steps(NamedTuple):
    """Packets in order."""

    events: Happenings

    def are(self, *kinds: str) -> Mask:
        return any_of(self.events.kind, *kinds)

    def followed(self, those: Mask, by: int) -> NDArray[np.int64]:
        """The rows of those events that have so many more of their flow behind them."""
        rows = np.flatnonzero(those[: len(those) - by])
        chosen: NDArray[np.int64] = rows[self.events.flow[rows + by] == self.events.flow[rows]]
        return chosen


def _steps(seen: Seen) -> _Steps:
    remarks = ("http_request", "http_response", "tls_client_hello", "tls_server_hello", "tls_alert", "window_full")
    return _Steps(seen.packets_but(*remarks))


# ------------------------------------------------------------------------------------------------------- waiting


def nagle_stalls(seen: Seen) -> Values:
    """How often a small segment waited for the delayed ACK of the one before, and left as soon as the ACK was there."""
    steps = seen.lately(_steps, lambda: _steps(seen))
    events = steps.events
    is_data = steps.are("data")
    small = steps.followed(is_data & (events.value < 1000) & (events.frames == 1), 2)
    small = small[is_data[small + 2] & (events.side[small + 2] == events.side[small])]
    small = small[steps.are("ack")[small + 1] & (events.side[small + 1] != events.side[small])]
    small = small[events.value[small + 1] == events.value[small]]
    flow, sent, acked, next_ = events.flow[small], *(events.time[small + n] for n in range(3))
    rtt = np.nan_to_num(seen.of(rtt_s))[flow]
    found = np.zeros(len(small), bool)
    # The capture is near the sender (the ACK is a round trip away) or near the receiver (the next segment is).
    for away, back in ((rtt, 0.0), (0.0, rtt)):
        delay = acked - sent - away
        timer = np.zeros(len(found), bool)
        for delayed in _DELAYED_ACKS_S:
            timer |= np.abs(delay - delayed) <= _KEPT * delayed + _KEPT_S
        found |= timer & (next_ - acked - back <= _AT_ONCE_S)
    return seen.total(flow[found], np.ones(int(found.sum()), np.int64))


def update_ignored_s(seen: Seen) -> Values:
    """Longest time from the news that a closed window is open again to the sender's next packet, which was a probe."""
    steps = seen.lately(_steps, lambda: _steps(seen))
    events = steps.events
    news = steps.followed(steps.are("window_update"), 1)
    probed = steps.are("keep_alive", "zero_window_probe")[news + 1] & (events.side[news + 1] != events.side[news])
    news = news[probed & seen.saw("zero_window")[events.flow[news]]]
    flow, gap = events.flow[news], events.time[news + 1] - events.last[news]
    late = gap >= 0.2 + np.nan_to_num(seen.of(rtt_s))[flow]
    return np.nan_to_num(seen.latest(flow[late], gap[late]))


def window_share(seen: Seen) -> Values:
    """Share of its receiver's window that the faster direction used per round trip; NA without an RTT or window."""
    shares = []
    for side in (CLIENT, SERVER):
        span = seen.at(side, "last_data_ns") - seen.at(side, "first_data_ns")
        sent = seen.side(side, "payload_bytes") - seen.side(side, "retransmitted_bytes")
        window = seen.side(1 - side, "window_max")
        rounds = span / np.fmax(seen.of(rtt_s), 1e-6)
        enough = (rounds >= 10) & (window > 0)
        shares.append(np.where(enough, sent / np.fmax(rounds, 1) / np.fmax(window, 1), np.nan))
    return np.fmax(*shares)


def window_bytes(seen: Seen) -> Values:
    """Largest receive window of the side that got more data."""
    client, server = (np.nan_to_num(seen.side(side, "payload_bytes")) for side in (CLIENT, SERVER))
    return np.where(client > server, seen.side(SERVER, "window_max"), seen.side(CLIENT, "window_max"))


def zero_windows(seen: Seen) -> Values:
    """Packets of both sides that advertised a window of 0."""
    return seen.side(CLIENT, "zero_windows") + seen.side(SERVER, "zero_windows")


def scale_not_agreed(seen: Seen) -> Mask:
    """The client offered window scaling, and the SYN-ACK as seen here does not."""
    offered = ~np.isnan(seen.side(CLIENT, "wscale")) & ~np.isnan(seen.side(CLIENT, "isn"))
    return offered & np.isnan(seen.side(SERVER, "wscale")) & ~np.isnan(seen.side(SERVER, "isn"))


def tiny_windows_filled(seen: Seen) -> Values:
    """Single segments of the client under 500 bytes that are as large as a window of the server that never closed."""
    data = seen.happened("data", side=CLIENT)
    low, high = seen.side(SERVER, "window_min"), seen.side(SERVER, "window_max")
    tiny = data.where(
        (data.value <= high[data.flow]) & (data.value >= low[data.flow]) & (data.frames == 1) & (data.value < 500)
    )
    open_ = (seen.side(SERVER, "zero_windows") == 0) & (high < 1000)
    return np.where(open_, seen.total(tiny.flow, tiny.frames), 0.0)


# ------------------------------------------------------------------------------------------------- loss and order


def tail_loss_probes(seen: Seen) -> Values:
    """Tail loss probes of both sides."""
    return seen.side(CLIENT, "tail_loss_probes") + seen.side(SERVER, "tail_loss_probes")


def reordered_packets(seen: Seen) -> Values:
    """Packets that filled a gap sooner than any resend could: they were overtaken on the way."""
    jumps, late = seen.happened("lost_segment"), seen.happened("out_of_order")
    if not len(jumps.flow) or not len(late.flow):
        return np.zeros(seen.count)
    line = 2 * jumps.flow + jumps.side
    # Events are ordered by flow and time: the last jump of the same line before each late packet.
    order = np.lexsort((jumps.time, line))
    line, when = line[order], jumps.time[order]
    base = float(when.min()) - 1.0
    span = max(float(when.max()), float(late.time.max())) - base + 1.0
    at = np.searchsorted(line * span + (when - base), (2 * late.flow + late.side) * span + (late.time - base), "right")
    before = np.maximum(at - 1, 0)
    same = (at > 0) & (line[before] == 2 * late.flow + late.side)
    gap = late.time - when[before]
    soon = same & (gap < _TOO_SOON * np.nan_to_num(seen.of(rtt_s))[late.flow])
    return seen.total(late.flow[soon], late.frames[soon])


def network_duplicates(seen: Seen) -> Values:
    """Segments that a receiver reports as arrived twice although this capture shows them sent once."""
    found = np.zeros(seen.count)
    for side in (CLIENT, SERVER):
        again = (
            seen.side(side, "retransmissions") + seen.side(side, "tail_loss_probes") + seen.side(side, "keep_alives")
        )
        surplus = seen.side(1 - side, "dsacks") - again
        found += np.where((surplus > 0) & (seen.side(side, "payload_packets") > 0), surplus, 0.0)
    return found


def oversize_resends(seen: Seen) -> Values:
    """Resends larger than the size that ICMP had named, half a second or more after that; 0 without such ICMP."""
    hints = seen.happened("icmp_too_big")
    named = seen.earliest(hints.flow, np.where(hints.value > 0, hints.value, np.inf).astype(float))
    first = seen.earliest(hints.flow, hints.time)
    resent = seen.happened(*RESENDS)
    size = resent.value / np.maximum(resent.frames, 1)
    headers = np.where(seen.flow("ip_version") == 6, 60, 40)
    late = (resent.time >= first[resent.flow] + 0.5) & (size > named[resent.flow] - headers[resent.flow])
    return seen.total(resent.flow[late], resent.frames[late])


# ----------------------------------------------------------------------------------------------------- handshakes


def syn_carried_data(seen: Seen) -> Mask:
    """The client's first SYN carried data (TCP Fast Open)."""
    return seen.at(CLIENT, "first_data_ns") <= seen.first("syn", side=CLIENT)


def fast_open_eaten(seen: Seen) -> Mask:
    """A SYN with data was not answered, and a repeat without data was."""
    return seen.of(syn_carried_data) & (seen.of(syn_copies) >= 2) & seen.of(handshake_completed)


@across
def fast_open_eaten_here(seen: Seen) -> Values:
    """Connections of these two hosts, this one included, whose SYN with data was not answered and the next one was."""
    return _of_group(seen.of(host_pair), seen.of(fast_open_eaten))


def options_withheld(seen: Seen) -> Mask:
    """The SYN offered window scaling and SACK, and the SYN-ACK has neither."""
    offered = ~np.isnan(seen.side(CLIENT, "wscale")) & true(seen.side(CLIENT, "sack_permitted"))
    return np.asarray(offered & seen.of(scale_not_agreed) & (seen.side(SERVER, "sack_permitted") == 0))


@across
def listener_gave_options(seen: Seen) -> Values:
    """Other connections to the same listener whose SYN-ACK has window scaling and SACK."""
    gave = ~np.isnan(seen.side(SERVER, "wscale")) & true(seen.side(SERVER, "sack_permitted"))
    return _of_group(seen.of(listener), gave) - gave


def _of_group(group: NDArray[np.int64], mask: Mask) -> Values:
    return np.asarray(np.bincount(group, weights=mask, minlength=1)[group], np.float64)


def unasked_synack(seen: Seen) -> Mask:
    """The first packet is a SYN-ACK, no SYN was seen, and a reset answers it at once."""
    only = seen.has("tcp") & (seen.side(CLIENT, "syn") == 0) & (seen.side(SERVER, "syn_ack") > 0)
    quick = seen.of(reset_at) - seen.first("syn_ack", side=SERVER) <= 1.0
    return np.asarray(
        only & says(seen.of(reset_by), "client") & quick & (seen.side(CLIENT, "packets") <= seen.side(CLIENT, "rst"))
    )


@across
def tuple_closed_before_s(seen: Seen) -> Values:
    """Since when the previous connection of the same two ports was closed by FINs; NA when there was none."""
    previous = seen.flow("previous")
    known = ~np.isnan(previous)
    row = np.where(known, previous, 0).astype(np.int64)
    if not len(row):
        return np.zeros(0)
    closed = (seen.side(CLIENT, "fin") > 0) & (seen.side(SERVER, "fin") > 0) & (seen.of(resets) == 0)
    ended = seen.flow_at("last_ns")
    return np.where(known & closed[row], seen.flow_at("first_ns") - ended[row], np.nan)


def port_reused_soon(seen: Seen) -> Mask:
    """The previous connection of the same two ports was closed by FINs less than 60 s before (TIME-WAIT of Linux)."""
    since = seen.of(tuple_closed_before_s)
    return np.asarray((since >= 0) & (since < 60))


# --------------------------------------------------------------------------------------------------------- endings


def late_fin_reset(seen: Seen) -> Mask:
    """A second FIN or a keepalive, with no data since the first FIN, was answered by a reset of the first closer."""
    client, server = seen.at(CLIENT, "fin_ns"), seen.at(SERVER, "fin_ns")
    probe = np.where(
        says(seen.of(closed_first_by), "client"), *(seen.last("keep_alive", side=s) for s in (SERVER, CLIENT))
    )
    spoke = np.fmax(np.where(seen.of(fins) >= 2, np.fmax(client, server), np.nan), probe)
    quick = seen.of(reset_at) - spoke
    by_first = seen.of(reset_by) == seen.of(closed_first_by)
    patience = 3 * np.nan_to_num(seen.of(rtt_s)) + SAME_MOMENT_S
    answer = says(seen.of(reset_look), "reply") & by_first & (quick >= 0) & (quick <= patience)
    return np.asarray(answer & (seen.of(data_after_peer_fin) == 0))


def fin_to_reset_s(seen: Seen) -> Values:
    """From the first FIN to the first reset; NA without both."""
    return seen.of(reset_at) - np.fmin(seen.at(CLIENT, "fin_ns"), seen.at(SERVER, "fin_ns"))


def reset_outlived(seen: Seen) -> Mask:
    """After the first reset both sides went on, and the connection was closed by FINs or is still open."""
    went_on = seen.of(packets_after_reset) >= 2
    after = np.full(seen.count, False)
    for side, other in (("client", SERVER), ("server", CLIENT)):
        mine = says(seen.of(reset_by), side)
        after |= mine & (seen.at(other, "last_ns") > seen.of(reset_at) + 0.001)
    return np.asarray(went_on & after & (seen.of(resets) == 1))


def tls_lone_alert_by(seen: Seen) -> Words:
    """Who ended a TLS 1.3 handshake with one encrypted record as small as an alert: client, server or nobody."""
    hello = seen.happened("tls_server_hello", side=SERVER)
    modern = np.zeros(seen.count, bool)
    modern[hello.flow[hello.value == _TLS13]] = True
    since = seen.first("tls_server_hello", side=SERVER)
    data = seen.happened("data")
    ended_by: dict[str, Mask] = {}
    # The server's own flight begins with its hello; the client's (Finished, certificate) is one segment or more.
    answered = seen.earliest(*_timed(data.where((data.side == CLIENT) & (data.time > since[data.flow]))))
    for side, start, sizes, word in (
        (CLIENT, since, (_ALERT_BYTES, _ALERT_BYTES + _CIPHER_CHANGE_BYTES), "client"),
        (SERVER, answered, (_ALERT_BYTES,), "server"),
    ):
        late = data.where((data.side == side) & (data.time > start[data.flow]))
        alone = (seen.total(late.flow, late.frames) == 1) & (np.isin(seen.total(late.flow, late.value), sizes))
        ended = np.fmin(seen.at(side, "fin_ns"), seen.at(side, "rst_ns"))
        quick = (ended - seen.latest(late.flow, late.last)) <= 1.0
        ended_by[word] = modern & alone & quick
    return choose([ended_by["server"], ended_by["client"]], ["server", "client"], "nobody")


def _timed(events: Happenings) -> tuple[NDArray[np.int64], Values]:
    return events.flow, events.time


# --------------------------------------------------------------------------------------------------------- silence


@across
def gave_up_after_s(seen: Seen) -> Values:
    """From the first timer resend of data nobody acknowledged to the client's next try; NA if no try fits the ladder.

    The program tries again at once when the kernel gives up, which puts no packet on the wire: the try must come
    after the last resend and before the next one was due.
    """
    client, pair = says(seen.of(ladder_sender), "client"), seen.of(listener) * (seen.count + 1) + seen.of(host_pair)
    dead = client & says(seen.of(ladder_of), "data") & seen.of(ladder_step_overdue)
    last, first = seen.at(CLIENT, "ladder_last_ns"), seen.at(CLIENT, "ladder_rto_ns")
    due = last + 2 * seen.of(ladder_last_gap_s) * 1.13 + 0.03
    if not dead.any():
        return np.full(seen.count, np.nan)
    tries: dict[int, list[float]] = {}
    starts = seen.first("syn", side=CLIENT)
    for row in np.flatnonzero(~np.isnan(starts)):
        tries.setdefault(int(pair[row]), []).append(float(starts[row]))
    found = np.full(seen.count, np.nan)
    for row in np.flatnonzero(dead & ~np.isnan(first)):
        fitting = [t for t in tries.get(int(pair[row]), ()) if last[row] < t <= due[row]]
        if fitting:
            found[row] = min(fitting) - first[row]
    return found


def gave_up_round_s(seen: Seen) -> Values:
    """The whole number of seconds (or half seconds) that `gave_up_after_s` is, 3 % and 0.15 s allowed; 0 if none."""
    after = np.nan_to_num(seen.of(gave_up_after_s))
    whole = np.round(after * 2) / 2
    # A timer is never early; the next try follows within a moment.
    late = after - whole
    return np.where((whole >= 1) & (late >= -0.02) & (late <= 0.15 + 0.03 * whole), whole, 0.0)
