"""Sequences of events, found in many flows at once.

The matching is deterministic and linear. From the earliest start, each step takes the earliest event; a run (a step
with a `count`) takes its events up to the first one of the next step, though at least as many frames as it must
have; an optional step is taken when its event comes before that of the next step that must be there. `never`,
`where` and the upper bound of a count judge that one assignment. If they fail, matching starts again behind the
first event taken, at most STARTS times. Nothing else is tried: what a person would read first is what is found.

All flows advance together: a step is one binary search of all flows' positions among the step's events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.diagnose.columns import Happenings, Integers
from tcpautopsy.diagnose.compiled import Forbidden, Match
from tcpautopsy.diagnose.logic import Column, Mask, Numbers, Truth

STARTS = 16
ABSENT = -1
_BEYOND = np.iinfo(np.int64).max
#: So many comparisons of bytes take less time than to look each up in a table (measured: as long as 19).
_FEW = 8


class Assignment(NamedTuple):
    """Which events the steps took: one row per flow, one column per step; rows of Events, ABSENT where none.

    `at` are the positions of the flows among those asked for; `low`, `high` the rows of Events of each.
    """

    at: Integers
    low: Integers
    high: Integers
    first: Integers
    last: Integers
    frames: Integers

    def chosen(self, mask: Mask) -> Assignment:
        """The assignments of some flows."""
        return self if mask.all() else Assignment(*(part[mask] for part in self))


class _Begun(NamedTuple):
    """Flows to be matched from `position` on."""

    at: Integers
    position: Integers
    low: Integers
    high: Integers


#: Judges assignments: False where `where` or `never` refuses one.
Judge = Callable[[Assignment], Mask]


class _Occurrences(NamedTuple):
    """The rows of a step's events, with one beyond all at the end, and the frames before each."""

    rows: Integers
    frames_before: Integers

    def rank(self, position: Integers) -> Integers:
        """How many of them lie before a position."""
        return np.searchsorted(self.rows, position)


def meant(codes: Mask, code: NDArray[np.uint8]) -> Mask:
    """Which of the events are of these codes; a few codes are compared one by one, which is quicker than to look up."""
    few = np.flatnonzero(codes).tolist()
    if len(few) > _FEW:
        return np.asarray(codes[code])
    return reduce(np.logical_or, (code == each for each in few), np.zeros(len(code), dtype=bool))


def occurrences(events: Happenings, codes: Mask, low: Integers, high: Integers) -> _Occurrences:
    """The events of these codes in the rows from the first `low` to the last `high`."""
    begin, end = (int(low[0]), int(high[-1])) if len(low) else (0, 0)
    found = np.flatnonzero(meant(codes, events.code[begin:end]))
    rows, frames = np.empty(len(found) + 1, dtype=np.int64), np.zeros(len(found) + 1, dtype=np.int64)
    np.add(found, begin, out=rows[:-1])
    rows[-1] = _BEYOND
    np.cumsum(events.frames[rows[:-1]], out=frames[1:])
    return _Occurrences(rows, frames)


def assign(steps: Sequence[Match], events: Happenings, low: Integers, high: Integers, accepts: Judge) -> Assignment:
    """The assignment of every flow that has one that `accepts`; flows are given by their rows of Events.

    `low` and `high` ascend.
    """
    found: list[Assignment] = []
    same = {step.codes.tobytes(): step.codes for step in steps}
    of_codes = {key: occurrences(events, codes, low, high) for key, codes in same.items()}
    places = [of_codes[step.codes.tobytes()] for step in steps]
    begun = _Begun(np.arange(len(low)), low, low, high)
    for _ in range(STARTS):
        tried = _earliest(steps, places, begun)
        fits = _within_bounds(steps, tried) & accepts(tried)
        found.append(tried.chosen(fits))
        if fits.all():
            break
        again = tried.chosen(~fits)
        position = np.where(again.first == ABSENT, _BEYOND, again.first).min(axis=1) + 1
        begun = _Begun(again.at, position, low[again.at], high[again.at])
    return _joined(found)


