"""The handshake: how often SYN and SYN-ACK were sent, what was answered when, and whether it was taken."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, unless
from tcpautopsy.features.visible import sees_both_directions, sees_handshake, sees_resp_direction, sees_syn

#: Everything by which a host repeats payload.
RESENDS = (
    "retransmission",
    "fast_retransmission",
    "rto_retransmission",
    "tail_loss_probe",
    "spurious_retransmission",
)


def syn_copies(seen: Seen) -> Values:
    """SYNs of the client, the first included; NA unless the first was captured."""
    return unless(~seen.of(sees_syn), seen.side(CLIENT, "syn"))


def syn_span_s(seen: Seen) -> Values:
    """From the first SYN to its last copy."""
    return seen.last("syn", "syn_retransmission", side=CLIENT) - seen.first("syn", side=CLIENT)


def synacks(seen: Seen) -> Values:
    """SYN-ACKs of the server, copies included; NA when its direction is not in the capture."""
    return unless(~seen.of(sees_resp_direction), seen.side(SERVER, "syn_ack"))


def synack_delay_s(seen: Seen) -> Values:
    """From the first SYN to the first SYN-ACK; NA unless both were captured."""
    return seen.first("syn_ack", side=SERVER) - seen.first("syn", side=CLIENT)


def synack_after_last_syn_s(seen: Seen) -> Values:
    """From the last SYN before the first SYN-ACK to that SYN-ACK; NA unless both were captured."""
    answer = seen.first("syn_ack", side=SERVER)
    syns = seen.happened("syn", "syn_retransmission", side=CLIENT)
    before = syns.where(syns.last <= answer[syns.flow])
    return answer - seen.latest(before.flow, before.last)


def syns_unanswered(seen: Seen) -> Values:
    """SYNs that got no SYN-ACK before the next SYN was sent; NA unless the first SYN was captured."""
    answer = seen.first("syn_ack", side=SERVER)
    syns = seen.happened("syn", "syn_retransmission", side=CLIENT)
    early = syns.where(~(syns.time > answer[syns.flow]))
    copies = seen.total(early.flow, early.frames)
    return unless(~seen.of(sees_syn), np.where(np.isnan(answer), copies, np.maximum(copies - 1, 0)))


def syns_after_synack(seen: Seen) -> Values:
    """Copies of the SYN that the client sent although a SYN-ACK had passed this point, before it acknowledged one."""
    answer, acked = seen.first("syn_ack", side=SERVER), seen.first("handshake_ack", side=CLIENT)
    syns = seen.happened("syn_retransmission", side=CLIENT)
    late = syns.where((syns.time > answer[syns.flow]) & ~(syns.time > acked[syns.flow]))
    return seen.total(late.flow, late.frames)


def challenges_to_syn(seen: Seen) -> Values:
    """Bare ACKs of the server that answered a SYN before any SYN-ACK: it holds an older connection (RFC 5961)."""
    answer, ask = seen.first("syn_ack", side=SERVER), seen.first("syn", side=CLIENT)
    asked_back = seen.happened("challenge_ack", side=SERVER)
    early = (asked_back.time >= ask[asked_back.flow]) & ~(asked_back.time > answer[asked_back.flow])
    chosen = asked_back.where(early)
    return seen.total(chosen.flow, chosen.frames)


def handshake_completed(seen: Seen) -> Mask:
    """The client acknowledged the SYN-ACK, or the flow was under way already."""
    client = seen.side(CLIENT, "packets") - seen.side(CLIENT, "syn") - seen.side(CLIENT, "rst")
    server = seen.side(SERVER, "packets") - seen.side(SERVER, "syn_ack") - seen.side(SERVER, "rst")
    answered = (seen.side(SERVER, "syn_ack") > 0) | (seen.side(CLIENT, "syn") == 0)
    # With only the server's packets in the capture, its talking proves the acknowledgement.
    alone = (seen.side(CLIENT, "packets") == 0) & (server > 0)
    one_sided = (seen.side(SERVER, "packets") == 0) & (client > 0)
    return np.asarray(seen.has("tcp") & ((answered & (client > 0)) | alone | one_sided))


def synack_ttl_differs(seen: Seen) -> Mask:
    """The SYN-ACK's TTL is two or more away from that of the server's later packets: another device sent it."""
    first, low, high = (seen.side(SERVER, name) for name in ("ttl", "ttl_min", "ttl_max"))
    extreme = (first == low) | (first == high)
    return np.asarray((seen.side(SERVER, "syn_ack") > 0) & extreme & (high - low >= 2))


def handshake_s(seen: Seen) -> Values:
    """From the first SYN to the client's acknowledgement of the SYN-ACK; NA unless both were captured."""
    return seen.first("handshake_ack", side=CLIENT) - seen.first("syn", side=CLIENT)


