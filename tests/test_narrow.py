"""Narrow columns hold what was put into them, whatever came first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy import narrow
from tcpautopsy.narrow import Narrow

SIZE = 20
FAR = st.integers(-(2**63), 2**63 - 1)
VALUES = FAR | st.integers(0, 300) | st.integers(10**18, 10**18 + 70_000) | st.just(0)
PLACES = st.builds(slice, st.integers(0, SIZE - 1), st.just(SIZE)) | st.lists(
    st.integers(0, SIZE - 1), min_size=1, unique=True
).map(np.array)
PUTS = st.lists(st.tuples(st.integers(0, 1), PLACES, st.lists(VALUES, min_size=SIZE, max_size=SIZE)), max_size=8)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrow, "_BLOCK", 3)
    monkeypatch.setattr(narrow, "_SPAN", 4)
    monkeypatch.setattr(narrow, "_PAGES", 64)


@pytest.mark.parametrize("near", [(), ("x",)], ids=["as they are", "differences"])
@given(puts=PUTS, grown=st.integers(0, 8), taken=st.booleans())
def test_columns_hold_what_was_put_into_them(near: tuple[str, ...], puts, grown: int, taken: bool) -> None:
    columns, plain = Narrow(["x"], (2, SIZE), near), np.zeros((2, SIZE + 9), np.int64)
    for number, (row, places, values) in enumerate(puts):
        before = columns.take("x", row, places)
        assert before.tolist() == plain[row, :SIZE][places].tolist()
        few = np.array(values, np.int64)[: len(before)]
        columns.put("x", row, places, few)
        plain[row, :SIZE][places] = few
        if number == grown:
            columns.grow(SIZE + 9)
    size = columns["x"].shape[1]
    assert columns["x"].tolist() == plain[:, :size].tolist()
    other = columns.copy()
    if taken:
        columns.take("x", 0, slice(None))
        assert not columns.get("x", 0, slice(None)).any()
    assert other["x"].tolist() == plain[:, :size].tolist()
    other.lean(SIZE - 3)
    assert other["x"].tolist() == plain[:, : SIZE - 3].tolist()
    assert other.get("x", 1, np.array([SIZE - 4, 0])).tolist() == plain[1, [SIZE - 4, 0]].tolist()


@pytest.mark.parametrize(
    ("most", "width"),
    [(0, 1), (255, 1), (256, 2), (65_536, 4), (2**32, 5), (2**40, 6), (2**48, 8), (2**63 - 1, 8), (-1, 8)],
)
def test_a_column_is_as_wide_as_its_largest_value(most: int, width: int) -> None:
    columns = Narrow(["x"], (1, 3))
    columns.put("x", 0, slice(0, 2), np.array([0, most], np.int64))
    halves = [columns._columns["x"], *(high.half for high in columns._highs.values())]
    assert sum(each.itemsize for each in halves) == width
    assert columns["x"].tolist() == [[0, most, 0]]


def test_values_near_each_other_are_kept_in_a_few_bits() -> None:
    columns = Narrow(["x"], (1, 8), near=["x"])
    columns.put("x", 0, np.array([0, 1, 5]), np.array([10**18 + 200, 10**18, 10**17]))
    assert columns._columns["x"].itemsize == 1
    columns.put("x", 0, np.array([3]), np.array([10**18 - 100]))
    assert columns._columns["x"].itemsize == 2
    assert columns["x"].tolist() == [[10**18 + 200, 10**18, 0, 10**18 - 100, 0, 10**17, 0, 0]]


def test_what_has_no_sign_keeps_none() -> None:
    columns = Narrow(["x"], (1, 1))
    columns.put("x", 0, slice(None), np.array([2**64 - 1], np.uint64))
    assert columns["x"].tolist() == [[2**64 - 1]]


def test_what_has_one_value_everywhere_is_kept_once() -> None:
    columns = Narrow(["same", "other", "far"], (2, 9))
    for name, values in (("same", [4] * 8), ("other", [4] * 7 + [5]), ("far", [2**40] * 8)):
        columns.put(name, 1, slice(0, 8), np.array(values, np.int64))
    columns.lean(8)
    assert columns._columns["same"].strides[1] == columns._columns["far"].strides[1] == 0
    assert columns._columns["other"].strides[1] != 0
    assert [columns[name][1].tolist() for name in ("same", "far")] == [[4] * 8, [2**40] * 8]
    assert columns["other"].tolist() == [[0] * 8, [4] * 7 + [5]]
