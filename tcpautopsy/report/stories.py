"""What of a result is told first: findings of one cause at one server stand together, the worst come first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tcpautopsy.report.words import RANK, place, sentence_start
from tcpautopsy.result import Connection, Finding, Result
from tcpautopsy.text import clean

_TOLD_CAUSES = 3
_TOLD = 30
_PROTOCOLS = ("tcp", "udp", "dns", "icmp", "arp", "ndp")


class Story(NamedTuple):
    """Primary findings of one rule at one server, with the connections they are about, in order of first frame."""

    findings: list[Finding]
    connections: list[Connection]

    @property
    def lead(self) -> Finding:
        """The finding that is told for all of them: the surest, the first among equals."""
        return self.findings[0]

    @property
    def subject(self) -> str:
        """Where it happened."""
        return place(self.connections[0].server)


def stories(result: Result) -> list[Story]:
    """All primary findings, grouped: the most severe first, of these what programs use, then the larger group."""
    known = {c.id: c for c in result.connections}
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in result.findings:
        connection = known.get(finding.connection)
        if finding.primary and connection is not None:
            key = (finding.rule, connection.severity, place(connection.server), str(finding.capture))
            groups.setdefault(key, []).append(finding)
    told = [_story(findings, known) for findings in groups.values()]
    return sorted(told, key=lambda s: (RANK[s.connections[0].severity], *_weight(s), s.connections[0].id))


def _weight(story: Story) -> tuple[int, int]:
    """Smaller for what is told first: a connection before the lookups and address resolutions that failed with it."""
    return (_PROTOCOLS.index(story.connections[0].protocol), -len(story.findings))


def _story(findings: list[Finding], known: dict[int, Connection]) -> Story:
    order = ("certain", "high", "medium", "low")
    ranked = sorted(findings, key=lambda f: (order.index(f.confidence), f.connection))
    return Story(ranked, [known[f.connection] for f in ranked])


def told(result: Result) -> list[Story]:
    """Those that the page tells."""
    return stories(result)[:_TOLD]


def undecided(result: Result) -> list[Connection]:
    """Connections that failed for a reason that the capture cannot show."""
    return [c for c in result.connections if c.severity == "failure" and c.cause is None]


def also_seen(result: Result) -> list[Finding]:
    """Findings that are the primary cause of nothing, worst first."""
    rest = [f for f in result.findings if not f.primary]
    return sorted(rest, key=lambda f: (RANK[f.severity], f.connection, f.rule))


def verdict(result: Result) -> str:
    """The one sentence that says what is wrong in a capture."""
    totals = result.totals
    if not totals.connections:
        return f"No TCP, UDP, ICMP, DNS or ARP in {'this capture' if len(result.captures) == 1 else 'these captures'}."
    if not totals.failed:
        return f"No failing connection among {totals.connections:,}{_not_judged(totals.not_judged)}.{_lesser(result)}"
    return f"{totals.failed:,} of {totals.connections:,} connections failed{_reasons(result)}."


def _not_judged(count: int) -> str:
    return f" ({count:,} not judged: the capture starts or ends too late)" if count else ""


def _lesser(result: Result) -> str:
    severities = result.totals.by_severity
    return "".join(
        f" {severities[name]:,} {words}{_why(result, name)}."
        for name, words in (("degradation", "slowed down"), ("risk", "at risk"))
        if severities.get(name)
    )


def _why(result: Result, severity: str) -> str:
    """The most common cause of a lesser severity."""
    causes = _causes(s for s in stories(result) if s.connections[0].severity == severity)
    return f": {causes[0][1]}" if causes else ""


def _reasons(result: Result) -> str:
    """` because the server's accept queue was full (10.0.0.2:8080)`, or `: 2 because ...; 1 because ...`."""
    causes = _causes(s for s in stories(result) if s.connections[0].severity == "failure")
    failed = result.totals.failed
    if len(causes) == 1 and causes[0][0] == failed:
        return f" because {causes[0][1]}"
    parts = [f"{count:,} because {words}" for count, words in causes[:_TOLD_CAUSES]]
    unknown = len(undecided(result))
    if unknown:
        parts.append(f"{unknown:,} for a reason this capture cannot show")
    rest = failed - sum(count for count, _ in causes[:_TOLD_CAUSES]) - unknown
    if parts and rest > 0:
        excerpt = result.totals.connections_listed < result.totals.connections
        parts.append(f"{rest:,} not told in this excerpt" if excerpt else f"{rest:,} for other reasons")
    return f": {'; '.join(parts)}" if parts else ""


def _causes(told: Iterable[Story]) -> list[tuple[int, str]]:
    """(connections, cause in words with the places) by title; what programs use first, then the largest."""
    counts: dict[str, int] = {}
    ranks: dict[str, int] = {}
    places: dict[str, dict[str, None]] = {}
    for story in told:
        title = story.lead.title
        counts[title] = counts.get(title, 0) + len(story.findings)
        ranks[title] = min(ranks.get(title, len(_PROTOCOLS)), _weight(story)[0])
        places.setdefault(title, {})[story.subject] = None
    order = sorted(counts, key=lambda title: (ranks[title], -counts[title]))
    return [(counts[t], f"{clean(sentence_start(t)).rstrip('.')} ({_listed(list(places[t]))})") for t in order]


def _listed(subjects: list[str]) -> str:
    shown = ", ".join(subjects[:2])
    return shown if len(subjects) <= 2 else f"{shown} and {len(subjects) - 2:,} more"
