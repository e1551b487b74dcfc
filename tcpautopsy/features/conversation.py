"""Who said how much, what was acknowledged, what was asked and not answered, and how long nobody spoke."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pandas as pd

from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, true, unless
from tcpautopsy.features.visible import sees_both_directions, sees_handshake, sees_orig_direction, sees_resp_direction
from tcpautopsy.seqnum import distance

#: Services that take data and never answer: syslog, graphite, fluentd, printing, and their kind over UDP (traps,
#: NetFlow, IPFIX, sFlow, StatsD). Silence there is by design.
ONE_WAY_PORTS = (162, 514, 601, 2003, 2004, 2055, 4739, 6343, 6514, 8125, 9100, 9515, 24224)
#: UDP services that answer every request: DNS, TFTP, portmapper, NTP, SNMP, IKE, RADIUS, NFS, STUN, CoAP, SIP.
ANSWERING_PORTS = (53, 69, 88, 111, 123, 161, 389, 500, 1812, 1813, 2049, 3478, 4500, 5060, 5683)
#: A client that closes this soon after its last bytes was saying goodbye (TLS close_notify, QUIT), not asking.
FAREWELL_S = 0.2
#: A pause that separates two messages: events cut a run of data there (DESIGN 3).
_PAUSE_S = 1.0


def orig_payload_bytes(seen: Seen) -> Values:
    """Payload bytes of the client, repeats out, those only acknowledged in; NA when its direction is not captured."""
    return _payload(seen, CLIENT, SERVER, seen.of(sees_orig_direction))


def resp_payload_bytes(seen: Seen) -> Values:
    """Payload bytes of the server, repeats out, those only acknowledged in; NA when its direction is not captured."""
    return _payload(seen, SERVER, CLIENT, seen.of(sees_resp_direction))


def _payload(seen: Seen, side: int, other: int, visible: Mask) -> Values:
    unique = seen.side(side, "payload_bytes") - seen.side(side, "retransmitted_bytes")
    # What the capture dropped was sent all the same: the other side's acknowledgements tell.
    return unless(~visible, np.fmax(np.maximum(unique, 0), _acked(seen, side, other)))


def resp_acked_payload_bytes(seen: Seen) -> Values:
    """Payload bytes of the client that the server acknowledged; NA when the handshake or the answers are unseen."""
    return _acked(seen, CLIENT, SERVER)


def orig_acked_payload_bytes(seen: Seen) -> Values:
    """Payload bytes of the server that the client acknowledged; NA when the handshake or its packets are unseen."""
    return _acked(seen, SERVER, CLIENT)


def _acked(seen: Seen, sender: int, receiver: int) -> Values:
    acked = seen.side(receiver, "highest_ack") - 1 - (seen.side(sender, "fin_acked") == 1)
    known = seen.of(sees_handshake) & seen.of(sees_both_directions) & ~np.isnan(seen.side(sender, "isn"))
    nothing = np.isnan(acked)  # no acknowledgement at all, though it would have been seen
    return unless(~known, np.where(nothing, 0, np.maximum(acked, 0)))


def orig_unacked_bytes(seen: Seen) -> Values:
    """Payload bytes of the client that were never acknowledged; NA when a direction is not in the capture."""
    return unless(~seen.of(sees_both_directions), np.nan_to_num(seen.side(CLIENT, "unacked_bytes")))


def resp_unacked_bytes(seen: Seen) -> Values:
    """Payload bytes of the server that were never acknowledged; NA when a direction is not in the capture."""
    return unless(~seen.of(sees_both_directions), np.nan_to_num(seen.side(SERVER, "unacked_bytes")))


def unacked_bytes(seen: Seen) -> Values:
    """Payload bytes of both sides never acknowledged; NA when a direction is not in the capture."""
    return seen.of(orig_unacked_bytes) + seen.of(resp_unacked_bytes)


def requests(seen: Seen) -> Values:
    """Times the client began to send after the server had spoken, or first: requests, in most protocols."""
    return seen.side(CLIENT, "turns")


def responses(seen: Seen) -> Values:
    """Times the server began to send after the client had spoken, or first."""
    return seen.side(SERVER, "turns")


def client_waited_until(seen: Seen) -> Values:
    """When the wait for an answer ended: a FIN or RST of either side after the client's data, else the end."""
    asked = seen.at(CLIENT, "last_data_ns")
    ends = [seen.at(side, name) for side in (CLIENT, SERVER) for name in ("fin_ns", "rst_ns")]
    later = [np.where(end >= asked, end, np.nan) for end in ends]
    return np.asarray(np.fmin.reduce([*later, seen.end]))


