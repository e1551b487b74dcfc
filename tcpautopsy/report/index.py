"""The page over many captures: what failed where and when, each capture with a link to its own page."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tcpautopsy.report.drawing import Label, Picture, Scale, Stroke, box
from tcpautopsy.report.templates import environment
from tcpautopsy.report.words import RANK, nanoseconds, utc
from tcpautopsy.text import counted

_BUCKETS = 60
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 10, 710, 10, 90
_STRIP, _STRIP_HEIGHT = 120, 16
_LISTED, _INCIDENTS, _RANKED, _LINKS = 5000, 500, 30, 3


class Capture(Protocol):
    """What the page says of one capture."""

    @property
    def name(self) -> str: ...
    @property
    def page(self) -> str | None: ...
    @property
    def first_time(self) -> str | None: ...
    @property
    def last_time(self) -> str | None: ...
    @property
    def packets(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def causes(self) -> Mapping[str, int]: ...
    @property
    def servers(self) -> Mapping[str, int]: ...
    @property
    def worst(self) -> str | None: ...
    @property
    def worst_severity(self) -> str: ...
    @property
    def problems(self) -> Sequence[str]: ...
    @property
    def unreadable(self) -> str | None: ...
    @property
    def internal_error(self) -> str | None: ...


class Incident(Protocol):
    """What the page says of one incident."""

    @property
    def rule(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def first_time(self) -> str | None: ...
    @property
    def last_time(self) -> str | None: ...
    @property
    def captures(self) -> Sequence[str]: ...
    @property
    def connections(self) -> int: ...
    @property
    def summaries(self) -> Sequence[str]: ...


class Strip(NamedTuple):
    """Where failures of one kind lie in time: a row of bars, as a path of `width` by `height`."""

    d: str
    words: str


class Ranked(NamedTuple):
    """A cause or a server with its failed connections; `first` and `last` are when their captures begin."""

    name: str
    failed: int
    captures: int
    first: str
    last: str
    strip: Strip


def chunks(captures: Sequence[Capture], incidents: Sequence[Incident], others: int, version: str) -> Iterator[bytes]:
    """The page; the worst captures stand first."""
    templates = environment(html=True)
    style, script = (templates.get_template(name).render() for name in ("page.css", "page.js"))
    order = sorted(captures, key=lambda c: (_broken(c), RANK.get(c.worst_severity, 9), -c.failed, c.name))
    span = _span(captures)
    page = templates.get_template("index.html.j2").render(
        verdict=verdict(captures, incidents),
        captures=order[:_LISTED],
        left_out=max(len(order) - _LISTED, 0),
        broken=[c for c in captures if _broken(c)],
        incidents=largest(incidents)[:_INCIDENTS],
        incidents_left=max(len(incidents) - _INCIDENTS, 0),
        pages={c.name: c.page for c in captures if c.page},
        links=_LINKS,
        others=others,
        picture=_over_time(captures, span),
        ranked=[(what, found) for what in ("cause", "server") if (found := _ranked(captures, f"{what}s", span))],
        strip=(_STRIP, _STRIP_HEIGHT),
        totals=_totals(captures),
        version=version,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    yield page.encode("utf-8", "replace")


def largest(incidents: Sequence[Incident]) -> list[Incident]:
    """Those of most connections first; among equals the earliest."""
    return sorted(incidents, key=lambda i: (-i.connections, i.first_time or "", i.rule, i.subject))


def _hash(text: str) -> str:
    """As the content security policy names a style or a script."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def verdict(captures: Sequence[Capture], incidents: Sequence[Incident]) -> str:
    """The whole in one sentence."""
    failing = [c for c in captures if c.failed]
    failed, total = sum(c.failed for c in captures), sum(c.connections for c in captures)
    if not failing:
        return f"No failing connection among {total:,} in {counted(len(captures), 'capture')}."
    places = len({(i.rule, i.subject) for i in incidents})
    within = f" in {counted(places, 'incident')}" if places else ""
    return (
        f"{failed:,} of {total:,} connections failed{within}, in {len(failing):,} of "
        f"{counted(len(captures), 'capture')}."
    )


