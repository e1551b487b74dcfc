"""Many findings that are alike: every one is listed, the first thousand and those that are asked for are told in full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.captures import KINDS, write
from tcpautopsy.pipeline import Options, analyse
from tcpautopsy.report.stories import told
from tcpautopsy.result import Finding, Result

_CONNECTIONS, _IN_FULL = 1_500, 1_000


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flood of SYNs, to one listener over IPv4 and one over IPv6."""
    path = tmp_path_factory.mktemp("alike") / "flood.pcap"
    write(path, KINDS["flood"], _CONNECTIONS)
    return path


def _result(capture: Path, *asked: int | str) -> Result:
    return analyse([str(capture)], Options(asked=frozenset(asked), debug=True)).result


def _full(finding: Finding) -> bool:
    return bool(finding.conditions)


def test_every_connection_that_failed_has_its_finding(flood: Path) -> None:
    result = _result(flood)
    failed = [c for c in result.connections if c.severity == "failure"]
    # A few SYNs carry a VLAN tag: a network of its own, in which so few are no flood.
    assert _CONNECTIONS - 30 < len(failed) == result.totals.failed == result.totals.findings
    assert [f.connection for f in result.findings] == [c.id for c in failed]
    assert all(c.findings == [f.id] for c, f in zip(failed, result.findings, strict=True))
    assert {f.rule for f in result.findings} == {c.cause for c in failed} == {"syn-flood"}


def test_the_first_thousand_are_told_in_full(flood: Path) -> None:
    findings = _result(flood).findings
    assert all(_full(f) for f in findings[:_IN_FULL])
    assert not any(_full(f) for f in findings[_IN_FULL:])
    short = findings[-1]
    assert f"{len(findings):,} connections of this capture have this finding" in short.story[0].text
    assert [e.frame for e in short.evidence] == [short.connection]
    # What a baseline and a ticket compare is the same, however it is told.
    same = [f for f in findings if f.fingerprint == short.fingerprint]
    assert {(f.severity, f.confidence, f.fault, f.title) for f in same} == {
        (short.severity, short.confidence, short.fault, short.title)
    }


def test_what_leads_a_story_on_the_page_is_told_in_full(flood: Path) -> None:
    assert all(_full(story.lead) for story in told(_result(flood)))


def test_what_is_asked_for_is_told_in_full(flood: Path) -> None:
    last = _result(flood).findings[-1]
    by_number, by_name = _result(flood, _CONNECTIONS).findings[-1], _result(flood, last.id).findings[-1]
    assert _full(by_number)
    assert by_number == by_name
    assert (by_number.id, by_number.fingerprint) == (last.id, last.fingerprint)


def test_the_command_line_asks(flood: Path) -> None:
    command = [sys.executable, "-m", "tcpautopsy", "analyze", str(flood), "-f", "json", "--flow", str(_CONNECTIONS)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [bool(f["conditions"]) for f in found["findings"]] == [True]
    why = [sys.executable, "-m", "tcpautopsy", "why", str(flood), "--flow", str(_CONNECTIONS)]
    assert "Told in short" not in subprocess.run(why, capture_output=True, check=True, text=True).stdout
