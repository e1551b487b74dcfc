"""A rule ready to run: its conditions as trees, its steps as tables over (event kind, side)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tcpautopsy.diagnose import grammar, logic
from tcpautopsy.diagnose.grammar import GrammarError, Node
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.model import ConfidenceChange, FaultChange, Rule, SeverityChange
from tcpautopsy.errors import Place, Wrong
from tcpautopsy.tables import EVENT_KINDS, EVENT_NUMBER
from tcpautopsy.text import clean, nearest

#: Sides as events number them.
SIDES = {"responder": 0, "originator": 1, "third_party": 2}
#: What `where` may ask of a step.
STEP_PARTS = ("t", "n", "value", "first.t", "last.t", "first.value", "last.value")
#: Size of a table over (event kind, side).
CODES = len(EVENT_KINDS) * len(SIDES)


def codes(events: Sequence[str], side: str | None) -> Mask:
    """A table over `kind * 3 + side`: which events are meant."""
    table = np.zeros((len(EVENT_KINDS), len(SIDES)), dtype=bool)
    sides = list(SIDES.values()) if side is None else [SIDES[side]]
    for event in events:
        table[EVENT_NUMBER[event], sides] = True
    return table.reshape(-1)


@dataclass(frozen=True)
class Match:
    """One step of a sequence, as the matcher takes it."""

    name: str
    codes: Mask
    run: bool
    at_least: int
    at_most: int | None
    optional: bool


@dataclass(frozen=True)
class Forbidden:
    """One `never`: `start` and `end` are step positions, None for the flow's ends."""

    codes: Mask
    start: int | None
    end: int | None
    text: str


@dataclass(frozen=True)
class Line:
    """One condition, as written and as a tree."""

    text: str
    node: Node

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features that it asks for."""
        return tuple(grammar.names(self.node))


@dataclass(frozen=True)
class Compiled:
    """A rule and its parts in the order of the file.

    `lines` are the texts of its conditions (`when`, then `where`, then `never`): bit n of a finding's `held` is the
    n-th of them. `changes` are all severity, fault, raise and lower entries in this order.
    """

    rule: Rule
    when: tuple[Line, ...]
    where: tuple[Line, ...]
    steps: tuple[Match, ...]
    never: tuple[Forbidden, ...]
    severity_changes: tuple[Node, ...]
    fault_changes: tuple[Node, ...]
    raises: tuple[Node, ...]
    lowers: tuple[Node, ...]
    consistent_if: Node | None
    alternatives: tuple[tuple[str, Node | None], ...]
    measures_time: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """What a finding of this rule shows as its conditions."""
        return (*(w.text for w in self.when), *(w.text for w in self.where), *(n.text for n in self.never))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why severity, fault and confidence are not the base ones, one for each change."""
        rule = self.rule
        return (
            *(change.because for change in rule.severity_changes),
            *(change.because for change in rule.fault_changes),
            *(change.because for change in rule.confidence.raises),
            *(change.because for change in rule.confidence.lowers),
        )


def compiled(rule: Rule, kinds: Mapping[str, str | None] | None) -> Compiled:
    """The rule, ready to run; `kinds` are the features (see `rules.feature_kinds`), None lets every name pass.

    Raises Wrong, with the path of the condition.
    """
    steps = {step.name: place for place, step in enumerate(rule.sequence)}
    when = tuple(Line(text, _node(text, ("when", n), kinds)) for n, text in enumerate(rule.when))
    where = tuple(Line(text, _timing(text, ("where", n), kinds, steps)) for n, text in enumerate(rule.where))
    for side in ("client", "server"):
        for n, call in enumerate(getattr(rule.applications, side)):
            if call.condition is not None:
                _node(call.condition, ("applications", side, n, "if"), kinds)
    return Compiled(
        rule=rule,
        when=when,
        where=where,
        steps=tuple(
            Match(s.name, codes(s.events, s.side), s.run, s.at_least, s.at_most, s.optional) for s in rule.sequence
        ),
        never=tuple(
            Forbidden(
                codes(n.events, n.side),
                steps.get(n.start),
                steps.get(n.end),
                _never_text(n.events, n.side, n.start, n.end),
            )
            for n in rule.never
        ),
        severity_changes=tuple(_changes(rule.severity_changes, ("severity_if",), kinds)),
        fault_changes=tuple(_changes(rule.fault_changes, ("fault_if",), kinds)),
        raises=tuple(_changes(rule.confidence.raises, ("confidence", "raise"), kinds)),
        lowers=tuple(_changes(rule.confidence.lowers, ("confidence", "lower"), kinds)),
        consistent_if=None if rule.consistent_if is None else _node(rule.consistent_if, ("consistent_if",), kinds),
        alternatives=tuple(_alternatives(rule, kinds)),
        measures_time=bool(where) or any(n.endswith("_s") for line in when for n in grammar.names(line.node)),
    )


def _changes(
    changes: Sequence[SeverityChange | FaultChange | ConfidenceChange],
    path: Place,
    kinds: Mapping[str, str | None] | None,
) -> Iterator[Node]:
    for n, change in enumerate(changes):
        yield _node(change.condition, (*path, n, "if"), kinds)


def _alternatives(rule: Rule, kinds: Mapping[str, str | None] | None) -> Iterator[tuple[str, Node | None]]:
    for n, other in enumerate(rule.consistent_with):
        if isinstance(other, str):
            yield other, None
        else:
            yield other.rule, _node(other.condition, ("consistent_with", n, "if"), kinds)


def _node(text: str, path: Place, kinds: Mapping[str, str | None] | None) -> Node:
    """The tree of a condition over features."""
    try:
        node = grammar.read(text)
        found = dict.fromkeys(grammar.names(node)) if kinds is None else kinds
        for name in grammar.names(node):
            if name not in found:
                raise GrammarError(f"no feature named {clean(name)!r}{nearest(name, found)}")
        logic.check(node, found)
    except GrammarError as error:
        raise Wrong(str(error), path) from None
    return node


def _timing(text: str, path: Place, kinds: Mapping[str, str | None] | None, steps: Mapping[str, int]) -> Node:
    """The tree of a condition over steps, and features beside them."""
    offered: dict[str, str | None] = {f"{step}.{part}": "number" for step in steps for part in STEP_PARTS}
    try:
        node = grammar.read(text)
        for name in grammar.names(node):
            step, dot, part = name.partition(".")
            if dot and step not in steps:
                raise GrammarError(f"no step named {clean(step)!r}{nearest(step, steps)}")
            if dot and part not in STEP_PARTS:
                raise GrammarError(f"a step has {', '.join(STEP_PARTS)}, not {clean(part)!r}")
            if not dot and kinds is not None and name not in kinds:
                raise GrammarError(f"no feature named {clean(name)!r}{nearest(name, kinds)}")
            if not dot:
                offered[name] = None if kinds is None else kinds[name]
        logic.check(node, offered)
    except GrammarError as error:
        raise Wrong(str(error), path) from None
    return node


def _never_text(events: Sequence[str], side: str | None, start: str, end: str) -> str:
    by = f" from {side.replace('_', ' ')}" if side else ""
    return f"no {' or '.join(events)}{by} between {start} and {end}"
