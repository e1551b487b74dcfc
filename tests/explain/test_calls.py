"""What the calls of a program returned, beside the ledger of the same connection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tcpautopsy.pipeline import analyse

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize("scenario", ["cable-cut-restored", "cable-cut-etimedout"])
def test_a_fin_is_no_byte_that_was_received(scenario: str) -> None:
    capture = FIXTURES / scenario / "client.pcap"
    compared = 0
    for each in analyse([str(capture)]).result.connections:
        if each.ledger is None:
            continue
        for calls, got in (
            (each.application_view.server, each.ledger.client_to_server.acknowledged),
            (each.application_view.client, each.ledger.server_to_client.acknowledged),
        ):
            told = [re.search(r"acknowledged ([\d,]+) byte", call.why) for call in calls if call.call == "recv"]
            numbers = [int(found[1].replace(",", "")) for found in told if found]
            compared += len(numbers)
            assert set(numbers) <= {got}
    assert compared


def test_a_reset_is_not_said_to_have_reached_a_host_that_had_fallen_silent() -> None:
    capture = FIXTURES / "idle-peer-gone-keepalive" / "client.pcap"
    (view,) = [c.application_view for c in analyse([str(capture)]).result.connections if c.outcome == "aborted"]
    resets = [call for call in view.server if call.errno == "ECONNRESET"]
    assert resets
    assert not any(call.certain for call in resets)


def test_no_probe_in_an_idle_time_is_told_of_the_side_that_captured() -> None:
    capture = FIXTURES / "idle-peer-gone-no-keepalive" / "client.pcap"
    (view,) = [c.application_view for c in analyse([str(capture)]).result.connections if c.outcome == "timed-out"]
    assert [call.result for call in view.client if call.call == "keepalive"] == ["no probe"]
    assert not [call for call in view.server if call.call == "keepalive"]
