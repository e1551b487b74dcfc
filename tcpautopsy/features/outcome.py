"""What became of each flow, in the words of the contract: only what the frames show, no cause.

The order of OUTCOMES is the order of decision: the first that holds is the flow's outcome.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.answers import asks_for_itself
from tcpautopsy.features.conversation import answers_requests, asks_one_host, request_unanswered
from tcpautopsy.features.ending import reset_at, reset_look, resets
from tcpautopsy.features.handshake import handshake_completed
from tcpautopsy.features.ladder import (
    keepalive_step_overdue,
    keepalives_unanswered,
    ladder_copies,
    ladder_of,
    ladder_side,
    ladder_step_overdue,
    step_overdue,
    window_probes_unanswered,
)
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Words, choose, says, true
from tcpautopsy.features.transfer import window_closed_at_end
from tcpautopsy.features.visible import sees_both_directions

#: glibc waits this long for an answer before it asks again (resolv.conf(5)).
_RESOLVER_S = 5.0
#: Address resolution asks three times, a second apart (Linux mcast_solicit, retrans_time_ms; RFC 4861 section 10).
_RESOLUTION_TRIES, _RESOLUTION_S = 3, 1.0
_ICMP_ERRORS = ("icmp_unreachable", "icmp_time_exceeded", "icmp_parameter_problem")


def outcome(seen: Seen) -> Words:
    """What became of the flow: the first of the contract's outcomes that holds."""
    return choose([holds(seen) for _, holds in OUTCOMES], [name for name, _ in OUTCOMES], "established")


def _tcp(seen: Seen) -> Mask:
    return seen.has("tcp")


def refused(seen: Seen) -> Mask:
    """TCP: the SYN was answered by RST with ack = ISN + 1."""
    return _tcp(seen) & (seen.side(CLIENT, "syn") > 0) & says(seen.of(reset_look), "refusal") & _reset_by(seen, SERVER)


def _reset_by(seen: Seen, side: int) -> Mask:
    return seen.side(side, "rst") > 0


def rejected(seen: Seen) -> Mask:
    """The SYN or datagram was answered only by ICMP; a lookup by an error code."""
    icmp = seen.saw(*_ICMP_ERRORS) & (seen.side(SERVER, "packets") == 0)
    syn = (seen.side(CLIENT, "syn") > 0) & ~seen.of(handshake_completed)
    # Time exceeded ends a connection attempt; to datagrams it happens by design (traceroute).
    datagram = seen.has("udp") & seen.saw("icmp_unreachable", "icmp_parameter_problem")
    return np.asarray(icmp & ((_tcp(seen) & syn) | datagram) | _dns_error(seen))


def _dns_error(seen: Seen) -> Mask:
    answers = seen.happened("dns_answer")
    codes = seen.earliest(answers.flow, answers.value.astype(float))
    return seen.has("dns") & (codes > 0)


def unanswered(seen: Seen) -> Mask:
    """No handshake, no reset and no ICMP; a request, echo, lookup or resolution without an answer."""
    tcp = _tcp(seen) & ~seen.of(handshake_completed) & (seen.of(resets) == 0)
    asked = seen.has("udp") & (seen.side(SERVER, "packets") == 0) & seen.of(answers_requests)
    echo = seen.has("icmp") & ~seen.saw("echo_reply")
    lookup = seen.has("dns") & ~seen.saw("dns_answer")
    resolution = (seen.has("arp") | seen.has("ndp")) & ~seen.saw("arp_reply")
    return np.asarray(tcp | asked | echo | lookup | resolution)


def completed(seen: Seen) -> Mask:
    """FIN from both sides; answered, for what is no connection."""
    fins = (seen.side(CLIENT, "fin") > 0) & (seen.side(SERVER, "fin") > 0)
    both = (seen.side(CLIENT, "packets") > 0) & (seen.side(SERVER, "packets") > 0)
    answered = seen.saw("echo_reply", "dns_answer", "arp_reply")
    return (_tcp(seen) & fins) | (seen.has("udp") & both) | (~_tcp(seen) & ~seen.has("udp") & answered)


def one_way(seen: Seen) -> Mask:
    """UDP in one direction, and nothing that demands an answer."""
    return seen.has("udp")


def reset(seen: Seen) -> Mask:
    """A reset in the server's name."""
    return _tcp(seen) & _reset_by(seen, SERVER)


def aborted(seen: Seen) -> Mask:
    """A reset in the client's name."""
    return _tcp(seen) & _reset_by(seen, CLIENT)


