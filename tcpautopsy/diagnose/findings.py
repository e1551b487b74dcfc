"""The findings of a stretch as tables: rows in their final order, their evidence, their runner-ups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.diagnose import precedence, runners
from tcpautopsy.diagnose.columns import Happenings, Integers, Stretch, ordered
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.matcher import ABSENT, meant
from tcpautopsy.diagnose.precedence import Order, Settled
from tcpautopsy.diagnose.trust import CONFIDENCES
from tcpautopsy.diagnose.weigh import FAULTS, SEVERITIES, Weighed
from tcpautopsy.schema import coded, ranges
from tcpautopsy.tables import NO_TIME, QUALITY_FLAGS


class Rows(NamedTuple):
    """The findings of a stretch in their final order, as arrays; `place` finds them again by rule.

    `place[n]` are the rows of the findings of the n-th weighed rule, in the order of its kept matches.
    """

    flow: Integers
    rule: Integers
    severity: Integers
    confidence: Integers
    fault: Integers
    primary: Mask
    held: Integers
    unseen: Integers
    reasons: Integers
    gate: Integers
    first_ns: Integers
    last_ns: Integers
    place: tuple[Integers, ...]


def rows(order: Order, settled: Settled, stretch: Stretch) -> Rows:
    lengths = [int(kept.sum()) for kept in settled.kept]
    columns = [_of_rule(settled, n, stretch) for n in range(len(lengths))]
    keys = [
        precedence.precedence(each, int(order.rank[number]))[_whole(kept)]
        for each, number, kept in zip(settled.weighed, settled.numbers, settled.kept, strict=True)
    ]
    none = np.zeros(0, dtype=np.int64)
    whole = [_joined(parts) for parts in zip(*columns, strict=True)] if columns else [none] * 11
    flow, primary = whole[0], whole[4]
    by_place = ordered(flow, -primary, -_joined(keys))
    where = np.empty(len(flow), dtype=np.int64)
    where[by_place] = np.arange(len(flow))
    whole = [column[by_place] for column in whole]
    rule = np.repeat(np.array(settled.numbers, dtype=np.int64), lengths)[by_place]
    place = tuple(np.split(where, np.cumsum(lengths)[:-1])) if lengths else ()
    flow, severity, confidence, fault, primary, held, unseen, reasons, gate, first_ns, last_ns = whole
    return Rows(
        flow, rule, severity, confidence, fault, primary != 0, held, unseen, reasons, gate, first_ns, last_ns, place
    )


def _joined(parts: Sequence[Integers]) -> Integers:
    """One after the other; what is alone is not copied."""
    some = [part for part in parts if len(part)]
    return some[0] if len(some) == 1 else np.concatenate([np.zeros(0, dtype=np.int64), *some])


def _whole(kept: Mask) -> Mask | slice:
    """What is kept; all of it as a slice, which copies nothing."""
    return slice(None) if kept.all() else kept


def _of_rule(settled: Settled, n: int, stretch: Stretch) -> tuple[Integers, ...]:
    """The columns of Rows up to `last_ns`, `rule` left out, of one rule's kept matches."""
    each, kept = settled.weighed[n], _whole(settled.kept[n])
    judged = each.judged
    rows = judged.matched[kept]
    first_ns, last_ns = _span(each, stretch.events)
    return (
        rows,
        each.severity[kept],
        each.confidence[kept],
        each.fault[kept],
        (settled.cause[rows] == settled.numbers[n]).astype(np.int64),
        judged.held[kept],
        judged.unseen[kept],
        each.reasons[kept],
        each.gate[kept],
        first_ns[kept],
        last_ns[kept],
    )


def _span(weighed: Weighed, events: Happenings) -> tuple[Integers, Integers]:
    """The time of the first and the last evidence: of the steps, or of all events for a rule without steps."""
    assignment = weighed.judged.assignment
    steps = range(assignment.first.shape[1])
    if steps:
        taken = [(assignment.first[:, n], assignment.last[:, n]) for n in steps]
        first = reduce(np.minimum, (np.where(begin == ABSENT, np.iinfo(np.int64).max, begin) for begin, _ in taken))
        return events.time_ns[first], events.last_time_ns[reduce(np.maximum, (end for _, end in taken))]
    some = assignment.high > assignment.low
    if not len(events.time_ns):
        return np.full(len(some), NO_TIME), np.full(len(some), NO_TIME)
    begin = np.where(some, events.time_ns[np.where(some, assignment.low, 0)], NO_TIME)
    return begin, np.where(some, events.last_time_ns[np.where(some, assignment.high - 1, 0)], NO_TIME)


