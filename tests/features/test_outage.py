"""Outages that a connection survived: what of the waiting was the path's fault, and what TCP's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tcpautopsy.notation import capture
from tcpautopsy.pipeline import examined
from tests.pipeline.edited import pcap, records

FIXTURES = Path(__file__).parents[2] / "fixtures"

#: Data sent at 0, resent after 0.2, 0.4, 0.8 s, answered 10 ms after the last copy; {echo} says which copy.
LOST = """
+0   > S 0:0(0) <mss 1460,TS val 1000 ecr 0>
+.01 < S. 0:0(0) ack 1 <mss 1460,TS val 5000 ecr 1000>
+0   > . 1:1(0) ack 1 <TS val 1010 ecr 5000>
+.1  > P. 1:101(100) ack 1 <TS val 1110 ecr 5000>
+.2  > P. 1:101(100) ack 1 <TS val 1310 ecr 5000>
+.4  > P. 1:101(100) ack 1 <TS val 1710 ecr 5000>
+.8  > P. 1:101(100) ack 1 <TS val 2510 ecr 5000>
+.01 < . 1:1(0) ack 101 <TS val 6420 ecr {echo}>
"""


def features(text: str) -> pd.Series[Any]:
    return examined(capture(text)).features.frame().iloc[0]


@pytest.mark.parametrize(("echo", "answer"), [(2510, "newest"), (1110, "older"), (1710, "older")])
def test_the_echoed_timestamp_tells_which_copy_was_answered(echo: int, answer: str) -> None:
    found = features(LOST.format(echo=echo))
    assert found["outage_answer"] == answer
    assert found["longest_outage_s"] == pytest.approx(1.41)
    assert found["outage_dead_s"] == pytest.approx(0.6)
    assert found["outage_gap_s"] == pytest.approx(0.8)


def test_without_timestamps_nobody_knows_which_copy_was_answered() -> None:
    found = features(re.sub(r"[ ,]?<?TS val \w+ ecr [{}\w]+>?", "", LOST).replace("mss 1460", "mss 1460>"))
    assert found["outage_answer"] == "unknown"
    assert found["outage_dead_s"] == pytest.approx(0.6)


def test_without_an_outage_nothing_of_it_is_known() -> None:
    found = features("\n".join(LOST.format(echo=1110).splitlines()[:5]) + "\n+.01 < . 1:1(0) ack 101")
    assert found["longest_outage_s"] == 0
    assert found[["outage_dead_s", "outage_gap_s", "outage_heard_s"]].isna().all()


@pytest.mark.parametrize(
    ("scenario", "side", "mended"), [("cable-cut-restored", "client", "plugged"), ("path-out", "server", "healed")]
)
def test_the_path_came_back_within_the_bounds(scenario: str, side: str, mended: str) -> None:
    path = FIXTURES / scenario / f"{side}.pcap"
    seen = examined(path)
    flow = int(seen.features["longest_outage_s"].argmax())
    found, sender = (
        seen.features.frame().iloc[flow],
        seen.dissection.directions.frame().iloc[2 * flow + (side == "server")],
    )
    resent = sender["max_outage_resend_ns"] / 1e9
    log = json.loads((FIXTURES / scenario / "truth.json").read_text(encoding="utf-8"))["wire"]
    back = next(entry["time"] for entry in log if entry["action"] == mended)
    assert resent - found["outage_gap_s"] < back < resent - found["outage_heard_s"]


def test_what_the_silent_host_said_is_known_only_where_the_sender_captured() -> None:
    found = examined(FIXTURES / "accept-queue-cookies" / "server.pcap").features.frame()
    waited = found[found["longest_outage_s"] > 0]
    assert len(waited)
    assert waited["outage_heard_s"].isna().all()


def test_where_only_one_way_was_dead_what_the_host_sends_tells_nothing() -> None:
    found = list(records((FIXTURES / "cable-cut-restored" / "client.pcap").read_bytes()))
    asked = found[31]  # the server asks for the client's address once the cable is back
    assert asked[1][12:14] == b"\x08\x06"
    early = sorted([*found, (found[0][0] + 3_000_000_000, *asked[1:])])  # and now in the midst of the outage, too
    before, after = (examined(pcap(each)).features.frame() for each in (found, early))
    flow = int(before["longest_outage_s"].argmax())
    assert before["outage_heard_s"][flow] == pytest.approx(1.78, abs=0.01)
    assert after["longest_outage_s"][flow] == before["longest_outage_s"][flow]
    assert pd.isna(after["outage_heard_s"][flow])
