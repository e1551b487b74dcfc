"""Which of the rules that match a flow is its cause: the more specific first, then the worse, then the surer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.diagnose.columns import Integers
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.weigh import SEVERITIES, Weighed

NOBODY = -1
_NOTE = SEVERITIES.index("note")


class Order(NamedTuple):
    """The rules and how they stand to each other.

    `over[a, b]`: rule a supersedes rule b, directly or through others. `rank`: a higher one is more specific.
    """

    rules: tuple[Compiled, ...]
    over: Mask
    rank: Integers


def order(rules: Sequence[Compiled]) -> Order:
    """The order among rules; two that supersede each other do not stand over one another."""
    place = {rule.rule.id: n for n, rule in enumerate(rules)}
    over = np.zeros((len(rules), len(rules)), dtype=bool)
    for n, rule in enumerate(rules):
        for other in rule.rule.supersedes:
            if other in place:
                over[n, place[other]] = True
    for through in range(len(rules)):
        over |= over[:, [through]] & over[[through], :]
    by_detail = sorted(range(len(rules)), key=lambda n: (_detail(rules[n]), [-ord(c) for c in rules[n].rule.id]))
    rank = np.empty(len(rules), dtype=np.int64)
    rank[by_detail] = np.arange(len(rules))
    return Order(tuple(rules), over & ~over.T, rank)


def _detail(rule: Compiled) -> int:
    """How much a rule demands."""
    required = sum(not step.optional for step in rule.steps)
    return len(rule.when) + len(rule.where) + len(rule.never) + required


class Settled(NamedTuple):
    """What became of the matches of a stretch.

    `kept[n]` marks the matches of the n-th weighed rule that no other supersedes and that may be shown. `cause` is,
    per flow, the position of the rule that is its cause, or NOBODY; `cause_confidence` how sure it is.
    """

    weighed: tuple[Weighed, ...]
    numbers: tuple[int, ...]
    kept: tuple[Mask, ...]
    cause: Integers
    cause_severity: Integers
    cause_confidence: Integers

    def causes(self) -> list[int]:
        """The positions of the rules that are a cause of some flow, ascending."""
        causes: list[int] = np.flatnonzero(np.bincount(self.cause[self.cause != NOBODY])).tolist()
        return causes


def settled(order: Order, numbers: Sequence[int], weighed: Sequence[Weighed], count: int) -> Settled:
    """The matches of a stretch of `count` flows in order; `numbers` are the positions of their rules."""
    matches = np.zeros((len(weighed), count), dtype=bool)
    for n, each in enumerate(weighed):
        matches[n, each.judged.matched] = True
    above = matches & ~_superseded(order, numbers, matches)
    best = np.full(count, NOBODY, dtype=np.int64)
    cause = np.full(count, NOBODY, dtype=np.int64)
    for n, each in enumerate(weighed):
        rule, rows = each.judged.rule.rule, each.judged.matched
        if rule.baseline or rule.contributes_only:
            continue
        keys = precedence(each, int(order.rank[numbers[n]]))
        wins = above[n, rows] & (each.severity > _NOTE) & (keys > best[rows])
        best[rows[wins]] = keys[wins]
        cause[rows[wins]] = numbers[n]
    kept = tuple(_kept(each, above[n], cause) for n, each in enumerate(weighed))
    return Settled(tuple(weighed), tuple(numbers), kept, cause, best // _SEVERITY, best // _CONFIDENCE % 4)


_CONFIDENCE = 1 << 16
_SEVERITY = _CONFIDENCE * 4


def precedence(weighed: Weighed, rank: int) -> Integers:
    """A number per match: severity first, then confidence, then how specific the rule is."""
    return np.asarray(weighed.severity * _SEVERITY + weighed.confidence * _CONFIDENCE + rank)


def _superseded(order: Order, numbers: Sequence[int], matches: NDArray[np.bool_]) -> Mask:
    found = np.zeros_like(matches)
    for n, number in enumerate(numbers):
        for below, other in enumerate(numbers):
            if order.over[number, other]:
                found[below] |= matches[n]
    return found


def _kept(weighed: Weighed, above: Mask, cause: Integers) -> Mask:
    rule, rows = weighed.judged.rule.rule, weighed.judged.matched
    if rule.baseline:
        return np.zeros(len(rows), dtype=bool)
    # What only contributes has nothing to say where nothing failed.
    explained = cause[rows] != NOBODY if rule.contributes_only else np.ones(len(rows), dtype=bool)
    return np.asarray(above[rows] & explained)
