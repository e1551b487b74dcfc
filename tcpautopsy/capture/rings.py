"""Which files are parts of one ring-buffer capture: by their names, then by their times.

tcpdump -C writes `x.pcap`, `x.pcap1`, `x.pcap2` (with -W zero-padded), tcpdump -G a name with the time in it, dumpcap
and editcap `x_00001_20240101120000.pcap`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tcpautopsy.capture.reader import Input, Reader
from tcpautopsy.errors import CaptureError
from tcpautopsy.places import opened, place
from tcpautopsy.tables import CaptureFacts

_PACKED = re.compile(r"\.(gz|xz|zst|lz4)$")
#: A number behind the ending, or behind a name that has none: tcpdump -C and -W.
_NUMBERED = re.compile(r"^(.*\.(?:pcap|pcapng|cap)|[^.]*[^.\d])\d*$")
_DIGITS = re.compile(r"\d+")
_OF_A_TIME = 4  # %H%M, the shortest that anybody would rotate by
#: Records of two parts may be out of order by as much as records of one file (DESIGN section 4).
_DISORDER_NS = 1_000_000_000


class _Member(NamedTuple):
    path: Path
    facts: CaptureFacts


def ring_sets(paths: Sequence[str | Path], join: bool = True) -> list[list[Path]]:
    """The files as sets, parts in the order of time; a lone file is a set of one.

    Files are joined only if their names are those of one series, their formats and link types are equal, and their
    first packets follow each other. The sets stand in the order in which their first members were given.
    """
    files = [place(p) for p in paths]
    if not join:
        return [[f] for f in files]
    groups: dict[tuple[object, ...], list[Path]] = {}
    for path in files:
        groups.setdefault(_series(path), []).append(path)
    found = [part for group in groups.values() for part in _joined(group)]
    order = {path: number for number, path in reversed(list(enumerate(files)))}
    return sorted(found, key=lambda group: min(order[p] for p in group))


def _series(path: Path) -> tuple[object, ...]:
    """What the names of one series share, packed alike."""
    return (*series(path), path.suffix if _PACKED.search(path.name) else "")


def series(path: Path) -> tuple[Path, str]:
    """What the names of one series share: the folder, and the name without its running numbers, packed or not."""
    name = _PACKED.sub("", path.name)
    numbered = _NUMBERED.match(name)
    stem = numbered[1] if numbered else name
    # Fewer digits are no time of day: `test1.pcap` and `test2.pcap` are two tests.
    timed = sum(map(len, _DIGITS.findall(stem))) >= _OF_A_TIME
    return path.parent, _DIGITS.sub("#", stem) if timed else stem


def begins_ns(path: Path) -> int | None:
    """The time of the first packet that has one; None for a file without one, or that cannot be read."""
    try:
        with opened(path) as stream:
            reader = Reader([Input(path.name, stream)], digest=False, chunk_bytes=4096)
            for _ in reader.chunks():
                if reader.first_ns is not None:
                    return reader.first_ns
    except (OSError, CaptureError):
        pass
    return None


def _joined(group: list[Path]) -> list[list[Path]]:
    if len(group) == 1:
        return [group]
    members = [_Member(path, facts) for path in group if (facts := _facts(path)) is not None]
    alike = len({(m.facts.format, m.facts.link_types) for m in members}) == 1
    if len(members) < len(group) or not alike:
        return [[path] for path in group]
    order = sorted(members, key=lambda m: (m.facts.first_ns or 0, m.path.name))
    follow = all((b.facts.first_ns or 0) >= (a.facts.last_ns or 0) - _DISORDER_NS for a, b in pairwise(order))
    distinct = len({m.facts.first_ns for m in members}) == len(members)
    return [[m.path for m in order]] if follow and distinct else [[path] for path in group]


def _facts(path: Path) -> CaptureFacts | None:
    """What a walk over the file tells; None for one that holds no packet or cannot be read."""
    try:
        with opened(path) as stream:
            reader = Reader([Input(path.name, stream)], digest=False)
            for _ in reader.chunks():
                pass
    except (OSError, CaptureError):
        return None
    facts = reader.facts()
    return facts if facts.first_ns is not None else None
