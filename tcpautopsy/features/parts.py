"""Some flows of a capture seen for themselves: what is kept of them stays small whatever the size of the capture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tcpautopsy import tables
from tcpautopsy.features.seen import Group, Seen
from tcpautopsy.schema import RowChoice
from tcpautopsy.tables import Dissection, Notes


def part(whole: Seen, rows: RowChoice) -> Seen:
    """These flows of a capture: a stretch, or their row numbers in ascending order."""
    numbers = np.arange(whole.count)[rows]
    marks = _renumbered(whole.quality.per_flow, _run(numbers))
    return Seen(_cut(whole.dissection, numbers), whole.quality._replace(per_flow=marks), within=(whole, numbers))


def stretches(whole: Seen) -> Iterator[Seen]:
    """All flows of a large capture, some at a time."""
    for first in range(0, whole.count, tables.STRETCH):
        yield part(whole, slice(first, min(first + tables.STRETCH, whole.count)))


def _cut(dissection: Dissection, numbers: Group) -> Dissection:
    """The tables of these flows, which are numbered anew from 0; `previous` and Arrivals stay the whole capture's."""
    both = np.stack([2 * numbers, 2 * numbers + 1], axis=1).reshape(-1)
    return dissection._replace(
        flows=dissection.flows.at(_run(numbers)),
        directions=dissection.directions.at(_run(both)),
        events=dissection.events.of(numbers),
        notes=_notes(dissection.notes, numbers),
    )


def _notes(notes: Notes, numbers: Group) -> Notes:
    """Of these flows."""
    owners = notes["flow"].to_numpy(dtype="int64", na_value=-1)
    place = np.minimum(np.searchsorted(numbers, owners), max(len(numbers) - 1, 0))
    mine = np.flatnonzero(numbers[place] == owners) if len(numbers) else np.zeros(0, np.int64)
    return Notes(_renumbered(notes, mine).assign(flow=pd.array(place[mine], dtype="Int64")))


def _run(numbers: Group) -> RowChoice:
    """The same as a stretch where nothing is left out: its columns are no copies."""
    dense = len(numbers) > 0 and int(numbers[-1] - numbers[0]) + 1 == len(numbers)
    return slice(int(numbers[0]), int(numbers[-1]) + 1) if dense else numbers


def _renumbered(table: pd.DataFrame, rows: RowChoice) -> pd.DataFrame:
    chosen = table.iloc[rows]
    return chosen.set_axis(pd.RangeIndex(len(chosen)), axis=0)
