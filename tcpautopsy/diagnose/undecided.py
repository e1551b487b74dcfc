"""What could not be judged and would matter: rules that the capture leaves open, at most five per flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tcpautopsy.diagnose import trust
from tcpautopsy.diagnose.columns import Integers, Stretch
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.precedence import NOBODY, Order, Settled
from tcpautopsy.diagnose.trust import CONFIDENCES
from tcpautopsy.diagnose.weigh import SEVERITIES

MOST = 5
#: Outcomes that show trouble by themselves; where the others have no cause, none is missed.
TROUBLED = (
    "refused",
    "rejected",
    "unanswered",
    "reset",
    "aborted",
    "timed-out",
    "silent",
    "stalled",
    "half-closed",
)
#: Of a failure that no rule explains, the rules that come nearest are named.
_NEAREST = 2
_CERTAIN = CONFIDENCES.index("certain")


class Open(NamedTuple):
    """Rules left open: one entry per flow and rule, ordered by flow, then the likeliest first.

    `flow` are positions in the stretch, `rule` positions of rules, `missing` bits over the rule's needs; `blamed`, per
    flow of the stretch, the capture flags to blame for what is missing.
    """

    flow: Integers
    rule: Integers
    missing: Integers
    blamed: Integers


def open_rules(order: Order, settled: Settled, stretch: Stretch, failed: Mask, troubled: Mask) -> Open:
    """The open rules of the flows that failed or are in trouble without a cause, and those that stand over a cause."""
    listed = np.zeros(stretch.count, dtype=np.int64)
    wanting = (failed | troubled) & (settled.cause == NOBODY)
    unsure = (settled.cause != NOBODY) & (settled.cause_confidence < _CERTAIN)
    entries: list[tuple[Integers, int, Integers]] = []
    for n in _likeliest_first(order, settled):
        number, judged = settled.numbers[n], settled.weighed[n].judged
        flows = judged.unknown
        stands_over = order.over[number][np.maximum(settled.cause[flows], 0)] & unsure[flows]
        chosen = (wanting[flows] | stands_over) & (listed[flows] < MOST)
        listed[flows[chosen]] += 1
        entries.append((flows[chosen], number, judged.missing[chosen]))
    bare = np.flatnonzero(failed & (settled.cause == NOBODY) & (listed == 0))
    return _gathered(order.rules, [*entries, *_nearest(order, stretch, bare)], stretch.count)


def _matters(rule: Compiled) -> bool:
    written = rule.rule
    return not written.baseline and not written.contributes_only and written.severity != "note"


def _likeliest_first(order: Order, settled: Settled) -> list[int]:
    """Positions among the weighed rules: the worse first, then the more specific."""
    offered = [n for n, each in enumerate(settled.weighed) if _matters(each.judged.rule)]
    severity = {n: SEVERITIES.index(settled.weighed[n].judged.rule.rule.severity) for n in offered}
    return sorted(offered, key=lambda n: (-severity[n], -order.rank[settled.numbers[n]]))


def _nearest(order: Order, stretch: Stretch, flows: Integers) -> list[tuple[Integers, int, Integers]]:
    """The rules for failures of which the fewest conditions fail, for flows that no rule is open for."""
    if not len(flows):
        return []
    offered = [n for n, rule in enumerate(order.rules) if _matters(rule) and rule.rule.severity == "failure"]
    if not offered:
        return []
    failing = np.stack([_failing(order.rules[n], stretch, flows) for n in offered])
    chosen = np.argsort(failing, axis=0, kind="stable")[:_NEAREST]
    none = np.zeros(len(flows), dtype=np.int64)
    return [
        (flows[(chosen == row).any(axis=0)], number, none[: int((chosen == row).any(axis=0).sum())])
        for row, number in enumerate(offered)
    ]


def _failing(rule: Compiled, stretch: Stretch, flows: Integers) -> Integers:
    """How many conditions of a rule fail; more than any rule has, for the flows of other protocols."""
    foreign = ~stretch.speaks(rule.rule.protocols)[flows]
    fails = np.where(foreign, 1000, 0)
    for line in rule.when:
        fails = fails + stretch.truth(line).no[flows]
    return fails


def _gathered(rules: Sequence[Compiled], entries: list[tuple[Integers, int, Integers]], count: int) -> Open:
    none = np.zeros(0, dtype=np.int64)
    flow = np.concatenate([none, *(flows for flows, _, _ in entries)])
    rule = np.concatenate([none, *(np.full(len(flows), number) for flows, number, _ in entries)])
    missing = np.concatenate([none, *(bits for _, _, bits in entries)])
    blamed = np.zeros(count, dtype=np.int64)
    for flows, number, bits in entries:
        for n, need in enumerate(rules[number].rule.needs):
            blamed[flows] |= np.where(bits >> n & 1, trust.blamed((need,)), 0)
    by_flow = np.argsort(flow, kind="stable")
    return Open(flow[by_flow], rule[by_flow], missing[by_flow], blamed)
