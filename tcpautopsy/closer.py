"""A second look at the few connections that a page tells: their packets for the pictures, their evidence as captures.

The capture is read once more; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy import dissector, pipeline
from tcpautopsy.capture import Input, Writer
from tcpautopsy.errors import CaptureError
from tcpautopsy.events import ArrivalCurves, Tracker, close_up
from tcpautopsy.flows import FlowTable
from tcpautopsy.inputs import again, sets
from tcpautopsy.records import Rows
from tcpautopsy.report.stories import told
from tcpautopsy.report.view import Material
from tcpautopsy.report.words import nanoseconds
from tcpautopsy.result import Finding, Result
from tcpautopsy.tables import ARRIVAL_WINDOWS_MS, EVENT_NUMBER, NO_TIME, Arrivals, Events, Flows, Frames, Kind, Packets

#: Packets of one connection that are kept; of a longer one every n-th, and those that are evidence.
_MOST = 20_000
#: Connections to the same server that are looked at for the time of their handshakes.
_SIBLINGS = 5_000
#: Frames of one evidence capture at most, and bytes kept of a frame whose headers nobody measured.
_PROOF, _SHORT = 500, 96
_WITH_PAYLOAD = (Kind.TCP, Kind.UDP, Kind.DNS)
#: Packets can come this late (nanoseconds) and are still put in order.
_LATE = 2_000_000_000


def material(paths: Sequence[str], options: pipeline.Options, whole: Result, shown: Result) -> Material:
    """What the page of `shown`, a selection of `whole`, says of these captures beside the result itself."""
    found = [Material({}, {}, {}, {})]
    leads = [story.lead for story in told(shown)]
    for number, names in enumerate(sets(paths, options.join)):
        mine = [f for f in leads if f.capture == number]
        if not mine:
            continue
        try:
            with ExitStack() as stack:
                inputs = [again(name, stack, options.spools) for name in names]
                found.append(_look(inputs, options, mine, _wanted(whole, number, mine)))
        except CaptureError:  # it was readable a moment ago: the page does without
            continue
    return Material(*(dict(chain.from_iterable(each.items() for each in kind)) for kind in zip(*found, strict=True)))


class _Wanted(NamedTuple):
    """Connections of one capture, by their ids.

    `stride`: every how many packets are kept of each that is told. `siblings`: those to the same servers. `datagrams`:
    UDP conversations that are told. `until_ns`: when the last of all ends, None when the whole capture counts.
    `last_frame`: the last one of all evidence.
    """

    first_id: int
    stride: dict[int, int]
    siblings: frozenset[int]
    datagrams: frozenset[int]
    until_ns: int | None
    last_frame: int

    def over(self, rows: Rows) -> bool:
        """Whether nothing that is wanted can come after these packets."""
        times = rows["time_ns"][rows["time_ns"] != NO_TIME]
        if self.until_ns is None or not len(times) or int(rows["frame"].min()) <= self.last_frame:
            return False
        return int(times.min()) > self.until_ns


def _wanted(result: Result, capture: int, leads: Sequence[Finding]) -> _Wanted:
    ids = {f.connection for f in leads}
    here = [c for c in result.connections if c.capture == capture]
    chosen = [c for c in here if c.id in ids]
    servers = {c.server for c in chosen if c.protocol == "tcp"}
    siblings = [c for c in here if c.server in servers and c.protocol == "tcp"][:_SIBLINGS]
    datagrams = [c for c in chosen if c.protocol == "udp"]
    ends = [nanoseconds(c.last_time) for c in (*chosen, *siblings) if c.last_time]
    return _Wanted(
        first_id=here[0].id,
        stride={c.id: -(-c.packets // _MOST) for c in chosen},
        siblings=frozenset(c.id for c in siblings),
        datagrams=frozenset(c.id for c in datagrams),
        until_ns=max(ends) + _LATE if ends and not datagrams else None,
        last_frame=max((e.frame for f in leads for e in f.evidence), default=0),
    )


def _look(inputs: Sequence[Input], options: pipeline.Options, leads: Sequence[Finding], wanted: _Wanted) -> Material:
    """Raises CaptureError."""
    proofs = [_Proof(f) for f in leads]
    shown = np.asarray(sorted(number - wanted.first_id for number in wanted.stride))
    followed = np.asarray(sorted({number - wanted.first_id for number in wanted.siblings.union(wanted.stride)}))
    tracker, arrivals, kept = Tracker(), ArrivalCurves(), []
    table = FlowTable(max_flows=options.max_flows)

    def copy(frames: Frames, rows: Rows) -> None:
        for proof in proofs:
            proof.take(frames, rows)

    for packets in dissector.followed(inputs, options, table, copy):
        if wanted.datagrams:
            arrivals.feed(packets.rows)
        mine = _only(packets, followed)
        tracker.feed(mine)
        kept.append(mine.rows[np.isin(mine.rows["flow"].astype(np.int64), shown)])
        if wanted.over(packets.rows):
            break
    if not kept:  # another file stands there now
        return Material()
    rows = np.concatenate(kept)
    events, _, _ = tracker.finish(None, None, int(followed.max()) + 1)
    evidence = {e.frame for f in leads for e in f.evidence}
    close_ups = {}
    for number, stride in wanted.stride.items():
        flow = number - wanted.first_id
        close_ups[number] = close_up(_thinned(rows, flow, stride, evidence), events.of(np.array([flow])))
    return Material(
        close_ups=close_ups,
        proofs={p.finding: p.bytes() for p in proofs},
        handshakes=_handshakes(events, wanted.first_id),
        bursts=_bursts(arrivals.finish(), table.table(), wanted),
    )


def _handshakes(events: Events, first_id: int) -> dict[int, float]:
    """Seconds from the first SYN to the client's ACK of the SYN-ACK."""
    ends = []
    for kind in ("syn", "handshake_ack"):
        of_kind = events.at(np.flatnonzero(events["kind"].to_numpy() == EVENT_NUMBER[kind])[::-1])
        ends.append(dict(zip(*(of_kind[name].to_numpy().tolist() for name in ("flow", "time_ns")), strict=True)))
    asked, connected = ends
    return {flow + first_id: (end - asked[flow]) / 1e9 for flow, end in connected.items() if flow in asked}


