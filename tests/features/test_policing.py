"""The limit that a recorded policer had is read off the packets; queues and random losses show none."""

from pathlib import Path

import numpy as np
import pytest

from fixtures.lab.scenarios.boxes import LIMIT
from tcpautopsy.features import policing
from tcpautopsy.pipeline import examined
from tests.pipeline.edited import pcap, records

FIXTURES = Path(__file__).parents[2] / "fixtures"
#: Of a full segment's 1514 bytes on the wire, which the policer counts.
PAYLOAD = 1448 / 1514


@pytest.mark.parametrize("vantage", ["client", "server"])
def test_the_rate_is_that_of_the_policer(vantage: str) -> None:
    features = examined(FIXTURES / "policed-download" / f"{vantage}.pcap").features.frame()
    (flow,) = features.index[features["policer_fit"] > 0]
    assert features["policer_fit"][flow] >= 0.85
    assert features["policer_of"][flow] == "server"
    assert features["policer_rate"][flow] == pytest.approx(LIMIT * PAYLOAD, rel=0.1)


@pytest.mark.parametrize("vantage", ["client", "server"])
@pytest.mark.parametrize("scenario", ["slow-link-short-queue", "healthy-bulk-light-loss", "path-burst-loss", "mixed"])
def test_other_losses_are_no_policers(scenario: str, vantage: str) -> None:
    features = examined(FIXTURES / scenario / f"{vantage}.pcap").features.frame()
    assert (features["policer_fit"] == 0).all()
    assert features["policer_rate"].isna().all()


def test_with_one_side_alone_a_queue_would_not_be_seen() -> None:
    whole = (FIXTURES / "policed-download" / "server.pcap").read_bytes()
    server = bytes.fromhex("020000000002")
    features = examined(pcap([each for each in records(whole) if each[1][6:12] == server])).features.frame()
    assert features["policer_fit"].isna().any()
    assert not (features["policer_fit"] > 0).any()


@pytest.mark.parametrize("share", [0.03, 0.1, 0.25])
@pytest.mark.parametrize("bursts", [1, 10])
def test_random_losses_fit_no_limit(share: float, bursts: int) -> None:
    random = np.random.default_rng(1)
    time = np.repeat(np.cumsum(random.exponential(0.01 * bursts, 1500 // bursts)), bursts)
    lost = 1448.0 * (random.random(1500) < share)
    sent = policing._Sent(time, 1448.0 - lost, lost, behind=False)
    assert policing._best(sent, 1448, sent.passed.sum() / time[-1]).fit < 0.75
