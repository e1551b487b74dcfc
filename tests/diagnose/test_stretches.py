"""Flows are judged some at a time; how many at once changes nothing that is said of them."""

from pathlib import Path

import numpy as np
import pytest
from pandas.api.extensions import ExtensionArray

from tcpautopsy.diagnose.columns import Stretch
from tcpautopsy.diagnose.compiled import CODES
from tcpautopsy.diagnose.judge import judged
from tcpautopsy.features import FEATURES_TABLE
from tcpautopsy.pipeline import analyse, examined, rule_set
from tcpautopsy.report.json_document import chunks
from tcpautopsy.report.view import View
from tcpautopsy.schema import LazyTable

FIXTURES = Path(__file__).parents[2] / "fixtures"


def _json(capture: Path) -> bytes:
    return b"".join(chunks(analyse([str(capture)]).result, View()))


@pytest.mark.parametrize("name", ["mixed", "accept-queue-ack-drop", "dns-lookups"])
def test_the_same_however_many_flows_are_judged_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = FIXTURES / name / "client.pcap"
    at_once = _json(capture)
    for block in (1, 3):
        monkeypatch.setattr("tcpautopsy.tables.AT_ONCE", block - 1)
        monkeypatch.setattr("tcpautopsy.tables.STRETCH", block)
        monkeypatch.setattr("tcpautopsy.diagnose._FIRST", block)
        assert _json(capture) == at_once


class _Everything(Stretch):
    """A stretch that says of every event that it occurs."""

    occurring = np.ones(CODES, dtype=bool)  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("name", "blind"),
    [
        ("mixed", 0),
        ("artefact-midstream", 2),
        ("artefact-one-sided", 6),
        ("artefact-one-sided-server", 5),
        ("artefact-snaplen", 2),
    ],
)
def test_a_rule_whose_event_occurs_nowhere_says_what_it_says_when_it_is_looked_at(name: str, blind: int) -> None:
    known = examined(FIXTURES / name / "client.pcap")
    count = len(known.dissection.flows)
    stretch, everything = (kind(known.features, known.dissection.events, 0, count) for kind in (Stretch, _Everything))
    unknown = unlooked = 0
    for rule in rule_set().compiled:
        found, whole = (judged(rule, each, each.speaks(rule.rule.protocols)) for each in (stretch, everything))
        unlooked += not all(step.optional or (step.codes & stretch.occurring).any() for step in rule.steps)
        if whole is None or found is None:
            assert whole is None or not (len(whole.matched) or len(whole.unknown))
            assert found is None or not (len(found.matched) or len(found.unknown))
            continue
        unknown += len(whole.unknown) > 0
        for part in ("matched", "unknown", "missing", "held", "unseen"):
            assert np.array_equal(getattr(found, part), getattr(whole, part)), (rule.rule.id, part)
    assert unlooked > 20
    assert unknown >= blind


@pytest.mark.parametrize("costly", [True, False])
def test_what_looks_at_other_flows_is_asked_for_last(costly: bool) -> None:
    known = examined(FIXTURES / "healthy-http" / "client.pcap")
    whole, asked = known.features, []

    def make(name: str) -> ExtensionArray:
        asked.append(name)
        return whole[name]

    features = LazyTable(FEATURES_TABLE, len(whole), make, costly=whole.costly if costly else ())
    stretch = Stretch(features, known.dissection.events, 0, len(whole))
    [rule] = [each for each in rule_set().compiled if each.rule.id == "process-died"]
    assert "listener_ended_together" in whole.costly
    assert judged(rule, stretch, stretch.speaks(rule.rule.protocols)) is None
    assert ("listener_ended_together" in asked) is not costly, asked
