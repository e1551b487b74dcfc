"""What is no TCP: errors that routers and hosts report by ICMP, lookups, resolutions, datagrams."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np

from tcpautopsy.features.groups import addresses
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, across, plain, told

#: The lower half of an IPv6 address (RFC 4291, section 2.5.1).
_IDENTIFIER = 2**64 - 1
_ERRORS = ("icmp_unreachable", "icmp_time_exceeded", "icmp_parameter_problem")
#: Destination unreachable because somebody forbids it: ICMP codes 9, 10, 13 (RFC 792, 1812), ICMPv6 1, 5, 6 (RFC 4443).
_FORBIDDEN = {4: (9, 10, 13), 6: (1, 5, 6)}
#: The port is closed: ICMP code 3, ICMPv6 code 4.
_PORT = {4: 3, 6: 4}


def icmp_errors(seen: Seen) -> Values:
    """ICMP errors that quote this flow, hints about packet size left out."""
    return seen.times(*_ERRORS)


def icmp_code(seen: Seen) -> Values:
    """Code of the first ICMP error about this flow; NA without one."""
    errors = seen.happened(*_ERRORS)
    first = seen.earliest(errors.flow, errors.time)
    head = errors.where(errors.time == first[errors.flow])
    return seen.earliest(head.flow, head.value.astype(float))


def icmp_forbidden(seen: Seen) -> Mask:
    """The first ICMP error says that policy forbids this traffic."""
    return _code_in(seen, _FORBIDDEN[4], _FORBIDDEN[6])


def icmp_port_unreachable(seen: Seen) -> Mask:
    """The first ICMP error says that nothing listens on the port."""
    return _code_in(seen, (_PORT[4],), (_PORT[6],))


def _code_in(seen: Seen, v4: tuple[int, ...], v6: tuple[int, ...]) -> Mask:
    code, six = seen.of(icmp_code), seen.flow("ip_version") == 6
    hit = np.where(six, np.isin(code, v6), np.isin(code, v4))
    # Codes of time-exceeded errors have the same numbers and another meaning.
    return hit & (seen.first("icmp_unreachable") <= np.fmin(seen.first("icmp_time_exceeded"), np.inf))


def icmp_time_exceeded(seen: Seen) -> Mask:
    """A router reported that a packet's time to live ran out: a routing loop."""
    return seen.saw("icmp_time_exceeded")


def icmp_sender(seen: Seen) -> Words:
    """Address of who sent the first ICMP error about this flow; NA without one."""
    notes = seen.dissection.notes
    chosen = notes[(notes["kind"] == "icmp_sender") & notes["flow"].notna()]
    return told(seen.count, chosen["flow"].to_numpy(dtype="int64"), chosen["text"].array)


def icmp_from_server(seen: Seen) -> Values:
    """The ICMP error came from the server's own address; NA without one."""
    sender = seen.of(icmp_sender)
    return np.where(sender.codes < 0, np.nan, plain(sender) == seen.texts("server_address"))


# ------------------------------------------------------------------------------------------------------- lookups


def dns_queries(seen: Seen) -> Values:
    """Queries of this lookup, repeats included."""
    return seen.times("dns_query")


def dns_rcode(seen: Seen) -> Values:
    """Response code of the lookup: 0 no error, 2 server failure, 3 no such name, 5 refused; NA without an answer."""
    answers = seen.happened("dns_answer")
    return seen.earliest(answers.flow, answers.value.astype(float))


def dns_answer_s(seen: Seen) -> Values:
    """From the first query to the answer; NA without one."""
    return seen.first("dns_answer") - seen.first("dns_query")


def dns_wait_s(seen: Seen) -> Values:
    """From the last query of an unanswered lookup to the end of the capture; NA when answered or no lookup."""
    waiting = seen.has("dns") & ~seen.saw("dns_answer")
    return np.where(waiting, seen.end - seen.last("dns_query"), np.nan)


