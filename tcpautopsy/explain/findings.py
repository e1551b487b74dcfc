"""A finding told: headline, story, evidence, conditions, runners-up, what to check and do."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tcpautopsy.explain.conditions import conditions
from tcpautopsy.explain.narrator import note
from tcpautopsy.explain.nextcapture import next_capture
from tcpautopsy.explain.ruletexts import Knowledge, RuleTexts
from tcpautopsy.explain.sayings import Names, endpoint, say
from tcpautopsy.explain.stories import story
from tcpautopsy.explain.told import Event, Row, Told
from tcpautopsy.explain.words import utc
from tcpautopsy.result import Confirm, Evidence, Finding, NextCapture, Remedy, RunnerUp, Source, Step
from tcpautopsy.tables import EVENT_KINDS, Diagnosis, Part

_EVIDENCE_ROWS = 200
_SHORT_ROWS = 2
_NOTHING: list[Any] = []  # one for all findings in short
_MEANING = {kind.name: kind.sentence for kind in EVENT_KINDS}
_SIDES = ("server", "client", "other")


class Place(NamedTuple):
    """Where a finding stands in the result: capture index, connection id, its own id, ring parts."""

    capture: int
    connection: int
    id: str
    parts: Sequence[Part]


class Matched(NamedTuple):
    """A row of FINDINGS, its number there, the events its steps took, the runners-up and the limits of the verdict."""

    number: int
    row: Row
    steps: Sequence[Sequence[Event]]
    runners_up: Sequence[RunnerUp]
    limits: Sequence[str]
    consistent_with: Sequence[str]


def finding(told: Told, matched: Matched, place: Place, knowledge: Knowledge, diagnosis: Diagnosis) -> Finding:
    """The finding as the contract has it."""
    row, rule = matched.row, knowledge.rules[matched.row["rule"]]
    names = Names(told)
    return Finding(
        **_identity(told, matched, place, rule),
        summary=say(rule.headline, names),
        story=story(told, rule, matched.steps, names),
        evidence=_evidence(matched.steps, place.parts),
        conditions=conditions(
            diagnosis.conditions[rule.id], row["held"], row["unseen"], told.features, knowledge.features
        ),
        runners_up=list(matched.runners_up),
        confirm=_confirm(rule, names, told.features),
        remedies=[_remedy(_side(r.side, told.features), say(r.text, names)) for r in rule.remedies],
        next_capture=_next_capture(told, matched),
        sources=[_source(s.text, s.url) for s in rule.sources],
        wireshark_filter=wireshark_filter(told.flow),
    )


def short_finding(told: Told, matched: Matched, place: Place, rule: RuleTexts, alike: str) -> Finding:
    """The same finding in a few lines; `alike` says how many there are, and which one is told in full."""
    evidence = _evidence(matched.steps, place.parts)
    return Finding(
        **_identity(told, matched, place, rule),
        summary=f"{endpoint(told.flow, 'client')} to {endpoint(told.flow, 'server')}: {rule.title}.",
        story=[Step(time=utc(told.flow["first_ns"]), text=alike, frames=[e.frame for e in evidence[:1]])],
        evidence=evidence if len(evidence) <= _SHORT_ROWS else [evidence[0], evidence[-1]],
        conditions=_NOTHING,
        runners_up=_NOTHING,
        confirm=_NOTHING,
        remedies=_NOTHING,
        next_capture=None,
        sources=_NOTHING,
        wireshark_filter=wireshark_filter(told.flow),
    )


def _identity(told: Told, matched: Matched, place: Place, rule: RuleTexts) -> dict[str, Any]:
    """What every finding has, however it is told: which it is, and how it was judged."""
    row = matched.row
    return {
        "id": place.id,
        "fingerprint": _fingerprint(rule.id, told.flow),
        "capture": place.capture,
        "connection": place.connection,
        "rule": rule.id,
        "title": rule.title,
        "severity": row["severity"],
        "confidence": row["confidence"],
        "fault": row["fault"],
        "primary": row["primary"],
    }


def finding_id(prefix: str, rule: str, community_id: str | None, server: str, ordinal: int) -> str:
    """`<rule>@<community id, or arp-<target>>#<ordinal>`; the capture's number before it when there are several."""
    return f"{prefix}{rule}@{community_id or f'arp-{server}'}#{ordinal}"