def request_wait_s(seen: Seen) -> Values:
    """How long the client's last data went unanswered, until a side closed or the capture ended; NA if answered."""
    return np.where(
        true(seen.of(request_unanswered)), seen.of(client_waited_until) - seen.at(CLIENT, "last_data_ns"), np.nan
    )


def request_unanswered(seen: Seen) -> Values:
    """The client's last data had no answer from the server's program, and it was no farewell.

    NA when a direction is not in the capture. A farewell is data that the client follows with its own FIN or RST
    within 0.2 s, once the server has said something.
    """
    asked, told = seen.at(CLIENT, "last_data_ns"), seen.at(SERVER, "last_data_ns")
    waiting = ~np.isnan(asked) & (~(told > asked) | seen.of(answer_refused))
    claim = waiting & ~_farewell(seen, asked, told) & ~seen.of(one_way_service)
    # Bytes of the server that are not in the capture may have been the answer.
    missed = (seen.side(SERVER, "unseen_acked_bytes") > 0) | (seen.side(SERVER, "lost_bytes") > 0)
    return unless(~seen.of(sees_both_directions) | (claim & missed), claim)


def answer_refused(seen: Seen) -> Mask:
    """The server's answer came after the client had closed, and the client's host reset it: nobody read it."""
    asked, left = seen.at(CLIENT, "last_data_ns"), seen.at(CLIENT, "fin_ns")
    data = seen.happened("data", side=SERVER)
    answers = data.where(data.time > asked[data.flow])
    came = seen.earliest(answers.flow, answers.time)
    return np.asarray((came > left) & (seen.at(CLIENT, "rst_ns") >= came))


def _farewell(seen: Seen, asked: Values, told: Values) -> Mask:
    left = np.fmin(seen.at(CLIENT, "fin_ns"), seen.at(CLIENT, "rst_ns")) - asked
    return ~np.isnan(told) & (left <= FAREWELL_S)


def one_way_service(seen: Seen) -> Mask:
    """The server's port belongs to a service that takes data and never answers."""
    return np.isin(seen.flow("server_port"), ONE_WAY_PORTS)


def answers_requests(seen: Seen) -> Mask:
    """The server's port belongs to a UDP service that answers each request, at a unicast address."""
    return seen.has("udp") & np.isin(seen.flow("server_port"), ANSWERING_PORTS) & seen.of(asks_one_host)


def asks_one_host(seen: Seen) -> Mask:
    """The server's address is that of a single host: no broadcast, no multicast."""
    hosts = seen.words("server_address")
    alone = [not (a.endswith(".255") or ip_address(a.split("%")[0]).is_multicast) for a in hosts.categories]
    return np.asarray(np.array([*alone, False])[hosts.codes])


def client_messages_unanswered(seen: Seen) -> Values:
    """Bursts of client data, 1 s or more apart, since the server last sent payload."""
    data = seen.happened("data", side=CLIENT)
    told = seen.at(SERVER, "last_data_ns")
    late = data.where(~(data.time < told[data.flow]))
    if not len(late.flow):
        return np.zeros(seen.count)
    fresh = np.ones(len(late.flow), bool)
    fresh[1:] = (late.flow[1:] != late.flow[:-1]) | (late.time[1:] - late.last[:-1] >= _PAUSE_S)
    return seen.total(late.flow, fresh)


def request_acked(seen: Seen) -> Values:
    """The server's kernel acknowledged all of the client's data; NA when a direction is not in the capture."""
    return unless(
        ~seen.of(sees_both_directions), (seen.of(orig_unacked_bytes) == 0) & (seen.side(CLIENT, "payload_bytes") > 0)
    )


