"""What each stage of an analysis costs, in CPU seconds of this process, when somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

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
    """Adds up the CPU seconds of each stage; `seconds` holds them in the order in which the stages began."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        """The result of the work, which is charged to this stage."""
        start = time.process_time()
        try:
            return work(*given, **named)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start

    def each(self, name: str, source: Iterable[_T]) -> Iterator[_T]:
        """The things of the source, whose making is charged to this stage."""
        things = iter(source)
        end = object()
        while (thing := self.run(name, next, things, end)) is not end:
            yield thing  # type: ignore[misc]
