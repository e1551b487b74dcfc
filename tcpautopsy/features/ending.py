"""How a connection ended: who reset it and what the reset looks like, who closed first, what was in flight.

The looks are those of CATALOGUE 1.1: a *reply* reset answers a segment that fits no socket (no ACK flag, window 0,
no options), an *active* one is a live socket being aborted by its own side (ACK flag), a *refusal* answers a SYN.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.conversation import rtt_s
from tcpautopsy.features.groups import addresses
from tcpautopsy.features.handshake import handshake_completed
from tcpautopsy.features.seen import CLIENT, SERVER, Group, Mask, Seen, Values, Words, across, choose, says, unless
from tcpautopsy.features.visible import sees_both_directions
from tcpautopsy.tables import Reset

#: TTLs with which hosts start (CATALOGUE 1.5).
START_TTLS = (64, 128, 255)


def _reset_side(seen: Seen) -> Values:
    """The side in whose name the first reset came; NaN without a reset."""
    client, server = seen.at(CLIENT, "rst_ns"), seen.at(SERVER, "rst_ns")
    neither = np.isnan(client) & np.isnan(server)
    return np.where(neither, np.nan, np.where(~(client > server) & ~np.isnan(client), CLIENT, SERVER))


def reset_by(seen: Seen) -> Words:
    """In whose name the first reset came: client, server or nobody."""
    side = seen.of(_reset_side)
    return choose([side == CLIENT, side == SERVER], ["client", "server"], "nobody")


def reset_against(seen: Seen) -> Words:
    """Who received the first reset: client, server or nobody."""
    side = seen.of(_reset_side)
    return choose([side == CLIENT, side == SERVER], ["server", "client"], "nobody")


def _chosen(seen: Seen, client: Values, server: Values) -> Values:
    side = seen.of(_reset_side)
    return np.where(side == CLIENT, client, np.where(side == SERVER, server, np.nan))


def _own(seen: Seen, name: str) -> Values:
    """A number of the side that reset."""
    return _chosen(seen, seen.side(CLIENT, name), seen.side(SERVER, name))


def _own_at(seen: Seen, name: str) -> Values:
    return _chosen(seen, seen.at(CLIENT, name), seen.at(SERVER, name))


def _peer_at(seen: Seen, name: str) -> Values:
    return _chosen(seen, seen.at(SERVER, name), seen.at(CLIENT, name))


def resets(seen: Seen) -> Values:
    """Reset packets of both sides."""
    return seen.side(CLIENT, "rst") + seen.side(SERVER, "rst")


def reset_at(seen: Seen) -> Values:
    """When the first reset came, in seconds of the capture; NA without one."""
    return _own_at(seen, "rst_ns")


def reset_look(seen: Seen) -> Words:
    """The form of the first reset: refusal, reply, active or none."""
    look = np.nan_to_num(_own(seen, "rst_look")).astype(np.int64)
    acks = (look & Reset.HAS_ACK) > 0
    refusal = acks & ((look & Reset.ACK_IS_SYN_PLUS_1) > 0) & ((look & Reset.WINDOW_ZERO) > 0) & _before_synack(seen)
    return choose([np.isnan(seen.of(_reset_side)), refusal, acks], ["none", "refusal", "active"], "reply")


def _before_synack(seen: Seen) -> Mask:
    return ~(seen.first("syn_ack", side=SERVER) < seen.of(reset_at))


def _has(seen: Seen, bit: Reset) -> Mask:
    return (np.nan_to_num(_own(seen, "rst_look")).astype(np.int64) & bit) > 0


def reset_has_timestamps(seen: Seen) -> Mask:
    """The first reset carries TCP timestamps: a live socket made it."""
    return _has(seen, Reset.TIMESTAMPS)


def reset_sequence_exact(seen: Seen) -> Mask:
    """The first reset's sequence number is what its receiver expects, so that it is obeyed (RFC 5961)."""
    return _has(seen, Reset.SEQ_IS_NEXT) | _has(seen, Reset.SEQ_IS_PEER_ACK)


