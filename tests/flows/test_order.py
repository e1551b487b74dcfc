"""Small disorder of the file is undone; a step of the clock is marked, wherever the batches are cut."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.flows import TimeOrder
from tcpautopsy.records import Rows
from tcpautopsy.tables import NO_TIME, PACKET, Mark, Packets

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND


def ordered(times: list[int], cuts: list[int]) -> tuple[Rows, tuple[str, ...]]:
    """The rows that come out when packets with these times go in, cut into batches at these places."""
    rows = PACKET.zeros(len(times))
    rows["time_ns"], rows["frame"] = times, np.arange(1, len(times) + 1)
    order, out = TimeOrder(), []
    edges = sorted({0, len(times), *(c % (len(times) + 1) for c in cuts)})
    for first, last in pairwise(edges):
        out += [p.rows.copy() for p in order.feed(Packets(rows[first:last].copy(), []))]
    out += [p.rows.copy() for p in order.flush()]
    return np.concatenate([PACKET.zeros(0), *out]), tuple(p.code for p in order.problems())


@given(st.lists(st.integers(0, SECOND), min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_up_to_a_second_of_disorder_is_undone(offsets: list[int], cuts: list[int]) -> None:
    rows, problems = ordered([BEGIN + offset for offset in offsets], cuts)
    assert sorted(rows["frame"].tolist()) == list(range(1, len(offsets) + 1))
    assert (np.diff(rows["time_ns"]) >= 0).all()
    assert not (rows["marks"] & Mark.CLOCK_STEP).any()
    assert ("reordered" in problems) == (offsets != sorted(offsets))


@given(st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_where_the_batches_are_cut_changes_nothing(offsets: list[int], cuts: list[int]) -> None:
    times = [BEGIN + offset for offset in offsets]
    whole, problems = ordered(times, [])
    parts, again = ordered(times, cuts)
    assert whole.tolist() == parts.tolist()
    assert problems == again


def test_a_step_back_keeps_the_order_of_the_file_and_is_marked() -> None:
    rows, problems = ordered([BEGIN, BEGIN + 10 * SECOND, BEGIN + 2 * SECOND, BEGIN + 3 * SECOND], [])
    assert rows["frame"].tolist() == [1, 2, 3, 4]
    assert (rows["marks"] & Mark.CLOCK_STEP != 0).tolist() == [False, False, True, False]
    assert problems == ("clock-backwards",)


def test_an_invalid_time_becomes_that_of_the_packet_before_and_is_marked() -> None:
    rows, _ = ordered([BEGIN, NO_TIME, BEGIN + SECOND], [])
    assert rows["time_ns"].tolist() == [BEGIN, BEGIN, BEGIN + SECOND]
    assert (rows["marks"] & Mark.CLOCK_STEP != 0).tolist() == [False, True, False]


@given(
    st.lists(st.integers(0, SECOND), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.integers(1, 8),
)
def test_what_is_late_by_too_many_frames_is_a_step(offsets: list[int], cuts: list[int], frames: int) -> None:
    times = [BEGIN + offset for offset in offsets]
    with patch("tcpautopsy.flows.order.LATE_FRAMES", frames):
        rows, _ = ordered(times, cuts)
    steps, highest = [], list[int]()
    for number, time in enumerate(times, start=1):
        if len(highest) >= frames and time < highest[-frames]:
            steps.append(number)
            highest = []
        highest.append(max([time, *highest[-1:]]))
    assert sorted(rows["frame"][rows["marks"] & Mark.CLOCK_STEP != 0].tolist()) == steps
