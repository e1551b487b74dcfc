"""What the README promises to programs: tables to count with, one connection, the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import tcpautopsy
from tcpautopsy.errors import CaptureError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
VICTIM = 7  # its handshake's end was ignored


@pytest.fixture(scope="module")
def capture() -> tcpautopsy.Capture:
    return tcpautopsy.read(FIXTURES / "accept-queue-ack-drop" / "client.pcap")


def test_tables_have_a_row_for_each_thing(capture: tcpautopsy.Capture) -> None:
    connections = len(capture.result.connections)
    assert len(capture.flows) == len(capture.features) == connections
    assert len(capture.directions) == 2 * connections
    assert len(capture.findings) == len(capture.result.findings)
    assert capture.incidents["subject"].tolist() == ["10.0.0.2:8080"] * len(capture.result.incidents)


def test_numbers_are_numbers_to_count_with(capture: tcpautopsy.Capture) -> None:
    for table in (capture.flows, capture.events, capture.findings):
        narrow = {name: str(kind) for name, kind in table.dtypes.items() if str(kind).lower().startswith("uint")}
        assert not narrow  # 1 less 2 would not be -1
    [cause] = capture.findings[(capture.findings["flow"] == VICTIM - 1) & capture.findings["primary"]].to_dict(
        "records"
    )
    assert cause["held"] & 1  # its first condition
    assert not cause["unseen"] & cause["held"]
    assert (capture.events["frame"].diff() < 0).any()


def test_one_connection_is_its_part_of_the_tables(capture: tcpautopsy.Capture) -> None:
    one = capture.flow(VICTIM)
    assert one.connection.cause == "accept-queue-overflow-ack-drop"
    own = capture.events[capture.events["flow"] == VICTIM - 1].reset_index(drop=True)
    assert set(one.events["connection"]) == {VICTIM}
    assert one.events["kind"].iloc[0] == "syn"
    same = ["frame", "last_frame", "time_ns", "of_frame", "value", "count"]
    pd.testing.assert_frame_equal(one.events[same], own[same])
    for number in (0, len(capture.flows) + 1):
        with pytest.raises(KeyError, match="no connection"):
            capture.flow(number)


def test_the_page_is_that_of_the_command(capture: tcpautopsy.Capture, tmp_path: Path) -> None:
    page = capture.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert "accept queue was full" in page
    assert "4 of 10 connections failed" in repr(capture)
    assert "<table" in capture._repr_html_()


def test_what_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "text.pcap").write_text("no packets here, but some words that are longer than a header")
    with pytest.raises(CaptureError):
        tcpautopsy.read(tmp_path / "text.pcap")
