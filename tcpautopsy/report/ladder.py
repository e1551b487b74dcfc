"""The frames between the two ends, one below the other, as a ladder: the evidence, what stands next to it, and how much
is left out in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from tcpautopsy.report.words import duration, nanoseconds, size
from tcpautopsy.result import Connection, Evidence, Finding
from tcpautopsy.tables import CloseUp
from tcpautopsy.text import counted

_CLIENT_X, _SERVER_X = 150, 560
_FIRST_Y, _STEP_Y = 48, 30
_MOST = 26
_SILENCE_NS = 500_000_000
_SYN, _FIN, _RST, _ACK = 2, 1, 4, 16
#: Events that repeat something: drawn broken.
_AGAIN = ("retransmission", "probe", "keep_alive", "duplicate")
#: What a kind of event adds to the label of its frame.
_SAID = {
    "syn_retransmission": "again",
    "syn_ack_retransmission": "again",
    "retransmission": "again",
    "fast_retransmission": "again, after duplicate ACKs",
    "rto_retransmission": "again, timer",
    "tail_loss_probe": "again, probe",
    "spurious_retransmission": "again, needlessly",
    "out_of_order": "late",
    "fin_retransmission": "again",
    "duplicate_ack": "same again",
    "zero_window": "window 0",
    "zero_window_probe": "window probe",
    "zero_window_probe_ack": "window still 0",
    "window_update": "window open",
    "keep_alive": "keepalive probe",
    "keep_alive_ack": "answer to keepalive",
    "challenge_ack": "challenge",
}


class Rung(NamedTuple):
    """One row at y: a frame from x1 to x2, or (kind fold or silence) words in between."""

    kind: Literal["frame", "fold", "silence", "other"]
    y: int
    x1: int
    x2: int
    style: Literal["arrow", "again"]
    label: str
    time: str
    frame: int | None


class Ladder(NamedTuple):
    """The rungs from top to bottom, and how high the drawing is."""

    rungs: list[Rung]
    height: int


class _Step(NamedTuple):
    """One frame, before it has a place."""

    frame: int
    time_ns: int | None
    source: Literal["client", "server", "other"]
    label: str
    again: bool


def ladder(finding: Finding, connection: Connection, packets: CloseUp | None) -> Ladder:
    """The first frames, the evidence with its neighbours and the last frames; without a close-up the evidence alone."""
    steps = _of_packets(packets, connection) if packets is not None else _of_evidence(finding.evidence)
    chosen = list(range(len(steps))) if packets is None else _chosen(steps, {e.frame for e in finding.evidence})
    if len(chosen) > _MOST:
        chosen = chosen[: _MOST // 2] + chosen[-(_MOST // 2) :]
    rungs = list(_placed(steps, chosen, connection))
    return Ladder(rungs, _FIRST_Y + len(rungs) * _STEP_Y)


def _chosen(steps: Sequence[_Step], evidence: set[int]) -> list[int]:
    """Positions of the frames to draw."""
    last = len(steps) - 1
    proving = {n for n, step in enumerate(steps) if step.frame in evidence}
    near = {n + d for n in proving for d in (-1, 0, 1)} if len(proving) <= _MOST // 3 else proving
    return sorted(n for n in near | {0, 1, 2, last - 1, last} if 0 <= n <= last)


def _placed(steps: Sequence[_Step], chosen: Sequence[int], connection: Connection) -> Iterator[Rung]:
    y, before = _FIRST_Y, -1
    for n in chosen:
        step = steps[n]
        left_out = n - before - 1
        times = (steps[n - 1].time_ns, step.time_ns) if n else (None, None)
        pause = None if times[0] is None or times[1] is None else times[1] - times[0]
        if left_out > 0:
            yield _words("fold", y, f"{counted(left_out, 'frame')} left out")
            y += _STEP_Y
        if pause is not None and pause >= _SILENCE_NS:
            yield _words("silence", y, f"nothing for {duration(pause)}")
            y += _STEP_Y
        from_client = step.source == "client"
        yield Rung(
            kind="other" if step.source == "other" else "frame",
            y=y,
            x1=_CLIENT_X if from_client else _SERVER_X,
            x2=_SERVER_X if from_client else _CLIENT_X,
            style="again" if step.again else "arrow",
            label=step.label,
            time=_time(step.time_ns, connection),
            frame=step.frame,
        )
        y, before = y + _STEP_Y, n
    left_out = len(steps) - 1 - before
    if left_out > 0:
        yield _words("fold", y, f"{counted(left_out, 'frame')} left out")


def _words(kind: Literal["fold", "silence"], y: int, text: str) -> Rung:
    return Rung(kind, y, _CLIENT_X, _SERVER_X, "arrow", text, "", None)


def _time(time_ns: int | None, connection: Connection) -> str:
    if time_ns is None or connection.first_time is None:
        return ""
    return f"{(time_ns - nanoseconds(connection.first_time)) / 1e9:+.3f} s"


def _of_evidence(evidence: Sequence[Evidence]) -> list[_Step]:
    return [
        _Step(
            e.frame,
            nanoseconds(e.time) if e.time else None,
            e.source or "other",
            e.event.replace("_", " "),
            any(word in e.event for word in _AGAIN),
        )
        for e in evidence
        if e.source
    ]


def _of_packets(packets: CloseUp, connection: Connection) -> list[_Step]:
    names = ("frame", "time_ns", "client", "kind", "flags", "payload_len", "ack")
    rows = zip(*(packets[name].tolist() for name in names), strict=True)
    tcp = connection.protocol == "tcp"
    return [
        _Step(
            frame,
            time,
            "other" if kind.startswith(("icmp_", "arp_")) else "client" if client else "server",
            _label(kind, flags, length, ack)
            if tcp and not kind.startswith(("icmp_", "arp_"))
            else _plain(kind, length),
            any(word in kind for word in _AGAIN),
        )
        for frame, time, client, kind, flags, length, ack in rows
    ]


def _plain(kind: str, length: int) -> str:
    """A frame that is no TCP segment."""
    name = kind.replace("_", " ").replace("arp", "ARP").replace("icmp", "ICMP").replace("dns", "DNS") or "datagram"
    return f"{name.replace('udp ', '')}, {size(length)}" if length else name


def _label(kind: str, flags: int, length: int, ack: object) -> str:
    """Flags and bytes of a segment in words."""
    names = [name for bit, name in ((_SYN, "SYN"), (_FIN, "FIN"), (_RST, "RST")) if flags & bit]
    if flags & _SYN and flags & _ACK:
        names.append("ACK")
    if length and kind not in ("keep_alive", "zero_window_probe"):
        names.append(size(length))
    words = ", ".join(names)
    if not words:
        words = f"ACK {ack:,}" if isinstance(ack, int) and ack > 0 else "ACK" if flags & _ACK else "no flags"
    said = _SAID.get(kind, "")
    return f"{words} ({said})" if said else words
