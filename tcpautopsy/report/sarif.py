"""The findings as SARIF 2.1.0, for tools that collect the results of analysers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from tcpautopsy.report.view import View
from tcpautopsy.report.words import place
from tcpautopsy.result import Capture, Connection, Finding, Result
from tcpautopsy.text import clean

_LEVELS = {"failure": "error", "degradation": "warning", "risk": "warning", "note": "note"}
#: SARIF 2.1.0 section 3.27.25: 0 to 100, here the confidence that the cause is the right one.
_RANKS = {"certain": 100.0, "high": 90.0, "medium": 60.0, "low": 30.0}


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """One run with one result a finding; rules are those that matched."""
    rules = list(dict.fromkeys(f.rule for f in result.findings))
    titles = {f.rule: f for f in result.findings}
    connections = {c.id: c for c in result.connections}
    run = {
        "tool": {
            "driver": {
                "name": result.tool.name,
                "version": result.tool.version,
                "semanticVersion": result.tool.version,
                "properties": {"rulesVersion": result.tool.rules_version},
                "rules": [_rule(titles[name]) for name in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [_artifact(c) for c in result.captures],
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(result)}],
        "results": [_result(f, rules.index(f.rule), result, connections.get(f.connection)) for f in result.findings],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    yield msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.rule,
        "shortDescription": {"text": clean(finding.title, 1000)},
        "help": {"text": " ".join(clean(f"{r.side}: {r.text}", 1000) for r in finding.remedies) or finding.title},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
    }


def _artifact(capture: Capture) -> dict[str, Any]:
    artifact: dict[str, Any] = {"location": {"uri": _uri(capture)}}
    if capture.sha256:
        artifact["hashes"] = {"sha-256": capture.sha256}
    return artifact


def _uri(capture: Capture) -> str:
    return quote(capture.name, safe="/", errors="replace")


def _notifications(result: Result) -> list[dict[str, Any]]:
    return [
        {"level": "warning", "message": {"text": clean(f"{c.name}: {p.detail}", 1000)}, "descriptor": {"id": p.code}}
        for c in result.captures
        for p in c.problems
    ]


def _result(finding: Finding, index: int, result: Result, connection: Connection | None) -> dict[str, Any]:
    frames = [e.frame for e in finding.evidence]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "rank": _RANKS[finding.confidence],
        "message": {"text": clean(finding.summary, 4000)},
        "locations": [_location(finding, result, connection)],
        "partialFingerprints": {"tcpautopsy/v1": finding.fingerprint},
        "properties": {
            "id": finding.id,
            "confidence": finding.confidence,
            "fault": finding.fault,
            "primary": finding.primary,
            "frames": frames,
            "wiresharkFilter": finding.wireshark_filter,
        },
    }


def _location(finding: Finding, result: Result, connection: Connection | None) -> dict[str, Any]:
    place_in_file: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(result.captures[finding.capture]), "index": finding.capture}
        }
    }
    if connection is not None:
        name = f"{connection.protocol} {place(connection.client)} -> {place(connection.server)}"
        place_in_file["logicalLocations"] = [
            {"name": f"connection {connection.id}", "fullyQualifiedName": clean(name), "kind": "connection"}
        ]
    return place_in_file