def reset_ttl_differs(seen: Seen) -> Values:
    """The first reset's TTL is not that of the same side's other packets; NA when there is nothing to compare."""
    ttl, low, high = (_own(seen, name) for name in ("rst_ttl", "ttl_min", "ttl_max"))
    low, high = (np.where(_set_by_program(edge), np.nan, edge) for edge in (low, high))
    unknown = _has(seen, Reset.TTL_UNKNOWN) | (np.isnan(low) & ~np.isnan(seen.of(_reset_side)))
    return unless(unknown, foreign_ttl(ttl, low, high))


def _set_by_program(ttl: Values) -> Mask:
    """TTLs that routing protocols give their connections (eBGP 1; RFC 5082: 255); resets of the kernel have its own."""
    return np.isin(ttl, (1, 255))


def usual_ttl(seen: Seen, side: int) -> Values:
    """The TTL of a side's packets; NaN where it may be one that the program chose for this connection alone."""
    ttl = seen.side(side, "ttl")
    return np.where(_set_by_program(ttl), np.nan, ttl)


def foreign_ttl(ttl: Values, low: Values, high: Values) -> Mask:
    """Whether a TTL cannot come from the host whose other packets have TTLs from `low` to `high`.

    One hop more or less is a change of route; two are not, and a packet with a start value has passed no router
    while the host's others have.
    """
    outside = (ttl < low) | (ttl > high)
    fresh = np.isin(ttl, START_TTLS) & ~np.isin(low, START_TTLS) & ~np.isin(high, START_TTLS)
    return np.asarray(outside & ((ttl <= low - 2) | (ttl >= high + 2) | fresh))


def reset_delay_s(seen: Seen) -> Values:
    """From the other side's last packet before the first reset to that reset; NA without one."""
    at, side = seen.of(reset_at), seen.of(_reset_side)
    packets = seen.happened_packets
    before = (packets.side == 1 - side[packets.flow]) & (packets.last <= at[packets.flow])
    chosen = packets.where(before)
    return at - seen.latest(chosen.flow, chosen.last)


def reset_quiet_s(seen: Seen) -> Values:
    """From the flow's last packet of either side before the first reset to that reset; NA without one."""
    at = seen.of(reset_at)
    packets = seen.happened_packets
    chosen = packets.where(packets.last < at[packets.flow])
    return at - seen.latest(chosen.flow, chosen.last)


def reset_answers_within_rtt(seen: Seen) -> Mask:
    """The first reset came within a round trip (or 50 ms, if longer) of a packet from the other side."""
    # 50 ms: twice the usual scheduling and queueing delay when no round trip was measured.
    return seen.of(reset_delay_s) <= np.fmax(1.5 * seen.of(rtt_s), 0.05)


def reset_unprompted(seen: Seen) -> Mask:
    """The side that reset had sent something after the other side's last packet: its reset answers nothing."""
    at, side = seen.of(reset_at), seen.of(_reset_side)
    packets = seen.happened_packets
    earlier = packets.where(packets.last < at[packets.flow])
    theirs = earlier.where(earlier.side == 1 - side[earlier.flow])
    own = earlier.where(earlier.side == side[earlier.flow])
    return seen.latest(own.flow, own.last) > seen.latest(theirs.flow, theirs.last)


def resetter_spoke_before(seen: Seen) -> Mask:
    """The side that reset had sent other packets of this connection before."""
    return _own_at(seen, "first_ns") < seen.of(reset_at)


def resetter_had_closed(seen: Seen) -> Mask:
    """The side that reset had sent its FIN before."""
    return _own_at(seen, "fin_ns") < seen.of(reset_at)


def resetter_had_received_fin(seen: Seen) -> Mask:
    """The other side had sent its FIN before the first reset."""
    return _peer_at(seen, "fin_ns") < seen.of(reset_at)


def data_before_reset_s(seen: Seen) -> Values:
    """From the last new data of the reset's receiver to the first reset; NA when it sent none before."""
    gap = seen.of(reset_at) - _peer_at(seen, "last_data_ns")
    return np.where(gap >= 0, gap, np.nan)