def _ladder(seen: Seen) -> Mask:
    """Something is unanswered at the end: a ladder of data, SYN or FIN, or of probes."""
    probes = np.nan_to_num(seen.of(keepalives_unanswered)) + np.nan_to_num(seen.of(window_probes_unanswered))
    return _tcp(seen) & seen.of(sees_both_directions) & (~np.isnan(seen.of(ladder_side)) | (probes > 0))


def timed_out(seen: Seen) -> Mask:
    """An unanswered ladder whose next step is overdue by a fifth while the capture still runs."""
    return _ladder(seen) & seen.of(step_overdue)


def silent(seen: Seen) -> Mask:
    """An unanswered ladder when the capture ends."""
    return _ladder(seen)


def stalled(seen: Seen) -> Mask:
    """The peer acknowledges, but at the end its window is 0 or a request is unanswered."""
    return _tcp(seen) & (seen.of(window_closed_at_end) | true(seen.of(request_unanswered)))


def half_closed(seen: Seen) -> Mask:
    """One FIN only."""
    return np.asarray(_tcp(seen) & ((seen.side(CLIENT, "fin") > 0) ^ (seen.side(SERVER, "fin") > 0)))


def midstream(seen: Seen) -> Mask:
    """Neither the start nor the end was captured."""
    return np.asarray(_tcp(seen) & (seen.side(CLIENT, "syn") == 0) & (seen.side(SERVER, "syn_ack") == 0))


OUTCOMES = (
    ("refused", refused),
    ("rejected", rejected),
    ("unanswered", unanswered),
    ("completed", completed),
    ("one-way", one_way),
    ("reset", reset),
    ("aborted", aborted),
    ("timed-out", timed_out),
    ("silent", silent),
    ("stalled", stalled),
    ("half-closed", half_closed),
    ("midstream", midstream),
)


# ----------------------------------------------------------------------------------------------------- failed


def failed_by_outcome(seen: Seen) -> Mask:
    """The outcome alone says that the flow failed, whatever the cause (CONTRACT, section 2)."""
    became = seen.of(outcome)
    failed = np.zeros(seen.count, bool)
    for name, condition in _FAILURES:
        failed |= says(became, name) & condition(seen)
    return failed & (seen.of(sees_both_directions) | seen.has("dns") | seen.has("arp") | seen.has("ndp"))


def _always(seen: Seen) -> Mask:
    return np.ones(seen.count, bool)


def _rejected_for_good(seen: Seen) -> Mask:
    return ~seen.has("icmp")


def _gave_up(seen: Seen) -> Mask:
    data = says(seen.of(ladder_of), "data") & (np.nan_to_num(seen.of(ladder_copies)) > 0)
    return (data & seen.of(ladder_step_overdue)) | seen.of(keepalive_step_overdue)


def _no_more_tries(seen: Seen) -> Mask:
    return (
        (_tcp(seen) & seen.of(ladder_step_overdue))
        | (seen.has("dns") & seen.of(asks_one_host) & _lookup_over(seen))
        | ((seen.has("arp") | seen.has("ndp")) & _resolution_over(seen))
    )


def _lookup_over(seen: Seen) -> Mask:
    # A lookup that was repeated has waited out its timer once already.
    again = (seen.times("dns_query") > 1) & (seen.end - seen.last("dns_query") >= _RESOLUTION_S)
    return again | (seen.end - seen.first("dns_query") >= _RESOLVER_S)


def _resolution_over(seen: Seen) -> Mask:
    tried = (seen.times("arp_request") >= _RESOLUTION_TRIES) & ~seen.of(asks_for_itself)
    return tried & (seen.end - seen.first("arp_request") >= _RESOLUTION_TRIES * _RESOLUTION_S)


def _something_lost(seen: Seen) -> Mask:
    """Data was unacknowledged or a request unanswered when the reset came.

    Data for a side that had already closed does not count: that side had said that it wants no more.
    """
    at = seen.of(reset_at)
    lost = np.zeros(seen.count, bool)
    for side in (CLIENT, SERVER):
        wanted = ~(seen.at(1 - side, "fin_ns") < at)
        lost |= (np.nan_to_num(seen.side(side, "unacked_bytes")) > 0) & wanted
    return lost | true(seen.of(request_unanswered))


_FAILURES = (
    ("refused", _always),
    ("rejected", _rejected_for_good),
    ("unanswered", _no_more_tries),
    ("timed-out", _gave_up),
    ("reset", _something_lost),
    ("aborted", _something_lost),
)
