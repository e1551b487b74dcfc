"""What pictures are made of: strokes and labels in the drawing's units, and the same as a table of words.

Only numbers and our own words reach a path; texts from captures go into labels and tables, which escape them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

#: How each style looks where the page's style sheet is not read: colour, width, dashes, fill.
LOOKS = {
    "axis": ("#57606a", 1, "none", "none"),
    "data": ("#1f5fa8", 2, "none", "none"),
    "again": ("#b42318", 2, "none", "none"),
    "mark": ("#b42318", 2, "none", "none"),
    "ack": ("#1a6e3c", 2, "none", "none"),
    "limit": ("#8a4b00", 1, "6 3", "none"),
    "sack": ("#6b3fa0", 3, "1 1", "none"),
    "shade": ("none", 0, "none", "#d0d7de"),
    "dot": ("none", 0, "none", "#1f5fa8"),
    "failure": ("#b42318", 8, "none", "none"),
    "degradation": ("#8a4b00", 8, "none", "none"),
    "risk": ("#6b3fa0", 8, "none", "none"),
    "note": ("#1f5fa8", 8, "none", "none"),
    "none": ("#1a6e3c", 8, "none", "none"),
    "failure stack": ("none", 0, "none", "#b42318"),
    "degradation stack": ("none", 0, "none", "#8a4b00"),
    "risk stack": ("none", 0, "none", "#6b3fa0"),
    "note stack": ("none", 0, "none", "#1f5fa8"),
    "none stack": ("none", 0, "none", "#1a6e3c"),
}


class Look(NamedTuple):
    """One row of LOOKS."""

    stroke: str
    width: int
    dashes: str
    fill: str


class Stroke(NamedTuple):
    """A path in a style of LOOKS; `d` holds letters and numbers only.

    Places across are absolute, and a mark that keeps its shape when it is moved is drawn by relative steps: a page with
    scripts stretches the time axis so.
    """

    style: str
    d: str

    @property
    def look(self) -> Look:
        """How it looks without a style sheet."""
        return Look(*LOOKS[self.style])


class Label(NamedTuple):
    """A text at a place; `anchor` is start, middle or end; `axis` is x or y for what an axis counts."""

    x: float
    y: float
    anchor: str
    text: str
    axis: str = ""


class Picture(NamedTuple):
    """A drawing with its title, what it shows in one sentence, and the same as a table."""

    title: str
    description: str
    width: int
    height: int
    strokes: Sequence[Stroke]
    labels: Sequence[Label]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    axes: Axes | None = None


class Scale(NamedTuple):
    """Turns values from `low` to `high` into places from `start` to `end`."""

    low: float
    high: float
    start: int
    end: int

    def at(self, value: float) -> int:
        """The place of a value; one outside lies on the edge."""
        return round(self.exactly(value))

    def exactly(self, value: float) -> float:
        """The same to a tenth: for what may be looked at closer."""
        if self.high <= self.low:
            return self.start
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 1)


class Axes(NamedTuple):
    """Seconds across, and bytes upwards where `y` is given: what a page with scripts reads off, and where it zooms."""

    x: Scale
    y: Scale | None = None


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between two, at most so many.

    >>> ticks(0, 10)
    [0, 2, 4, 6, 8, 10]
    """
    if not high > low:
        return [low]
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    found = [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return [int(value) if value == int(value) else value for value in found]


def line(*points: tuple[float, float]) -> str:
    """A path through these points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def box(left: float, top: float, right: float, bottom: float) -> str:
    """A path around a rectangle."""
    return f"M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}Z"


def bars(intervals: Iterable[tuple[float, float, float]], least: int = 2) -> str:
    """Vertical bars (x, top, bottom); those that touch in one column are drawn as one, none shorter than `least`."""
    merged: list[tuple[float, float, float]] = []
    for x, top, bottom in sorted((x, min(a, b), max(a, b)) for x, a, b in intervals):
        low = max(bottom, top + least)
        if merged and merged[-1][0] == x and top <= merged[-1][2] + 1:
            merged[-1] = (x, merged[-1][1], max(low, merged[-1][2]))
        else:
            merged.append((x, top, low))
    return "".join(f"M{x:g} {top:g}V{bottom:g}" for x, top, bottom in merged)


def steps(points: Iterable[tuple[float, float]]) -> str:
    """A path that keeps each height until the next point."""
    path: list[str] = []
    last: tuple[float, float] | None = None
    for x, y in points:
        if last is None:
            path.append(f"M{x:g} {y:g}")
        elif (x, y) != last:
            path.append((f"H{x:g}" if x != last[0] else "") + (f"V{y:g}" if y != last[1] else ""))
        last = (x, y)
    return "".join(path)


def cross(x: float, y: float, half: int = 4) -> str:
    """A cross: a mark that is known by its shape, too."""
    return f"M{x:g} {y:g}m-{half} -{half}l{2 * half} {2 * half}m-{2 * half} 0l{2 * half} -{2 * half}"


def square(x: float, y: float, half: int = 2) -> str:
    """A dot that is a square."""
    return f"M{x:g} {y:g}m-{half} -{half}h{2 * half}v{2 * half}h-{2 * half}z"


def frame_of(x: Scale, y: Scale) -> Iterator[Stroke]:
    """The two axes."""
    yield Stroke("axis", f"M{x.start} {y.end}V{y.start}H{x.end}")
