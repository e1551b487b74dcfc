"""One rule over a stretch of flows: where it matches, with which events, and where it cannot be judged.

A rule matches where every `when` holds, everything it needs is in the capture, and its sequence is there with `where`
and `never` kept. It does not match as soon as one condition is known to fail. What is left is unknown: never silence.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.diagnose import grammar, matcher
from tcpautopsy.diagnose.columns import Chosen, Happenings, Integers, Stretch
from tcpautopsy.diagnose.compiled import SIDES, Compiled, Match
from tcpautopsy.diagnose.logic import Mask, Truth
from tcpautopsy.diagnose.matcher import Assignment
from tcpautopsy.schema import ranges
from tcpautopsy.tables import EVENT_KINDS

#: What must be in the capture before the absence of an event means anything; of the others the side's direction.
_SEEN_BY = {
    "syn": ("syn",),
    "syn_retransmission": ("syn",),
    "reused_ports": ("syn",),
    "syn_ack": ("synack",),
    "syn_ack_retransmission": ("synack",),
    "handshake_ack": ("handshake",),
    "icmp_unreachable": ("icmp",),
    "icmp_too_big": ("icmp",),
    "icmp_time_exceeded": ("icmp",),
    "icmp_parameter_problem": ("icmp",),
    "icmp_reassembly_exceeded": ("icmp",),
    "arp_request": ("arp",),
    "arp_reply": ("arp",),
    "arp_unanswered": ("arp",),
    "dns_query": ("dns",),
    "dns_answer": ("dns",),
    "tls_client_hello": ("payload",),
    "tls_server_hello": ("payload",),
    "tls_alert": ("payload",),
    "http_request": ("payload",),
    "http_response": ("payload",),
}
_DIRECTIONS = {"originator": "orig_direction", "responder": "resp_direction"}


class Judged(NamedTuple):
    """What one rule says of a stretch. `matched` and `unknown` are positions of flows, ascending.

    `held` and `unseen` are bits over the rule's conditions, `missing` bits over its needs.
    """

    rule: Compiled
    matched: Integers
    assignment: Assignment
    held: Integers
    unseen: Integers
    unknown: Integers
    missing: Integers


def judged(rule: Compiled, stretch: Stretch, eligible: Mask) -> Judged | None:
    """The rule's matches and unknowns among the eligible flows; None when every one is known not to match."""
    possible = _possible(rule, stretch, eligible)
    flows = _open(rule, stretch, possible) if possible is not None else ()
    if not len(flows):
        return None
    missing = _bits([~stretch.sees(need)[flows] for need in rule.rule.needs], len(flows))
    sighted = flows[missing == 0]
    sighted = sighted[_present(rule, stretch, sighted)]
    assignment = _assigned(rule, stretch, sighted)
    rows = sighted[assignment.at]
    lines = [Truth(t.yes[rows], t.no[rows]) for t in (stretch.truth(line) for line in rule.when)] if len(rows) else []
    timing = _timing(rule, stretch, rows, assignment)
    sure = reduce(np.logical_and, (line.yes for line in lines), _sure(rule, timing, assignment))
    blind, absent = flows[missing != 0], missing[missing != 0]
    plausible = _plausible(rule, stretch, blind)
    unknown = np.concatenate([blind[plausible], rows[~sure]])
    order = np.argsort(unknown, kind="stable")
    return Judged(
        rule=rule,
        matched=rows[sure],
        assignment=assignment.chosen(sure),
        held=_bits([line.yes for line in (*lines, *timing)], len(rows))[sure],
        unseen=_bits([line.unknown for line in (*lines, *timing)], len(rows))[sure],
        unknown=unknown[order],
        missing=np.concatenate([absent[plausible], np.zeros(int((~sure).sum()), dtype=np.int64)])[order],
    )


def _possible(rule: Compiled, stretch: Stretch, eligible: Mask) -> Mask | None:
    """The eligible flows that are worth a look at the conditions: all, where every step has an event in some flow.

    Where one has none in the whole stretch, the rule matches nowhere, and is unknown at most where the capture does
    not show what it needs. Most rules wait for an event that a capture does not have; None when that settles it.
    """
    if all(step.optional or (step.codes & stretch.occurring).any() for step in rule.steps):
        return eligible
    blind = stretch.blind(rule.rule.needs)
    return None if blind is None else eligible & blind


def _open(rule: Compiled, stretch: Stretch, eligible: Mask) -> Integers:
    """The eligible flows for which no `when` is known to fail.

    Conditions that cost less come first; once no flow is left the others do not matter, and what they ask for need
    not be made.
    """
    left = eligible
    for line in sorted(rule.when, key=stretch.cost):
        if not left.any():
            break
        left = left > stretch.truth(line).no  # and not: of two masks in one go
    return np.flatnonzero(left)


def _bits(masks: list[Mask], count: int) -> Integers:
    found = np.zeros(count, dtype=np.int64)
    for n, mask in enumerate(masks):
        found |= np.where(mask, np.int64(1) << n, 0)
    return found


