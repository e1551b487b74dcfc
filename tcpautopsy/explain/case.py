"""What a telling is given, and what it gives of some flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from tcpautopsy.result import ApplicationView, Finding, Ledger, Timers
from tcpautopsy.tables import Diagnosis, Dissection, Features, Quality

_SILENT = ApplicationView(client=[], server=[])


class Shelf(NamedTuple):
    """Where a capture stands among several: its index, the id of its first connection, whether ids need a prefix.

    `asked`: ids of connections and of findings that somebody asked for, which are told in full whatever their number.
    `streamed`: what is told is read once, in its order, and need not be held. `aside` makes an empty file for what has
    to wait for its turn.
    """

    index: int  # type: ignore[assignment]  # shadows tuple.index
    first_id: int
    several: bool
    asked: frozenset[int | str] = frozenset()
    streamed: bool = False
    aside: Callable[[], BinaryIO] | None = None

    @property
    def prefix(self) -> str:
        """What finding ids begin with."""
        return f"{self.index}:" if self.several else ""


class Case(NamedTuple):
    """All that is known of one capture."""

    dissection: Dissection
    features: Features
    quality: Quality
    diagnosis: Diagnosis


class Deep(NamedTuple):
    """What is told only of connections that went wrong."""

    ledger: Ledger | None = None
    timers: Timers | None = None
    view: ApplicationView = _SILENT


class Batch(NamedTuple):
    """What is told of some flows: by flow, what is told of it beside its findings, and their ids; all its findings."""

    deep: Mapping[int, Deep]
    ids: Mapping[int, list[str]]
    findings: Sequence[Finding]
