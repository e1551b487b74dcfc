"""What a result says of a capture file: what was read, from where it looks, its blind spots and damages."""

from __future__ import annotations

from tcpautopsy.explain.words import utc
from tcpautopsy.result import Capture, Part, Problem, Vantage
from tcpautopsy.result import Quality as QualityFlag
from tcpautopsy.tables import CaptureFacts, Quality
from tcpautopsy.tables import Problem as Damage
from tcpautopsy.text import clean, counted


def capture(facts: CaptureFacts, quality: Quality) -> Capture:
    """A capture that was read."""
    return Capture(
        name=facts.name,
        sha256=facts.sha256,
        format=facts.format,
        compression=facts.compression,
        link_types=list(facts.link_types),
        packets=facts.packets,
        bytes=facts.bytes,
        first_time=utc(facts.first_ns),
        last_time=utc(facts.last_ns),
        snaplen=facts.snaplen,
        parts=[Part(name=p.name, sha256=p.sha256, packets=p.packets, first_frame=p.first_frame) for p in facts.parts],
        vantage=Vantage(point=quality.point, confidence=quality.confidence),  # type: ignore[arg-type]
        quality=[
            QualityFlag(flag=f.flag, detail=clean(f.detail), frames=list(f.frames), effect=f.effect)
            for f in quality.flags
        ],
        problems=[_problem(p) for p in facts.problems],
    )


def unreadable(name: str, code: str, detail: str) -> Capture:
    """An input that could not be read at all: it stands in the result with its problem."""
    return Capture(
        name=name,
        sha256=None,
        format=None,
        compression=None,
        link_types=[],
        packets=0,
        bytes=0,
        first_time=None,
        last_time=None,
        snaplen=None,
        parts=[],
        vantage=Vantage(point="unknown", confidence="low"),
        quality=[],
        problems=[Problem(code=code, offset=None, frame=None, detail=clean(detail))],
    )


def _problem(problem: Damage) -> Problem:
    more = f" ({counted(problem.count, 'time')})" if problem.count > 1 else ""
    return Problem(code=problem.code, offset=problem.offset, frame=problem.frame, detail=clean(problem.detail) + more)
