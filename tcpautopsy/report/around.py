"""What lies around a finding: how the same server answered its other connections, how datagrams came to a port, and how
alike the connections of one cause are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tcpautopsy.report.drawing import Axes, Label, Picture, Scale, Stroke, cross, frame_of, line, square, ticks
from tcpautopsy.report.stories import Story
from tcpautopsy.report.words import SEVERITY_NAMES, between, duration, nanoseconds, place, size
from tcpautopsy.result import Connection, Result
from tcpautopsy.text import counted

_WIDTH, _LEFT, _RIGHT, _TOP = 720, 90, 700, 34
_BOTTOM = 214
_FEWEST = 4
_ALIKE = 12
_DOTS = 600
#: Linux's default receive buffer, net.core.rmem_default (include/net/sock.h, SK_RMEM_MAX), in bytes charged.
_BUFFER = 212_992


def handshakes(story: Story, result: Result, took_s: Mapping[int, float]) -> Picture | None:
    """Each connection to the story's server by when it asked and how long it waited; None when there are few."""
    lead = story.connections[0]
    same = [
        c
        for c in result.connections
        if c.server == lead.server
        and c.protocol == "tcp"
        and c.capture == lead.capture
        and c.first_time
        and c.client_known_by in ("syn", "synack")  # of others nobody knows how long they took
    ]
    differing = len(story.connections) > 1 or any(c.id not in took_s for c in same)
    if len(same) < _FEWEST or not differing or not any(c.id in took_s for c in same):
        return None
    begin = min(nanoseconds(c.first_time or "") for c in same)
    asked = {c.id: (nanoseconds(c.first_time or "") - begin) / 1e9 for c in same}
    slowest = max(took_s[c.id] for c in same if c.id in took_s)
    x = Scale(0.0, max(*asked.values(), 1e-3), _LEFT, _RIGHT)
    y = Scale(0.0, max(slowest * 1.1, 1e-3), _BOTTOM, _TOP + 16)
    done = [c for c in same if c.id in took_s]
    never = [c for c in same if c.id not in took_s]
    bad = [c for c in done if c.severity == "failure"]
    dots = "".join(square(at, up) for at, up in _places(done, asked, took_s, x, y))
    failed = "".join(cross(at, up) for at, up in _places(bad, asked, took_s, x, y))
    unheard = "".join(cross(x.exactly(asked[c.id]), _TOP) for c in never[:_DOTS])
    return Picture(
        f"How long {place(lead.server)} let its clients wait",
        "Each square is a handshake: when the client asked, and how long until it was connected. A cross marks a "
        "connection that failed; those at the top never got that far.",
        _WIDTH,
        _BOTTOM + 26,
        [s for s in (*frame_of(x, y), Stroke("dot", dots), Stroke("mark", failed + unheard)) if s.d],
        [
            *(Label(x.at(t), _BOTTOM + 16, "middle", f"{t:g} s", "x") for t in ticks(0, x.high)),
            *(Label(_LEFT - 6, y.at(t) + 4, "end", duration(int(t * 1e9))) for t in ticks(0, y.high, 4) if t),
            Label(_LEFT - 6, _TOP + 4, "end", "never"),
        ],
        ("", ""),
        [
            ("connections", f"{len(same):,}"),
            ("handshakes completed", f"{len(done):,}"),
            ("slowest of them", duration(int(slowest * 1e9))),
            ("completed, and failed later", f"{len(bad):,}"),
            ("never completed", f"{len(never):,}"),
        ],
        axes=Axes(x),
    )


def _places(
    some: Sequence[Connection], asked: Mapping[int, float], took_s: Mapping[int, float], x: Scale, y: Scale
) -> list[tuple[float, float]]:
    return sorted({(x.exactly(asked[c.id]), y.exactly(took_s[c.id])) for c in some})[:_DOTS]


