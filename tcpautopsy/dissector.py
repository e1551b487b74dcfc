"""Bytes become tables: the rooms from the file to the events, in their order, and what they hold of one capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tcpautopsy.capture import Input, Reader, Spools
from tcpautopsy.decode import Decoder
from tcpautopsy.errors import CaptureError
from tcpautopsy.events import ArrivalCurves, Tracker
from tcpautopsy.flows import FlowTable, TimeOrder
from tcpautopsy.memory import trim
from tcpautopsy.records import Rows
from tcpautopsy.stages import Deadline, Stages
from tcpautopsy.tables import Dissection, Flows, Frames, Packets


class Options(NamedTuple):
    """How to read and judge; the defaults are the command line's."""

    join: bool = True
    digest: bool = True
    resync: bool = False
    max_bytes: int = 64 * 2**30
    max_flows: int = 2_000_000
    chunk_bytes: int = 4 * 1024 * 1024  # fewer rounds between the kernels than with less (docs/decisions/021)
    rule_folders: tuple[Path, ...] = ()
    ignore: tuple[str, ...] = ()
    timeout_s: float | None = None
    where: str | None = None  # an expression over features; the ids of connections for which it holds are told
    spools: Spools | None = None  # keeps what can be read only once for a second look
    stages: Stages = Stages()  # adds up what each stage costs
    asked: frozenset[int | str] = frozenset()  # connections and findings told in full, however many are alike
    streamed: bool = False  # connections are made while they are written; what is read once only can have them so
    aside: Callable[[], BinaryIO] | None = None  # makes an empty file for what is told before it is written
    debug: bool = False  # let a defect of ours crash with its traceback


class Dissector:
    """The rooms up to the events, with what they hold of one capture."""

    def __init__(self, inputs: Sequence[Input], options: Options) -> None:
        self.reader = Reader(
            inputs,
            chunk_bytes=options.chunk_bytes,
            resync=options.resync,
            max_bytes=options.max_bytes,
            digest=options.digest,
        )
        self._clock, self._stages = Deadline(options.timeout_s), options.stages
        self._decoder, self._order, self._arrivals = Decoder(), TimeOrder(), ArrivalCurves()
        self._table, self._tracker = FlowTable(max_flows=options.max_flows), Tracker()

    def take(self, chunks: Iterator[Frames]) -> None:
        """Follow these frames; those of the last second may be held back until later ones come, or `finish`."""
        for frames in self._stages.each("framing", self._clock.within(chunks)):
            decoded = self._stages.run("decode", self._decoder.packets, frames)
            for packets in self._order.feed(decoded):
                self._follow(packets)

    def finish(self) -> None:
        """Nothing more will come."""
        for packets in self._order.flush():
            self._follow(packets)

    def dissection(self, over: bool) -> tuple[Dissection, Sequence[str]]:
        """The tables of all that was taken so far, and the names of its zones. Raises CaptureError.

        `over` when no more will be taken: then what is in the tables is not kept beside them.
        """
        facts = self.reader.facts()
        told = (self._decoder, self._order, self._table, self._clock)
        problems = (*facts.problems, *(problem for each in told for problem in each.problems()))
        facts = facts._replace(problems=problems)
        count = len(self._table)
        if over:
            self._table.close()
        flows: Flows = self._stages.run("flows", self._table.table, over)
        if over:
            del self._table
            trim(count)
        events, directions, notes = self._stages.run(
            "events", self._tracker.finish, facts.first_ns, facts.last_ns, count, over
        )
        if over:
            trim(count)
        if facts.packets and self._decoder.unsupported() == facts.packets:
            raise CaptureError(f"{facts.name}: {self._decoder.problems()[0].detail}", "link-type")
        curves = self._arrivals.finish()
        dissection = Dissection(facts, flows, directions, events, notes, curves, facts.first_ns, facts.last_ns)
        return dissection, self._decoder.zone_names()

    def _follow(self, packets: Packets) -> None:
        followed = self._stages.run("flows", self._table.assign, packets)
        self._stages.run("events", self._tracker.feed, followed)
        self._stages.run("events", self._arrivals.feed, followed.rows)


def dissect(inputs: Sequence[Input], options: Options) -> tuple[Dissection, Sequence[str]]:
    """The tables of one capture (or ring-buffer set), and the names of its zones.

    Raises CaptureError when nothing of it can be read.
    """
    dissector = Dissector(inputs, options)
    dissector.take(dissector.reader.chunks())
    dissector.finish()
    return dissector.dissection(over=True)


def followed(
    inputs: Sequence[Input], options: Options, table: FlowTable, beside: Callable[[Frames, Rows], None] | None = None
) -> Iterator[Packets]:
    """The packets of one capture in the order of time, each with its flow in `table`.

    `beside` gets each chunk of frames with its packets before they are put in order. Raises CaptureError.
    """
    decoder, order = Decoder(), TimeOrder()

    def decoded(frames: Frames) -> Packets:
        packets = decoder.packets(frames)
        if beside is not None:
            beside(frames, packets.rows)
        return packets

    chunks = Reader(inputs, resync=options.resync, digest=False).chunks()
    read = (packets for frames in chunks for packets in order.feed(decoded(frames)))
    for packets in chain(read, _late(order)):
        yield table.assign(packets)


def _late(order: TimeOrder) -> Iterator[Packets]:
    """What was held back until nothing earlier could come; asked for only once everything was read."""
    yield from order.flush()
