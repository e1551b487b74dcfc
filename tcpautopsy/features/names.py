"""What names tell about neighbours: the other half of a pair of lookups, the other family of the same host."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tcpautopsy.features.answers import dns_answer_s, dns_name
from tcpautopsy.features.handshake import handshake_completed
from tcpautopsy.features.outcome import outcome
from tcpautopsy.features.seen import CLIENT, Mask, Seen, Values, across, plain, says

#: Resolvers send A and AAAA back to back.
_PAIR_S = 0.02
#: A resolver asks over TCP at once when an answer did not fit.
_AT_ONCE_S = 2.0
_A, _AAAA = 1, 28


def _qtype(seen: Seen) -> Values:
    asked = seen.happened("dns_query")
    return seen.earliest(asked.flow, asked.value.astype(float))


@across
def dns_pair_answered_s(seen: Seen) -> Values:
    """How soon the other lookup of a pair (A and AAAA of one name from one socket at once) was answered; NA without."""
    found = np.full(seen.count, np.nan)
    kinds, when, names = seen.of(_qtype), seen.flow_at("first_ns"), plain(seen.of(dns_name))
    rows = np.flatnonzero(seen.has("dns") & np.isin(kinds, (_A, _AAAA)))
    ends = [seen.texts("client_address"), seen.flow("client_port"), seen.texts("server_address")]
    pairs: dict[tuple[object, ...], list[int]] = {}
    for row in rows.tolist():
        pairs.setdefault((*(end[row] for end in ends), str(names[row]).lower()), []).append(row)
    answered = seen.of(dns_answer_s)
    for group in pairs.values():
        for mine in group:
            others = [o for o in group if kinds[o] != kinds[mine] and abs(when[o] - when[mine]) <= _PAIR_S]
            if others:
                found[mine] = answered[others[0]]
    return found


@across
def after_truncated_answer_s(seen: Seen) -> Values:
    """From an answer that did not fit (TC) to this connection to the same name server; NA unless within 2 s before."""
    notes = seen.dissection.notes
    cut = notes[(notes["kind"] == "dns_truncated") & notes["flow"].notna()]
    found = np.full(seen.count, np.nan)
    rows = np.flatnonzero(seen.has("tcp") & (seen.flow("server_port") == 53))
    if not len(cut) or not len(rows):
        return found
    answered = seen.first("dns_answer")
    clients, servers, starts = seen.texts("client_address"), seen.texts("server_address"), seen.flow_at("first_ns")
    told: dict[tuple[str, str], list[float]] = {}
    for flow in cut["flow"].astype("int64").unique():
        told.setdefault((clients[flow], servers[flow]), []).append(float(answered[flow]))
    for row in rows:
        waits = [starts[row] - t for t in told.get((clients[row], servers[row]), ()) if starts[row] - t >= 0]
        if waits and min(waits) <= _AT_ONCE_S:
            found[row] = min(waits)
    return found


@across
def ipv4_worked_after_s(seen: Seen) -> Values:
    """From the first SYN of a failed IPv6 connection to an IPv4 one to the same name that worked; NA else."""
    names = seen.words("name")
    six = seen.has("tcp") & (seen.flow("ip_version") == 6) & ~says(names, "")
    found = np.full(seen.count, np.nan)
    if not six.any():
        return found
    six &= says(seen.of(outcome), "unanswered", "rejected")
    asked = np.isin(names.codes, np.unique(names.codes[six]))
    four = seen.has("tcp") & (seen.flow("ip_version") == 4) & asked & seen.of(handshake_completed)
    starts = seen.first("syn", side=CLIENT)
    name_of, worked = names.codes.tolist(), dict[int, list[float]]()
    for row in np.flatnonzero(four & ~np.isnan(starts)):
        worked.setdefault(name_of[row], []).append(float(starts[row]))
    for row in np.flatnonzero(six):
        waits = [t - starts[row] for t in worked.get(name_of[row], ()) if 0 < t - starts[row] <= 140]
        if waits:
            found[row] = min(waits)
    return found


def arp_answering_macs(seen: Seen) -> Values:
    """Different hardware addresses that answered this address resolution."""
    notes = seen.dissection.notes
    chosen = notes[(notes["kind"] == "arp_mac") & (notes["number"] == 1) & notes["flow"].notna()]
    pairs = chosen[["flow", "text"]].drop_duplicates()
    return seen.total(pairs["flow"].to_numpy(dtype="int64"), np.ones(len(pairs), np.int64))


def arp_failover_macs(seen: Seen) -> Mask:
    """A hardware address that answered belongs to a failover pair (VRRP, HSRP: 00:00:5e:00:01, 00:00:0c:07:ac)."""
    notes = seen.dissection.notes
    chosen = notes[(notes["kind"] == "arp_mac") & (notes["number"] == 1) & notes["flow"].notna()]
    texts = pd.Series(chosen["text"]).str.lower()
    virtual = texts.str.startswith(("00:00:5e:00:01", "00:00:5e:00:02", "00:00:0c:07:ac", "00:00:0c:9f:f"))
    mask = np.zeros(seen.count, bool)
    mask[chosen["flow"].to_numpy(dtype="int64")[virtual.to_numpy(dtype=bool)]] = True
    return mask


def fragments(seen: Seen) -> Values:
    """First fragments of datagrams too large for one packet."""
    return seen.times("ip_fragment")


def reassembly_failures(seen: Seen) -> Values:
    """ICMP reports that the rest of a datagram did not come in time."""
    return seen.times("icmp_reassembly_exceeded")


def dns_pair_answered(seen: Seen) -> Mask:
    """The other lookup of a pair (A and AAAA of one name at once) was answered within a second."""
    return np.asarray(seen.of(dns_pair_answered_s) < 1)


def ipv4_worked(seen: Seen) -> Mask:
    """A connection over IPv6 failed, and one over IPv4 to the same name, begun after it, worked."""
    return np.asarray(seen.of(ipv4_worked_after_s) > 0)


def wants_tcp(seen: Seen) -> Mask:
    """The connection follows an answer over UDP that did not fit, from the same name server, within 2 s."""
    return np.asarray(seen.of(after_truncated_answer_s) >= 0)
