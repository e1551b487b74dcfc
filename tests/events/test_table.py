"""Events whose columns are made anew each time, as those of a large capture are, are the same as those that are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tcpautopsy import tables
from tcpautopsy.pipeline import examined
from tcpautopsy.tables import Events

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "mixed" / "client.pcap"


@pytest.fixture(params=[0, 1_000_000], ids=["made anew", "kept"])
def events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Events:
    found = examined(FIXTURE).dissection.events
    monkeypatch.setattr(tables, "FEW_EVENTS", request.param)
    return found.of(np.arange(len(found.starts) - 1))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return examined(FIXTURE).dissection.events.frame()


def test_the_whole(events: Events, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(events.frame(), frame)
    counts = np.bincount(frame["flow"], minlength=len(events.starts) - 1)
    assert np.diff(events.starts).tolist() == counts.tolist()


def test_some_rows(events: Events, frame: pd.DataFrame) -> None:
    for rows in (slice(3, 40), slice(5, 60, 2), np.array([2, 3, 11, 50])):
        pd.testing.assert_frame_equal(events.at(rows).frame(), frame.iloc[rows].reset_index(drop=True))


@pytest.mark.parametrize("flows", [[0, 1, 2], [1, 4, 5], [], [3]])
def test_some_flows_are_numbered_anew(events: Events, frame: pd.DataFrame, flows: list[int]) -> None:
    mine = frame[frame["flow"].isin(flows)].reset_index(drop=True)
    expected = mine.assign(flow=mine["flow"].map({flow: n for n, flow in enumerate(flows)}).astype("int64"))
    found = events.of(np.array(flows, np.int64))
    pd.testing.assert_frame_equal(found.frame(), expected)
    again = found.of(np.arange(len(flows))[1:])  # some of some
    assert again["frame"].tolist() == expected["frame"][expected["flow"] > 0].tolist()


def test_no_column_is_kept_when_it_is_forgotten(events: Events) -> None:
    before = events["time_ns"]
    events.forget()
    assert events["time_ns"] is not before
