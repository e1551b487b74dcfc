"""A match weighed: severity, fault and confidence after the rule's own changes and the trust gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

import numpy as np

from tcpautopsy.diagnose import trust
from tcpautopsy.diagnose.columns import Chosen, Happenings, Integers, Stretch
from tcpautopsy.diagnose.compiled import SIDES
from tcpautopsy.diagnose.grammar import Node
from tcpautopsy.diagnose.judge import Judged
from tcpautopsy.diagnose.logic import Numbers
from tcpautopsy.diagnose.model import Fault
from tcpautopsy.diagnose.trust import CONFIDENCES, Gate

#: From the least to the worst; a position in it is how a severity is held in arrays.
SEVERITIES = ("none", "note", "risk", "degradation", "failure")
FAULTS: tuple[str, ...] = get_args(Fault)


class Weighed(NamedTuple):
    """The matches of one rule with their weights: positions in SEVERITIES, CONFIDENCES, FAULTS, bits of reasons.

    `gate` are the capture flags that lowered the confidence, as bits over QUALITY_FLAGS.
    """

    judged: Judged
    severity: Integers
    confidence: Integers
    fault: Integers
    reasons: Integers
    gate: Integers


def weighed(judged: Judged, stretch: Stretch, gate: Gate) -> Weighed:
    """The matches of a rule, weighed; those that the capture is too blind for become unknown."""
    judged = _withheld(judged, stretch, gate)
    rule, rows = judged.rule, judged.matched
    columns = Chosen(stretch, rows)
    severities = [SEVERITIES.index(rule.rule.severity), *(SEVERITIES.index(c.to) for c in rule.rule.severity_changes)]
    severity, reasons = _first(columns, rule.severity_changes, severities)
    shift = len(rule.severity_changes)
    faults = [0, *(FAULTS.index(change.to) for change in rule.rule.fault_changes)]
    changed, why = _first(columns, rule.fault_changes, faults)
    fault = np.where(why != 0, changed, _fault_by_side(judged, stretch.events))
    reasons |= why << shift
    confidence, why, gated = _confidence(judged, columns, gate.flags[rows])
    reasons |= why << (shift + len(rule.fault_changes))
    return Weighed(judged, severity, confidence, fault, reasons, gated)


def _withheld(judged: Judged, stretch: Stretch, gate: Gate) -> Judged:
    if not gate.blind_to_loss or not len(judged.matched):
        return judged
    rows = judged.matched
    blind = trust.withheld(judged.rule, gate.blind_to_loss, gate.flags[rows], _copies(stretch, rows))
    if not blind.any():
        return judged
    unknown = np.union1d(judged.unknown, rows[blind])
    missing = np.zeros(len(unknown), dtype=np.int64)
    missing[np.searchsorted(unknown, judged.unknown)] = judged.missing
    return judged._replace(
        matched=rows[~blind],
        assignment=judged.assignment.chosen(~blind),
        held=judged.held[~blind],
        unseen=judged.unseen[~blind],
        unknown=unknown,
        missing=missing,
    )


def _copies(stretch: Stretch, rows: Integers) -> Integers | None:
    """Resends that nobody answered, where that feature exists; -1 unknown."""
    if not stretch.has("ladder_copies"):
        return None
    copies = stretch.column("ladder_copies")
    if not isinstance(copies, Numbers):
        return None
    return np.where(copies.known[rows], np.nan_to_num(copies.values[rows]), -1).astype(np.int64)


def _fault_by_side(judged: Judged, events: Happenings) -> Integers:
    rule = judged.rule.rule
    fault = np.full(len(judged.matched), FAULTS.index(rule.fault), dtype=np.int64)
    if rule.fault_side is None:
        return fault
    step = next(n for n, s in enumerate(judged.rule.steps) if s.name == rule.fault_side.step)
    first = judged.assignment.first[:, step]
    side = np.where(first >= 0, events.code[np.maximum(first, 0)] % len(SIDES), SIDES["third_party"])
    fault = np.where(side == SIDES["originator"], FAULTS.index(rule.fault_side.orig), fault)
    return np.where(side == SIDES["responder"], FAULTS.index(rule.fault_side.resp), fault)


def _first(columns: Chosen, conditions: Sequence[Node], to: Sequence[int]) -> tuple[Integers, Integers]:
    """`to[n + 1]` by the first condition n that holds, else `to[0]`; and that condition as a bit."""
    count = columns.count
    values, why = np.full(count, to[0], dtype=np.int64), np.zeros(count, dtype=np.int64)
    for n, condition in enumerate(conditions):
        holds = columns.truth(condition).yes & (why == 0)
        values[holds] = to[n + 1]
        why[holds] = np.int64(1) << n
    return values, why


def _confidence(judged: Judged, columns: Chosen, flags: Integers) -> tuple[Integers, Integers, Integers]:
    """The base, raised, lowered and gated; the changes that moved it and the flags that lowered it, as bits."""
    rule = judged.rule
    written = rule.rule.confidence
    base = CONFIDENCES.index(written.base)
    raised, why = np.full(len(flags), base, dtype=np.int64), np.zeros(len(flags), dtype=np.int64)
    for n, condition in enumerate(rule.raises):
        to = CONFIDENCES.index(written.raises[n].to)
        holds = columns.truth(condition).yes & (to > base)
        why[holds] |= np.int64(1) << n
        raised[holds] = np.maximum(raised[holds], to)
    lowered = raised.copy()
    for n, condition in enumerate(rule.lowers):
        to = CONFIDENCES.index(written.lowers[n].to)
        holds = columns.truth(condition).yes & (raised > to)
        why[holds] |= np.int64(1) << (len(rule.raises) + n)
        lowered[holds] = np.minimum(lowered[holds], to)
    allowed, gated = trust.ceiling(rule, flags, raised)
    return np.minimum(lowered, allowed), why, np.where(allowed < lowered, gated, 0)
