"""One capture told: its connections, findings and incidents as the contract has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.explain.alike import in_short
from tcpautopsy.explain.calls import Returned, application_view, from_rule, step_times
from tcpautopsy.explain.findings import Matched, Place, finding, finding_id, short_finding
from tcpautopsy.explain.ledger import ledger
from tcpautopsy.explain.names import Names, names
from tcpautopsy.explain.ruletexts import Knowledge, RuleTexts
from tcpautopsy.explain.timers import gave_up_ns, gives_up_ns, timers
from tcpautopsy.explain.told import Event, Told, columns, events_at, rows, told
from tcpautopsy.explain.words import utc
from tcpautopsy.result import (
    ApplicationView,
    Connection,
    Endpoint,
    Finding,
    Incident,
    Ledger,
    RunnerUp,
    Timers,
    Undecided,
    Vantage,
)
from tcpautopsy.tables import Diagnosis, Dissection, Features, Quality
from tcpautopsy.tables import Incident as Story

ByRule: TypeAlias = dict[str, list[Returned]]

#: Flows that are told at a time.
_BATCH = 4096
_NOTHING: list[Any] = []  # one for all connections of which there is nothing to say
_EMPTY_VIEW = ApplicationView(client=[], server=[])
_QUIET = ("none", "note")
#: Columns of which connections are made.
_FLOW = (
    *("protocol", "community_id", "ordinal", "tcp_stream", "conn_state", "history", "client_known_by"),
    *("first_ns", "last_ns", "packets", "bytes"),
)
_VERDICT = ("outcome", "severity", "cause", "confidence", "fault", "consistent_with", "limits")


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

    connections: list[Connection]
    findings: list[Finding]
    incidents: list[Incident]


class _Deep(NamedTuple):
    """What is told only of connections that went wrong."""

    ledger: Ledger | None
    timers: Timers | None
    view: ApplicationView


def chapter(case: Case, knowledge: Knowledge, shelf: Shelf) -> Chapter:
    """All that the result holds of one capture; connections in the order of Flows."""
    dissection, features, _, diagnosis = case
    wrong = [n for n, severity in enumerate(diagnosis.verdicts["severity"].tolist()) if severity not in _QUIET]
    loud = set(wrong)
    faults = diagnosis.verdicts["fault"].tolist()
    ids = _finding_ids(dissection, diagnosis, shelf)
    teller = _Teller(case, knowledge, shelf, ids)
    findings: dict[int, list[Finding]] = {}
    deep: dict[int, _Deep] = {}
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
    connections = list(_connections(case, knowledge, shelf, deep, ids))
    in_order = [each for flow in order for each in findings[flow]]
    return Chapter(connections, in_order, [_incident(story, shelf) for story in diagnosis.incidents])


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


def _deep(each: Told, fault: str | None, by_rule: ByRule) -> _Deep:
    books = ledger(each, fault) if each.flow["protocol"] in ("tcp", "udp") else None
    return _Deep(books, timers(each), application_view(each, by_rule))


# --------------------------------------------------------------------------------------------------- connections


def _connections(
    case: Case, knowledge: Knowledge, shelf: Shelf, told_deep: dict[int, _Deep], finding_ids: Sequence[str]
) -> Iterator[Connection]:
    dissection, _, quality, diagnosis = case
    learned = names(dissection)
    undecided = _undecided(diagnosis, knowledge)
    findings: dict[int, list[str]] = {}
    for owner, name in zip(diagnosis.findings["flow"].tolist(), finding_ids, strict=True):
        findings.setdefault(owner, []).append(name)
    nothing = _Deep(None, None, _EMPTY_VIEW)
    # Column by column: there are as many connections as anything here has.
    ends = zip(*(_endpoints(dissection, learned, side) for side in ("client", "server")), strict=True)
    flows, verdicts = columns(dissection.flows, *_FLOW), columns(diagnosis.verdicts, *_VERDICT)
    points = zip(*columns(quality.per_flow, "vantage", "vantage_confidence"), strict=True)
    table = zip(zip(*flows, strict=True), zip(*verdicts, strict=True), ends, points, strict=True)
    for number, (flow, verdict, (client, server), point) in enumerate(table):
        protocol, community, ordinal, stream, state, history, known_by, first_ns, last_ns, packets, size = flow
        outcome, severity, cause, confidence, fault, consistent, limits = verdict
        deep = told_deep.get(number, nothing)
        yield Connection(
            capture=shelf.index,
            id=shelf.first_id + number,
            protocol=protocol,
            community_id=community or None,
            ordinal=ordinal,
            tcp_stream=stream,
            conn_state=state or None,
            history=history or None,
            client=client,
            server=server,
            client_known_by=known_by,
            vantage=_shared_vantage(*point),
            first_time=utc(first_ns),
            last_time=utc(last_ns),
            packets=packets,
            bytes=size,
            outcome=outcome,
            severity=severity,
            cause=cause,
            confidence=confidence,
            fault=fault,
            consistent_with=list(consistent) or _NOTHING,
            undecided=undecided.get(number, _NOTHING),
            limits=list(limits) or _NOTHING,
            findings=findings.get(number, _NOTHING),
            ledger=deep.ledger,
            timers=deep.timers,
            application_view=deep.view,
        )


def _endpoints(dissection: Dissection, learned: Names, side: str) -> Iterator[Endpoint]:
    addresses, ports = columns(dissection.flows, f"{side}_address", f"{side}_port")
    for number, (address, port) in enumerate(zip(addresses, ports, strict=True)):
        yield _shared_endpoint(address, port, learned.of(number, address, server=side == "server"))


@lru_cache(maxsize=64)
def _shared_vantage(point: Any, confidence: Any) -> Vantage:
    return Vantage(point=point, confidence=confidence)


@lru_cache(maxsize=4096)
def _shared_endpoint(address: str, port: int | None, name: str | None) -> Endpoint:
    return Endpoint(address=address, port=port, name=name)


def _undecided(diagnosis: Diagnosis, knowledge: Knowledge) -> dict[int, list[Undecided]]:
    found: dict[int, list[Undecided]] = {}
    for row in rows(diagnosis.undecided):
        would = " ".join(knowledge.rules[row["rule"]].would_decide.split())
        one = Undecided(rule=row["rule"], missing=list(row["missing"]), would_decide=would)
        found.setdefault(row["flow"], []).append(one)
    return found


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
