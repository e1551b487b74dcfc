"""All packets of a connection in relative numbers, as its pictures need them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.records import Rows
from tcpautopsy.tables import CLOSE_UP, EVENT_KINDS, EVENT_NUMBER, CloseUp, Events, Kind, Mark

_SYN, _RST, _ACK = 2, 4, 16
_WRAP = 2**32
#: Events that say less of a frame than any other event of it does.
_PLAIN = [EVENT_NUMBER[name] for name in ("capture_start", "capture_end", "capture_gap", "silence", "truncated")]

_Numbers = NDArray[np.int64]


def close_up(rows: Rows, events: Events) -> CloseUp:
    """The packets of one flow, `rows` (PACKET) in order of time and `events` those of this flow."""
    rows = rows[(rows["marks"] & Mark.DUPLICATE) == 0]
    tcp = rows["kind"] == Kind.TCP
    client = (rows["from_originator"] & 1) == 1
    flags = np.where(tcp, rows["flags"].astype(np.int64), 0)
    seq, ack, sack = (np.zeros(len(rows), np.int64) for _ in range(3))
    for side in (True, False):
        mine, theirs = tcp & (client == side), tcp & (client != side) & (flags & _ACK != 0)
        base = _first(rows, flags, mine, theirs)
        seq[mine] = _relative(rows["seq"][mine], base)
        ack[theirs] = _relative(rows["ack"][theirs], base)
        sack[theirs] = _relative(rows["sack1l"][theirs], base)
    sacked = tcp & (rows["sack_n"] > 0)
    width = rows["sack1r"].astype(np.int64) - rows["sack1l"].astype(np.int64)
    acking = tcp & (flags & _ACK != 0)
    scale = _scales(rows, flags, client)
    frame = pd.DataFrame(
        {
            "frame": rows["frame"].astype(np.int64),
            "time_ns": rows["time_ns"],
            "client": client,
            "kind": _kinds(rows["frame"].astype(np.int64), events),
            "flags": flags,
            "payload_len": rows["payload_len"].astype(np.int64),
            "seq": _masked(seq, tcp),
            "ack": _masked(ack, acking),
            "limit": _masked(
                ack + (rows["window"].astype(np.int64) << np.maximum(scale, 0)),
                acking & (scale >= 0) & (flags & _RST == 0),
            ),
            "sack_left": _masked(sack, sacked),
            "sack_right": _masked(sack + width % _WRAP, sacked),
        }
    )
    return CloseUp(CLOSE_UP.check(frame))


def _first(rows: Rows, flags: _Numbers, mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> int:
    """The number of a direction's first byte: by its SYN, else by its first packet, else by the first ACK of it."""
    syn = np.flatnonzero(mine & (flags & _SYN != 0))
    if len(syn):
        return int(rows["seq"][syn[0]]) + 1
    sent = np.flatnonzero(mine & (flags & _RST == 0))
    if len(sent):
        return int(rows["seq"][sent[0]])
    acked = np.flatnonzero(theirs)
    return int(rows["ack"][acked[0]]) if len(acked) else 0


def _relative(numbers: NDArray[np.uint32], base: int) -> _Numbers:
    """Distance from `base`, modulo 2**32; beyond 2**31 each number is taken nearest to the one before it."""
    wide: _Numbers = numbers.astype(np.int64)
    steps: _Numbers = wide - np.concatenate([[base], wide[:-1]])
    far: _Numbers = np.cumsum((steps + _WRAP // 2) % _WRAP - _WRAP // 2)
    plain: _Numbers = (wide - base + _WRAP // 2) % _WRAP - _WRAP // 2
    return far if len(far) and far.max() >= _WRAP // 2 else plain


def _scales(rows: Rows, flags: _Numbers, client: NDArray[np.bool_]) -> _Numbers:
    """By what each packet's window is shifted; -1 when a SYN that would tell is not there (RFC 7323 section 2.2)."""
    shifts: list[int | None] = []  # of client and server: None for a SYN without the option, -1 for no SYN
    for side in (True, False):
        syn = np.flatnonzero((client == side) & (flags & _SYN != 0))[:1]
        shifts.append(next((int(rows["wscale"][i]) if rows["marks"][i] & Mark.WSCALE else None for i in syn), -1))
    if None in shifts:
        shifts = [0, 0]
    elif -1 in shifts:
        shifts = [-1, -1]
    scale: _Numbers = np.asarray([shifts[1], shifts[0]], dtype=np.int64)[client.astype(np.int64)]
    return np.where(flags & _SYN != 0, 0, scale)  # a SYN's own window is never scaled


def _kinds(frames: _Numbers, events: Events) -> pd.Series[str]:
    """The name of the event that begins at each frame; of several the one that says most."""
    told = zip(*(events[name].to_numpy()[::-1].tolist() for name in ("frame", "kind")), strict=True)
    names = {frame: EVENT_KINDS[kind].name for frame, kind in told if kind not in _PLAIN}  # the first is written last
    return pd.Series([names.get(frame, "") for frame in frames.tolist()], dtype="str")


def _masked(values: _Numbers, known: NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values, ~known)
