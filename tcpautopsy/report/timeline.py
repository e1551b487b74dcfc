"""All connections over time: one bar each while they are few, counts per moment when they are many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tcpautopsy.report.drawing import Axes, Label, Picture, Scale, Stroke, box, cross, line, ticks
from tcpautopsy.report.words import RANK, SEVERITIES, SEVERITY_NAMES, first_time, last_time, nanoseconds, place
from tcpautopsy.result import Connection, Incident, Result

_WIDTH = 720
_LEFT, _RIGHT, _TOP = 190, 690, 26
_ROW = 16
_SINGLE = 40
_BUCKETS = 100
_STACK = 180
#: A letter for each severity, so that colour alone says nothing.
LETTERS = {"failure": "F", "degradation": "S", "risk": "R", "note": "N", "none": "h"}


def timeline(result: Result) -> Picture | None:
    """None when there is nothing to compare: fewer than two connections with times."""
    timed = [c for c in result.connections if c.first_time and c.last_time]
    start, end = first_time(result), last_time(result)
    if len(timed) < 2 or start is None or end is None:
        return None
    begin = nanoseconds(start)
    x = Scale(0.0, max((nanoseconds(end) - begin) / 1e9, 1e-6), _LEFT, _RIGHT)
    timed.sort(key=lambda c: (nanoseconds(c.first_time or ""), c.id))
    if len(timed) <= _SINGLE:
        return _single(timed, result.incidents, x, begin)
    return _counted(timed, result.incidents, x, begin)


def _single(timed: Sequence[Connection], incidents: Sequence[Incident], x: Scale, begin: int) -> Picture:
    bottom = _TOP + len(timed) * _ROW
    strokes = [*_shades(incidents, x, begin, bottom), Stroke("axis", f"M{_LEFT} {_TOP}V{bottom}H{_RIGHT}")]
    labels = [*_seconds(x, bottom)]
    rows = []
    for number, c in enumerate(timed):
        y = _TOP + number * _ROW + _ROW // 2
        first, last = ((nanoseconds(t or "") - begin) / 1e9 for t in (c.first_time, c.last_time))
        strokes.append(Stroke(c.severity, line((x.exactly(first), y), (max(x.exactly(last), x.exactly(first) + 3), y))))
        labels.append(Label(_LEFT - 8, y + 4, "end", f"#{c.id} {_short(place(c.server))}"))
        labels.append(Label(max(x.at(last), x.at(first) + 3) + 5, y + 4, "start", LETTERS[c.severity]))
        rows.append(
            (f"#{c.id}", place(c.server), SEVERITY_NAMES[c.severity], f"+{first:.3f} s", f"+{last:.3f} s"),
        )
    return Picture(
        "All connections over time",
        f"One bar a connection, from its first to its last packet, in order of begin. {_legend()}{_about(incidents)}",
        _WIDTH,
        bottom + 24,
        strokes,
        labels,
        ("connection", "server", "verdict", "first packet", "last packet"),
        rows,
        axes=Axes(x),
    )


def _counted(timed: Sequence[Connection], incidents: Sequence[Incident], x: Scale, begin: int) -> Picture:
    width = (x.high - x.low) / _BUCKETS or 1.0
    counts: dict[int, Counter[str]] = {}
    for c in timed:
        bucket = min(int((nanoseconds(c.first_time or "") - begin) / 1e9 / width), _BUCKETS - 1)
        counts.setdefault(bucket, Counter())[c.severity] += 1
    most = max(sum(each.values()) for each in counts.values())
    bottom = _TOP + _STACK
    y = Scale(0, most, bottom, _TOP)
    strokes = [*_shades(incidents, x, begin, bottom), Stroke("axis", f"M{_LEFT} {_TOP}V{bottom}H{_RIGHT}")]
    boxes: dict[str, list[str]] = {}
    for bucket, each in sorted(counts.items()):
        base = 0
        for severity in SEVERITIES:
            if each[severity]:
                left, right = (x.at(bucket * width), max(x.at((bucket + 1) * width) - 1, x.at(bucket * width) + 1))
                boxes.setdefault(severity, []).append(box(left, y.at(base + each[severity]), right, y.at(base)))
                base += each[severity]
    strokes += [Stroke(f"{severity} stack", "".join(boxes[severity])) for severity in SEVERITIES if severity in boxes]
    failing = Counter({b: each["failure"] for b, each in counts.items() if each["failure"]})
    worst = failing.most_common(1)[0][0] if failing else None
    labels = [*_seconds(x, bottom), *(Label(_LEFT - 6, y.at(t) + 4, "end", f"{t:g}") for t in ticks(0, most, 4) if t)]
    if worst is not None:
        strokes.append(Stroke("mark", cross(x.at((worst + 0.5) * width), _TOP - 8)))
        labels.append(Label(x.at((worst + 0.5) * width) + 8, _TOP - 4, "start", f"{failing[worst]:,} failed here"))
    totals = Counter(c.severity for c in timed)
    return Picture(
        "All connections over time",
        f"How many connections began at each moment, in {_BUCKETS} equal spans; from bottom to top: "
        f"{', '.join(SEVERITY_NAMES[s] for s in SEVERITIES)}.{_about(incidents)}",
        _WIDTH,
        bottom + 24,
        strokes,
        labels,
        ("verdict", "connections"),
        [(SEVERITY_NAMES[s], f"{totals[s]:,}") for s in sorted(totals, key=RANK.__getitem__)],
        axes=Axes(x),
    )


def _shades(incidents: Sequence[Incident], x: Scale, begin: int, bottom: int) -> Iterator[Stroke]:
    for incident in incidents[:20]:
        if incident.first_time and incident.last_time:
            first, last = ((nanoseconds(t) - begin) / 1e9 for t in (incident.first_time, incident.last_time))
            yield Stroke("shade", box(x.at(first) - 1, _TOP, x.at(last) + 2, bottom))


def _seconds(x: Scale, bottom: int) -> Iterator[Label]:
    yield from (Label(x.at(t), bottom + 16, "middle", f"{t:g} s", "x") for t in ticks(x.low, x.high))


def _legend() -> str:
    return "; ".join(f"{LETTERS[s]} {SEVERITY_NAMES[s]}" for s in SEVERITIES) + "."


def _about(incidents: Sequence[Incident]) -> str:
    return " Shaded: incidents." if any(i.first_time for i in incidents) else ""


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:10] + "…" + name[-11:]
