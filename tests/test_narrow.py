"""Narrow columns hold what was put into them, whatever came first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy import narrow

SIZE = 20
VALUES = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300) | st.just(0)
PUTS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, SIZE - 1), st.lists(VALUES, min_size=1, max_size=4)))


@given(puts=PUTS)
def test_columns_hold_what_was_put_into_them(puts: list[tuple[int, int, list[int]]]) -> None:
    columns, plain = narrow.Narrow(["x"], (2, SIZE)), np.zeros((2, SIZE), np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(narrow, "_BLOCK", 3)
        for which, at, values in puts:
            place = (which, slice(at, at + len(values)))
            few = np.array(values, np.int64)[: SIZE - at]
            if few.any():  # zeros are what is there at first
                columns.put("x", place, few)
                plain[place] = few
    assert columns["x"].tolist() == plain.tolist()


@pytest.mark.parametrize(
    ("most", "width"), [(0, 1), (255, 1), (256, 2), (65_536, 4), (2**32, 8), (2**63 - 1, 8), (-1, 8)]
)
def test_a_column_is_as_wide_as_its_largest_value(most: int, width: int) -> None:
    columns = narrow.Narrow(["x"], (3,))
    columns.put("x", slice(0, 2), np.array([0, most], np.int64))
    assert columns["x"].itemsize == width
    assert columns["x"].tolist() == [0, most, 0]


def test_what_has_no_sign_keeps_none() -> None:
    columns = narrow.Narrow(["x"], (1,))
    columns.put("x", slice(None), np.array([2**64 - 1], np.uint64))
    assert columns["x"].tolist() == [2**64 - 1]
