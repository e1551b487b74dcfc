"""The bytes of one direction over time, with what the other side acknowledged and allowed, as tcptrace draws them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tcpautopsy.report.drawing import Axes, Label, Picture, Scale, Stroke, bars, box, cross, frame_of, steps, ticks
from tcpautopsy.report.words import duration, nanoseconds, size
from tcpautopsy.result import Connection
from tcpautopsy.tables import CloseUp

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 708, 30, 262
#: Kinds of events that send bytes again.
_AGAIN = (
    "retransmission",
    "fast_retransmission",
    "rto_retransmission",
    "tail_loss_probe",
    "spurious_retransmission",
    "zero_window_probe",
    "fin_retransmission",
)
#: A side that says nothing for so long (ns) although the other one speaks to it is shown as silent.
_SILENT = 1_000_000_000
_CROSSES = 60
#: Up to so many packets are drawn to a tenth of a unit, for those who zoom in; more would make the page large.
_FINE = 3_000
_SYN, _FIN = 2, 1


def pictures(packets: CloseUp, connection: Connection) -> Iterator[Picture]:
    """One picture for each direction that carried data."""
    if connection.first_time is None or connection.protocol != "tcp":
        return
    start = nanoseconds(connection.first_time)
    for client in (True, False):
        # An ICMP error that quotes the connection belongs to it, and has no place among its bytes.
        mine = (packets["client"] == client) & packets["seq"].notna()
        sent = packets[mine & (packets["payload_len"] > 0)]
        if (~sent["kind"].isin(_AGAIN)).sum() >= 2:
            yield _direction(packets, sent, client, start, connection.packets)


def _direction(packets: pd.DataFrame, sent: pd.DataFrame, client: bool, start: int, count: int) -> Picture:
    source, target = ("client", "server") if client else ("server", "client")
    acks = packets[(packets["client"] != client) & packets["ack"].notna() & (packets["flags"] & 4 == 0)]
    seconds = (packets["time_ns"] - start) / 1e9
    top = int(max((sent["seq"] + sent["payload_len"]).max(), acks["ack"].max() if len(acks) else 0, 1))
    x = Scale(0.0, max(float(seconds.max()), 1e-6), _LEFT, _RIGHT)
    y = Scale(0.0, top * 1.04, _BOTTOM, _TOP)
    silences = list(_silences(packets, client))
    strokes = [
        *(Stroke("shade", box(x.at((a - start) / 1e9), _TOP, x.at((b - start) / 1e9), _BOTTOM)) for a, b in silences),
        *frame_of(x, y),
        *_curves(sent, acks, x, y, start),
    ]
    labels = [
        *(Label(x.at(t), _BOTTOM + 16, "middle", f"{t:g} s", "x") for t in ticks(x.low, x.high)),
        *(Label(_LEFT - 6, y.at(b) + 4, "end", size(int(b)), "y") for b in ticks(0, top, 5) if b > 0),
        *(
            Label(x.at(((a + b) / 2 - start) / 1e9), _TOP + 14, "middle", f"{target} silent for {duration(b - a)}")
            for a, b in sorted(silences, key=lambda each: each[0] - each[1])[:2]
        ),
    ]
    again = sent["kind"].isin(_AGAIN)
    thinned = f" Drawn from {len(packets):,} of {count:,} packets." if len(packets) < count * 0.9 else ""
    return Picture(
        title=f"Bytes from {source} to {target} over time",
        description=(
            f"Each upright bar is data of the {source}; crosses mark bytes sent again. The solid line is what the "
            f"{target} acknowledged, the broken line above it how far its window allows to send. Dots are bytes that "
            f"it reported as received out of order (SACK).{thinned}"
        ),
        width=_WIDTH,
        height=_HEIGHT,
        strokes=[s for s in strokes if s.d],
        labels=labels,
        header=("", ""),
        rows=[
            (f"packets with data from the {source}", f"{len(sent):,}"),
            ("of them sent again", f"{int(again.sum()):,}"),
            ("bytes reached", size(top)),
            (f"acknowledged by the {target}", size(int(acks["ack"].max())) if len(acks) else "nothing"),
            *(
                (f"{target} silent", f"from +{(a - start) / 1e9:.3f} s to +{(b - start) / 1e9:.3f} s")
                for a, b in silences[:6]
            ),
        ],
        axes=Axes(x, y),
    )


def _curves(sent: pd.DataFrame, acks: pd.DataFrame, x: Scale, y: Scale, start: int) -> Iterator[Stroke]:
    again = sent["kind"].isin(_AGAIN).to_numpy()
    fine = len(sent) + len(acks) <= _FINE
    across, up = (x.exactly, y.exactly) if fine else (x.at, y.at)
    columns = [across(t) for t in ((sent["time_ns"] - start) / 1e9).tolist()]
    lows = [up(b) for b in sent["seq"].to_numpy(dtype=np.float64).tolist()]
    highs = [up(b) for b in (sent["seq"] + sent["payload_len"]).to_numpy(dtype=np.float64).tolist()]
    marks = list(zip(columns, lows, highs, strict=True))
    at = [across(t) for t in ((acks["time_ns"] - start) / 1e9).tolist()]
    known = acks["limit"].notna().to_numpy()
    limits = acks["limit"].to_numpy(dtype=np.float64, na_value=0.0)
    yield Stroke("limit", steps((a, up(b)) for a, b, k in zip(at, limits.tolist(), known.tolist(), strict=True) if k))
    yield Stroke("ack", steps(zip(at, (up(b) for b in acks["ack"].to_numpy(dtype=np.float64).tolist()), strict=True)))
    yield Stroke("data", bars(m for m, repeat in zip(marks, again.tolist(), strict=True) if not repeat))
    repeats = [m for m, repeat in zip(marks, again.tolist(), strict=True) if repeat]
    yield Stroke("again", bars(repeats))
    spots = sorted({(c, (low + high) // 2) for c, low, high in repeats})
    yield Stroke("mark", "".join(cross(*spot) for spot in spots[:: max(len(spots) // _CROSSES, 1)]))
    sacked = acks[acks["sack_left"].notna()]
    yield Stroke(
        "sack",
        bars(
            (across((t - start) / 1e9), up(float(a)), up(float(b)))
            for t, a, b in zip(sacked["time_ns"], sacked["sack_left"], sacked["sack_right"], strict=True)
        ),
    )


def _silences(packets: pd.DataFrame, client: bool) -> Iterator[tuple[int, int]]:
    """(from, to) in ns: this direction's side spoke at least once while the other one said nothing for long."""
    times = packets["time_ns"].to_numpy()
    other = packets["client"].to_numpy() != client
    asks = (packets["payload_len"] > 0) | (packets["flags"] & (_SYN | _FIN) != 0) | (packets["kind"] == "keep_alive")
    theirs, mine = times[other], times[~other & asks.to_numpy()]
    if not len(times):
        return
    edges = np.concatenate([theirs, times[-1:]]) if len(theirs) else times[[0, -1]]
    least = max(_SILENT, int(times[-1] - times[0]) // 50)
    for before, after in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = mine[(mine > before) & (mine < after)] if after != times[-1] else mine[(mine > before)]
        if after - before >= least and len(inside) and after - int(inside[0]) >= _SILENT:
            yield int(inside[0]), after
