"""Events are put in the order of flows, and stay in the order in which they came within one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events.tracker import _by_flow
from tcpautopsy.tables import EVENT

FLOWS = st.one_of(st.integers(0, 5), st.integers(65_530, 65_540), st.integers(0, 2**32 - 2))


@given(st.lists(FLOWS, max_size=50))
def test_ordered_by_flow_and_then_as_they_came(flows: list[int]) -> None:
    rows = EVENT.zeros(len(flows))
    rows["flow"], rows["value"] = flows, np.arange(len(flows))
    ordered = _by_flow(rows)
    assert ordered["flow"].tolist() == sorted(flows)
    assert [flows[n] for n in ordered["value"]] == sorted(flows)
    assert ordered["value"].tolist() == [n for _, n in sorted((flow, n) for n, flow in enumerate(flows))]
