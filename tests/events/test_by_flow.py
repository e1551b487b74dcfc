"""Events are put in the order of flows, and stay in the order in which they came within one."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events import log
from tcpautopsy.events.log import Log
from tcpautopsy.events.rows import TALK
from tcpautopsy.records import Rows, interpreted_kernel
from tcpautopsy.tables import EVENT, EVENT_KINDS

FLOWS = 10
FRAMES = st.integers(0, 2**32 - 1)
RUNS = st.integers(1, 2**24 - 1)
VALUES = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(-(2**63), 2**63 - 1) | st.integers(10**18, 10**18 + 10**9)
CAME = st.lists(st.tuples(st.integers(0, FLOWS - 1), FRAMES, VALUES, RUNS, TIMES), max_size=50)
FORMS = {
    "compiled": importlib.import_module("tcpautopsy.events._kernel"),
    "interpreted": interpreted_kernel("events"),
}


def rows_of(came: list[tuple[int, int, int, int, int]]) -> Rows:
    rows = EVENT.zeros(len(came))
    for n, (flow, frame, value, count, time_ns) in enumerate(came):
        rows[n] = time_ns, 10**18, value, flow, frame, 7 + n, count << 8 | n % len(EVENT_KINDS) << 2 | n % 3
    return rows


@pytest.mark.parametrize("form", FORMS)
@given(came=CAME, cuts=st.lists(st.integers(0, 50), max_size=3), asleep=st.sets(st.integers(0, FLOWS - 1)))
def test_ordered_by_flow_and_then_as_they_came(form: str, came, cuts: list[int], asleep: set[int]) -> None:
    told, kept, talks = rows_of(came), Log(), TALK.zeros(FLOWS)
    rows = told[:0]
    behind = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "_BLOCK", 4)
        patch.setattr(log, "_PLACED", 8)
        for cut in sorted({min(cut, len(told)) for cut in cuts}):  # some are laid down, and woken, on the way
            rows = np.concatenate([rows, told[behind:cut]])
            for n, flow in enumerate(rows["flow"].tolist()):
                talks["last_event"][flow] = n + 1 if rows["what"][n] else talks["last_event"][flow]
            behind = cut
            moved = kept.lay_down(rows, talks, lambda flows: np.isin(flows, list(asleep)))
            assert not set(moved["flow"].tolist()) & asleep
            rows = np.concatenate([emptied(rows), moved])
            woken = kept.wake(talks, np.array(sorted(asleep), np.uint32), len(rows))
            assert set(woken["flow"].tolist()) == asleep & set(told["flow"][:cut].tolist())
            rows = np.concatenate([rows, woken])
        rows = np.concatenate([rows, told[behind:]])
        counts = np.bincount(told["flow"], minlength=FLOWS)
        found = kept.copy().events(rows, counts, FORMS[form].Track().place, lambda _: None)
    frame = found.frame()
    expected = sorted((flow, n, *rest) for n, (flow, *rest) in enumerate(came))
    assert found.starts.tolist() == np.concatenate([[0], np.cumsum(counts)]).tolist()
    for name, column in zip(("flow", "frame", "value", "count", "time_ns"), (0, 2, 3, 4, 5), strict=True):
        assert frame[name].tolist() == [each[column] for each in expected], name
    assert (frame["last_time_ns"] == 10**18).all()
    runs = [(number, n, count) for _, n, number, _, count, _ in expected]
    assert frame["last_frame"].tolist() == [7 + n if count > 1 else number for number, n, count in runs]
    assert frame["of_frame"].fillna(0).tolist() == [0 if count > 1 else 7 + n for _, n, count in runs]
    assert frame["kind"].tolist() == [n % len(EVENT_KINDS) for _, n, _ in runs]
    assert frame["side"].tolist() == [n % 3 for _, n, _ in runs]


def emptied(rows: Rows) -> Rows:
    """Rows that nobody will look at again."""
    return EVENT.zeros(len(rows))
