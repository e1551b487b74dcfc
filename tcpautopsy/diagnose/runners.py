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
    confidence: NDArray[np.int8]
    why_not: str


def lost(order: Order, settled: Settled, stretch: Stretch) -> Iterator[Lost]:
    """The runner-ups of all causes in the stretch; of one flow the nearest come first, at most MOST of them."""
    listed = np.zeros(stretch.count, dtype=np.int8)
    matched = {number: n for n, number in enumerate(settled.numbers)}
    for number in settled.causes():
        caused = settled.cause == number
        yield from _superseded(order, settled, caused, number, listed)
        cause = order.rules[number]
        others = {
            n: _failing(rule, stretch, _missed_by(settled, matched.get(n), caused))
            for n, rule in enumerate(order.rules)
            if rule.rule.id in cause.rule.look_alikes
        }
        for misses in range(_NEAR + 1):
            for other, failing in others.items():
                yield from _near((cause, order.rules[other]), failing, misses, listed)


def _missed_by(settled: Settled, n: int | None, flows: Mask) -> Mask:
    """Those of the flows that a rule does not match: where it could not be judged is no near miss."""
    if n is None:
        return flows
    missed = flows.copy()
    missed[settled.weighed[n].judged.matched] = False
    missed[settled.weighed[n].judged.unknown] = False
    return missed


def _superseded(order: Order, settled: Settled, caused: Mask, number: int, listed: NDArray[np.int8]) -> Iterator[Lost]:
    """Rules that matched as well."""
    cause = order.rules[number]
    for n in sorted(range(len(settled.numbers)), key=lambda n: -int(order.rank[settled.numbers[n]])):
        other = settled.weighed[n]
        rule = other.judged.rule
        if rule.rule.baseline or rule.rule.contributes_only:
            continue
        rows = other.judged.matched
        chosen = caused[rows] & ~settled.kept[n] & (listed[rows] < MOST)
        if chosen.any():
            listed[rows[chosen]] += 1
            yield Lost(rows[chosen], rule.rule.id, other.confidence[chosen].astype(np.int8), _told(cause, rule))


def _told(cause: Compiled, other: Compiled) -> str:
    text = cause.rule.look_alikes.get(other.rule.id)
    return text or f"it matches too, but {cause.rule.id} explains more of what is seen"


class _Failing(NamedTuple):
    """Flows of a rule's protocols, which of its conditions fail there, as bits, and how many do."""

    flow: Integers
    bits: NDArray[Any]
    misses: NDArray[np.uint8]


def _failing(rule: Compiled, stretch: Stretch, missed: Mask) -> _Failing:
    flows = np.flatnonzero(missed & stretch.speaks(rule.rule.protocols))
    rows = flows if len(flows) < stretch.count else slice(None)
    narrow: DTypeLike = np.uint16 if len(rule.when) <= _FEW else np.int64
    bits: NDArray[Any] = np.zeros(len(flows), dtype=narrow)
    for n, line in enumerate(rule.when):
        bits |= stretch.truth(line).no[rows].astype(narrow) << n
    return _Failing(flows, bits, np.bitwise_count(bits))


def _near(pair: tuple[Compiled, Compiled], failing: _Failing, misses: int, listed: NDArray[np.int8]) -> Iterator[Lost]:
    """A look-alike of which exactly `misses` conditions fail (none: only its sequence is not there)."""
    cause, rule = pair
    chosen = np.flatnonzero(failing.misses == misses)
    chosen = chosen[listed[failing.flow[chosen]] < MOST]
    bits_of = failing.bits[chosen]
    for bits in _distinct(bits_of, len(rule.when)):
        own = failing.flow[chosen[bits_of == bits]]
        listed[own] += 1
        low = np.full(len(own), CONFIDENCES.index("low"), dtype=np.int8)
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
