"""The page over many captures: what failed where and when, each capture with a link to its own page."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from tcpautopsy.report.templates import environment
from tcpautopsy.report.words import RANK, nanoseconds
from tcpautopsy.text import counted

_BUCKETS, _WIDTH, _HEIGHT = 60, 720, 60
_LISTED = 5000


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


class Bar(NamedTuple):
    """One stretch of time: where it is drawn, how many captures and failed connections begin in it."""

    x: float
    width: float
    height: float
    captures: int
    failed: int
    begin: str


def chunks(captures: Sequence[Capture], incidents: Sequence[Incident], others: int, version: str) -> Iterator[bytes]:
    """The page; the worst captures stand first."""
    style = environment(html=True).get_template("page.css").render()
    order = sorted(captures, key=lambda c: (_broken(c), RANK.get(c.worst_severity, 9), -c.failed, c.name))
    page = (
        environment(html=True)
        .get_template("index.html.j2")
        .render(
            verdict=verdict(captures, incidents),
            captures=order[:_LISTED],
            left_out=max(len(order) - _LISTED, 0),
            broken=[c for c in captures if _broken(c)],
            incidents=incidents,
            others=others,
            bars=_bars(captures),
            totals=_totals(captures),
            version=version,
            style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        )
    )
    yield page.encode("utf-8", "replace")


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


def _bars(captures: Sequence[Capture]) -> list[Bar]:
    """Failed connections over time, by the time at which their captures begin."""
    timed = [(nanoseconds(c.first_time), c) for c in captures if c.first_time]
    if len(timed) < 2:
        return []
    first, last = min(t for t, _ in timed), max(t for t, _ in timed)
    step = max((last - first) / _BUCKETS, 1)
    found: list[list[Capture]] = [[] for _ in range(_BUCKETS)]
    for at, capture in timed:
        found[min(int((at - first) / step), _BUCKETS - 1)].append(capture)
    most = max((sum(c.failed for c in each) for each in found), default=0) or 1
    width = _WIDTH / _BUCKETS
    return [
        Bar(
            round(n * width, 1),
            round(width - 1, 1),
            round(_HEIGHT * sum(c.failed for c in each) / most, 1),
            len(each),
            sum(c.failed for c in each),
            min((c.first_time or "" for c in each), default="")[:19].replace("T", " "),
        )
        for n, each in enumerate(found)
        if each
    ]
