"""The totals of a run; every enumeration key is there, also at zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from tcpautopsy.explain.chapters import Chapter
from tcpautopsy.result import (
    Capture,
    Outcome,
    ProtocolName,
    Severity,
    Totals,
)


def totals(captures: Sequence[Capture], chapter: Chapter, *, duplicates: int, not_judged: int) -> Totals:
    """What a run holds, counted; `chapter` holds that of all captures."""
    connections, findings, incidents = chapter
    return Totals(
        packets=sum(c.packets for c in captures),
        bytes=sum(c.bytes for c in captures),
        duplicates_removed=duplicates,
        connections=len(connections),
        connections_listed=len(connections),
        failed=sum(c.severity == "failure" for c in connections),
        undecided=sum(c.severity == "failure" and c.cause is None for c in connections),
        not_judged=not_judged,
        findings=len(findings),
        incidents=len(incidents),
        by_protocol=_by(get_args(ProtocolName), (c.protocol for c in connections)),
        by_outcome=_by(get_args(Outcome), (c.outcome for c in connections)),
        by_severity=_by(get_args(Severity), (c.severity for c in connections)),
    )


def _by(keys: Iterable[str], values: Iterable[str]) -> dict[str, int]:
    counts = dict.fromkeys(keys, 0)
    for value in values:
        counts[value] += 1
    return counts
