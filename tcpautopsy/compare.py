"""Two captures of the same connections, one at each end: which frames were lost in between, what was changed, and how
far the two clocks are apart.

Connections are paired by their initial sequence numbers, which address translation leaves alone; frames by what they
say (direction, sequence and acknowledgement number, length, flags, timestamp), copies in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy import dissector, pipeline
from tcpautopsy.errors import CaptureError
from tcpautopsy.flows import FlowTable
from tcpautopsy.inputs import opened
from tcpautopsy.report.words import place
from tcpautopsy.result import Endpoint, Lost, Pair
from tcpautopsy.tables import NO_TIME, Dissection, Kind, Mark
from tcpautopsy.text import counted

_KEY = ["from_originator", "seq", "ack", "payload_len", "flags", "tsval"]
_COLUMNS = ["flow", "frame", "time_ns", *_KEY]
#: Flags that say what a segment is; ECN bits are changed by routers on purpose.
_FLAGS = 0x3F
_LISTED = 10_000
#: Columns of Directions that a SYN sets, in words.
_OPTIONS = (("mss", "MSS"), ("wscale", "window scale"), ("sack_permitted", "SACK"), ("timestamps", "timestamps"))
#: What left one end shortly before the other capture ended may still have been under way: three round trips, the first
#: timeout that RFC 6298 (section 2.2) allows, or 200 ms (Linux' TCP_RTO_MIN) where the round trip is not known.
_ROUND_TRIPS, _UNDER_WAY_NS = 3, 200_000_000


class Clock(NamedTuple):
    """The server side's clock minus the client side's, in seconds, and by how much that may be wrong.

    The second is half of the fastest round trip between the two captures.
    """

    offset_s: float
    uncertainty_s: float


class _Ends(NamedTuple):
    """What was read at the two ends."""

    client: Dissection
    server: Dissection


class _Twin(NamedTuple):
    """A connection in both captures: rows of Flows."""

    client: int
    server: int


def compare(client_path: str, server_path: str, options: pipeline.Options) -> pipeline.Analysis:
    """Both captures analysed, with the pairs of their connections. Raises CaptureError, RuleError."""
    known: list[pipeline.Examined] = []
    analysis = pipeline.analyse([client_path, server_path], options._replace(join=False), known.append)
    if len(known) < 2:
        raise CaptureError([*analysis.unreadable, *analysis.internal_errors][0], "unreadable")
    ends = _Ends(*(each.dissection for each in known))
    twins = _twins(ends)
    packets = [
        _packets(path, options, {each[side] for each in twins}) for side, path in enumerate((client_path, server_path))
    ]
    matched = _matched(packets[0], packets[1], twins)
    pairs = list(_pairs(ends, twins, matched, _clock(matched)))
    return analysis._replace(result=msgspec.structs.replace(analysis.result, pairs=pairs))


# ------------------------------------------------------------------------------------------------------- pairing


def _twins(ends: _Ends) -> list[_Twin]:
    """TCP connections that both captures hold, in the client side's order."""
    ours, theirs = (_isns(each) for each in ends)
    known: dict[tuple[int, int], int] = {}
    ambiguous: set[tuple[int, int]] = set()
    for row, key in theirs:
        if key in known:
            ambiguous.add(key)
        known.setdefault(key, row)
    return [_Twin(row, known[key]) for row, key in ours if key in known and key not in ambiguous]


def _isns(dissection: Dissection) -> list[tuple[int, tuple[int, int]]]:
    """(row of Flows, (originator's ISN, server's port)) of each TCP connection whose SYN is in the capture."""
    flows, isn = dissection.flows, dissection.directions.at(slice(0, None, 2))["isn"]
    chosen = (pd.Series(flows["protocol"]) == "tcp").to_numpy(dtype=bool) & ~np.asarray(isn.isna())
    rows = np.flatnonzero(chosen).tolist()
    numbers = isn.to_numpy(dtype="int64", na_value=-1)[chosen].tolist()
    ports = flows["server_port"].to_numpy(dtype="int64", na_value=-1)[chosen].tolist()
    return list(zip(rows, zip(numbers, ports, strict=True), strict=True))


def _packets(path: str, options: pipeline.Options, flows: set[int]) -> pd.DataFrame:
    """The TCP packets of these flows, copies made by the capture left out."""
    wanted = np.asarray(sorted(flows), dtype=np.int64)
    kept: list[NDArray[np.void]] = []
    with ExitStack() as stack:
        table = FlowTable(max_flows=options.max_flows)
        for followed in dissector.followed([opened(path, stack)], options, table):
            rows = followed.rows
            mask = (rows["kind"] == Kind.TCP) & ((rows["marks"] & Mark.DUPLICATE) == 0)
            mask &= np.isin(rows["flow"].astype(np.int64), wanted) & (rows["time_ns"] != NO_TIME)
            kept.append(rows[mask][_COLUMNS].copy())
    whole = np.concatenate(kept) if kept else np.zeros(0, dtype=[(c, np.int64) for c in _COLUMNS])
    frame = pd.DataFrame({name: whole[name].astype(np.int64) for name in _COLUMNS})
    frame["flags"] &= _FLAGS
    return frame


