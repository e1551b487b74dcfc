"""Counting instants of a group within intervals, against counting them one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.features.overlap import counted, grouped, instants, others, overlapping

TIMES = st.one_of(st.just(math.nan), st.integers(0, 12).map(lambda n: n / 4))


@st.composite
def flows(draw: st.DrawFn) -> tuple[list[int], list[float], list[float], list[float]]:
    count = draw(st.integers(1, 12))
    lists = [draw(st.lists(TIMES, min_size=count, max_size=count)) for _ in range(3)]
    return draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), lists[0], lists[1], lists[2]


def inside(low: float, time: float, high: float) -> bool:
    return low <= time <= high


@given(flows())
def test_counts_of_a_group(made: tuple[list[int], list[float], list[float], list[float]]) -> None:
    group, times, low, high = (np.asarray(column) for column in made)
    found = counted(grouped(instants(times), group), group, low, high)
    wanted = [
        sum(inside(low[i], times[j], high[i]) for j in range(len(group)) if group[j] == group[i])
        for i in range(len(group))
    ]
    assert found.tolist() == wanted


@given(flows())
def test_others_leave_out_the_flow_itself(made: tuple[list[int], list[float], list[float], list[float]]) -> None:
    group, times, low, high = (np.asarray(column) for column in made)
    wanted = [
        sum(inside(low[i], times[j], high[i]) for j in range(len(group)) if group[j] == group[i] and j != i)
        for i in range(len(group))
    ]
    assert others(group, times, low, high).tolist() == wanted


@given(flows())
def test_spans_that_meet(made: tuple[list[int], list[float], list[float], list[float]]) -> None:
    group, start, length, width = made
    begin = np.nan_to_num(np.asarray(start))
    end = begin + np.nan_to_num(np.asarray(length))
    low, high = begin - 0.5, begin + np.nan_to_num(np.asarray(width))
    found = overlapping(np.asarray(group), begin, end, low, high)
    count = len(group)
    wanted = [
        sum(begin[j] <= high[i] and end[j] >= low[i] for j in range(count) if group[j] == group[i])
        for i in range(count)
    ]
    assert found.tolist() == wanted