def _totals(captures: Sequence[Capture]) -> dict[str, int]:
    return {
        "captures": len(captures),
        "packets": sum(c.packets for c in captures),
        "connections": sum(c.connections for c in captures),
        "failed": sum(c.failed for c in captures),
        "broken": sum(_broken(c) for c in captures),
    }


def _broken(capture: Capture) -> bool:
    return capture.unreadable is not None or capture.internal_error is not None


def _span(captures: Sequence[Capture]) -> tuple[int, int]:
    """When the first and the last capture begin, in ns; (0, 0) when none tells."""
    begins = [nanoseconds(c.first_time) for c in captures if c.first_time]
    return min(begins, default=0), max(begins, default=0)


def _bucket(capture: Capture, span: tuple[int, int]) -> int | None:
    """Which of the equal parts of the span the capture begins in."""
    if not capture.first_time:
        return None
    step = max((span[1] - span[0]) / _BUCKETS, 1)
    return min(int((nanoseconds(capture.first_time) - span[0]) / step), _BUCKETS - 1)


def _over_time(captures: Sequence[Capture], span: tuple[int, int]) -> Picture | None:
    """Failed connections by the time at which their captures begin; None when all begin at once."""
    if span[0] == span[1]:
        return None
    found: dict[int, list[Capture]] = {}
    for capture in captures:
        if (number := _bucket(capture, span)) is not None:
            found.setdefault(number, []).append(capture)
    counts = {number: sum(c.failed for c in each) for number, each in sorted(found.items())}
    x, y = Scale(0, _BUCKETS, _LEFT, _RIGHT), Scale(0, max(*counts.values(), 1), _BOTTOM, _TOP)
    bars = "".join(box(x.at(n), y.at(count), x.at(n + 1) - 1, _BOTTOM) for n, count in counts.items() if count)
    ends = (utc(t, 0) for t in (min(c.first_time or "~" for c in captures), max(c.first_time or "" for c in captures)))
    return Picture(
        "Failed connections over time",
        "How many connections failed in the captures that begin in each of 60 equal spans of time.",
        _WIDTH,
        _BOTTOM + 24,
        [Stroke("axis", f"M{_LEFT} {_BOTTOM}H{_RIGHT}"), *([Stroke("failure stack", bars)] if bars else [])],
        [
            Label(at, _BOTTOM + 18, side, f"{end} UTC")
            for at, side, end in zip((_LEFT, _RIGHT), ("start", "end"), ends, strict=True)
        ],
        ("captures that begin from (UTC)", "captures", "failed connections"),
        [
            (utc(min(c.first_time or "~" for c in each), 0), f"{len(each):,}", f"{counts[n]:,}")
            for n, each in sorted(found.items())
        ],
    )


def _ranked(captures: Sequence[Capture], field: str, span: tuple[int, int]) -> list[Ranked]:
    """The causes or the servers with the most failed connections, and when."""
    holding: dict[str, list[tuple[Capture, int]]] = {}
    for capture in captures:
        for name, count in getattr(capture, field).items():
            holding.setdefault(name, []).append((capture, count))
    found = []
    for name, each in holding.items():
        begins = [c.first_time for c, _ in each if c.first_time]
        first, last = (utc(edge, 0) if edge else "" for edge in (min(begins, default=""), max(begins, default="")))
        found.append(Ranked(name, sum(n for _, n in each), len(each), first, last, _strip(each, span)))
    return sorted(found, key=lambda r: (-r.failed, r.name))[:_RANKED]


def _strip(holding: Sequence[tuple[Capture, int]], span: tuple[int, int]) -> Strip:
    counts: dict[int, int] = {}
    for capture, count in holding:
        if (number := _bucket(capture, span)) is not None:
            counts[number] = counts.get(number, 0) + count
    if not counts or span[0] == span[1]:
        return Strip("", "all at one time")
    y, width = Scale(0, max(counts.values()), _STRIP_HEIGHT, 1), _STRIP // _BUCKETS
    d = "".join(
        box(n * width, min(y.at(c), _STRIP_HEIGHT - 2), n * width + width, _STRIP_HEIGHT)
        for n, c in sorted(counts.items())
    )
    return Strip(d, f"in {len(counts)} of {_BUCKETS} equal spans of time")
