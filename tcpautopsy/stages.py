"""What the stages of an analysis cost, when somebody wants to know, and how long reading may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

from tcpautopsy.tables import Frames, Problem

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Stages:
    """Measures nothing; `Stopwatch` does."""

    def run(self, name: str, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        """The result of the work."""
        return work(*given, **named)

    def each(self, name: str, source: Iterable[_T]) -> Iterator[_T]:
        """The things of the source."""
        yield from source

    def __repr__(self) -> str:
        return "stages"


class Stopwatch(Stages):
    """Adds up the CPU seconds of this process by stage; `seconds` holds them in the order in which they began.

    What one stage asks of another while it runs is charged to the other alone.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._elsewhere = 0.0

    def run(self, name: str, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        """The result of the work, which is charged to this stage."""
        self.seconds.setdefault(name, 0.0)
        start, before, self._elsewhere = time.process_time(), self._elsewhere, 0.0
        try:
            return work(*given, **named)
        finally:
            spent = time.process_time() - start
            self.seconds[name] += spent - self._elsewhere
            self._elsewhere = before + spent

    def each(self, name: str, source: Iterable[_T]) -> Iterator[_T]:
        """The things of the source, whose making is charged to this stage."""
        things = iter(source)
        end = object()
        while (thing := self.run(name, next, things, end)) is not end:
            yield thing  # type: ignore[misc]


class Ticker(Stages):
    """Tells how many packets were read so far, a few times a second; everything else is left to other stages."""

    _EVERY_S = 0.2

    def __init__(self, stages: Stages, told: Callable[[int], None] | None) -> None:
        self._stages = stages
        self._told = told
        self._packets = 0
        self._next = 0.0

    def run(self, name: str, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        """The result of the work."""
        return self._stages.run(name, work, *given, **named)

    def each(self, name: str, source: Iterable[_T]) -> Iterator[_T]:
        """The things of the source, whose frames are counted."""
        for thing in self._stages.each(name, source):
            if self._told is not None and isinstance(thing, Frames):
                self._packets += len(thing.rows)
                if time.monotonic() >= self._next:
                    self._told(self._packets)
                    self._next = time.monotonic() + self._EVERY_S
            yield thing


class Deadline:
    """Stops reading once the time is over; what was read until then is analysed."""

    def __init__(self, timeout_s: float | None) -> None:
        self._end = None if timeout_s is None else time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._over = False

    def within(self, chunks: Iterable[Frames]) -> Iterator[Frames]:
        """The chunks, until the time is over."""
        for frames in chunks:
            yield frames
            if self._end is not None and time.monotonic() > self._end:
                self._over = True
                return

    def problems(self) -> tuple[Problem, ...]:
        """That the reading was stopped, when it was."""
        if not self._over:
            return ()
        return (Problem("timeout", None, None, f"stopped reading after {self._timeout_s:g} s"),)
