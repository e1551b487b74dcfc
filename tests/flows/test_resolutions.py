"""An address resolution: asker, target, requests at most five seconds apart, and the answer."""

from __future__ import annotations

import pandas as pd

from tcpautopsy.flows import FlowTable
from tcpautopsy.tables import NO_FLOW, PACKET, Kind, Packets, Protocol

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
ASKS, TELLS, ANNOUNCES = 1, 2, 4


def flows(*said: tuple[float, int, int, int]) -> tuple[pd.DataFrame, list[int]]:
    """The flows of (seconds, source, target, flags) frames, and the flow of each frame."""
    rows = PACKET.zeros(len(said))
    for number, (at, source, target, flags) in enumerate(said):
        row = rows[number]
        row["kind"], row["protocol"], row["ip_version"], row["flags"] = Kind.RESOLUTION, Protocol.ARP, 4, flags
        row["time_ns"], row["frame"], row["flow"] = BEGIN + int(at * SECOND), number + 1, NO_FLOW
        row["src_lo"], row["dst_lo"] = source, target
    table = FlowTable()
    assigned = table.assign(Packets(rows, []))
    return table.table().frame(), assigned.rows["flow"].tolist()


def test_repeats_up_to_five_seconds_apart_and_the_answer_are_one() -> None:
    table, of = flows((0, 1, 2, ASKS), (4, 1, 2, ASKS), (8, 1, 2, ASKS), (8.1, 2, 1, TELLS))
    assert of == [0, 0, 0, 0]
    assert len(table) == 1


def test_a_longer_pause_or_an_answer_begins_another() -> None:
    table, of = flows((0, 1, 2, ASKS), (6, 1, 2, ASKS), (6.1, 2, 1, TELLS), (7, 1, 2, ASKS))
    assert of == [0, 1, 1, 2]
    assert table["ordinal"].tolist() == [1, 2, 3]
    assert table["previous"].tolist() == [pd.NA, 0, 1]


def test_the_ordinal_counts_per_target_whoever_asks() -> None:
    table, _ = flows((0, 1, 2, ASKS), (1, 3, 2, ASKS), (2, 1, 4, ASKS))
    assert table["ordinal"].tolist() == [1, 2, 1]


def test_announcements_and_answers_nobody_asked_for_belong_to_none() -> None:
    table, of = flows((0, 1, 1, ANNOUNCES), (1, 2, 1, TELLS))
    assert of == [NO_FLOW, NO_FLOW]
    assert table.empty
