"""From what the rules say of each stretch of flows to the tables of a Diagnosis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from tcpautopsy.diagnose import findings, judge, precedence, trust, undecided, weigh
from tcpautopsy.diagnose.columns import Chosen, Integers, Stretch
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.findings import Rows, joined_flags, words
from tcpautopsy.diagnose.logic import Mask, Truth, Words
from tcpautopsy.diagnose.precedence import NOBODY, Order, Settled
from tcpautopsy.diagnose.trust import CONFIDENCES, Gate
from tcpautopsy.diagnose.weigh import FAULTS, SEVERITIES, Weighed
from tcpautopsy.memory import trim
from tcpautopsy.tables import EVIDENCE, FINDINGS, QUALITY_FLAGS, RUNNERS_UP, UNDECIDED, VERDICTS

_FAILURE = SEVERITIES.index("failure")
_CUT = sum(1 << QUALITY_FLAGS.index(flag) for flag in trust.CUT)
_MOST_CONSISTENT = 2


class Part(NamedTuple):
    """The tables of one stretch; rows of flows and findings count over the whole capture."""

    findings: pd.DataFrame
    evidence: pd.DataFrame
    runners_up: pd.DataFrame
    verdicts: pd.DataFrame
    undecided: pd.DataFrame


def part(order: Order, stretch: Stretch, gate: Gate, first_finding: int) -> Part:
    """The verdicts on one stretch; its findings are numbered from `first_finding`."""
    outcome = _outcome(stretch)
    failed = _failed(stretch)
    settled = _settled(order, stretch, gate)
    case = _Case(order, settled, stretch, gate, outcome, failed)
    still_open = undecided.open_rules(order, settled, stretch, failed, _one_of(outcome, undecided.TROUBLED))
    rows = findings.rows(order, settled, stretch)
    return Part(
        findings=findings.findings(order, stretch, rows),
        evidence=findings.evidence(settled, stretch, rows, first_finding),
        runners_up=findings.runners_up(order, settled, stretch, rows, first_finding),
        verdicts=_verdicts(case, still_open, rows, first_finding),
        undecided=_undecided(order, still_open, stretch.first),
    )


def joined(parts: list[Part]) -> Part:
    """The tables of the capture, checked against their contracts; `parts` is empty afterwards."""
    tables = (FINDINGS, EVIDENCE, RUNNERS_UP, VERDICTS, UNDECIDED)
    pieces = [list(frames) for frames in zip(*parts, strict=True)]
    parts.clear()
    whole = []
    for table in tables:
        frames = pieces.pop(0)  # let go of once they are joined
        if len(frames) == 1:
            whole.append(table.check(frames[0]))
            continue
        whole.append(table.check(_one(frames)))
        trim(len(whole[-1]))
    return Part(*whole)


def _one(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables one below the other, which are empty afterwards; each may know words that the others do not."""
    whole = {}
    for name in list(frames[0].columns):
        parts = [frame.pop(name) for frame in frames]  # let go of once they are joined
        same = parts[0].dtype == "category"
        whole[name] = union_categoricals(parts) if same else pd.concat(parts, ignore_index=True)
    return pd.DataFrame(whole, copy=False)


class _Case(NamedTuple):
    """A stretch with what the rules say of it, its outcomes, and which flows failed by them."""

    order: Order
    settled: Settled
    stretch: Stretch
    gate: Gate
    outcome: Words
    failed: Mask


# -------------------------------------------------------------------------------------------------------- judging


def _settled(order: Order, stretch: Stretch, gate: Gate) -> Settled:
    """Every rule judged and weighed; those that say nothing of any flow are left out."""
    weighed: list[Weighed] = []
    numbers: list[int] = []
    for number, rule in enumerate(order.rules):
        found = judge.judged(rule, stretch, stretch.speaks(rule.rule.protocols))
        if found is not None and (len(found.matched) or len(found.unknown)):
            weighed.append(weigh.weighed(found, stretch, gate))
            numbers.append(number)
    return precedence.settled(order, numbers, weighed, stretch.count)


def _outcome(stretch: Stretch) -> Words:
    column = stretch.column("outcome")
    assert isinstance(column, Words)
    return column


def _one_of(column: Words, chosen: Collection[str]) -> Mask:
    return np.asarray(np.array([*(word in chosen for word in column.words), False])[column.codes])


def _failed(stretch: Stretch) -> Mask:
    column = stretch.column("failed_by_outcome")
    assert isinstance(column, Truth)
    return column.yes


