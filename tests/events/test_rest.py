"""Flows that are put to rest and wake again are told like those that never rested."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from tcpautopsy import records
from tcpautopsy.capture import Input
from tcpautopsy.dissector import Options, followed
from tcpautopsy.events import Tracker, log, rest
from tcpautopsy.events.rows import SIDE, TALK
from tcpautopsy.flows import FlowTable
from tcpautopsy.tables import NO_TIME, Directions, Events, Notes, Packets

CAPTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*/*.pcap"))
AT_ONCE = 3  # packets
Tables = tuple[Events, Directions, Notes]


class Capture(NamedTuple):
    """All packets of a capture, and how many flows they have."""

    packets: list[Packets]
    flows: int

    def tables(self, tracker: Tracker, over: bool = False) -> Tables:
        times = [int(t) for each in self.packets for t in each.rows["time_ns"] if t != NO_TIME]
        return tracker.finish(min(times), max(times), self.flows, over)


def read(path: Path) -> Capture:
    table = FlowTable()
    parts = followed([Input(path.name, BytesIO(path.read_bytes()))], Options(), table)
    packets = [
        Packets(part.rows[at : at + AT_ONCE].copy(), part.notes if at == 0 else [])
        for part in parts
        for at in range(0, len(part.rows), AT_ONCE)
    ]
    return Capture(packets, len(table))


def fed(packets: list[Packets], tracker: Tracker) -> Tracker:
    for few in packets:
        tracker.feed(Packets(few.rows.copy(), few.notes))
    return tracker


def same(some: Tables, others: Tables) -> None:
    pd.testing.assert_frame_equal(some[0].frame(), others[0].frame())
    pd.testing.assert_frame_equal(some[1].frame(), others[1].frame())
    pd.testing.assert_frame_equal(some[2], others[2])


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Flows rest as soon as two frames are not theirs, and events when they are over; how many, and how many woke."""
    counts = {"laid": 0, "woken": 0, "over": 0, "prolonged": 0}
    lay_down, wake = rest.Rest.lay_down, rest.Rest.wake

    def laid(self: rest.Rest, live: rest.Live, frame: int):
        moved = lay_down(self, live, frame)
        counts["laid"] += len(live.sides) - len(moved)
        return moved

    def woken(self: rest.Rest, live: rest.Live, flows):
        moved = wake(self, live, flows)
        counts["woken"] += len(moved)
        return moved

    over, again = log.Log.lay_down, log.Log.wake

    def noted(self: log.Log, rows, talks, asleep):
        before = self._from
        moved = over(self, rows, talks, asleep)
        counts["over"] += len(rows) - before - len(moved)
        return moved

    def reopened(self: log.Log, talks, flows, count: int):
        moved = again(self, talks, flows, count)
        counts["prolonged"] += len(moved)
        return moved

    monkeypatch.setattr(log, "FIRST", 1)
    monkeypatch.setattr(log, "MANY", 1)
    monkeypatch.setattr(log.Log, "lay_down", noted)
    monkeypatch.setattr(log.Log, "wake", reopened)
    monkeypatch.setattr(rest, "MANY", 1)
    monkeypatch.setattr(rest, "SILENT", 2)
    monkeypatch.setattr(rest, "_RESTLESS", 0)
    monkeypatch.setattr(rest.Rest, "lay_down", laid)
    monkeypatch.setattr(rest.Rest, "wake", woken)
    return counts


def test_flows_that_rested_are_told_like_others(restless: dict[str, int]) -> None:
    for path in CAPTURES:
        capture = read(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rest, "MANY", 10**9)
            patch.setattr(log, "FIRST", 10**9)
            awake = capture.tables(fed(capture.packets, Tracker()), over=True)
        same(capture.tables(fed(capture.packets, Tracker()), over=True), awake)
    assert restless["laid"] > 1000
    assert restless["woken"] > 1000
    assert restless["over"] > 1000
    assert restless["prolonged"] > 500


def test_what_is_told_on_the_way_changes_nothing(restless: dict[str, int]) -> None:
    for path in CAPTURES[::7]:
        capture = read(path)
        half = len(capture.packets) // 2
        tracker = fed(capture.packets[:half], Tracker())
        some = Capture(capture.packets[:half] or capture.packets, capture.flows)
        if half:
            same(some.tables(tracker), some.tables(fed(capture.packets[:half], Tracker()), over=True))
        whole = capture.tables(fed(capture.packets[half:], tracker), over=True)
        same(whole, capture.tables(fed(capture.packets, Tracker()), over=True))
    assert restless["woken"] > 50


def test_flows_that_speak_in_turn_are_left_alone_in_the_end(restless: dict[str, int], monkeypatch) -> None:
    monkeypatch.setattr(rest, "_RESTLESS", 4)
    flows, rests = 40, rest.Rest()
    live = rest.Live(SIDE.zeros(flows + 1), TALK.zeros(flows))
    live.sides["flow"][1:], live.sides["side"][1:] = np.arange(flows), 1
    live.talks["originator"] = np.arange(1, flows + 1)
    for turn in range(1, 12):
        for flow in range(flows):
            woken = rests.wake(live, np.array([flow], np.uint32))
            live = live._replace(sides=np.concatenate([live.sides, woken]))
            live.talks["last_frame"][flow] = turn * flows + flow
        moved = rests.lay_down(live, turn * flows + flows - 1)
        live = live._replace(sides=np.concatenate([live.sides, moved]))
    assert rests._silent > 2
    assert len(moved) >= flows * 3 // 4


def test_a_run_too_long_for_its_number_goes_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCPAUTOPSY_INTERPRETED", "1")
    capture = read(next(path for path in CAPTURES if path.parent.name == "close-unread-data"))
    whole = capture.tables(fed(capture.packets, Tracker()))[0].frame()
    assert whole["count"].max() > 3
    monkeypatch.setattr(records.interpreted_kernel("events"), "LONGEST_RUN", 3)
    cut = capture.tables(fed(capture.packets, Tracker()))[0].frame()
    assert cut["count"].max() == 3
    for told in (whole, cut):
        assert (told["last_frame"][told["count"] == 1] == told["frame"][told["count"] == 1]).all()
    frames = [told.groupby(["flow", "kind", "side"])["count"].sum().to_dict() for told in (whole, cut)]
    assert frames[0] == frames[1]


def test_rows_that_are_not_used_any_more_are_given_back(restless: dict[str, int]) -> None:
    capture = read(next(path for path in CAPTURES if path.parent.name == "mixed"))
    tracker = fed(capture.packets, Tracker())
    page = 4096 // tracker._sides._record.dtype.itemsize  # rows that lie in one page, at least
    given_back = tracker._rest._from - 2 * page
    assert given_back > page
    assert not tracker._sides.array(given_back)["packets"].any()
