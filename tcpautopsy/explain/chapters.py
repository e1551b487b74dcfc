"""One capture told: its connections, findings and incidents as the contract has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tcpautopsy.explain import connections
from tcpautopsy.explain.case import Case, Shelf
from tcpautopsy.explain.ruletexts import Knowledge
from tcpautopsy.explain.telling import Run, Telling
from tcpautopsy.explain.totals import Counts, counted
from tcpautopsy.explain.words import utc
from tcpautopsy.result import Connections, Finding, Incident, Unheld
from tcpautopsy.tables import Incident as Story


def _at_once(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


class Chapter(NamedTuple):
    """What is said of one capture."""

    connections: Connections
    findings: Sequence[Finding]
    incidents: Sequence[Incident]
    counts: Counts


def chapter(case: Case, knowledge: Knowledge, shelf: Shelf, run: Run = _at_once) -> Chapter:
    """All that the result holds of one capture; connections in the order of Flows.

    What is told while it is written is told by `run`, which is given the work and what it is to work on.
    """
    telling = Telling(case, knowledge, shelf, run)
    if telling.few or not shelf.streamed:
        whole = telling.all()
        made = connections.connections(case, knowledge, shelf, lambda _first, _last: whole)
        findings = whole.findings
    else:
        made, findings = connections.connections(case, knowledge, shelf, telling.of), telling.findings()
    incidents: Sequence[Incident] = Unheld(
        len(case.diagnosis.incidents), lambda: (_incident(story, shelf) for story in case.diagnosis.incidents)
    )
    if not shelf.streamed:
        incidents = list(incidents)
    return Chapter(made, findings, incidents, counted(case.dissection.flows, case.diagnosis.verdicts))


def _incident(story: Story, shelf: Shelf) -> Incident:
    return Incident(
        id=f"{shelf.prefix}{story.id}",
        rule=story.rule,
        scope=story.scope,  # type: ignore[arg-type]
        subject=story.subject,
        captures=[shelf.index],
        first_time=utc(story.first_ns),
        last_time=utc(story.last_ns),
        connections=(story.flows + shelf.first_id).tolist(),
        summary=story.summary,
    )