def dns_name(seen: Seen) -> Words:
    """The name asked for; NA when this is no lookup."""
    notes = seen.dissection.notes
    chosen = notes[(notes["kind"] == "dns_query") & notes["flow"].notna()]
    return told(seen.count, chosen["flow"].to_numpy(dtype="int64"), chosen["text"].array)


@across
def dns_search_list_miss(seen: Seen) -> Mask:
    """No such name, but the same name without its last labels was answered for this client within 10 s."""
    found = np.zeros(seen.count, bool)
    missed = np.flatnonzero(seen.of(dns_rcode) == 3)
    if not len(missed):
        return found
    names, clients, times = plain(seen.of(dns_name)), seen.texts("client_address"), seen.flow_at("first_ns")
    good: dict[tuple[str, str], list[float]] = {}
    for row in np.flatnonzero(seen.of(dns_rcode) == 0):
        good.setdefault((clients[row], str(names[row]).rstrip(".").lower()), []).append(times[row])
    for row in missed:
        found[row] = _shorter_worked(str(names[row]).rstrip(".").lower(), clients[row], times[row], good)
    return found


def _shorter_worked(name: str, client: str, at: float, good: dict[tuple[str, str], list[float]]) -> bool:
    labels = name.split(".")
    shorter = (".".join(labels[:n]) for n in range(len(labels) - 1, 0, -1))
    return any(abs(when - at) <= 10.0 for short in shorter for when in good.get((client, short), ()))


@across
def resolver_answered_others(seen: Seen) -> Mask:
    """The same name server answered other lookups in the capture."""
    server = seen.words("server_address").codes
    answered = seen.has("dns") & seen.saw("dns_answer")
    total = np.bincount(server, weights=answered, minlength=1)[server]
    return np.asarray(seen.has("dns") & (total - answered > 0))


# --------------------------------------------------------------------------------------------------- resolutions


def arp_requests(seen: Seen) -> Values:
    """Requests of this address resolution."""
    return seen.times("arp_request")


@across
def asks_for_itself(seen: Seen) -> Mask:
    """The asker looks for an address of its own: the same interface identifier, or the same address."""
    client, server = seen.of(addresses)
    found = (client == server) & (seen.has("arp") | seen.has("ndp"))
    for row in np.flatnonzero(seen.has("ndp")):
        ends = [int(ip_address(seen.texts(f"{end}_address")[row])) for end in ("client", "server")]
        found[row] = ends[0] & _IDENTIFIER == ends[1] & _IDENTIFIER
    return np.asarray(found)


def arp_wait_s(seen: Seen) -> Values:
    """From the first request of an unanswered resolution to the end of the capture; NA when answered."""
    waiting = (seen.has("arp") | seen.has("ndp")) & ~seen.saw("arp_reply")
    return np.where(waiting, seen.end - seen.first("arp_request"), np.nan)


@across
def arp_asker_hears(seen: Seen) -> Mask:
    """Packets addressed to the asker alone are in the capture, so that an answer would be, too."""
    client, server = seen.of(addresses)
    resolving = seen.has("arp") | seen.has("ndp")
    heard = np.zeros(int(max(client.max(initial=-1), server.max(initial=-1))) + 1, bool)
    heard[client[~resolving & (seen.side(SERVER, "packets") > 0)]] = True
    heard[server[~resolving & (seen.side(CLIENT, "packets") > 0)]] = True
    return heard[client]


# ----------------------------------------------------------------------------------------------------- datagrams


def datagrams(seen: Seen) -> Values:
    """Datagrams of the client."""
    return np.where(seen.has("udp"), seen.side(CLIENT, "packets"), 0.0)


def udp_wait_s(seen: Seen) -> Values:
    """From the first datagram of a one-sided UDP flow to the end of the capture; NA when the other side spoke."""
    waiting = seen.has("udp") & (seen.side(SERVER, "packets") == 0)
    return np.where(waiting, seen.end - seen.at(CLIENT, "first_ns"), np.nan)