# ------------------------------------------------------------------------------------------------------- verdicts


def _verdicts(case: _Case, still_open: undecided.Open, rows: Rows, first_finding: int) -> pd.DataFrame:
    settled = case.settled
    count = case.stretch.count
    severity = np.zeros(count, dtype=np.int64)
    np.maximum.at(severity, rows.flow, rows.severity)
    caused = settled.cause != NOBODY
    severity = np.where(caused, settled.cause_severity, np.where(case.failed, _FAILURE, severity))
    finding = np.full(count, NOBODY, dtype=np.int64)
    finding[rows.flow[rows.primary]] = np.flatnonzero(rows.primary) + first_finding
    fault = np.full(count, NOBODY, dtype=np.int64)
    fault[rows.flow[rows.primary]] = rows.fault[rows.primary]
    cut = (case.gate.flags & _CUT) != 0
    return pd.DataFrame(
        {
            "outcome": words(case.outcome.codes, case.outcome.words),
            "failed": case.failed,
            "severity": words(severity, SEVERITIES),
            "finding": pd.arrays.IntegerArray(np.maximum(finding, 0).astype(np.uint32), ~caused),
            "cause": words(settled.cause, [rule.rule.id for rule in case.order.rules]),
            "confidence": words(np.where(caused, settled.cause_confidence, NOBODY), CONFIDENCES),
            "fault": words(fault, FAULTS),
            "consistent_with": words(*_consistent(case.order, settled, case.stretch)),
            "limits": _limits(case.order, settled, still_open, case.gate),
            "not_judged": cut & ~caused & ~case.failed,
        },
        copy=False,
    )


def _consistent(order: Order, settled: Settled, stretch: Stretch) -> tuple[Integers, list[str]]:
    """Per flow which set of rules leaves the same trace as its cause, and the words of these sets."""
    sets = {"": 0}
    codes = np.zeros(stretch.count, dtype=np.int64)
    for number in settled.causes():
        rule = order.rules[number]
        if not rule.alternatives:
            continue
        flows = np.flatnonzero(settled.cause == number)
        bits = _said(rule, Chosen(stretch, flows))
        for kind in np.unique(bits[bits > 0]).tolist():
            others = sorted(name for n, (name, _) in enumerate(rule.alternatives) if kind >> n & 1)
            codes[flows[bits == kind]] = sets.setdefault(" ".join(others[:_MOST_CONSISTENT]), len(sets))
    return codes, [*sets]


def _said(rule: Compiled, columns: Chosen) -> Integers:
    """Which alternatives hold, as bits."""
    everywhere = np.ones(columns.count, dtype=bool)
    allowed = everywhere if rule.consistent_if is None else columns.truth(rule.consistent_if).yes
    bits = np.zeros(columns.count, dtype=np.int64)
    for n, (_, condition) in enumerate(rule.alternatives):
        holds = everywhere if condition is None else columns.truth(condition).yes
        bits |= np.where(allowed & holds, np.int64(1) << n, 0)
    return bits


def _limits(order: Order, settled: Settled, still_open: undecided.Open, gate: Gate) -> pd.Series:
    """The flags that are up and touch the cause's rule, or that left it open, or cut the flow short without a cause."""
    touched = np.array([*(trust.touched(rule) for rule in order.rules), _CUT], dtype=np.int64)
    return joined_flags(gate.flags & (touched[settled.cause] | still_open.blamed))


def _undecided(order: Order, still_open: undecided.Open, first: int) -> pd.DataFrame:
    pairs = np.stack([still_open.rule, still_open.missing], axis=1) if len(still_open.rule) else np.zeros((0, 2), int)
    kinds, codes = np.unique(pairs, axis=0, return_inverse=True)
    needs = [
        tuple(need for n, need in enumerate(order.rules[rule].rule.needs) if missing >> n & 1)
        for rule, missing in kinds.tolist()
    ]
    return pd.DataFrame(
        {
            "flow": still_open.flow + first,
            "rule": words(still_open.rule, [rule.rule.id for rule in order.rules]),
            "missing": _tuples(codes.reshape(-1), needs),
        }
    )


def _tuples(codes: Integers, table: Sequence[tuple[str, ...]]) -> pd.Series:
    """One of a few tuples per row."""
    choices = np.empty(len(table), dtype=object)
    choices[:] = list(table) or None
    return pd.Series(choices[codes], dtype="object")
