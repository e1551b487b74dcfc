"""Flows that agree in what makes a Community ID are counted from 1, however many agree."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.flows.kept import _counted

#: (an end, the other end, the protocol), of which few differ: so in most lists some agree, and in some none do.
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 1)), max_size=12)


@given(ROWS)
def test_each_row_is_counted_among_those_that_agree_with_it(rows: list[tuple[int, int, int]]) -> None:
    parts = [np.array([row[n] for row in rows], dtype=np.int64) for n in range(3)]
    seen: Counter[tuple[int, int, int]] = Counter()
    expected = []
    for row in rows:
        seen[row] += 1
        expected.append(seen[row])
    assert _counted(parts).tolist() == expected