def own_data_before_reset_s(seen: Seen) -> Values:
    """From the last new data of the side that reset to its reset; NA when it sent none before."""
    gap = seen.of(reset_at) - _own_at(seen, "last_data_ns")
    return np.where(gap >= 0, gap, np.nan)


def input_pending_at_reset(seen: Seen) -> Mask:
    """The side that reset had got data to which it has sent nothing since: its program may not have read it."""
    # Data of the receiver after the last data of the resetter is what the program may still have had to read.
    theirs, own = _peer_at(seen, "last_data_ns"), _own_at(seen, "last_data_ns")
    return np.asarray((theirs < seen.of(reset_at)) & ~(own > theirs))


def bytes_refused(seen: Seen) -> Values:
    """Payload of the reset's receiver that was unacknowledged when it came; NA when a direction is unseen."""
    return unless(
        ~seen.of(sees_both_directions),
        np.nan_to_num(_chosen(seen, seen.side(SERVER, "unacked_bytes"), seen.side(CLIENT, "unacked_bytes"))),
    )


def packets_after_reset(seen: Seen) -> Values:
    """Packets that are no reset, sent by the side in whose name the first reset came, after it; 0 without one."""
    return np.nan_to_num(_own(seen, "packets_after_rst"))


def reset_before_server_spoke(seen: Seen) -> Mask:
    """The server reset in answer to the handshake's last ACK or the first data, having sent only a SYN-ACK."""
    spoke = seen.side(SERVER, "packets") - seen.side(SERVER, "syn_ack") - seen.side(SERVER, "rst")
    return np.asarray((seen.of(_reset_side) == SERVER) & (spoke == 0) & seen.of(handshake_completed))


def connect_patience_s(seen: Seen) -> Values:
    """From the first SYN to the first reset; NA unless both were captured."""
    return seen.of(reset_at) - seen.first("syn", side=CLIENT)


def reset_after_handshake_s(seen: Seen) -> Values:
    """From the client's acknowledgement of the SYN-ACK to the first reset; NA without either."""
    return seen.of(reset_at) - seen.first("handshake_ack", side=CLIENT)


# ------------------------------------------------------------------------------------------------------ closing


def _close_at(seen: Seen, side: int) -> Values:
    return np.fmin(seen.at(side, "fin_ns"), seen.at(side, "rst_ns"))


def closed_first_by(seen: Seen) -> Words:
    """Whose FIN or RST came first: client, server or nobody."""
    client, server = _close_at(seen, CLIENT), _close_at(seen, SERVER)
    first = (client <= server) | (~np.isnan(client) & np.isnan(server))
    return choose([first, ~np.isnan(server)], ["client", "server"], "nobody")


def server_close_after_handshake_s(seen: Seen) -> Values:
    """From the client's acknowledgement of the SYN-ACK to the server's FIN or reset; NA without both."""
    return _close_at(seen, SERVER) - seen.first("handshake_ack", side=CLIENT)


def fins(seen: Seen) -> Values:
    """Sides that sent a FIN."""
    return (seen.side(CLIENT, "fin") > 0).astype(float) + (seen.side(SERVER, "fin") > 0)


def half_closed_by(seen: Seen) -> Words:
    """Whose FIN is the only one: client, server or nobody."""
    client, server = seen.side(CLIENT, "fin") > 0, seen.side(SERVER, "fin") > 0
    return choose([client & ~server, server & ~client], ["client", "server"], "nobody")


def half_closed_against(seen: Seen) -> Words:
    """Who has not closed although the other side has: client, server or nobody."""
    client, server = seen.side(CLIENT, "fin") > 0, seen.side(SERVER, "fin") > 0
    return choose([client & ~server, server & ~client], ["server", "client"], "nobody")


def _half(seen: Seen, client: Values, server: Values) -> Values:
    """`client` where only the client closed, `server` where only the server did."""
    by = seen.of(half_closed_by)
    return np.where(says(by, "client"), client, np.where(says(by, "server"), server, np.nan))


