"""Boxes that forget a flow of datagrams: pushes stop until the client speaks, and clients come back renamed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcpautopsy.features.groups import addresses, listener
from tcpautopsy.features.seen import CLIENT, SERVER, Group, Mask, Seen, Values, Words, across, told
from tcpautopsy.schema import numbered

#: No box forgets a flow sooner (RFC 4787 section 4.3 asks for 2 minutes; 30 s is common, 20 s has been seen).
_FORGETS_S = 15.0
#: So many datagrams in a row, at a steady pace, that nobody had asked for one by one.
_PUSHES, _PACE = 5, 2.5
#: A stop is longer than this many of their intervals; it ends so soon, or an interval, after the client speaks.
_MISSING, _SOON_S = 3.0, 1.0
#: A stream of many datagrams a second pauses for less than this by chance.
_STOP_S = 5.0
_QUIC_PORT = 443
#: Times after which boxes commonly forget (Linux: nf_conntrack_udp_timeout 30, _stream 120).
_USUAL_S = np.array([30.0, 60.0, 120.0, 180.0, 300.0])


class _Stops(NamedTuple):
    """Stops of pushes: the flow, since the client's last datagram until the last push, and the pushes' interval."""

    flow: Group
    kept: Values
    pace: Values


def _stops(seen: Seen) -> _Stops:
    events = seen.happened("udp_datagram")
    rows = np.arange(len(events.flow))
    mine = events.side == CLIENT
    # For each row, the latest row of the client before it.
    spoke = np.maximum.accumulate(np.where(mine, rows, -1))
    asked = np.nonzero(mine)[0]
    asked = asked[(asked > 0) & (asked < len(rows) - 1)]
    before, after = asked - 1, asked + 1
    fits = (events.flow[before] == events.flow[asked]) & (events.flow[after] == events.flow[asked])
    fits &= (events.side[before] == SERVER) & (events.side[after] == SERVER)
    asked, before, after = asked[fits], before[fits], after[fits]
    begin = spoke[before]
    known = (begin >= 0) & (events.flow[np.maximum(begin, 0)] == events.flow[asked])
    asked, before, after, begin = asked[known], before[known], after[known], begin[known]
    total = np.concatenate([[0], np.cumsum(events.frames)])
    pushes = total[before + 1] - total[begin + 1]
    kept = events.last[before] - events.last[begin]
    pace = kept / np.maximum(pushes, 1)
    stop = (pushes >= _PUSHES) & (kept >= _FORGETS_S)
    stop &= events.time[asked] - events.last[before] >= np.maximum(_MISSING * pace, _STOP_S)
    stop &= events.time[after] - events.last[asked] <= np.maximum(_SOON_S, 1.1 * pace)
    gaps = events.time - np.concatenate([events.time[:1], events.last[:-1]])
    for row in np.flatnonzero(stop).tolist():
        stop[row] = gaps[begin[row] + 1 : before[row] + 1].max() <= _PACE * pace[row]
    return _Stops(events.flow[asked[stop]], kept[stop], pace[stop])


def pushes_stopped(seen: Seen) -> Values:
    """How often datagrams of the server, sent at a steady pace, stopped until the client's next one; 0 unless UDP."""
    stops = seen.of(_stops)
    return seen.total(stops.flow, np.ones(len(stops.flow), np.int64))


def pushes_kept_s(seen: Seen) -> Values:
    """From the client's last datagram to the server's last before such a stop, the longest; NA without a stop."""
    stops = seen.of(_stops)
    return seen.latest(stops.flow, stops.kept)


def pushes_kept_apart(seen: Seen) -> Values:
    """How far the longest and the shortest of these times are apart, in intervals of the pushes; NA without a stop."""
    stops = seen.of(_stops)
    apart = seen.latest(stops.flow, stops.kept) - seen.earliest(stops.flow, stops.kept)
    return apart / seen.latest(stops.flow, stops.pace)


def pushes_kept_as_usual(seen: Seen) -> Mask:
    """Such a stop came where boxes commonly forget: within one interval after 30, 60, 120, 180 or 300 s."""
    stops = seen.of(_stops)
    usual = np.zeros(seen.count, bool)
    beyond = _USUAL_S[None, :] - stops.kept[:, None]
    hits = ((beyond >= -0.1 * stops.pace[:, None]) & (beyond <= 1.1 * stops.pace[:, None])).any(axis=1)
    usual[stops.flow[hits]] = True
    return usual


# ------------------------------------------------------------------------------------------------------- another port


def _called(seen: Seen) -> Values:
    """When the server, after 15 s or more without a datagram, called a client that never answered; NaN if not."""
    unheard = seen.at(CLIENT, "last_ns")
    events = seen.happened("udp_datagram", side=SERVER)
    late = events.time - unheard[events.flow] >= _FORGETS_S
    first = seen.earliest(events.flow[late], events.time[late])
    # The answer to the client's last datagram came, so that the flow was alive then.
    prompt = seen.latest(events.flow[~late], events.time[~late])
    # QUIC (RFC 9000) takes another port for each connection, and its servers send after a client that has left.
    quic = seen.flow("server_port") == _QUIC_PORT
    return np.where(seen.has("udp") & ~quic & (prompt >= unheard), first, np.nan)


@across
def _successor(seen: Seen) -> Group:
    """The client's next flow to that listener, begun after such a call; -1 unless they come one after the other."""
    found = np.full(seen.count, -1, np.int64)
    client, _ = seen.of(addresses)
    begin, end = seen.at(CLIENT, "first_ns"), seen.at(CLIENT, "last_ns")
    rows = np.nonzero(seen.has("udp") & ~np.isnan(begin))[0]
    group = numbered([seen.of(listener)[rows], client[rows]])
    order = np.lexsort((begin[rows], group))
    rows, group = rows[order], group[order]
    here, then = rows[:-1], rows[1:]
    same = group[:-1] == group[1:]
    # One client has one flow at a time; a machine with many programs, or many machines behind one address, have more.
    apart = np.ones(int(group.max(initial=-1)) + 1, bool)
    apart[group[:-1][same & (begin[then] < end[here])]] = False
    called = seen.of(_called)
    fits = same & apart[group[:-1]] & (called[here] < begin[then])
    found[here[fits]] = then[fits]
    return found


@across
def came_back_as(seen: Seen) -> Words:
    """The port from which the client came back after the server's calls had stayed unanswered; empty if it did not."""
    then = seen.of(_successor)
    rows = np.nonzero(then >= 0)[0]
    return told(seen.count, rows, [str(int(port)) for port in seen.flow("client_port")[then[rows]]], "")


@across
def called_after_s(seen: Seen) -> Values:
    """From the client's last datagram to the server's first unanswered call; NA unless the client came back renamed."""
    called = seen.of(_called) - seen.at(CLIENT, "last_ns")
    return np.where(seen.of(_successor) >= 0, called, np.nan)


@across
def calls_unheard(seen: Seen) -> Values:
    """How many datagrams of the server stayed unanswered so; 0 unless the client came back under another port."""
    sent = np.nan_to_num(seen.side(SERVER, "sent_after_peer_last"))
    answered = np.nan_to_num(seen.of(_prompt_answers))
    return np.where(seen.of(_successor) >= 0, np.maximum(sent - answered, 0), 0.0)


def _prompt_answers(seen: Seen) -> Values:
    """Datagrams of the server within 15 s after the client's last."""
    events = seen.happened("udp_datagram", side=SERVER)
    after = events.time - seen.at(CLIENT, "last_ns")[events.flow]
    prompt = (after >= 0) & (after < _FORGETS_S)
    return seen.total(events.flow[prompt], events.frames[prompt])
