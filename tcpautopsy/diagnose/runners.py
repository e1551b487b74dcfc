"""Runner-ups: the rules that a cause was preferred to, and why each lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tcpautopsy.diagnose.columns import Integers, Stretch
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.precedence import Order, Settled
from tcpautopsy.diagnose.trust import CONFIDENCES

MOST = 3
#: A rule of which more conditions fail is no near miss.
_NEAR = 2
#: Conditions whose bits fit into a narrow number, and of which all values can be counted.
_FEW = 16


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
        cause = order.rules[number]
        others = {
            n: _failing(rule, stretch, flows[~_matching(settled, matched.get(n), stretch.count)[flows]])
            for n, rule in enumerate(order.rules)
            if rule.rule.id in cause.rule.look_alikes
        }
        for misses in range(_NEAR + 1):
            for other, failing in others.items():
                yield from _near((cause, order.rules[other]), failing, misses, listed)


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


class _Failing(NamedTuple):
    """Flows of a rule's protocols, which of its conditions fail there, as bits, and how many do."""

    flow: Integers
    bits: NDArray[Any]
    misses: NDArray[np.uint8]


def _failing(rule: Compiled, stretch: Stretch, flows: Integers) -> _Failing:
    flows = flows[stretch.speaks(rule.rule.protocols)[flows]]
    narrow: DTypeLike = np.uint16 if len(rule.when) <= _FEW else np.int64
    bits: NDArray[Any] = np.zeros(len(flows), dtype=narrow)
    for n, line in enumerate(rule.when):
        bits |= stretch.truth(line).no[flows].astype(narrow) << n
    return _Failing(flows, bits, np.bitwise_count(bits))


def _near(pair: tuple[Compiled, Compiled], failing: _Failing, misses: int, listed: Integers) -> Iterator[Lost]:
    """A look-alike of which exactly `misses` conditions fail (none: only its sequence is not there)."""
    cause, rule = pair
    chosen = np.flatnonzero(failing.misses == misses)
    chosen = chosen[listed[failing.flow[chosen]] < MOST]
    bits_of = failing.bits[chosen]
    for bits in _distinct(bits_of, len(rule.when)):
        own = failing.flow[chosen[bits_of == bits]]
        listed[own] += 1
        low = np.full(len(own), CONFIDENCES.index("low"), dtype=np.int64)
        yield Lost(own, rule.rule.id, low, _missed(cause, rule, bits))


def _distinct(bits: NDArray[Any], lines: int) -> list[int]:
    """The values that there are, in order; of a few lines counted, which is quicker than to sort."""
    found: list[int] = (np.flatnonzero(np.bincount(bits)) if lines <= _FEW else np.unique(bits)).tolist()
    return found


def _missed(cause: Compiled, rule: Compiled, bits: int) -> str:
    failed = [f"`{line.text}`" for n, line in enumerate(rule.when) if bits >> n & 1]
    verb = "does" if len(failed) == 1 else "do"
    what = f"{' and '.join(failed)} {verb} not hold" if failed else "its sequence of events is not there"
    return f"{cause.rule.look_alikes[rule.rule.id]} ({what})"
