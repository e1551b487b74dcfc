"""What boxes on the way changed or forgot, queues that filled, and hosts whose clock stood still."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.groups import addresses, listener
from tcpautopsy.features.outage import longest_outage_s, outage_sender
from tcpautopsy.features.seen import CLIENT, SERVER, Group, Seen, Values, Words, across, choose, says, told

_MODULUS = 1 << 32
#: How far a connection's numbers may lie behind those it continues: a keepalive sends one old byte.
_OVERLAP = (0, 1)
#: No box forgets a connection sooner.
_IDLE_S = 1.0

# ---------------------------------------------------------------------------------------- another name, same bytes


@across
def _predecessor(seen: Seen) -> Group:
    """The open connection to the same listener whose numbers, both ways, this one continues without a SYN; -1: none."""
    found = np.full(seen.count, -1, np.int64)
    known = seen.has("tcp") & ~np.isnan(seen.side(CLIENT, "seq_base")) & ~np.isnan(seen.side(SERVER, "seq_base"))
    unopened = known & (seen.side(CLIENT, "syn") == 0) & (seen.side(SERVER, "syn_ack") == 0)
    if not unopened.any():
        return found
    group = seen.of(listener) * _MODULUS
    begins, ends = _number(seen, CLIENT, None) + group, _number(seen, CLIENT, "highest_seq") + group
    answered, said = _number(seen, SERVER, None), _number(seen, SERVER, "highest_seq")
    over = sum(seen.side(side, mark) for side in (CLIENT, SERVER) for mark in ("fin", "rst")) > 0
    rows = np.nonzero(known & ~over)[0]
    rows = rows[np.argsort(ends[rows], kind="stable")]
    idle = seen.at(CLIENT, "first_ns")
    for behind in _OVERLAP:
        wanted = np.nonzero(unopened & (found < 0))[0]
        place = np.searchsorted(ends[rows], begins[wanted] + behind)
        inside = place < len(rows)
        wanted, before = wanted[inside], rows[place[inside]]
        # Its client had fallen silent: the same numbers on two paths at once are copies of one packet.
        fits = (ends[before] == begins[wanted] + behind) & (answered[wanted] == said[before])
        fits &= idle[wanted] - seen.at(CLIENT, "last_ns")[before] >= _IDLE_S
        found[wanted[fits]] = before[fits]
    return found


def _number(seen: Seen, side: int, plus: str | None) -> Group:
    """The sequence number that a side begins with behind its SYN, or ends with."""
    base = np.nan_to_num(seen.side(side, "seq_base")).astype(np.int64)
    return (base + (1 if plus is None else np.nan_to_num(seen.side(side, plus)).astype(np.int64))) % _MODULUS


@across
def renamed_from(seen: Seen) -> Words:
    """Client of the connection to the same listener whose bytes this one goes on with, without a SYN; empty if none."""
    before = seen.of(_predecessor)
    rows = np.nonzero(before >= 0)[0]
    hosts = seen.dissection.flows.at(before[rows])["client_address"]
    ends = zip(hosts, seen.flow("client_port")[before[rows]], strict=True)
    return told(seen.count, rows, [f"[{a}]:{p:.0f}" if ":" in a else f"{a}:{p:.0f}" for a, p in ends], "")


@across
def renamed_after_s(seen: Seen) -> Values:
    """From the last packet of the client under its other name to its first under this one; NA without another name."""
    before = seen.of(_predecessor)
    gap = seen.at(CLIENT, "first_ns") - seen.at(CLIENT, "last_ns")[np.maximum(before, 0)]
    return np.where(before >= 0, gap, np.nan)


# ------------------------------------------------------------------------------------------------ changed numbers


def sacks_changed(seen: Seen) -> Values:
    """SACK blocks of one side, all of them about bytes the other never sent; 0 when any block fits, NA without SACK."""
    return np.fmax(*(_foreign(seen, side) for side in (CLIENT, SERVER)))


def _foreign(seen: Seen, side: int) -> Values:
    blocks, impossible = seen.side(side, "sack_blocks"), seen.side(side, "sacks_impossible")
    return np.where(blocks > 0, np.where(impossible == blocks, impossible, 0), np.nan)


def sacks_changed_of(seen: Seen) -> Words:
    """The side whose SACK blocks are about bytes that the other never sent: client, server or none."""
    client, server = (np.nan_to_num(_foreign(seen, side)) > 0 for side in (CLIENT, SERVER))
    return choose([client, server], ["client", "server"], "none")


# ------------------------------------------------------------------------------------------------- queues on the way


def rtt_growth(seen: Seen) -> Values:
    """Largest smoothed round trip under load by the smallest, of a direction that lost nothing; 0 without such load."""
    return np.nan_to_num(np.fmax(*(_growth(seen, side) for side in (CLIENT, SERVER))))


def _growth(seen: Seen, side: int) -> Values:
    # What lies behind a hole is acknowledged only when the hole is filled: that time is no round trip.
    whole = (seen.side(side, "retransmissions") == 0) & (seen.side(side, "lost_segments") == 0)
    least = seen.span(side, "rtt_min_ns")
    return seen.span(side, "srtt_max_ns") / np.where((least > 0) & whole, least, np.nan)


def _loaded_side(seen: Seen) -> Group:
    client, server = (np.nan_to_num(_growth(seen, side)) for side in (CLIENT, SERVER))
    return np.where(client >= server, CLIENT, SERVER)


def loaded_rtt_s(seen: Seen) -> Values:
    """That largest smoothed round trip, measured with 8 KiB or more outstanding; NA without load."""
    return np.where(seen.of(rtt_growth) > 0, _of_side(seen, "srtt_max_ns"), np.nan)


def unloaded_rtt_s(seen: Seen) -> Values:
    """The smallest round trip of that direction; NA without load."""
    return np.where(np.isnan(seen.of(loaded_rtt_s)), np.nan, _of_side(seen, "rtt_min_ns"))


def _of_side(seen: Seen, name: str) -> Values:
    return np.where(seen.of(_loaded_side) == CLIENT, seen.span(CLIENT, name), seen.span(SERVER, name))


# ------------------------------------------------------------------------------------------------- clocks that stood


def frozen_side(seen: Seen) -> Words:
    """The side that did not acknowledge during the longest outage: client, server or none."""
    sender = seen.of(outage_sender)
    return choose([says(sender, "client"), says(sender, "server")], ["server", "client"], "none")


def frozen_s(seen: Seen) -> Values:
    """How long that side's timestamps stood still in a pause; NA without timestamps, 0 when they ran on."""
    stood = [np.nan_to_num(seen.span(side, "ts_stood_ns")) for side in (CLIENT, SERVER)]
    stamped = [~np.isnan(seen.side(side, "tsval_first")) for side in (CLIENT, SERVER)]
    found = np.full(seen.count, np.nan)
    for side, word in ((0, "client"), (1, "server")):
        mine = says(seen.of(frozen_side), word) & stamped[side]
        found[mine] = stood[side][mine]
    return found


def frozen_share(seen: Seen) -> Values:
    """What part of the longest outage that is; NA without an outage or timestamps."""
    outage = seen.of(longest_outage_s)
    return seen.of(frozen_s) / np.where(outage > 0, outage, np.nan)


@across
def frozen_together(seen: Seen) -> Values:
    """Other connections of the same host whose timestamps stood still for most of an outage."""
    client, server = seen.of(addresses)
    host = np.where(says(seen.of(frozen_side), "client"), client, server)
    stood = np.nan_to_num(seen.of(frozen_share)) >= _MOST
    count = np.bincount(host, weights=stood, minlength=1)[host]
    return np.where(stood, count - 1, 0).astype(float)


_MOST = 0.8