def _bursts(arrivals: Arrivals, flows: Flows, wanted: _Wanted) -> dict[int, list[tuple[int, int, int]]]:
    """The curve of the port that each of these conversations goes to."""
    port = ["server_address", "server_port", "zone"]
    numbers = [number for number in sorted(wanted.datagrams) if number - wanted.first_id < len(flows)]
    asked = _columns(flows, [number - wanted.first_id for number in numbers], port).assign(number=numbers)
    peaks = pd.concat([_columns(flows, arrivals["flow"].tolist(), port), arrivals], axis=1)
    found = asked.merge(peaks, on=port).to_dict("records")
    return {
        row["number"]: [(w, int(row[f"peak_{w}ms"]), int(row[f"peak_{w}ms_bytes"])) for w in ARRIVAL_WINDOWS_MS]
        for row in found
    }


def _columns(flows: Flows, rows: Sequence[int], names: Sequence[str]) -> pd.DataFrame:
    chosen = flows.at(np.array(rows, dtype=np.int64))
    return pd.DataFrame({name: chosen[name] for name in names})


def _only(packets: Packets, flows: NDArray[np.int64]) -> Packets:
    rows = packets.rows[np.isin(packets.rows["flow"].astype(np.int64), flows)]
    frames = set(rows["frame"].tolist())
    return Packets(rows.copy(), [note for note in packets.notes if note.frame in frames])


def _thinned(rows: Rows, flow: int, stride: int, evidence: set[int]) -> Rows:
    mine: Rows = rows[rows["flow"] == flow]
    if stride <= 1:
        return mine
    kept: NDArray[np.bool_] = np.arange(len(mine)) % stride == 0
    thinned: Rows = mine[kept | np.isin(mine["frame"].astype(np.int64), list(evidence))]
    return thinned


class _Proof:
    """The frames that prove one finding, headers only, as a pcapng file with a comment on each."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding.id
        chosen = finding.evidence[:_PROOF]
        self._comments: Mapping[int, str] = {e.frame: e.note or e.event.replace("_", " ") for e in chosen}
        self._writer = Writer(f"tcpautopsy {version('tcpautopsy')}", f"{finding.rule}: {finding.summary}")
        self._pieces = [self._writer.opening()]

    def take(self, frames: Frames, rows: Rows) -> None:
        """Copy the wanted frames of a chunk; `rows` are its packets, one for each frame."""
        numbers = frames.rows["frame"]
        if not len(numbers):
            return
        wanted = {n: c for n, c in self._comments.items() if numbers[0] <= n <= numbers[-1]}
        if wanted:
            headers = np.where(np.isin(rows["kind"], _WITH_PAYLOAD) & (rows["payload_at"] > 0), rows["payload_at"], 0)
            measured = np.where(headers > 0, headers - frames.rows["position"].astype(np.int64), _SHORT)
            self._pieces += self._writer.packets(frames, wanted, measured)

    def bytes(self) -> bytes:
        """The file."""
        return b"".join(self._pieces)
