"""Events are put in the order of flows, and stay in the order in which they came within one."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events.tracker import _by_flow
from tcpautopsy.records import columns
from tcpautopsy.tables import EVENT

FLOWS = st.one_of(st.integers(0, 5), st.integers(65_530, 65_540), st.integers(0, 2**32 - 2))


@given(st.lists(FLOWS, max_size=50))
def test_ordered_by_flow_and_then_as_they_came(flows: list[int]) -> None:
    assert _by_flow(np.array(flows, np.uint32)).tolist() == [
        n for _, n in sorted((flow, n) for n, flow in enumerate(flows))
    ]


@given(st.lists(st.tuples(FLOWS, st.integers(-(2**63), 2**63 - 1)), max_size=40), st.randoms())
def test_rows_become_columns_in_any_order(rows: list[tuple[int, int]], chance: random.Random) -> None:
    given_rows = EVENT.zeros(len(rows))
    if rows:
        given_rows["flow"], given_rows["value"] = zip(*rows, strict=True)
    order = list(range(len(rows)))
    chance.shuffle(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tcpautopsy.records._TURN", 7)
        plain = columns(given_rows, ["value", "flow"])
        shuffled = columns(given_rows, ["value", "flow"], np.array(order, np.int64))
    assert list(zip(plain["flow"].tolist(), plain["value"].tolist(), strict=True)) == rows
    assert list(zip(shuffled["flow"].tolist(), shuffled["value"].tolist(), strict=True)) == [rows[n] for n in order]
