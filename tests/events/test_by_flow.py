"""Events are put in the order of flows, and stay in the order in which they came within one."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events.rows import SEGMENT, SIDE, TALK
from tcpautopsy.records import columns, integers, interpreted_kernel
from tcpautopsy.tables import EVENT, EVENTS

FLOWS = st.integers(0, 9)
COUNTS = st.integers(0, 2**32 - 1)
VALUES = st.integers(-(2**63), 2**63 - 1)
FORMS = {
    "compiled": importlib.import_module("tcpautopsy.events._kernel"),
    "interpreted": interpreted_kernel("events"),
}


@pytest.mark.parametrize("form", FORMS)
@given(rows=st.lists(st.tuples(FLOWS, COUNTS, VALUES), max_size=50))
def test_ordered_by_flow_and_then_as_they_came(form: str, rows: list[tuple[int, int, int]]) -> None:
    came = EVENT.zeros(len(rows) + 1)  # one more than are asked for
    for n, (flow, frame, value) in enumerate(rows):
        came[n]["flow"], came[n]["frame"], came[n]["value"], came[n]["side"] = flow, frame, value, n % 3
    of_flow = np.bincount([flow for flow, _, _ in rows], minlength=10)
    table = np.empty((len(EVENTS.columns), len(rows)), np.int64)
    track = FORMS[form].Track()
    compiled = FORMS[form].compiled
    track.hold(*(r.entered(r.zeros(1), compiled) for r in (SIDE, TALK, SEGMENT)), EVENT.entered(came, compiled))
    track.arrange(integers(len(rows)), (np.cumsum(of_flow) - of_flow).data, table.data)
    expected = sorted((flow, n, frame, value) for n, (flow, frame, value) in enumerate(rows))
    found = dict(zip((c.name for c in EVENTS.columns), table.tolist(), strict=True))
    assert found["flow"] == [flow for flow, *_ in expected]
    assert found["frame"] == [frame for _, _, frame, _ in expected]
    assert found["value"] == [value for *_, value in expected]
    assert found["side"] == [n % 3 for _, n, *_ in expected]


@given(rows=st.lists(st.tuples(COUNTS, VALUES), max_size=40))
def test_rows_become_columns(rows: list[tuple[int, int]]) -> None:
    given_rows = EVENT.zeros(len(rows))
    if rows:
        given_rows["flow"], given_rows["value"] = zip(*rows, strict=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tcpautopsy.records._TURN", 7)
        plain = columns(given_rows, ["value", "flow"])
    assert list(zip(plain["flow"].tolist(), plain["value"].tolist(), strict=True)) == rows