def half_closed_s(seen: Seen) -> Values:
    """From the only FIN to the end of the capture, or to a reset; NA unless exactly one side closed."""
    fin = _half(seen, seen.at(CLIENT, "fin_ns"), seen.at(SERVER, "fin_ns"))
    return np.fmin(seen.end, seen.of(reset_at)) - fin


def half_close_acked(seen: Seen) -> Mask:
    """The only FIN was acknowledged."""
    return np.asarray(_half(seen, seen.side(CLIENT, "fin_acked"), seen.side(SERVER, "fin_acked")) == 1)


def half_close_peer_data_s(seen: Seen) -> Values:
    """How long after the only FIN the other side still sent new data; 0 when it sent none."""
    fin = _half(seen, seen.at(CLIENT, "fin_ns"), seen.at(SERVER, "fin_ns"))
    other = _half(seen, seen.at(SERVER, "last_data_ns"), seen.at(CLIENT, "last_data_ns"))
    return np.maximum(np.nan_to_num(other - fin), 0)


def server_idle_before_fin_s(seen: Seen) -> Values:
    """From the server's last data before its FIN to that FIN: its idle limit; NA without one."""
    fin = seen.at(SERVER, "fin_ns")
    data = seen.happened("data", side=SERVER)
    before = data.where(data.last <= fin[data.flow])
    return fin - seen.latest(before.flow, before.last)


def last_request_after_server_fin_s(seen: Seen) -> Values:
    """From the server's FIN to the client's last new data (negative when it was sent before); NA without both."""
    return seen.at(CLIENT, "last_data_ns") - seen.at(SERVER, "fin_ns")


def requests_after_server_fin(seen: Seen) -> Values:
    """Data packets that the client sent after it had acknowledged the server's FIN."""
    return seen.side(CLIENT, "data_after_peer_fin")


def data_after_peer_fin(seen: Seen) -> Values:
    """Data packets sent by the reset's receiver after it had acknowledged the FIN of the side that reset."""
    return np.nan_to_num(
        _chosen(seen, seen.side(SERVER, "data_after_peer_fin"), seen.side(CLIENT, "data_after_peer_fin"))
    )


def fin_data_unacked_bytes(seen: Seen) -> Values:
    """Payload unacknowledged at the end by the side whose FIN is unacknowledged; 0 otherwise."""
    total = np.zeros(seen.count)
    for side in (CLIENT, SERVER):
        open_fin = seen.side(side, "fin_acked") == 0
        total += np.where(open_fin, np.nan_to_num(seen.side(side, "unacked_bytes")), 0)
    return total


def fin_copies(seen: Seen) -> Values:
    """Repeats of an unacknowledged FIN, or of the data before it."""
    total = np.zeros(seen.count)
    for side in (CLIENT, SERVER):
        open_fin = seen.side(side, "fin_acked") == 0
        total += np.where(open_fin, np.nan_to_num(seen.side(side, "ladder_copies")), 0)
    return total


def fin_sender(seen: Seen) -> Words:
    """Whose FIN was never acknowledged: client, server or nobody."""
    client, server = (seen.side(side, "fin_acked") == 0 for side in (CLIENT, SERVER))
    return choose([client, server], ["client", "server"], "nobody")


@across
def reset_ttl_differs_from_host(seen: Seen) -> Values:
    """The first reset's TTL is not that of the same host's packets on other connections; NA without any to compare."""
    _, server = seen.of(addresses)
    ttl = usual_ttl(seen, SERVER)
    usual_low, usual_high = (_usual(server, ttl, choose) for choose in (np.minimum, np.maximum))
    mine = np.where(says(seen.of(reset_look), "none"), np.nan, seen.side(SERVER, "rst_ttl"))
    return unless(np.isnan(mine) | np.isnan(usual_low), foreign_ttl(mine, usual_low, usual_high))


def _usual(group: Group, values: Values, choose: np.ufunc) -> Values:
    start = np.inf if choose is np.minimum else -np.inf
    best = np.full(int(group.max(initial=-1)) + 1, start)
    known = ~np.isnan(values)
    choose.at(best, group[known], values[known])
    found = best[group]
    return np.where(np.isinf(found), np.nan, found)
