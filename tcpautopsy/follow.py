"""A folder into which captures are rotated: each finished part goes on where the one before it ended.

A part is finished when a later one of its series has begun, or when it has not grown for a while. Of a part that was
written over before anybody looked nothing is known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tcpautopsy import batch, closer, pipeline
from tcpautopsy.batch import Joined, Outcome, Work
from tcpautopsy.capture import Input, begins_ns, series
from tcpautopsy.report.view import Material
from tcpautopsy.result import Result

#: Packets of two parts may be out of order by so much (DESIGN section 4).
_DISORDER_NS = 1_000_000_000


class _Print(NamedTuple):
    """What tells a part from another content under the same name."""

    inode: int
    size: int
    changed_ns: int


class _Part(NamedTuple):
    path: Path
    look: _Print
    begins_ns: int | None


class _Set:
    """Parts that are one capture, and what is known of it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._growing = pipeline.Growing(work.options)
        self._parts: list[_Part] = []

    def take(self, part: _Part) -> None:
        """Read on in this part."""
        with part.path.open("rb") as stream:
            self._growing.take(Input(part.path.name, stream))
        self._parts.append(part)

    def goes_on_with(self, part: _Part) -> bool:
        """Whether the part begins where this set ended."""
        end, begin = self._growing.last_ns, part.begins_ns
        if not self.work.options.join or begin is None:
            return False
        return end is None or begin >= end - _DISORDER_NS

    def tell(self, over: bool) -> None:
        """Write the page and the file of OUT/work, as everything stands."""
        work = self.work._replace(paths=[str(part.path) for part in self._parts])
        analysis = self._growing.analysis(over)

        def look(result: Result) -> Material:
            # A part that was written over would be drawn with frames of another capture.
            there = all(_print(part.path) == part.look for part in self._parts)
            return closer.material(work.paths, work.options, analysis.result, result) if there else Material()

        batch.deliver(work, analysis, look)


class Follower:
    """`found` lists the captures there are, `begin(path)` makes the work of a set that begins with this file."""

    def __init__(
        self, found: Callable[[], Sequence[Path]], begin: Callable[[int, Path], Work], settle_s: float
    ) -> None:
        self._found = found
        self._begin = begin
        self._settle_ns = round(settle_s * 1e9)
        self._sets: dict[tuple[Path, str], _Set] = {}
        self._works: list[Work] = []
        self._taken: dict[Path, _Print] = {}
        self._begun: dict[tuple[Path, str], set[int]] = {}

    def step(self) -> bool:
        """Take every part that is finished; whether there was one."""
        changed: dict[int, _Set] = {}
        for name, part in self._finished():
            self._taken[part.path] = part.look
            begun = self._begun.setdefault(name, set())
            if part.begins_ns in begun:  # the same part, packed meanwhile
                continue
            if part.begins_ns is not None:
                begun.add(part.begins_ns)
            try:
                taken = self._set(name, part)
                taken.take(part)
            except OSError:  # gone since it was listed
                continue
            changed[taken.work.number] = taken
        for each in changed.values():
            each.tell(over=False)
        return bool(changed)

    def finish(self) -> None:
        """No more parts will come: tell what was held back for later packets."""
        for each in self._sets.values():
            each.tell(over=True)

    def merge(self, out: Path) -> Outcome:
        """What stands at the top of OUT."""
        return batch.merge(self._works, out, 0)

    def _set(self, name: tuple[Path, str], part: _Part) -> _Set:
        """The set that goes on with this part, or a new one; of an older set, what is known stands in OUT."""
        known = self._sets.get(name)
        if known is None or not known.goes_on_with(part):
            if known is not None:
                known.tell(over=True)
            work = self._begin(len(self._works), part.path)
            known = self._sets[name] = _Set(work)
            self._works.append(work)
        return known

    def _finished(self) -> Iterator[tuple[tuple[Path, str], _Part]]:
        """Parts that nobody will write to any more and that were not taken, in order of time."""
        groups: dict[tuple[Path, str], list[_Part]] = {}
        for path in self._found():
            look = _print(path)
            if look is not None and self._taken.get(path) != look:
                groups.setdefault(series(path), []).append(_Part(path, look, begins_ns(path)))
        now = time.time_ns()
        for name, parts in groups.items():
            parts.sort(key=lambda part: (part.begins_ns is None, part.begins_ns or 0, part.path.name))
            for place, part in enumerate(parts):
                later = any(each.begins_ns is not None for each in parts[place + 1 :])
                if later or now - part.look.changed_ns >= self._settle_ns:
                    yield name, part


def news(before: Sequence[Joined], after: Sequence[Joined]) -> list[Joined]:
    """Incidents that were not there before."""
    known = {(each.rule, each.scope, each.subject) for each in before}
    return [each for each in after if (each.rule, each.scope, each.subject) not in known]


def _print(path: Path) -> _Print | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _Print(found.st_ino, found.st_size, found.st_mtime_ns)
