"""Runner-ups: the rules that a cause was preferred to, and why each lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tcpautopsy.diagnose.columns import Integers, Stretch
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.precedence import Order, Settled
from tcpautopsy.diagnose.trust import CONFIDENCES

MOST = 3
#: A rule of which more conditions fail is no near miss.
_NEAR = 2


class Lost(NamedTuple):
    """Some flows with one cause that one rule lost in the same way."""

    flow: Integers
    rule: str
    confidence: Integers
    why_not: str


def lost(order: Order, settled: Settled, stretch: Stretch) -> Iterator[Lost]:
    """The runner-ups of all causes in the stretch; of one flow the nearest come first, at most MOST of them."""
    listed = np.zeros(stretch.count, dtype=np.int64)
    matched = {number: n for n, number in enumerate(settled.numbers)}
    for number in sorted(set(settled.cause[settled.cause >= 0].tolist())):
        flows = np.flatnonzero(settled.cause == number)
        yield from _superseded(order, settled, flows, number, listed)
        others = [n for n, rule in enumerate(order.rules) if rule.rule.id in order.rules[number].rule.look_alikes]
        for misses in range(_NEAR + 1):
            for other in others:
                taken = _matching(settled, matched.get(other), stretch.count)
                yield from _near(order, stretch, flows[~taken[flows]], (number, other, misses), listed)


def _matching(settled: Settled, n: int | None, count: int) -> Mask:
    """Where a rule matched or could not be judged: no near miss there."""
    mask = np.zeros(count, dtype=bool)
    if n is not None:
        mask[settled.weighed[n].judged.matched] = True
        mask[settled.weighed[n].judged.unknown] = True
    return mask


def _superseded(order: Order, settled: Settled, flows: Integers, number: int, listed: Integers) -> Iterator[Lost]:
    """Rules that matched as well."""
    cause = order.rules[number]
    mine = np.zeros(len(listed), dtype=bool)
    mine[flows] = True
    for n in sorted(range(len(settled.numbers)), key=lambda n: -int(order.rank[settled.numbers[n]])):
        other = settled.weighed[n]
        rows = other.judged.matched
        chosen = mine[rows] & ~settled.kept[n] & (listed[rows] < MOST)
        if other.judged.rule.rule.baseline or other.judged.rule.rule.contributes_only or not chosen.any():
            continue
        listed[rows[chosen]] += 1
        name = other.judged.rule.rule.id
        yield Lost(rows[chosen], name, other.confidence[chosen], _told(cause, other.judged.rule))


def _told(cause: Compiled, other: Compiled) -> str:
    text = cause.rule.look_alikes.get(other.rule.id)
    return text or f"it matches too, but {cause.rule.id} explains more of what is seen"


def _near(
    order: Order, stretch: Stretch, flows: Integers, trio: tuple[int, int, int], listed: Integers
) -> Iterator[Lost]:
    """A look-alike of which exactly `misses` conditions fail (none: only its sequence is not there)."""
    number, other, misses = trio
    cause, rule = order.rules[number], order.rules[other]
    flows = flows[stretch.speaks(rule.rule.protocols)[flows]]
    failing = np.zeros(len(flows), dtype=np.int64)
    for n, line in enumerate(rule.when):
        failing |= np.where(stretch.truth(line).no[flows], np.int64(1) << n, 0)
    chosen = (np.bitwise_count(failing) == misses) & (listed[flows] < MOST)
    for bits in np.unique(failing[chosen]).tolist():
        own = flows[chosen & (failing == bits)]
        listed[own] += 1
        low = np.full(len(own), CONFIDENCES.index("low"), dtype=np.int64)
        yield Lost(own, rule.rule.id, low, _missed(cause, rule, bits))


def _missed(cause: Compiled, rule: Compiled, bits: int) -> str:
    failed = [f"`{line.text}`" for n, line in enumerate(rule.when) if bits >> n & 1]
    verb = "does" if len(failed) == 1 else "do"
    what = f"{' and '.join(failed)} {verb} not hold" if failed else "its sequence of events is not there"
    return f"{cause.rule.look_alikes[rule.rule.id]} ({what})"