# ------------------------------------------------------------------------------------------------- the sequence


def _there(step: Match, present: NDArray[np.uint64]) -> Mask:
    """An event of the step is in the flow, in whatever order; `present` as in Stretch, of some flows."""
    kinds = step.codes.reshape(len(EVENT_KINDS), len(SIDES))
    there = np.zeros(present.shape[1], dtype=bool)
    for side in SIDES.values():
        bits = sum(1 << int(kind) for kind in np.flatnonzero(kinds[:, side]))
        if bits:
            there |= (present[side] & np.uint64(bits)) != 0
    return there


def _present(rule: Compiled, stretch: Stretch, flows: Integers) -> Mask:
    """Every step that must be there has an event in the flow: a cheap test before matching."""
    found = np.ones(len(flows), dtype=bool)
    present = stretch.present(flows)
    for step in rule.steps if len(flows) else ():
        if not step.optional:
            found &= _there(step, present)
    return found


def _plausible(rule: Compiled, stretch: Stretch, flows: Integers) -> Mask:
    """No step that must be there is absent where its event would have been seen."""
    found = np.ones(len(flows), dtype=bool)
    present = stretch.present(flows)
    for step, written in zip(rule.steps, rule.rule.sequence, strict=True):
        if step.optional or not len(flows):
            continue
        words = {word for event in written.events for word in _SEEN_BY.get(event, ())}
        sides = [written.side] if written.side else list(_DIRECTIONS)
        words |= {_DIRECTIONS[side] for side in sides if side in _DIRECTIONS}
        visible = reduce(np.logical_and, (stretch.sees(word)[flows] for word in sorted(words)), found | True)
        found &= ~visible | _there(step, present)
    return found


def _assigned(rule: Compiled, stretch: Stretch, flows: Integers) -> Assignment:
    """The assignment of every flow that has one; `at` are positions in `flows`, events are rows of Events."""
    starts = stretch.events.start
    low, high = starts[flows], starts[flows + 1]
    if not rule.steps:
        none = np.zeros((len(flows), 0), dtype=np.int64)
        return Assignment(np.arange(len(flows)), low, high, none, none, none)
    events, back = _gathered(stretch.events, low, high)
    if back is not None:
        lengths = high - low
        high = np.cumsum(lengths)
        low = high - lengths

    def accepts(tried: Assignment) -> Mask:
        rows = flows[tried.at]
        refused = np.zeros(len(rows), dtype=bool)
        for never in rule.never:
            refused |= matcher.kept(never, events, tried).no
        if rule.where:
            columns = Chosen(stretch, rows, matcher.step_columns(rule.steps, events, tried))
            for line in rule.where:
                refused |= columns.truth(line.node).no
        return ~refused

    found = matcher.assign(rule.steps, events, low, high, accepts)
    return found if back is None else _returned(found, back, starts, flows)


def _gathered(events: Happenings, low: Integers, high: Integers) -> tuple[Happenings, Integers | None]:
    """The events of a few flows among many, and the rows that they had; all events when the flows are not few."""
    count = int((high - low).sum())
    if not len(low) or count * 2 > high[-1] - low[0]:
        return events, None
    rows = ranges(low, high)
    return events._replace(**{name: getattr(events, name)[rows] for name in events._fields if name != "start"}), rows


def _returned(found: Assignment, back: Integers, starts: Integers, flows: Integers) -> Assignment:
    own = flows[found.at]
    first, last = (
        np.where(part == matcher.ABSENT, matcher.ABSENT, back[np.maximum(part, 0)]) if len(back) else part
        for part in (found.first, found.last)
    )
    return found._replace(low=starts[own], high=starts[own + 1], first=first, last=last)


def _timing(rule: Compiled, stretch: Stretch, rows: Integers, assignment: Assignment) -> list[Truth]:
    """What `where` and `never` say of the assignments that were accepted."""
    if not len(rows) or not (rule.where or rule.never):
        return []
    columns = Chosen(stretch, rows, matcher.step_columns(rule.steps, stretch.events, assignment))
    lines = [columns.truth(line.node) for line in rule.where]
    return [*lines, *(matcher.kept(never, stretch.events, assignment) for never in rule.never)]


def _sure(rule: Compiled, timing: list[Truth], assignment: Assignment) -> Mask:
    """No `where` is unknown, but for the lines of steps that were not taken: those apply to nothing."""
    sure = np.ones(len(assignment.at), dtype=bool)
    steps = {step.name: n for n, step in enumerate(rule.steps)}
    for line, truth in zip(rule.where, timing, strict=False):
        named = {name.partition(".")[0] for name in grammar.names(line.node)}
        absent = np.zeros(len(sure), dtype=bool)
        for n in sorted(steps[name] for name in named if name in steps):
            absent |= assignment.first[:, n] == matcher.ABSENT
        sure &= absent | ~truth.unknown
    return sure
