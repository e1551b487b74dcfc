"""Events are put in the order of flows, and stay in the order in which they came within one."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events.rows import SEGMENT, SIDE, TALK, TROUBLE
from tcpautopsy.records import interpreted_kernel
from tcpautopsy.tables import EVENT, EVENT_KINDS

FLOWS = st.integers(0, 9)
FRAMES = st.integers(0, 2**32 - 1)
RUNS = st.integers(1, 2**24 - 1)
VALUES = st.integers(-(2**63), 2**63 - 1)
FORMS = {
    "compiled": importlib.import_module("tcpautopsy.events._kernel"),
    "interpreted": interpreted_kernel("events"),
}


@pytest.mark.parametrize("form", FORMS)
@given(rows=st.lists(st.tuples(FLOWS, FRAMES, VALUES, RUNS), max_size=50), share=st.floats(0, 1))
def test_ordered_by_flow_and_then_as_they_came(form: str, rows: list[tuple[int, int, int, int]], share: float) -> None:
    cut = int(share * len(rows))  # they come in two lots
    came = EVENT.zeros(len(rows) + 1)  # one more than are asked for
    for n, (flow, frame, value, count) in enumerate(rows):
        came[n]["flow"], came[n]["frame"], came[n]["value"], came[n]["other"] = flow, frame, value, 7 + n
        came[n]["what"] = count << 8 | n % len(EVENT_KINDS) << 2 | n % 3
    of_flow = np.bincount([flow for flow, *_ in rows], minlength=10)
    wide, numbers, small = (
        np.empty((3, len(rows)), np.int64),
        np.empty((5, len(rows)), np.uint32),
        np.empty((2, len(rows)), np.uint8),
    )
    track = FORMS[form].Track()
    compiled = FORMS[form].compiled
    track.hold(
        *(r.entered(r.zeros(1), compiled) for r in (SIDE, TROUBLE, TALK, SEGMENT)), EVENT.entered(came, compiled)
    )
    starts = np.cumsum(of_flow) - of_flow
    for first, last in ((0, cut), (cut, len(rows))):
        track.place(first, last, starts.data, wide.data, numbers.data, small.data)
    expected = sorted((flow, n, *rest) for n, (flow, *rest) in enumerate(rows))
    assert numbers[0].tolist() == [flow for flow, *_ in expected]
    assert numbers[1].tolist() == [frame for _, _, frame, *_ in expected]
    assert wide[2].tolist() == [value for *_, value, _ in expected]
    runs = [(frame, n, count) for _, n, frame, _, count in expected]
    assert numbers[2].tolist() == [7 + n if count > 1 else frame for frame, n, count in runs]  # last_frame
    assert numbers[3].tolist() == [0 if count > 1 else 7 + n for _, n, count in runs]  # of_frame
    assert numbers[4].tolist() == [count for *_, count in runs]
    assert small[0].tolist() == [n % len(EVENT_KINDS) for _, n, _ in runs]
    assert small[1].tolist() == [n % 3 for _, n, _ in runs]