def http_request_pending(seen: Seen) -> Mask:
    """An HTTP/1 request of the client has no status line after it."""
    asked, told = seen.last("http_request", side=CLIENT), seen.last("http_response", side=SERVER)
    return ~np.isnan(asked) & ~(told > asked)


def response_missing_bytes(seen: Seen) -> Values:
    """Bytes of the last HTTP/1 response that its Content-Length announces and the server never sent before it closed.

    NA without such a header, a FIN of the server, or its SYN-ACK; and for an answer to HEAD, which has no body.
    """
    missing = np.full(seen.count, np.nan)
    notes = seen.dissection.notes
    notes = notes[notes["flow"].notna()]
    whole, answered, asked = (_last_of(notes, kind) for kind in ("http_length", "http_response", "http_request"))
    # A length counts when it is that of the last response, and that answers no HEAD.
    whole = whole[whole["frame"] == answered["frame"].reindex(whole.index)]
    whole = whole[asked["text"].reindex(whole.index).fillna("") != "HEAD"]
    flows = whole.index.to_numpy(dtype=np.int64)
    start, sent = seen.side(SERVER, "isn")[flows], seen.side(SERVER, "highest_seq")[flows]
    closed = (seen.side(SERVER, "fin")[flows] > 0) & ~np.isnan(start) & ~np.isnan(sent)
    flows, end = flows[closed], whole["number"].to_numpy(dtype=np.int64)[closed]
    reached = start[closed].astype(np.int64) + sent[closed].astype(np.int64) - 1  # the FIN counts one
    missing[flows] = np.maximum(distance(end, reached), 0)
    return missing


def _last_of(notes: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The last note of this kind of each flow, by flow."""
    return notes[notes["kind"] == kind].drop_duplicates("flow", keep="last").set_index("flow")


def longest_answer_s(seen: Seen) -> Values:
    """Longest time from the client's data to the server's next data; NA without such a pair."""
    data = seen.happened("data")
    if len(data.flow) < 2:
        return np.full(seen.count, np.nan)
    pair = (data.flow[1:] == data.flow[:-1]) & (data.side[:-1] == CLIENT) & (data.side[1:] == SERVER)
    return seen.latest(data.flow[1:][pair], (data.time[1:] - data.last[:-1])[pair])


def first_words(seen: Seen) -> Words:
    """Class of the client's first bytes: tls, http-request, ssh, text, binary; NA without payload."""
    return seen.side_words(CLIENT, "first_data_class")


def server_first_words(seen: Seen) -> Words:
    """Class of the server's first bytes: tls, http-response, ssh, text, binary; NA without payload."""
    return seen.side_words(SERVER, "first_data_class")


def rtt_s(seen: Seen) -> Values:
    """Smallest round trip of the whole path: both halves as measured here; NA when neither was."""
    halves = [seen.span(side, "rtt_min_ns") for side in (CLIENT, SERVER)]
    neither = np.isnan(halves[0]) & np.isnan(halves[1])
    return np.where(neither, np.nan, np.nan_to_num(halves[0]) + np.nan_to_num(halves[1]))


def longest_idle_s(seen: Seen) -> Values:
    """Longest time without a packet either way between two packets of the flow; 0 without a gap."""
    return np.fmax(np.nan_to_num(seen.span(CLIENT, "max_idle_ns")), np.nan_to_num(seen.span(SERVER, "max_idle_ns")))


def quiet_at_end_s(seen: Seen) -> Values:
    """From the flow's last packet to the end of the capture."""
    return seen.end - seen.flow_at("last_ns")


def duration_s(seen: Seen) -> Values:
    """From the flow's first packet to its last."""
    return seen.flow_at("last_ns") - seen.flow_at("first_ns")


def client_quiet_s(seen: Seen) -> Values:
    """From the client's last packet to the end of the capture; NA without one."""
    return seen.end - seen.at(CLIENT, "last_ns")


def server_quiet_s(seen: Seen) -> Values:
    """From the server's last packet to the end of the capture; NA without one."""
    return seen.end - seen.at(SERVER, "last_ns")
