"""Packets get their flow: the kernel's table of tuples, grown here, and the Flows made of it at the end."""

from __future__ import annotations

from typing import Any

from tcpautopsy import records
from tcpautopsy.flows.columns import flows
from tcpautopsy.flows.kept import kept
from tcpautopsy.flows.names import Names
from tcpautopsy.flows.rows import COURSE, FLOW
from tcpautopsy.records import Pool
from tcpautopsy.tables import PACKET, Flows, Packets, Problem

_FLOWS_AT_FIRST = 1024
_RECENT = 16_384  # the kernel's RECENT


class FlowTable:
    """Assigns packets to flows, in the order in which they come."""

    def __init__(self, max_flows: int = 2_000_000) -> None:
        module = records.kernel("flows")
        self._compiled: bool = module.compiled
        # Python's own hash of a string is seeded anew for each process: nobody can aim packets at one slot.
        self._kernel: Any = module.Table(hash("tcpautopsy") & 0x7FFFFFFFFFFFFFFF, max_flows)
        self._limit = max_flows
        self._flows = Pool(FLOW, _FLOWS_AT_FIRST, self._compiled)
        self._courses = Pool(COURSE, _FLOWS_AT_FIRST, self._compiled)
        self._aliases = _aliases(4 * _FLOWS_AT_FIRST)
        self._slots = records.integers(2 * _FLOWS_AT_FIRST, "I")
        self._hold()
        self._kernel.hold_aliases(*self._aliases)
        self._kernel.remember(*(records.integers(_RECENT) for _ in range(4)))
        self._names = Names()

    def assign(self, packets: Packets) -> Packets:
        """The same packets with `flow`, `from_originator` and the mark of second copies filled in."""
        rows = packets.rows
        entered = PACKET.entered(rows, self._compiled)
        self._kernel.bind(entered)
        at, count = 0, len(rows)
        while count and (at := self._kernel.assign(at, count)) < count:
            self._grow()
        PACKET.left(entered, rows, self._compiled)
        self._names.hear(packets.notes)
        self._names.meet(rows)
        return Packets(rows, packets.notes)

    def problems(self) -> tuple[Problem, ...]:
        """What could not be followed."""
        if not self._kernel.refused:
            return ()
        frame = self._kernel.first_refused
        words = f"flow limit {self._limit} reached at frame {frame}; later half-open flows are summarised"
        return (Problem("flow-limit", None, frame, words, self._kernel.refused),)

    def __len__(self) -> int:
        """How many flows there are so far."""
        return int(self._kernel.count)

    def close(self) -> None:
        """No packet will come any more: what finds flows is let go of."""
        self._kernel.let_go()
        del self._slots, self._aliases

    def table(self, over: bool = False) -> Flows:
        """One row per flow, in the order of their first packets.

        `over` after `close`: then memory is given back as the table is made.
        """
        rows = self._flows.array(self._kernel.count)
        courses = self._courses.array(self._kernel.coursed + 1)
        done = self._forget if over else lambda *_: None
        return flows(kept(rows, courses, self._names.of_flows, done))

    def _forget(self, flows: int, courses: int) -> None:
        """Nobody will look at these rows again, the first ones of each."""
        self._flows.forget(flows)
        self._courses.forget(courses)

    def _hold(self) -> None:
        self._kernel.hold(self._flows.rows, self._courses.rows, self._slots)

    def _grow(self) -> None:
        """Room for what did not fit: twice as many flows and slots, or aliases."""
        kernel, old = self._kernel, self._aliases
        kernel.let_go()
        if kernel.coursed + 5 >= len(self._courses):
            self._courses.grow(self._courses.more())
        if kernel.count + 1 >= len(self._flows) or kernel.used * 2 >= len(self._slots):
            size = 2 * len(self._flows)
            self._flows.grow(size)
            self._slots = records.integers(2 * size, "I")
            self._hold()
            kernel.replace()
        else:
            self._hold()
        if (kernel.aliases + 4) * 2 < len(old[0]):
            kernel.hold_aliases(*old)
            return
        self._aliases = _aliases(2 * len(old[0]))
        kernel.hold_aliases(*self._aliases)
        kernel.replace_aliases(*old)


def _aliases(count: int) -> tuple[memoryview, memoryview]:
    """What marks them, and the flow of each."""
    return records.integers(count, "Q"), records.integers(count, "I")