def _matched(client: pd.DataFrame, server: pd.DataFrame, twins: Sequence[_Twin]) -> pd.DataFrame:
    """All packets of the twins: `pair`, the key, and frame and time at each side; NA where a side has not seen it."""
    sides = []
    for side, packets in enumerate((client, server)):
        number = {twin[side]: n for n, twin in enumerate(twins)}
        one = packets.assign(pair=packets["flow"].map(number))
        one = one.assign(copy=one.groupby(["pair", *_KEY]).cumcount())
        sides.append(one[["pair", "copy", "frame", "time_ns", *_KEY]])
    return sides[0].merge(sides[1], how="outer", on=["pair", "copy", *_KEY], suffixes=("_client", "_server"))


# ------------------------------------------------------------------------------------------------------- reading


def _clock(matched: pd.DataFrame) -> Clock | None:
    """From the fastest packets each way: the true offset lies between them; None without packets both ways."""
    both = matched.dropna(subset=["time_ns_client", "time_ns_server"])
    ahead = (both["time_ns_server"] - both["time_ns_client"]).to_numpy(dtype=np.float64) * 1e-9
    forward = both["from_originator"].to_numpy() == 1
    if not forward.any() or forward.all():
        return None
    there, back = float(ahead[forward].min()), float((-ahead[~forward]).min())
    return Clock(round((there - back) / 2, 9), round(max(there + back, 0.0) / 2, 9))


def _pairs(ends: _Ends, twins: Sequence[_Twin], matched: pd.DataFrame, clock: Clock | None) -> Iterator[Pair]:
    """One Pair a twin; ids are those of a result that holds both captures, the client side's first."""
    lost: dict[int, list[Lost]] = {}
    for pair, each in _lost(ends, matched, clock):
        lost.setdefault(pair, []).append(each)
    for number, twin in enumerate(twins):
        yield Pair(
            connections=(twin.client + 1, len(ends.client.flows) + twin.server + 1),
            clock_offset_s=clock.offset_s if clock else None,
            clock_uncertainty_s=clock.uncertainty_s if clock else None,
            lost=sorted(lost.get(number, []), key=lambda each: (each.direction, each.frame))[:_LISTED],
            changed=list(_changed(ends, twin)),
        )


def _lost(ends: _Ends, matched: pd.DataFrame, clock: Clock | None) -> Iterator[tuple[int, Lost]]:
    """(number of the twin, frame) that left one end while the other was captured, and is not there.

    That it was lost is sure when a later one arrived, or when the other capture went on for long enough.
    """
    ahead_ns = round(clock.offset_s * 1e9) if clock else 0
    under_way_ns = round(_ROUND_TRIPS * 2 * clock.uncertainty_s * 1e9) if clock else _UNDER_WAY_NS
    for direction, sent, name, there, other, shift in (
        ("client_to_server", 1, "client", "server", ends.server, ahead_ns),
        ("server_to_client", 0, "server", "client", ends.client, -ahead_ns),
    ):
        sent_ns = matched[f"time_ns_{name}"] + shift
        mine = matched["from_originator"] == sent
        overtaken = sent_ns < sent_ns[mine & matched[f"frame_{there}"].notna()].max()
        watched = (sent_ns >= (other.first_ns or 0)) & (overtaken | (sent_ns + under_way_ns <= (other.last_ns or 0)))
        gone = matched[mine & matched[f"frame_{there}"].isna() & watched]
        for pair, frame in zip(gone["pair"].astype(int), gone[f"frame_{name}"].astype(int), strict=True):
            yield pair, Lost(direction=direction, frame=frame)  # type: ignore[arg-type]


def _changed(ends: _Ends, twin: _Twin) -> Iterator[str]:
    """What is different at the two ends although both saw the same packets."""
    for end, word in (("client", "client"), ("server", "server")):
        here, there = (_endpoint(d, row, end) for d, row in zip(ends, twin, strict=True))
        if here != there:
            yield f"the {word} is {place(here)} at the client's side and {place(there)} at the server's side"
    for offset, word in ((0, "SYN"), (1, "SYN-ACK")):
        a, b = (_direction(each, row, offset) for each, row in zip(ends, twin, strict=True))
        if pd.isna(a["isn"]) or pd.isna(b["isn"]):
            continue
        for column, name in _OPTIONS:
            if not _same(a[column], b[column]):
                sides = f"{_shown(a[column])} at the client's side, {_shown(b[column])} at the server's"
                yield f"{name} of the {word}: {sides}"
        if a["isn"] != b["isn"]:
            yield f"the initial sequence number of the {word} was rewritten"
        if not pd.isna(a["ttl"]) and not pd.isna(b["ttl"]) and a["ttl"] != b["ttl"]:
            hops = counted(abs(int(a["ttl"]) - int(b["ttl"])), "router")
            yield f"the TTL of the {word} tells {hops} between the two captures"


def _direction(dissection: Dissection, row: int, offset: int) -> pd.Series:
    """What one side (offset 0: the originator) did on the connection in this row."""
    return dissection.directions.at(np.array([2 * row + offset])).frame().iloc[0]


def _endpoint(dissection: Dissection, row: int, end: str) -> Endpoint:
    flow = dissection.flows.at(np.array([row])).frame().iloc[0]
    return Endpoint(address=str(flow[f"{end}_address"]), port=int(flow[f"{end}_port"]), name=None)


def _same(a: Any, b: Any) -> bool:
    if pd.isna(a) or pd.isna(b):
        return bool(pd.isna(a)) and bool(pd.isna(b))
    return bool(a == b)


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "absent"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value)
