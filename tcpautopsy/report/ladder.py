"""Where the frames of a finding stand in its ladder diagram."""

from __future__ import annotations

from typing import NamedTuple

from tcpautopsy.report.words import since
from tcpautopsy.result import Connection, Finding

_CLIENT_X, _SERVER_X = 150, 560
_FIRST_Y, _STEP_Y = 44, 30
_MOST = 24
#: Events that repeat something: drawn broken.
_AGAIN = ("retransmission", "probe", "keep_alive", "duplicate")


class Rung(NamedTuple):
    """One frame: from x1 to x2 at y, in the drawing's units."""

    y: int
    x1: int
    x2: int
    source: str
    style: str
    label: str
    time: str
    frame: int


class Ladder(NamedTuple):
    """The rungs from top to bottom, and how high the drawing is."""

    rungs: list[Rung]
    height: int


def ladder(finding: Finding, connection: Connection) -> Ladder:
    """The first frames of the evidence, one rung each."""
    shown = [e for e in finding.evidence if e.source][:_MOST]
    rungs = []
    for number, each in enumerate(shown):
        from_client = each.source == "client"
        rungs.append(
            Rung(
                y=_FIRST_Y + number * _STEP_Y,
                x1=_CLIENT_X if from_client else _SERVER_X,
                x2=_SERVER_X if from_client else _CLIENT_X,
                source=each.source or "other",
                style="again" if any(word in each.event for word in _AGAIN) else "arrow",
                label=each.event.replace("_", " "),
                time=since(connection.first_time, each.time) if each.time else "",
                frame=each.frame,
            )
        )
    return Ladder(rungs, _FIRST_Y + len(rungs) * _STEP_Y)
