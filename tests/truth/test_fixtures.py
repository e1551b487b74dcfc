"""Every recording of a real kernel, from each end alone: what is said must be what an honest answer can be."""

from __future__ import annotations

import pytest

from fixtures.judged import Recording, recordings, rows
from tcpautopsy import pipeline

RECORDINGS = recordings()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_every_connection_gets_an_accepted_cause(recording: Recording) -> None:
    found = rows(recording, pipeline.analyse([str(recording.path)]).result.connections)
    wrong = [
        f"{r.protocol} {r.client} -> {r.server}: {r.wrong}; true: {r.rule}, accepted: {r.accepted}"
        for r in found
        if r.wrong
    ]
    assert wrong == []


@pytest.mark.parametrize("recording", [r for r in RECORDINGS if r.scenario.startswith("healthy")], ids=lambda r: r.name)
def test_healthy_traffic_is_silent(recording: Recording) -> None:
    result = pipeline.analyse([str(recording.path)]).result
    assert result.totals.failed == 0
    assert result.incidents == []
    assert {c.severity for c in result.connections} <= {"none", "note"}


def test_certain_is_never_wrong() -> None:
    """A cause said to be certain is the true one, wherever the recording knows it."""
    wrong = []
    for recording in RECORDINGS:
        for row in rows(recording, pipeline.analyse([str(recording.path)]).result.connections):
            certain = row.said is not None and row.said.cause is not None and row.said.confidence == "certain"
            if certain and row.rule is not None and row.said is not None and row.said.cause not in row.accepted:
                wrong.append((recording.name, row.client, row.said.cause, row.rule))
    assert wrong == []
