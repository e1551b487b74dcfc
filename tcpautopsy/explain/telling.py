"""What is told of flows that went wrong, a batch at a time: their findings, and what their connections say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.explain.alike import in_short
from tcpautopsy.explain.calls import Returned, application_view, from_rule, step_times
from tcpautopsy.explain.case import Batch, Case, Deep, Shelf
from tcpautopsy.explain.findings import Matched, Place, finding, finding_id, short_finding
from tcpautopsy.explain.ledger import ledger
from tcpautopsy.explain.ruletexts import Knowledge, RuleTexts
from tcpautopsy.explain.timers import gave_up_ns, gives_up_ns, timers
from tcpautopsy.explain.told import Event, Told, columns, events_at, rows, told
from tcpautopsy.explain.waiting import Waiting
from tcpautopsy.memory import trim, uncollected
from tcpautopsy.result import Finding, RunnerUp, Unheld
from tcpautopsy.tables import Dissection

Run: TypeAlias = Callable[..., Any]
ByRule: TypeAlias = dict[str, list[Returned]]
Integers = NDArray[np.int64]

#: Flows that are told at a time: the tables' rows of a flow are large as Python objects.
_BATCH = 4096
_QUIET = ("none", "note")


class Telling:
    """The flows of a capture of which there is something to tell."""

    def __init__(self, case: Case, knowledge: Knowledge, shelf: Shelf, run: Run) -> None:
        """Whatever is told is told by `run`, which is given the work and what it is to work on."""
        self._case, self._knowledge, self._shelf, self._run = case, knowledge, shelf, run
        findings, verdicts = case.diagnosis.findings, case.diagnosis.verdicts
        self._loud = ~verdicts["severity"].isin(_QUIET).to_numpy()
        self._owners = findings["flow"].to_numpy()  # in order
        anything = self._loud.copy()
        anything[self._owners] = True
        self._everyone = np.flatnonzero(anything).astype(np.uint32)
        self._short = in_short(case, shelf, lambda: self._ids(0, len(findings)))
        self._waiting = Waiting(shelf.aside)
        self._latest: dict[int, Batch] = {}

    def all(self) -> Batch:
        """What is told of all of them."""
        return _together(self._told(number) for number in range(self._batches))

    def of(self, first: int, last: int) -> Batch:
        """What is told of those among the flows from the first to the last (exclusive), and of others near them."""
        low, high = _between(self._everyone, first, last)
        if low == high:
            return Batch({}, {}, ())
        parts = [self._kept(number) for number in range(low // _BATCH, (high - 1) // _BATCH + 1)]
        return parts[0] if len(parts) == 1 else _together(parts)

    def findings(self) -> Unheld[Finding]:
        """All findings, made while they are read where the connections were not read before."""
        return Unheld(len(self._owners), self._unpacked)

    @property
    def _batches(self) -> int:
        return -(-len(self._everyone) // _BATCH)

    @property
    def few(self) -> bool:
        """Whether they are told at once."""
        return self._batches <= 1

    def _kept(self, number: int) -> Batch:
        """A batch, of which the latest two are kept; its findings wait."""
        if number not in self._latest:
            if len(self._latest) > 1:
                del self._latest[next(iter(self._latest))]
            with uncollected():
                batch = self._told(number)
            self._waiting.put(number, batch.findings)
            if not self._latest:  # what the first asks for is made of all flows
                trim(len(self._everyone))
            self._latest[number] = batch._replace(findings=())
        return self._latest[number]

    def _unpacked(self) -> Iterator[Finding]:
        if all(number in self._waiting for number in range(self._batches)):
            self._latest.clear()
            self._case.features.settle()  # nothing is left to be told
            trim(len(self._everyone))
        for number in range(self._batches):
            if number in self._waiting:
                yield from self._waiting.take(number)
            else:
                yield from self._told(number).findings

    def _told(self, number: int) -> Batch:
        return self._run(self._batch, number)  # type: ignore[no-any-return]

    def _batch(self, number: int) -> Batch:
        numbers = self._everyone[number * _BATCH : (number + 1) * _BATCH].astype(np.int64)
        known = told(self._case.dissection, self._case.features, numbers.tolist())
        first, last = _between(self._owners, numbers[0], numbers[-1] + 1)
        names = self._ids(first, last)
        ids: dict[int, list[str]] = {}
        for owner, name in zip(self._owners[first:last].tolist(), names, strict=True):
            ids.setdefault(owner, []).append(name)
        matched = _matched(self._case, self._knowledge, first, last)
        made = [
            self._finding(known[flow], each, names[each.number - first]) for flow, of in matched.items() for each in of
        ]
        calls = _calls(known, matched, self._knowledge)
        loud = numbers[self._loud[numbers]]
        [faults] = columns(self._case.diagnosis.verdicts.iloc[loud], "fault")
        deep = {n: _deep(known[n], fault, calls.get(n, {})) for n, fault in zip(loud.tolist(), faults, strict=True)}
        return Batch(deep, ids, made)

    def _finding(self, told: Told, matched: Matched, name: str) -> Finding:
        """The finding as the contract has it, in full or in short."""
        place = Place(self._shelf.index, self._shelf.first_id + told.number, name, self._case.dissection.facts.parts)
        rule = matched.row["rule"]
        alike = self._short.sentence(matched.number, rule)
        if alike is not None:
            return short_finding(told, matched, place, self._knowledge.rules[rule], alike)
        return finding(told, matched, place, self._knowledge, self._case.diagnosis)

    def _ids(self, first: int, last: int) -> list[str]:
        """Of these rows of FINDINGS."""
        found = self._case.diagnosis.findings.iloc[first:last]
        flows, rows = self._case.dissection.flows, found["flow"].to_numpy()
        of_each = (flows.at(rows)[name].tolist() for name in ("community_id", "server_address", "ordinal"))
        named = zip(found["rule"].tolist(), *of_each, strict=True)
        return [finding_id(self._shelf.prefix, *row) for row in named]


def _together(batches: Iterable[Batch]) -> Batch:
    deep: dict[int, Deep] = {}
    ids: dict[int, list[str]] = {}
    findings: list[Finding] = []
    for batch in batches:
        deep |= batch.deep
        ids |= batch.ids
        findings += batch.findings
    return Batch(deep, ids, findings)


def _matched(case: Case, knowledge: Knowledge, first: int, last: int) -> dict[int, list[Matched]]:
    """{flow: its findings, the primary first}, of these rows of FINDINGS."""
    diagnosis = case.diagnosis
    chosen = diagnosis.findings.iloc[first:last]
    steps = _steps(case.dissection, _about(diagnosis.evidence, first, last))
    runners: dict[int, list[RunnerUp]] = {}
    beaten = columns(_about(diagnosis.runners_up, first, last), "finding", "rule", "confidence", "why_not")
    for number, *what in zip(*beaten, strict=True):
        runners.setdefault(number, []).append(_shared_runner_up(*what))
    verdicts = diagnosis.verdicts.iloc[chosen["flow"].to_numpy()]
    limits, consistent = columns(verdicts, "limits", "consistent_with")
    found: dict[int, list[Matched]] = {}
    rules, flows = columns(chosen, "rule", "flow")
    sequences = {name: range(len(knowledge.rules[name].sequence)) for name in set(rules)}
    for place, row in enumerate(rows(chosen)):
        number = first + place
        taken = steps.get(number, {})
        runs = [taken.get(step, []) for step in sequences[rules[place]]]
        one = Matched(number, row, runs, runners.get(number, []), limits[place].split(), consistent[place])
        found.setdefault(flows[place], []).append(one)
    return found


@lru_cache(maxsize=4096)
def _shared_runner_up(rule: str, confidence: Any, why_not: str) -> RunnerUp:
    return RunnerUp(rule=rule, confidence=confidence, why_not=why_not)


def _about(table: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """The rows of a table, ordered by finding, that speak of these findings."""
    low, high = _between(table["finding"].to_numpy(), first, last)
    return table.iloc[low:high]


def _between(column: NDArray[Any], first: int, last: int) -> tuple[int, int]:
    """The rows of an ascending column that hold the numbers from the first to the last (exclusive)."""
    # Asked in another type the whole column would be copied into it.
    low, high = np.searchsorted(column, np.array([first, last], dtype=column.dtype)).tolist()
    return low, high


def _steps(dissection: Dissection, evidence: pd.DataFrame) -> dict[int, dict[int, list[Event]]]:
    """{finding: {step: its events}}."""
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
            # What does not depend on the flow is said once; of what does, the calls are known.
            spoken = {holds: [call for call, true in zip(calls, holds, strict=True) if true] for holds in set(held)}
            untimed = {h: from_rule(some, {}) for h, some in spoken.items() if not any(call.at for call in some)}
            for flow, holds in zip(flows, held, strict=True):
                said = untimed.get(holds)
                if said is None:
                    said = from_rule(spoken[holds], _times(known[flow], primaries[flow], rule))
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