def handshake_rtt_s(seen: Seen) -> Values:
    """From the SYN that was answered to the client's acknowledgement: one round trip at any point of the path."""
    answer, ack = seen.first("syn_ack", side=SERVER), seen.first("handshake_ack", side=CLIENT)
    copies = seen.last("syn_ack", "syn_ack_retransmission", side=SERVER)
    last = np.where(copies <= ack, copies, answer)
    return seen.of(synack_after_last_syn_s) + np.maximum(ack - last, 0)


def synack_retransmissions(seen: Seen) -> Values:
    """Copies of the SYN-ACK; NA when the server's direction is not in the capture."""
    return unless(~seen.of(sees_resp_direction), np.maximum(seen.side(SERVER, "syn_ack") - 1, 0))


def synack_retransmissions_after_client_ack(seen: Seen) -> Values:
    """Copies of the SYN-ACK sent after the client had acknowledged it; NA unless both directions were captured."""
    return _synacks_after(seen, seen.first("handshake_ack", side=CLIENT))


def synack_retransmissions_after_client_data(seen: Seen) -> Values:
    """Copies of the SYN-ACK sent after the client's first data; NA unless both directions were captured."""
    return _synacks_after(seen, seen.at(CLIENT, "first_data_ns"))


def _synacks_after(seen: Seen, since: Values) -> Values:
    copies = seen.happened("syn_ack_retransmission", side=SERVER)
    later = copies.where(copies.last > since[copies.flow])
    return unless(~seen.of(sees_both_directions), seen.total(later.flow, later.frames))


def synacks_unacknowledged(seen: Seen) -> Values:
    """Copies of the SYN-ACK sent before the client acknowledged any; NA unless both directions were captured."""
    ack = seen.first("handshake_ack", side=CLIENT)
    copies = seen.happened("syn_ack_retransmission", side=SERVER)
    earlier = copies.where(~(copies.time > ack[copies.flow]))
    return unless(~seen.of(sees_both_directions), seen.total(earlier.flow, earlier.frames))


def server_first_word_at(seen: Seen) -> Values:
    """When the server first sent anything but a SYN-ACK or a reset, in seconds of the capture; NA if never."""
    words = seen.packets_but("syn_ack", "syn_ack_retransmission", "rst", "bad_checksum", side=SERVER)
    return seen.earliest(words.flow, words.time)


def server_first_word_s(seen: Seen) -> Values:
    """From the client's first acknowledgement to the server's first packet that is no SYN-ACK or reset."""
    return seen.of(server_first_word_at) - seen.first("handshake_ack", side=CLIENT)


def client_packets_ignored(seen: Seen) -> Values:
    """Repeats which show that a packet of the client was ignored or lost before the server said anything new.

    SYN-ACKs repeated after the client's ACK, and copies of the client's first data. NA unless the handshake and both
    directions were captured.
    """
    return seen.of(synack_retransmissions_after_client_ack) + seen.of(first_data_ignored_copies)


def first_data_ignored_copies(seen: Seen) -> Values:
    """Times the client resent data before the server said anything but SYN-ACK; NA unless the handshake was captured.

    Nothing but a SYN-ACK or reset from the server came in between, so each copy was lost or thrown away.
    """
    word = _word_or_reset(seen)
    copies = seen.happened(*RESENDS, side=CLIENT)
    early = copies.where(~(copies.time >= word[copies.flow]))
    return unless(~seen.of(sees_handshake), seen.total(early.flow, early.frames))


def _word_or_reset(seen: Seen) -> Values:
    return np.fmin(seen.of(server_first_word_at), seen.at(SERVER, "rst_ns"))


def data_ignored_s(seen: Seen) -> Values:
    """From the client's first data to the server's first packet that is no SYN-ACK; NA while there is none."""
    return _word_or_reset(seen) - seen.at(CLIENT, "first_data_ns")