def bursts(story: Story, curve: Sequence[tuple[int, int, int]]) -> Picture | None:
    """The most that came to a port within windows of growing length (ms, datagrams, bytes charged)."""
    if not curve or max(charged for _, _, charged in curve) <= 0:
        return None
    highest = max(*(charged for _, _, charged in curve), _BUFFER)
    x = Scale(0, len(curve) - 1, _LEFT, _RIGHT - 40)
    low = min(charged for _, _, charged in curve)
    y = Scale(math.log10(max(low, 1)) - 0.2, math.log10(highest) + 0.2, _BOTTOM, _TOP)
    points = [(x.at(n), y.at(math.log10(max(charged, 1)))) for n, (_, _, charged) in enumerate(curve)]
    limit = y.at(math.log10(_BUFFER))
    over = next((window for window, _, charged in curve if charged > _BUFFER), None)
    said = (
        f"A program that does not read for {duration(over * 1_000_000)} loses datagrams with the default buffer."
        if over is not None
        else "The default buffer holds the largest burst of any window shown."
    )
    return Picture(
        f"How much came to {place(story.connections[0].server)} at once",
        "The most that arrived within windows of growing length, as a Linux receive buffer is charged for it, against "
        f"the default buffer of {size(_BUFFER)} (net.core.rmem_default). {said}",
        _WIDTH,
        _BOTTOM + 26,
        [
            *frame_of(x, y),
            Stroke("limit", line((_LEFT, limit), (_RIGHT, limit))),
            Stroke("data", line(*points)),
            Stroke("dot", "".join(square(at, up, 3) for at, up in points)),
        ],
        [
            *(Label(x.at(n), _BOTTOM + 16, "middle", duration(w * 1_000_000)) for n, (w, _, _) in enumerate(curve)),
            Label(_RIGHT, limit - 6, "end", "default buffer"),
            *(
                Label(_LEFT - 6, y.at(p) + 4, "end", size(10**p))
                for p in range(math.ceil(y.low), math.floor(y.high) + 1)
            ),
        ],
        ("window", "datagrams", "charged"),
        [(duration(w * 1_000_000), f"{count:,}", size(charged)) for w, count, charged in curve],
    )


def alike(story: Story) -> Picture | None:
    """The evidence of several connections with one cause, one strip each; None for a single one."""
    pairs = list(zip(story.findings, story.connections, strict=True))[:_ALIKE]
    if len(pairs) < 2:
        return None
    spans = [between(c.first_time, c.last_time) or 0 for _, c in pairs]
    x = Scale(0.0, max(*spans, 1) / 1e9, 200, 640)
    strokes, labels, rows = [], [], []
    for number, (finding, c) in enumerate(pairs):
        y = _TOP + number * 18
        length = spans[number] / 1e9
        strokes.append(Stroke("axis", line((x.start, y), (max(x.at(length), x.start + 2), y))))
        offsets = [(e.source, (between(c.first_time, e.time) or 0) / 1e9) for e in finding.evidence if e.time]
        ups = "".join(f"M{x.at(t)} {y}V{y - 6}" for t in sorted({t for s, t in offsets if s == "client"}))
        downs = "".join(f"M{x.at(t)} {y}V{y + 6}" for t in sorted({t for s, t in offsets if s != "client"}))
        strokes += [s for s in (Stroke("data", ups), Stroke("again", downs)) if s.d]
        labels.append(Label(x.start - 8, y + 4, "end", f"#{c.id} {place(c.client)}"[:30]))
        labels.append(Label(x.end + 8, y + 4, "start", duration(spans[number])))
        rows.append((f"#{c.id}", place(c.client), SEVERITY_NAMES[c.severity], duration(spans[number])))
    bottom = _TOP + len(pairs) * 18
    labels += [Label(x.at(t), bottom + 12, "middle", f"+{t:g} s") for t in ticks(0, x.high)]
    rest = len(story.connections) - len(pairs)
    more = f" {counted(rest, 'connection')} more are not drawn." if rest else ""
    return Picture(
        "The same thing, connection by connection",
        "One strip a connection, first to last packet: frames of the evidence by the client above the line, "
        f"by the server below it.{more}",
        _WIDTH,
        bottom + 22,
        strokes,
        labels,
        ("connection", "client", "verdict", "lasted"),
        rows,
    )
