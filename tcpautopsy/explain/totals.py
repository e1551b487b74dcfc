"""The totals of a run; every enumeration key is there, also at zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, get_args

import pandas as pd

from tcpautopsy.result import Capture, Outcome, ProtocolName, Severity, Totals
from tcpautopsy.tables import Flows


class Counts(NamedTuple):
    """How many connections of a capture there are, of each kind; `undecided` failed without a cause."""

    connections: int
    failed: int
    undecided: int
    protocol: Counter[str]
    outcome: Counter[str]
    severity: Counter[str]


def counted(flows: Flows, verdicts: pd.DataFrame) -> Counts:
    """The counts of one capture."""
    failed = verdicts["severity"] == "failure"
    protocol, outcome, severity = (
        Counter({str(word): int(n) for word, n in column.value_counts().items()})
        for column in (pd.Series(flows["protocol"]), verdicts["outcome"], verdicts["severity"])
    )
    undecided = int((failed & verdicts["cause"].isna()).sum())
    return Counts(len(flows), int(failed.sum()), undecided, protocol, outcome, severity)


class Beside(NamedTuple):
    """What a run counts beside its connections."""

    duplicates: int
    not_judged: int
    findings: int
    incidents: int


def totals(captures: Sequence[Capture], counts: Sequence[Counts], beside: Beside) -> Totals:
    """What a run holds, counted; `counts` are those of its captures that could be read."""
    connections = sum(c.connections for c in counts)
    return Totals(
        packets=sum(c.packets for c in captures),
        bytes=sum(c.bytes for c in captures),
        duplicates_removed=beside.duplicates,
        connections=connections,
        connections_listed=connections,
        failed=sum(c.failed for c in counts),
        undecided=sum(c.undecided for c in counts),
        not_judged=beside.not_judged,
        findings=beside.findings,
        incidents=beside.incidents,
        by_protocol=_by(get_args(ProtocolName), (c.protocol for c in counts)),
        by_outcome=_by(get_args(Outcome), (c.outcome for c in counts)),
        by_severity=_by(get_args(Severity), (c.severity for c in counts)),
    )


def _by(keys: Iterable[str], counts: Iterable[Counter[str]]) -> dict[str, int]:
    whole = sum(counts, Counter())
    return {key: whole[key] for key in keys}
