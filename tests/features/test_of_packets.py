"""Features of packets that are written down: what each says, and where it says that it does not know."""

from __future__ import annotations

import pandas as pd
import pytest

from tcpautopsy.notation import capture
from tcpautopsy.pipeline import examined

OPEN = """
+0   {n}> S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>
+.01 {n}< S. 0:0(0) ack 1 <{options}>
+0   {n}> . 1:1(0) ack 1
+.1  {n}> P. 1:101(100) ack 1
+.01 {n}< . 1:1(0) ack 101
"""
ALL = "mss 1460,sackOK,TS val 2 ecr 1,wscale 7"


def features(text: str) -> pd.DataFrame:
    return examined(capture(text)).features.frame()


def opened(*options: str) -> str:
    return "".join(OPEN.format(n=n or "", options=each) for n, each in enumerate(options, start=1) if each is not None)


def number(text: str) -> str:
    """The first connection has no number in the notation."""
    return text.replace("1>", ">").replace("1<", "<")


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ("mss 1460", "window scale, SACK and timestamps"),
        ("mss 1460,wscale 7", "SACK and timestamps"),
        ("mss 1460,sackOK,wscale 7", "timestamps"),
        (ALL, ""),
    ],
)
def test_options_are_missing_where_the_same_host_grants_them_to_others(options: str, missing: str) -> None:
    found = features(number(opened(ALL, options)))
    assert found["options_missing"].tolist() == ["", missing]
    assert found["options_missing_count"].tolist() == [
        0,
        len(missing.replace(" and", ",").split(",")) if missing else 0,
    ]


def test_an_option_that_nobody_gets_is_not_missing() -> None:
    assert features(number(opened("mss 1460", "mss 1460")))["options_missing"].tolist() == ["", ""]


PUSHED = """
+0  > udp (10)
{pushes}
+{stop} > udp (10)
+.1 < udp (8)
"""


def pushed(count: int, every_s: float, stop_s: float) -> pd.DataFrame:
    return features(PUSHED.format(pushes="\n".join([f"+{every_s} < udp (8)"] * count), stop=stop_s))


def test_pushes_that_stop_until_the_client_speaks() -> None:
    found = pushed(14, 2, 30)
    assert found["pushes_stopped"].tolist() == [1]
    assert found["pushes_kept_s"][0] == pytest.approx(28)
    assert found["pushes_kept_as_usual"].tolist() == [True]


@pytest.mark.parametrize(("count", "every_s", "stop_s"), [(3, 6, 60), (14, 2, 4), (14, 0.5, 30), (300, 0.1, 1)])
def test_few_pushes_a_short_stop_or_a_short_stream_are_none(count: int, every_s: float, stop_s: float) -> None:
    found = pushed(count, every_s, stop_s)
    assert found["pushes_stopped"].tolist() == [0]
    assert found["pushes_kept_s"].isna().all()


CALLED = """
+0   > udp (10)
+.1  < udp (8)
+{idle} < udp (8)
+2   < udp (8)
+5   2> udp (10)
+.1  2< udp (8)
"""


def test_a_client_that_comes_back_from_another_port() -> None:
    found = features(CALLED.format(idle=36))
    assert found["came_back_as"].tolist() == ["40002", ""]
    assert found["calls_unheard"].tolist() == [2, 0]
    assert found["called_after_s"][0] == pytest.approx(36.1)


def test_a_client_with_two_flows_at_a_time_did_not_come_back() -> None:
    assert features(CALLED.format(idle=36) + "+1 > udp (10)\n")["came_back_as"].tolist() == ["", ""]
    assert features(CALLED.format(idle=5))["came_back_as"].tolist() == ["", ""]


CLOSED = """
+.1 < F. 1:1(0) ack 101
{between}
+0  < R. 2:2(0) ack {ack}
"""


@pytest.mark.parametrize(
    ("between", "ack", "behind"),
    [("", 101, True), ("+.1 > P. 101:201(100) ack 2", 201, False), ("+.1 > . 101:101(0) ack 2", 101, True)],
)
def test_a_reset_behind_the_own_fin(between: str, ack: int, behind: bool) -> None:
    found = features(number(opened(ALL)) + CLOSED.format(between=between, ack=ack))
    assert found["reset_behind_own_fin"].tolist() == [behind]
    assert found["resets_behind_fin_near"].tolist() == [0]