def _joined(found: Sequence[Assignment]) -> Assignment:
    if len(found) == 1:
        return found[0]
    whole = Assignment(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    return Assignment(*(part[np.argsort(whole.at, kind="stable")] for part in whole))


def _earliest(steps: Sequence[Match], places: Sequence[_Occurrences], begun: _Begun) -> Assignment:
    """The assignment from the earliest start at or after `position`; flows without one are left out."""
    at, position, low, high = begun
    first = np.full((len(at), len(steps)), ABSENT, dtype=np.int64, order="F")  # they are filled step by step
    ranks: list[Integers] = []
    alive = np.ones(len(at), dtype=bool)
    for n, step in enumerate(steps):
        ranks.append(places[n].rank(position))
        begin, least_end = _least(places[n], ranks[n], step.at_least)
        limit = np.minimum(high, _next_required(steps, places, n, position)) if step.optional else high
        there = least_end < limit
        if not step.optional:
            alive &= there
        first[:, n] = np.where(there, begin, ABSENT)
        position = np.where(there, least_end + 1, position)
    if not alive.all():
        low, high, first, at = low[alive], high[alive], first[alive], at[alive]
        ranks = [rank[alive] for rank in ranks]
    last, frames = _extents(steps, places, first, ranks, high)
    return Assignment(at, low, high, first, last, frames)


def _least(place: _Occurrences, rank: Integers, at_least: int) -> tuple[Integers, Integers]:
    """The row of the rank's event, and of the one with which `at_least` frames are reached."""
    begin = place.rows[rank]
    if at_least <= 1:
        return begin, begin
    reached = np.searchsorted(place.frames_before, place.frames_before[rank] + at_least)
    # frames_before[k] counts the event rows[k - 1]; what is never reached gives the row beyond all.
    return begin, place.rows[reached - 1]


def _next_required(steps: Sequence[Match], places: Sequence[_Occurrences], n: int, position: Integers) -> Integers:
    """Where the next step that must be there would begin; beyond all where none follows."""
    for later in range(n + 1, len(steps)):
        if not steps[later].optional:
            return places[later].rows[places[later].rank(position)]
    return np.full(len(position), _BEYOND)


def _extents(
    steps: Sequence[Match],
    places: Sequence[_Occurrences],
    first: Integers,
    ranks: Sequence[Integers],
    high: Integers,
) -> tuple[Integers, Integers]:
    """The last event and the frames of each step: a run goes on up to the first event of the next step taken.

    `ranks` are those of the first events among the step's, where one was taken.
    """
    last, frames = first.copy(order="F"), np.zeros_like(first)
    bound = high
    for n in range(len(steps) - 1, -1, -1):
        taken = first[:, n] != ABSENT
        begin = np.where(taken, ranks[n], 0)
        end = begin + taken
        if steps[n].run:
            end = np.where(taken, places[n].rank(bound), begin)
            last[:, n] = np.where(taken, places[n].rows[np.maximum(end - 1, 0)], ABSENT)
        frames[:, n] = places[n].frames_before[end] - places[n].frames_before[begin]
        bound = np.where(taken, first[:, n], bound)
    return last, frames


def _within_bounds(steps: Sequence[Match], tried: Assignment) -> Mask:
    fits = np.ones(len(tried.at), dtype=bool)
    for n, step in enumerate(steps):
        if step.at_most is not None:
            fits &= tried.frames[:, n] <= step.at_most
    return fits


# ------------------------------------------------------------------------------------------- what judges the steps


def kept(never: Forbidden, events: Happenings, assignment: Assignment) -> Truth:
    """Whether no forbidden event lies between the two steps; unknown where the step before was not taken."""
    low, high = assignment.low, assignment.high
    begin, end = low, high
    applies = np.ones(len(low), dtype=bool)
    if never.start is not None:
        applies = assignment.last[:, never.start] != ABSENT
        begin = np.where(applies, assignment.last[:, never.start] + 1, low)
    if never.end is not None:
        there = assignment.first[:, never.end] != ABSENT
        end = np.where(there, assignment.first[:, never.end], high)
    place = occurrences(events, never.codes, low, high)
    between = place.rank(np.maximum(end, begin)) > place.rank(begin)
    return Truth(applies & ~between, applies & between)


def step_columns(steps: Sequence[Match], events: Happenings, assignment: Assignment) -> dict[str, Column]:
    """What `where` may name: `step.t` and the others, times in seconds since the flow's first event."""
    found: dict[str, Column] = {}
    origin = events.time_ns[assignment.low] if len(assignment.low) else assignment.low
    for n, step in enumerate(steps):
        known = assignment.first[:, n] != ABSENT
        first, last = np.where(known, assignment.first[:, n], 0), np.where(known, assignment.last[:, n], 0)
        parts: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
            "first.t": (events.time_ns[first] - origin) / 1e9,
            "last.t": (events.last_time_ns[last] - origin) / 1e9,
            "first.value": events.value[first],
            "last.value": events.value[last],
            "n": assignment.frames[:, n],
        }
        parts |= {"t": parts["first.t"], "value": parts["first.value"]}
        found |= {f"{step.name}.{part}": Numbers(values.astype(np.float64), known) for part, values in parts.items()}
    return found
