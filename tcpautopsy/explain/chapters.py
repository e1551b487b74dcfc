"""One capture told: its connections, findings and incidents as the contract has them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.explain import connections
from tcpautopsy.explain.alike import in_short
from tcpautopsy.explain.calls import Returned, application_view, from_rule, step_times
from tcpautopsy.explain.connections import Deep
from tcpautopsy.explain.findings import Matched, Place, finding, finding_id, short_finding
from tcpautopsy.explain.ledger import ledger
from tcpautopsy.explain.ruletexts import Knowledge, RuleTexts
from tcpautopsy.explain.timers import gave_up_ns, gives_up_ns, timers
from tcpautopsy.explain.told import Event, Told, columns, events_at, rows, told
from tcpautopsy.explain.totals import Counts, counted
from tcpautopsy.explain.words import utc
from tcpautopsy.result import Connections, Finding, Incident, RunnerUp
from tcpautopsy.tables import Diagnosis, Dissection, Features, Quality
from tcpautopsy.tables import Incident as Story

ByRule: TypeAlias = dict[str, list[Returned]]

#: Flows that are told at a time.
_BATCH = 4096
_QUIET = ("none", "note")


class Shelf(NamedTuple):
    """Where a capture stands among several: its index, the id of its first connection, whether ids need a prefix.

    `asked`: ids of connections and of findings that somebody asked for, which are told in full whatever their number.
    """

    index: int  # type: ignore[assignment]  # shadows tuple.index
    first_id: int
    several: bool
    asked: frozenset[int | str] = frozenset()

    @property
    def prefix(self) -> str:
        """What finding ids begin with."""
        return f"{self.index}:" if self.several else ""


class Case(NamedTuple):
    """All that is known of one capture."""

    dissection: Dissection
    features: Features
    quality: Quality
    diagnosis: Diagnosis


class Chapter(NamedTuple):
    """What is said of one capture."""

    connections: Connections
    findings: list[Finding]
    incidents: list[Incident]
    counts: Counts


def chapter(case: Case, knowledge: Knowledge, shelf: Shelf) -> Chapter:
    """All that the result holds of one capture; connections in the order of Flows."""
    dissection, features, quality, diagnosis = case
    wrong = [n for n, severity in enumerate(diagnosis.verdicts["severity"].tolist()) if severity not in _QUIET]
    loud = set(wrong)
    faults = diagnosis.verdicts["fault"].tolist()
    ids = _finding_ids(dissection, diagnosis, shelf)
    teller = _Teller(case, knowledge, shelf, ids)
    findings: dict[int, list[Finding]] = {}
    deep: dict[int, Deep] = {}
    order = list(dict.fromkeys(diagnosis.findings["flow"].tolist()))
    everyone = sorted({*wrong, *order})
    for start in range(0, len(everyone), _BATCH):
        # The tables' rows of a flow are large as Python objects: those of a few thousand flows live at a time.
        numbers = everyone[start : start + _BATCH]
        known = told(dissection, features, numbers)
        matched = _matched(dissection, diagnosis, knowledge, numbers)
        findings |= {flow: [teller.finding(known[flow], each) for each in found] for flow, found in matched.items()}
        calls = _calls(known, matched, knowledge)
        deep |= {n: _deep(known[n], faults[n], calls.get(n, {})) for n in numbers if n in loud}
    of_flow: dict[int, list[str]] = {}
    for owner, name in zip(diagnosis.findings["flow"].tolist(), ids, strict=True):
        of_flow.setdefault(owner, []).append(name)
    told_of = connections.Case(dissection, quality, diagnosis, deep, of_flow)
    made = connections.connections(told_of, knowledge, shelf.index, shelf.first_id)
    in_order = [each for flow in order for each in findings[flow]]
    stories = [_incident(story, shelf) for story in diagnosis.incidents]
    return Chapter(made, in_order, stories, counted(dissection.flows, diagnosis.verdicts))


class _Teller:
    """Tells the findings of one capture, in full or in short."""

    def __init__(self, case: Case, knowledge: Knowledge, shelf: Shelf, ids: Sequence[str]) -> None:
        self._case, self._knowledge, self._shelf, self._ids = case, knowledge, shelf, ids
        self._short = in_short(case.diagnosis, case.dissection.flows, ids, shelf.first_id, shelf.asked)

    def finding(self, told: Told, matched: Matched) -> Finding:
        """The finding as the contract has it."""
        connection, parts = self._shelf.first_id + told.number, self._case.dissection.facts.parts
        place = Place(self._shelf.index, connection, self._ids[matched.number], parts)
        alike = self._short[matched.number]
        if alike is not None:
            return short_finding(told, matched, place, self._knowledge.rules[matched.row["rule"]], alike)
        return finding(told, matched, place, self._knowledge, self._case.diagnosis)


def _matched(
    dissection: Dissection, diagnosis: Diagnosis, knowledge: Knowledge, flows: Sequence[int]
) -> dict[int, list[Matched]]:
    """{flow: its findings, the primary first}, of these flows."""
    chosen = np.flatnonzero(diagnosis.findings["flow"].isin(flows))
    steps = _steps(dissection, diagnosis, chosen)
    runners: dict[int, list[RunnerUp]] = {}
    beaten = columns(_of(diagnosis.runners_up, chosen), "finding", "rule", "confidence", "why_not")
    for number, *what in zip(*beaten, strict=True):
        runners.setdefault(number, []).append(_shared_runner_up(*what))
    flows_of = diagnosis.findings["flow"].to_numpy()[chosen]
    limits, consistent = (diagnosis.verdicts[c].to_numpy()[flows_of] for c in ("limits", "consistent_with"))
    found: dict[int, list[Matched]] = {}
    for place, (number, row) in enumerate(zip(chosen.tolist(), rows(diagnosis.findings.iloc[chosen]), strict=True)):
        taken = steps.get(number, {})
        runs = [taken.get(step, []) for step in range(len(knowledge.rules[row["rule"]].sequence))]
        one = Matched(number, row, runs, runners.get(number, []), limits[place], consistent[place])
        found.setdefault(row["flow"], []).append(one)
    return found


@lru_cache(maxsize=4096)
def _shared_runner_up(rule: str, confidence: Any, why_not: str) -> RunnerUp:
    return RunnerUp(rule=rule, confidence=confidence, why_not=why_not)


def _of(table: pd.DataFrame, findings: NDArray[np.int64]) -> pd.DataFrame:
    """The rows of a table about findings that speak of these."""
    return table[table["finding"].isin(findings)]


def _steps(
    dissection: Dissection, diagnosis: Diagnosis, findings: NDArray[np.int64]
) -> dict[int, dict[int, list[Event]]]:
    """{finding: {step: its events}}."""
    evidence = _of(diagnosis.evidence, findings)
    events = events_at(dissection, evidence["event"].tolist())
    found: dict[int, dict[int, list[Event]]] = {}
    for number, step, event in zip(evidence["finding"].tolist(), evidence["step"].tolist(), events, strict=True):
        found.setdefault(number, {}).setdefault(step, []).append(event)
    return found


def _calls(known: dict[int, Told], matched: dict[int, list[Matched]], knowledge: Knowledge) -> dict[int, ByRule]:
    """{flow: {side: the calls that the rule of its primary finding tells}}."""
    primaries = {flow: found[0] for flow, found in matched.items() if found[0].row["primary"]}
    by_rule: dict[str, list[int]] = {}
    for flow, each in primaries.items():
        by_rule.setdefault(each.row["rule"], []).append(flow)
    told_calls: dict[int, ByRule] = {}
    for name, flows in by_rule.items():
        rule = knowledge.rules[name]
        for side in ("client", "server"):
            calls = getattr(rule.applications, side)
            judged = [_held(call.condition, flows, knowledge) for call in calls]
            held = list(zip(*judged, strict=True)) if calls else [()] * len(flows)
            untimed: dict[tuple[bool, ...], list[Returned]] = {}  # what does not depend on the flow is said once
            for flow, holds in zip(flows, held, strict=True):
                spoken = [call for call, true in zip(calls, holds, strict=True) if true]
                if any(call.at for call in spoken):
                    said = from_rule(spoken, _times(known[flow], primaries[flow], rule))
                elif holds not in untimed:
                    said = untimed[holds] = from_rule(spoken, {})
                else:
                    said = untimed[holds]
                told_calls.setdefault(flow, {})[side] = said
    return told_calls


def _held(condition: str | None, flows: Sequence[int], knowledge: Knowledge) -> Sequence[bool]:
    if condition is None:
        return [True] * len(flows)
    return [bool(answer) for answer in knowledge.holds(condition, flows)]


def _times(each: Told, matched: Matched, rule: RuleTexts) -> dict[str, int]:
    ended = gave_up_ns(each)
    return step_times([s.name for s in rule.sequence], matched.steps, gives_up_ns(each) if ended is None else ended)


def _deep(each: Told, fault: str | None, by_rule: ByRule) -> Deep:
    books = ledger(each, fault) if each.flow["protocol"] in ("tcp", "udp") else None
    return Deep(books, timers(each), application_view(each, by_rule))


def _finding_ids(dissection: Dissection, diagnosis: Diagnosis, shelf: Shelf) -> list[str]:
    """Of each row of FINDINGS."""
    flows = dissection.flows[["community_id", "server_address", "ordinal"]].iloc[diagnosis.findings["flow"].to_numpy()]
    columns = (flows[name].tolist() for name in flows.columns)
    rows_of = zip(diagnosis.findings["rule"].tolist(), *columns, strict=True)
    return [finding_id(shelf.prefix, *row) for row in rows_of]


def _incident(story: Story, shelf: Shelf) -> Incident:
    return Incident(
        id=f"{shelf.prefix}{story.id}",
        rule=story.rule,
        scope=story.scope,  # type: ignore[arg-type]
        subject=story.subject,
        captures=[shelf.index],
        first_time=utc(story.first_ns),
        last_time=utc(story.last_ns),
        connections=[shelf.first_id + flow for flow in story.flows],
        summary=story.summary,
    )
