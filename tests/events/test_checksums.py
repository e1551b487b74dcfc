"""Wrong checksums: of a side whose network card completes them they mean nothing, of any other a damaged packet."""

from __future__ import annotations

import pytest

from tcpautopsy.notation import capture
from tcpautopsy.pipeline import Options, analyse_bytes, examined, named_events

#: The client captured itself: its packets leave with sums that its card is to complete, `{n}` may be right by chance.
OFFLOADING = """
    +0    > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7> {0}
    +.05  < S. 0:0(0) ack 1 <mss 1400,sackOK,wscale 9>
    +0    > . 1:1(0) ack 1 {1}
    +0    > P. 1:101(100) ack 1 {2}
    +.05  < . 1:1(0) ack 101
    +0    > P. 101:201(100) ack 1 {3}
    +.05  < . 1:1(0) ack 201
    +0    > P. 201:301(100) ack 1 {4}
    +.05  < . 1:1(0) ack 301
    +1    > R. 301:301(0) ack 1 {5}
"""
DAMAGED = """
    +0    > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>
    +.05  < S. 0:0(0) ack 1 <mss 1400,sackOK,wscale 9>
    +0    > . 1:1(0) ack 1
    +0    > P. 1:101(100) ack 1 bad
    +.25  > P. 1:101(100) ack 1 bad
    +.5   > P. 1:101(100) ack 1 bad
    +1    > P. 1:101(100) ack 1
    +.05  < . 1:1(0) ack 101
"""


ANSWERED_BY_THE_KERNEL = """
    +0    > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>
    +.001 < S. 0:0(0) ack 1 <mss 1400,sackOK,wscale 9> bad
    +.05  > . 1:1(0) ack 1
    +0    > P. 1:101(100) ack 1
    +.3   > P. 1:101(100) ack 1
    +.001 < . 1:1(0) ack 101 bad
    +0    < P. 1:51(50) ack 101 bad
    +.05  > . 101:101(0) ack 51
    +0    > P. 101:201(100) ack 51
    +.001 < R. 51:51(0) ack 201
"""


def kinds(text: str) -> list[str]:
    return named_events(examined(capture(text)).dissection.events)["kind"].tolist()


@pytest.mark.parametrize("right", [None, 1, 2, 3, 4])
def test_one_sum_that_is_right_by_chance_changes_nothing(right: int | None) -> None:
    text = OFFLOADING.format(*("" if n == right else "bad" for n in range(6)))
    [connection] = analyse_bytes("written down", capture(text), Options(debug=True)).result.connections
    assert connection.outcome == "aborted"
    assert [kind for kind in kinds(text) if kind != "bad_checksum"] == [
        kind for kind in kinds(OFFLOADING.format(*[""] * 6)) if kind != "bad_checksum"
    ]


@pytest.mark.parametrize(
    ("text", "damaged"), [(ANSWERED_BY_THE_KERNEL, 0), (OFFLOADING.format("bad", "", *["bad"] * 4), 0), (DAMAGED, 3)]
)
def test_only_damage_is_counted(text: str, damaged: int) -> None:
    known = examined(capture(text))
    assert known.features["bad_checksums"].tolist() == [damaged]


def test_what_is_damaged_is_not_heard() -> None:
    said = kinds(DAMAGED)
    assert said.count("bad_checksum") == 3
    assert said.count("data") == 1
    assert "rto_retransmission" not in said