def findings(order: Order, stretch: Stretch, found: Rows) -> pd.DataFrame:
    ids = tuple(rule.rule.id for rule in order.rules)
    return pd.DataFrame(
        {
            "flow": (found.flow + stretch.first).astype(np.uint32),
            "rule": words(found.rule, ids),
            "severity": words(found.severity, SEVERITIES),
            "confidence": words(found.confidence, CONFIDENCES),
            "fault": words(found.fault, FAULTS),
            "primary": found.primary,
            "first_ns": instants(found.first_ns),
            "last_ns": instants(found.last_ns),
            "held": _bits(found.held),
            "unseen": _bits(found.unseen),
            "reasons": _bits(found.reasons),
            "gate": joined_flags(found.gate),
        },
        copy=False,
    )


def words(codes: NDArray[Any], table: Sequence[str]) -> pd.Series:
    """Words by their positions; a negative position is NA."""
    return pd.Series(coded(table, codes))


def instants(times: Integers) -> pd.arrays.IntegerArray:
    """Times as Int64, NO_TIME as NA."""
    unknown = times == NO_TIME
    return pd.arrays.IntegerArray(np.where(unknown, 0, times), unknown)


def _kinds(bits: Integers) -> tuple[Integers, Integers]:
    """Bits by their kind, and the kinds; mostly there is one."""
    if len(bits) and (bits == bits[0]).all():
        return np.zeros(len(bits), dtype=np.int64), bits[:1]
    return pd.factorize(bits)


def _bits(bits: Integers) -> pd.Series:
    """Bits, of which there are few different ones."""
    codes, kinds = _kinds(bits)
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(kinds)))


def joined_flags(bits: Integers) -> pd.Series:
    """The names of the flags that are up, as words."""
    codes, kinds = _kinds(bits)
    names = [" ".join(flag for n, flag in enumerate(QUALITY_FLAGS) if kind >> n & 1) for kind in kinds.tolist()]
    return words(codes, names)


# ------------------------------------------------------------------------------------------------------- evidence


def evidence(settled: Settled, stretch: Stretch, found: Rows, first_finding: int) -> pd.DataFrame:
    pieces = [piece for n in range(len(settled.kept)) for piece in _of_steps(settled, n, stretch.events, found)]
    none = np.zeros(0, dtype=np.int64)
    finding, step, event = (
        (np.concatenate([none, *parts]) for parts in zip(*pieces, strict=True)) if pieces else [none] * 3
    )
    place = ordered(finding, step, event)
    found_by, taken = finding[place] + first_finding, event[place] + stretch.first_event
    columns = {"finding": found_by.astype(np.uint32), "step": step[place].astype(np.uint16)}
    return pd.DataFrame({**columns, "event": taken.astype(np.uint32)}, copy=False)


def _of_steps(settled: Settled, n: int, events: Happenings, found: Rows) -> Iterator[tuple[Integers, ...]]:
    """(finding, step, event) of one rule's kept matches, step by step."""
    judged = settled.weighed[n].judged
    assignment = judged.assignment.chosen(settled.kept[n])
    for step, match in enumerate(judged.rule.steps):
        taken = _whole(assignment.first[:, step] != ABSENT)
        first, last = assignment.first[taken, step], assignment.last[taken, step]
        event = ranges(first, last + 1)
        finding = np.repeat(found.place[n][taken], last + 1 - first)
        own = _whole(meant(match.codes, events.code[event]))
        event = event[own]
        yield finding[own], np.full(len(event), step), event


def runners_up(order: Order, settled: Settled, stretch: Stretch, found: Rows, first_finding: int) -> pd.DataFrame:
    of_flow = np.zeros(stretch.count, dtype=np.uint32)
    of_flow[found.flow[found.primary]] = np.flatnonzero(found.primary) + first_finding
    lost = list(runners.lost(order, settled, stretch))
    lengths = [len(each.flow) for each in lost]
    finding = np.concatenate([of_flow[:0], *(of_flow[each.flow] for each in lost)])
    number = np.repeat(np.arange(len(lost), dtype=np.int32), lengths)
    confidence = np.concatenate([np.zeros(0, dtype=np.int8), *(each.confidence for each in lost)])
    # They come in the order of nearness, flow by flow; a stable sort keeps that.
    by_finding = np.argsort(finding, kind="stable")
    return pd.DataFrame(
        {
            "finding": finding[by_finding],
            "rule": words(number[by_finding], [each.rule for each in lost]),
            "confidence": words(confidence[by_finding], CONFIDENCES),
            "why_not": words(number[by_finding], [each.why_not for each in lost]),
        },
        copy=False,
    )
