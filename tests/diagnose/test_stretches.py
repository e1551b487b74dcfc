"""Flows are judged some at a time; how many at once changes nothing that is said of them."""

from pathlib import Path

import pytest

from tcpautopsy.pipeline import analyse
from tcpautopsy.report.json_document import chunks
from tcpautopsy.report.view import View

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
