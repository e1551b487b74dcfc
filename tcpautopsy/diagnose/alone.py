"""One rule judged by itself, without precedence: what the tests that stand in a rule ask."""

from __future__ import annotations

from typing import Literal

from tcpautopsy.diagnose.columns import Stretch
from tcpautopsy.diagnose.judge import judged
from tcpautopsy.diagnose.rules import RuleSet
from tcpautopsy.tables import Dissection, Features


def alone(
    rules: RuleSet, name: str, dissection: Dissection, features: Features
) -> Literal["match", "no_match", "unknown"]:
    """The best that any flow gives: a match, else unknown where a flow does not show what the rule needs.

    Raises KeyError for a rule that is not there.
    """
    compiled = {each.rule.id: each for each in rules.compiled}[name]
    stretch = Stretch(features, dissection.events, 0, len(dissection.flows))
    eligible = stretch.speaks(compiled.rule.protocols)
    found = judged(compiled, stretch, eligible)
    if found is not None and len(found.matched):
        return "match"
    blind = any((eligible & ~stretch.sees(need)).any() for need in compiled.rule.needs)
    return "unknown" if blind or (found is not None and len(found.unknown)) else "no_match"
