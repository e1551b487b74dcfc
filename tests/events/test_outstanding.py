"""Segments of flows at rest come back as they were, and lists stay lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.events.outstanding import Outstanding
from tcpautopsy.events.rows import SEGMENT, SIDE
from tcpautopsy.records import Rows

NUMBERS = st.integers(-1, 2**40)
TIMES = st.integers(10**18, 10**18 + 10**10)
#: Of each direction its segments (left, length, first time, copies), and whether it rests.
LISTS = st.lists(
    st.tuples(st.lists(st.tuples(NUMBERS, st.integers(0, 2**20), TIMES, st.integers(0, 9)), max_size=5), st.booleans()),
    max_size=8,
)
Lists = list[tuple[list[tuple[int, int, int, int]], bool]]


def made(lists: Lists, order: list[int]) -> tuple[Rows, Rows]:
    """Directions, and their segments in rows that lie in any order among others that are free."""
    sides, rows = SIDE.zeros(len(lists)), SEGMENT.zeros(len(order))
    rows["next"], rows["tsval"] = 7, 99  # what was left in a free row
    places = iter(order)
    for number, (segments, _) in enumerate(lists):
        before = None
        for left, length, first_ns, copies in segments:
            at = next(places)
            rows[at]["left"], rows[at]["right"], rows[at]["copies"] = left, left + length, copies
            rows[at]["first_ns"], rows[at]["last_ns"], rows[at]["next"] = first_ns, first_ns + copies, 0
            rows[at]["tsval"] = number
            if before is None:
                sides["head"][number] = at + 1
            else:
                rows["next"][before] = at + 1
            sides["tail"][number] = before = at + 1
            before = at
    return sides, rows


def told(head: int, rows: Rows) -> list[tuple[int, ...]]:
    found = []
    while head:
        row = rows[head - 1]
        found.append(tuple(int(row[name]) for name in ("left", "right", "first_ns", "last_ns", "copies", "tsval")))
        head = int(row["next"])
    return found


def expected(number: int, segments: list[tuple[int, int, int, int]]) -> list[tuple[int, ...]]:
    return [(left, left + length, at, at + copies, copies, number) for left, length, at, copies in segments]


@given(lists=LISTS, free=st.integers(0, 4), random=st.randoms(use_true_random=False))
def test_lists_come_back_as_they_were(lists: Lists, free: int, random) -> None:
    order = list(range(sum(len(segments) for segments, _ in lists) + free))
    random.shuffle(order)
    sides, rows = made(lists, order)
    rests = np.array([resting for _, resting in lists], bool)
    kept, awake, resting = Outstanding(), sides[~rests].copy(), sides[rests].copy()
    moved = kept.lay_down(rows, resting["head"], awake)
    rows = np.concatenate([SEGMENT.zeros(len(rows)), moved])  # nobody looks at the others again
    there = np.flatnonzero(~rests)
    for number, side in zip(there.tolist(), awake, strict=True):
        assert told(int(side["head"]), rows) == expected(number, lists[number][0])
        assert bool(side["tail"]) == bool(lists[number][0])
    woken = kept.copy().wake(resting, len(rows))
    everything = np.concatenate([rows, woken])
    for number, side in zip(np.flatnonzero(rests).tolist(), resting, strict=True):
        assert told(int(side["head"]), everything) == expected(number, lists[number][0])
    kept.take(rows, lambda _: None)
    for number, side in zip(there.tolist(), awake, strict=True):
        if head := int(side["head"]):
            first = expected(number, lists[number][0])[0]
            found = [int(kept.at(name, np.array([head - 1]))[0]) for name in ("left", "length", "first_ns", "last_ns")]
            assert found == [first[0], first[1] - first[0], first[2], first[3]]
