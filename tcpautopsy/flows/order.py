"""Packets put in order of time: small disorder of the file is undone, a step of the clock is marked (DESIGN section 4).

A packet at most one second and 65,536 frames late takes its place; the numbers of the frames stay. Anything later
is a step of the capture's clock: from there on the order is that of the file, and no interval is measured across.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.records import Rows
from tcpautopsy.tables import NO_TIME, PACKET, Mark, Note, Packets, Problem

LATE_NS = 1_000_000_000
LATE_FRAMES = 65_536

Times = NDArray[np.int64]
_NOTHING = PACKET.zeros(0)


class _Highest:
    """The latest time at each of the last frames of an epoch: of 65,536 at least, once there were so many."""

    def __init__(self) -> None:
        self.parts: deque[Times] = deque()
        self.count = 0
        self.last: int | None = None

    def append(self, times: Times) -> None:
        """The latest time at each further frame."""
        self.parts.append(times.copy())
        self.count += len(times)
        self.last = int(times[-1])
        while self.count - len(self.parts[0]) > LATE_FRAMES:
            self.count -= len(self.parts.popleft())

    def back(self, frames: int) -> int:
        """The latest time so many frames before the last one."""
        for part in reversed(self.parts):
            if frames < len(part):
                return int(part[-1 - frames])
            frames -= len(part)
        raise IndexError("so many are not kept")


class TimeOrder:
    """Holds packets back until none that belongs before them can come. Rows given in are its own from then on."""

    def __init__(self) -> None:
        self._held: list[Rows] = []  # of one epoch, in the order of the file
        self._sorted = True  # the rows in _held are in order of time
        self._highest = _Highest()
        self._previous_ns = 0
        self._late = 0
        self._first_late: int | None = None
        self._steps = 0
        self._worst_ns = 0
        self._first_step: int | None = None

    def feed(self, packets: Packets) -> Iterator[Packets]:
        """What can be handed on once these packets have come."""
        notes = packets.notes
        rows = packets.rows
        times = self._valid(rows)
        start = 0
        while start < len(rows):
            stop, highest = self._epoch(times, start)
            if stop > start:
                self._hold(rows[start:stop], times[start:stop], highest)
            if stop < len(rows):
                self._step(rows, times, stop)
                yield from self._all(notes)
                notes = []
            start = stop
        yield from self._ready(notes)

    def flush(self) -> Iterator[Packets]:
        """The packets still held."""
        yield from self._all([])

    def problems(self) -> tuple[Problem, ...]:
        """Disorder and steps that were met."""
        found = []
        if self._late:
            words = f"{self._late} packets were out of time order by at most a second and were put in order"
            found.append(Problem("reordered", None, self._first_late, words))
        if self._steps:
            worst = f"{-self._worst_ns / 1e9:.1f} s"
            words = f"clock-backwards: {self._steps} times, worst {worst}"
            found.append(Problem("clock-backwards", None, self._first_step, words))
        return tuple(found)

    def _valid(self, rows: Rows) -> Times:
        """The times of rows, with invalid ones replaced by the one before and marked."""
        times: Times = rows["time_ns"]
        invalid = times == NO_TIME
        if invalid.any():
            last_valid = np.maximum.accumulate(np.where(invalid, -1, np.arange(len(times))))
            times[:] = np.where(last_valid >= 0, times[np.maximum(last_valid, 0)], self._previous_ns)
            rows["marks"][invalid] |= np.uint16(Mark.CLOCK_STEP)
        if len(times):
            self._previous_ns = int(times[-1])
        return times

    def _epoch(self, times: Times, start: int) -> tuple[int, Times]:
        """Where the epoch ends within these times (their number when it goes on), and the latest time at each."""
        rest = times[start:]
        before = int(rest[0]) if self._highest.last is None else self._highest.last
        if rest[0] >= before and (rest[1:] >= rest[:-1]).all():
            return len(times), rest
        highest = np.maximum(np.maximum.accumulate(rest), before)
        late = rest < highest - LATE_NS
        known = self._highest.count
        if known + len(rest) > LATE_FRAMES:
            # The latest time 65,536 frames ago: what is older than that cannot be put in its place any more.
            whole = np.concatenate((*self._highest.parts, highest))
            places = np.arange(known, known + len(rest)) - LATE_FRAMES
            late |= (places >= 0) & (rest < whole[np.maximum(places, 0)])
        if not late.any():
            return len(times), highest
        stop = int(np.argmax(late))
        return start + stop, highest[:stop]

    def _hold(self, rows: Rows, times: Times, highest: Times) -> None:
        late = times < highest
        if late.any():
            self._late += int(late.sum())
            self._first_late = self._first_late or int(rows["frame"][np.argmax(late)])
            self._sorted = False
        self._held.append(rows)
        self._highest.append(highest)

    def _step(self, rows: Rows, times: Times, at: int) -> None:
        self._steps += 1
        self._first_step = self._first_step or int(rows["frame"][at])
        latest = int(times[at]) if self._highest.last is None else self._highest.last
        self._worst_ns = max(self._worst_ns, latest - int(times[at]))
        rows["marks"][at] |= np.uint16(Mark.CLOCK_STEP)
        self._highest = _Highest()

    def _ready(self, notes: list[Note]) -> Iterator[Packets]:
        """What no packet to come can precede."""
        if self._highest.last is None:
            if notes:
                yield Packets(_NOTHING, notes)
            return
        limit = self._highest.last - LATE_NS
        if self._highest.count > LATE_FRAMES:
            limit = max(limit, self._highest.back(LATE_FRAMES))
        self._sort()
        held, self._held = self._held, []
        for place, rows in enumerate(held):
            # A packet of the same time that is still to come stands behind those that came.
            times = rows["time_ns"]
            cut = int(np.searchsorted(times, limit, side="right"))
            if cut < len(rows) and times[-1] - times[0] <= LATE_NS:
                cut = 0  # soon all of it is ready: many small pieces cost more than few larger ones
            if cut:
                yield Packets(rows[:cut], notes)
                notes = []
            if cut < len(rows):
                self._held = [rows[cut:], *held[place + 1 :]]
                break
        if notes:
            yield Packets(_NOTHING, notes)

    def _all(self, notes: list[Note]) -> Iterator[Packets]:
        self._sort()
        for rows in self._held:
            yield Packets(rows, notes)
            notes = []
        if notes:
            yield Packets(_NOTHING, notes)
        self._held = []

    def _sort(self) -> None:
        if not self._sorted:
            rows = np.concatenate(self._held)
            self._held = [rows[np.argsort(rows["time_ns"], kind="stable")]]
            self._sorted = True
