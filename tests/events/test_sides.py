"""Columns of directions are what the kernel's rows say, and what nobody said stays nobody's."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.capture import Input
from tcpautopsy.dissector import Options, followed
from tcpautopsy.events import Tracker, rest
from tcpautopsy.events.rows import SIDE, TALK, TROUBLE
from tcpautopsy.events.sides import Sides
from tcpautopsy.flows import FlowTable
from tcpautopsy.narrow import Narrow
from tcpautopsy.tables import DIRECTIONS, Packets

CAPTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*/*.pcap"))
FEW = 8  # rows of a block here

#: Of each flow whether its originator and its responder were seen, and whether either had trouble.
FLOWS = st.lists(st.tuples(*(st.booleans() for _ in range(4))), max_size=40)


@given(flows=FLOWS, order=st.randoms(use_true_random=False))
def test_columns_are_the_rows_of_the_flows(flows: list[tuple[bool, ...]], order) -> None:
    taken = [(flow, which) for flow, seen in enumerate(flows) for which in (0, 1) if seen[which]]
    order.shuffle(taken)
    rows, troubles, talks = SIDE.zeros(len(taken) + 1), TROUBLE.zeros(len(taken) + 1), TALK.zeros(len(flows))
    packets, losses = np.zeros((2, len(flows)), int), np.zeros((2, len(flows)), int)
    for row, (flow, which) in enumerate(taken, start=1):
        rows[row]["flow"], rows[row]["side"] = flow, 1 - which
        rows[row]["packets"] = packets[which, flow] = row
        if flows[flow][2 + which]:
            rows[row]["trouble"] = row
            troubles[row]["lost_bytes"] = losses[which, flow] = 1000 + row
    forgotten: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rest, "_BLOCK", FEW)
        found = rest.Rest().sides(rest.Live(rows, talks), troubles, forgotten.append)
    assert found["packets"].tolist() == packets.tolist()
    assert found["lost_bytes"].tolist() == losses.tolist()
    assert forgotten == [min(start + FEW, len(rows)) for start in range(1, len(rows), FEW)]


@given(
    flows=st.integers(1, 9),
    choice=st.builds(slice, *(st.none() | st.integers(0, 18) for _ in range(2)), st.none() | st.integers(1, 3)),
)
def test_rows_of_directions_are_originator_and_responder_in_turn(flows: int, choice: slice) -> None:
    columns = Narrow(["packets"], (2, flows + 3))
    for which in (0, 1):
        columns.put("packets", which, slice(0, flows), np.arange(2 * flows)[which::2])
    found = Sides(flows, {"packets": columns})
    assert found["packets"].tolist() == np.arange(2 * flows).reshape(flows, 2).T.tolist()
    chosen = range(2 * flows)[choice]
    assert found.at("packets", chosen).tolist() == list(chosen)
    assert found.at("packets", np.array(chosen, dtype=np.int64)).tolist() == list(chosen)


def test_what_the_kernel_keeps_for_itself_is_in_no_table() -> None:
    kept = rest._INWARD | rest._WHOSE
    assert kept <= {*SIDE.names, *TROUBLE.names}
    assert not kept & {column.name for column in DIRECTIONS.columns}


@pytest.mark.parametrize("heard", ["both", "originator", "responder"])
def test_nothing_is_written_to_the_rows_of_nobody(heard: str) -> None:
    for path in CAPTURES:
        tracker, table = Tracker(), FlowTable()
        for packets in followed([Input(path.name, BytesIO(path.read_bytes()))], Options(), table):
            rows = packets.rows
            if heard != "both":
                rows = rows[rows["from_originator"] & 1 == (heard == "originator")]
            tracker.feed(Packets(rows, packets.notes))
        for pool in (tracker._sides, tracker._troubles):
            nobody = pool.array(1)
            assert not any(nobody[name].any() for name in nobody.dtype.names), path
