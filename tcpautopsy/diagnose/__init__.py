"""From features and events to verdicts: the rules, judged with three truth values, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from tcpautopsy import tables
from tcpautopsy.diagnose import precedence, trust, verdicts
from tcpautopsy.diagnose.columns import Stretch
from tcpautopsy.diagnose.incidents import incidents
from tcpautopsy.diagnose.rules import RuleSet, load
from tcpautopsy.memory import trim
from tcpautopsy.tables import Diagnosis, Dissection, Features, Quality

__all__ = ["RuleSet", "diagnose", "load"]


#: Flows of the first of several stretches: they ask for what is made of all flows while little else is kept.
_FIRST = 1024


def diagnose(
    dissection: Dissection,
    features: Features,
    quality: Quality,
    rules: RuleSet,
    ignore: Collection[str] = (),
) -> Diagnosis:
    """What the rules say of every flow; rules in `ignore` are as if they did not exist."""
    order = precedence.order([rule for rule in rules.compiled if rule.rule.id not in ignore])
    count = len(dissection.flows)
    parts: list[verdicts.Part] = []
    found = 0
    for first, last in _stretches(count):
        stretch = Stretch(features, dissection.events, first, last)
        parts.append(verdicts.part(order, stretch, trust.gate(quality, first, last), found))
        found += len(parts[-1].findings)
        del stretch  # what it keeps is larger than all verdicts
        trim(count)
    whole = verdicts.joined(parts)
    features.settle()  # what was kept for the next stretch
    trim(count)
    return Diagnosis(
        findings=whole.findings,
        evidence=whole.evidence,
        runners_up=whole.runners_up,
        verdicts=whole.verdicts,
        undecided=whole.undecided,
        incidents=incidents(dissection, features, whole.findings, {rule.id: rule for rule in rules.rules}),
        conditions={rule.rule.id: rule.lines for rule in order.rules},
        reasons={rule.rule.id: rule.reasons for rule in order.rules},
    )


def _stretches(count: int) -> list[tuple[int, int]]:
    """The flows that are judged at a time, from the first to the last (exclusive) of each; at least one stretch."""
    if count <= tables.AT_ONCE:
        return [(0, count)]
    starts = [0, *range(_FIRST, count, tables.STRETCH)]
    return list(pairwise([*starts, count]))