def _fingerprint(rule: str, flow: Row) -> str:
    return fingerprint(rule, flow["protocol"], flow["server_address"], flow["server_port"])


@lru_cache(maxsize=4096)
def fingerprint(rule: str, protocol: str, server: str, port: int | None) -> str:
    """What stays the same when the same thing happens again: rule, protocol, server."""
    parts = "|".join((rule, protocol, server, "" if port is None else str(port)))
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


# Many connections that fail alike share what is said of all of them.


@lru_cache(maxsize=4096)
def _remedy(side: str, text: str) -> Remedy:
    return Remedy(side=side, text=text)


@lru_cache(maxsize=4096)
def _source(text: str, url: str | None) -> Source:
    return Source(text=text, url=url)


@lru_cache(maxsize=4096)
def _check(on: str, command: str, expect: str) -> Confirm:
    return Confirm(on=on, command=command, expect=expect)  # type: ignore[arg-type]


def _confirm(rule: RuleTexts, names: Names, features: Row) -> list[Confirm]:
    quoted = names.quoted()
    return [_check(_side(c.on, features), say(c.command, quoted), say(c.expect, names)) for c in rule.confirm]


#: Sides that a rule names by what they did -> the feature that says which of the two it was.
_BY_DEED = {"resetter": "reset_by", "reset_receiver": "reset_against"}


def _side(side: str, features: Row) -> str:
    """Who is to look or to act; a deed that nobody did is taken for the server's."""
    if side not in _BY_DEED:
        return side
    who = features[_BY_DEED[side]]
    return who if who in ("client", "server") else "server"


def _next_capture(told: Told, matched: Matched) -> NextCapture | None:
    unsure = matched.row["confidence"] in ("medium", "low") or bool(matched.consistent_with)
    elsewhere = bool(matched.row["primary"]) and unsure and matched.row["severity"] in ("failure", "degradation")
    return next_capture(told.flow, told.features["vantage"] or "unknown", matched.limits, elsewhere)


def _evidence(steps: Sequence[Sequence[Event]], parts: Sequence[Part]) -> list[Evidence]:
    events = [event for run in steps for event in run]
    if len(events) > 1:
        # Steps may share an event; a set would put those of one frame in another order in each run.
        events = sorted(dict.fromkeys(events), key=lambda e: (e.time_ns, e.frame))
    if len(events) > _EVIDENCE_ROWS:
        events = [*events[: _EVIDENCE_ROWS // 2], *events[-_EVIDENCE_ROWS // 2 :]]
    return [_row(event, parts) for event in events]


def _row(event: Event, parts: Sequence[Part]) -> Evidence:
    part = _part(event.frame, parts)
    return Evidence(
        frame=event.frame,
        part=part.name if part else None,
        part_frame=event.frame - part.first_frame + 1 if part else None,
        time=utc(event.time_ns),
        source=_SIDES[event.side],  # type: ignore[arg-type]
        event=event.kind,
        note=note(event, _MEANING[event.kind]),
    )


def _part(frame: int, parts: Sequence[Part]) -> Part | None:
    """The part of a ring-buffer set that holds the frame."""
    holding = [part for part in parts if part.packets]
    place = bisect_right([part.first_frame for part in holding], frame) - 1
    return holding[place] if place >= 0 else None


def wireshark_filter(flow: Row) -> str:
    """A display filter that shows the connection."""
    if flow["protocol"] == "tcp" and flow["tcp_stream"] is not None:
        return f"tcp.stream == {flow['tcp_stream']}"
    ip = "ipv6" if flow["ip_version"] == 6 else "ip"
    client, server = flow["client_address"], flow["server_address"]
    special = {
        "arp": f"arp.dst.proto_ipv4 == {server} || arp.src.proto_ipv4 == {server}",
        "ndp": f"icmpv6.nd.ns.target_address == {server} || icmpv6.nd.na.target_address == {server}",
        "icmp": f"{'icmpv6' if flow['ip_version'] == 6 else 'icmp'} && {ip}.addr == {client} && {ip}.addr == {server}",
    }
    if flow["protocol"] in special:
        return special[flow["protocol"]]
    transport = "tcp" if flow["protocol"] == "tcp" else "udp"
    ports = [p for p in (flow["client_port"], flow["server_port"]) if p is not None]
    terms = [f"{ip}.addr == {client}", f"{ip}.addr == {server}", *(f"{transport}.port == {p}" for p in ports)]
    return " && ".join(terms)
