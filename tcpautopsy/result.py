"""The result of an analysis: the types of the JSON contract (schema_version 1). Every view is made from these.

Field order is the order in the JSON. None means not applicable or not visible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, Final, Literal, TypeVar, overload

import msgspec

SCHEMA_VERSION: Final = 1
_STRETCH = 4096
_T = TypeVar("_T")

Severity = Literal["failure", "degradation", "risk", "note", "none"]
FindingSeverity = Literal["failure", "degradation", "risk", "note"]
Confidence = Literal["certain", "high", "medium", "low"]
Fault = Literal[
    "client-app", "server-app", "client-host", "server-host", "path", "middlebox", "config", "capture", "none"
]
ProtocolName = Literal["tcp", "udp", "icmp", "dns", "arp", "ndp"]
Outcome = Literal[
    "refused",
    "rejected",
    "unanswered",
    "completed",
    "reset",
    "aborted",
    "timed-out",
    "silent",
    "stalled",
    "half-closed",
    "midstream",
    "established",
    "one-way",
]
Point = Literal["client", "server", "middle", "both", "unknown"]
Time = str  # ^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Common settings of all types: immutable, fields by name, nothing unknown read back; no cycles to look for."""


class Tool(Frozen, frozen=True):
    name: str
    version: str
    rules_version: str


class Part(Frozen, frozen=True):
    name: str
    sha256: str | None
    packets: int
    first_frame: int


class Vantage(Frozen, frozen=True):
    point: Point
    confidence: Confidence


class Quality(Frozen, frozen=True):
    flag: str
    detail: str
    frames: list[int]
    effect: str


class Problem(Frozen, frozen=True):
    code: str
    offset: int | None
    frame: int | None
    detail: str


class Capture(Frozen, frozen=True):
    name: str
    sha256: str | None
    format: str | None
    compression: str | None
    link_types: list[str]
    packets: int
    bytes: int
    first_time: Time | None
    last_time: Time | None
    snaplen: int | None
    parts: list[Part]
    vantage: Vantage
    quality: list[Quality]
    problems: list[Problem]


class Endpoint(Frozen, frozen=True):
    address: str
    port: int | None
    name: str | None


class Undecided(Frozen, frozen=True):
    rule: str
    missing: list[str]
    would_decide: str


class Bytes(Frozen, frozen=True):
    """Stream bytes of one direction; sent = acknowledged + in_doubt + lost where all are known."""

    sent: int | None
    acknowledged: int | None
    in_doubt: int | None
    lost: int | None


class Ledger(Frozen, frozen=True):
    client_to_server: Bytes
    server_to_client: Bytes


class Timers(Frozen, frozen=True):
    ladder: str | None
    os_hint: str | None
    rto_s: float | None
    setting: str | None
    gave_up_at: Time | None
    gives_up_at: Time | None


class Call(Frozen, frozen=True):
    """What one call of a program returned; `certain` when the wire alone shows it."""

    time: Time | None
    call: Literal["connect", "accept", "send", "recv", "close", "epoll", "keepalive"]
    result: str
    errno: str | None
    certain: bool
    why: str


class ApplicationView(Frozen, frozen=True):
    client: list[Call]
    server: list[Call]


class Connection(Frozen, frozen=True):
    capture: int
    id: int
    protocol: ProtocolName
    community_id: str | None
    ordinal: int
    tcp_stream: int | None
    conn_state: str | None
    history: str | None
    client: Endpoint
    server: Endpoint
    client_known_by: Literal["syn", "synack", "port", "first"]
    vantage: Vantage
    first_time: Time | None
    last_time: Time | None
    packets: int
    bytes: int
    outcome: Outcome
    severity: Severity
    cause: str | None
    confidence: Confidence | None
    fault: Fault | None
    consistent_with: list[str]
    undecided: list[Undecided]
    limits: list[str]
    findings: list[str]
    ledger: Ledger | None
    timers: Timers | None
    application_view: ApplicationView


class Connections(Sequence[Connection]):
    """Connections that are made when they are asked for, and let go of again."""

    def __init__(self, count: int, made: Callable[[int, int], Mapping[str, Sequence[Any]]]) -> None:
        """`made` gives the fields of those from the first to the last (exclusive) as columns, in their order."""
        self._count, self._made = count, made

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Connection]:
        for columns in self.stretches():
            in_order = (columns[name] for name in Connection.__struct_fields__)
            yield from starmap(Connection, zip(*in_order, strict=True))

    @overload
    def __getitem__(self, place: int) -> Connection: ...
    @overload
    def __getitem__(self, place: slice) -> list[Connection]: ...
    def __getitem__(self, place: int | slice) -> Connection | list[Connection]:
        if isinstance(place, slice):
            return [self[n] for n in range(self._count)[place]]
        n = range(self._count)[place]
        return Connection(**{name: column[0] for name, column in self._made(n, n + 1).items()})

    def stretches(self) -> Iterator[Mapping[str, Sequence[Any]]]:
        """All of them as columns, some thousands at a time."""
        for first in range(0, self._count, _STRETCH):
            yield self._made(first, min(first + _STRETCH, self._count))


class Step(Frozen, frozen=True):
    """One sentence of a story, with the frames that show it."""

    time: Time | None
    text: str
    frames: list[int]


class Evidence(Frozen, frozen=True):
    frame: int
    part: str | None
    part_frame: int | None
    time: Time | None
    source: Literal["client", "server", "other"] | None = msgspec.field(name="from")
    event: str
    note: str


class Condition(Frozen, frozen=True):
    text: str
    held: bool | None


class RunnerUp(Frozen, frozen=True):
    rule: str
    confidence: Confidence
    why_not: str


class Confirm(Frozen, frozen=True):
    on: Literal["client", "server", "path"]
    command: str
    expect: str


class Remedy(Frozen, frozen=True):
    side: str
    text: str


class NextCapture(Frozen, frozen=True):
    where: str
    command: str


class Source(Frozen, frozen=True):
    text: str
    url: str | None


class Finding(Frozen, frozen=True):
    id: str
    fingerprint: str
    capture: int
    connection: int
    rule: str
    title: str
    severity: FindingSeverity
    confidence: Confidence
    fault: Fault
    primary: bool
    summary: str
    story: list[Step]
    evidence: list[Evidence]
    conditions: list[Condition]
    runners_up: list[RunnerUp]
    confirm: list[Confirm]
    remedies: list[Remedy]
    next_capture: NextCapture | None
    sources: list[Source]
    wireshark_filter: str


class Unheld(Sequence[_T]):
    """Findings or incidents that are made when they are asked for, in their order, and let go of again."""

    def __init__(self, count: int, made: Callable[[], Iterator[_T]]) -> None:
        """`made` gives all of them, each time anew."""
        self._count, self._made = count, made

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[_T]:
        return self._made()

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> list[_T]: ...
    def __getitem__(self, place: int | slice) -> _T | list[_T]:
        return list(self)[place]


class Incident(Frozen, frozen=True):
    id: str
    rule: str
    scope: Literal["listener", "host", "path", "capture"]
    subject: str
    captures: list[int]
    first_time: Time | None
    last_time: Time | None
    connections: list[int]
    summary: str


class Lost(Frozen, frozen=True):
    direction: Literal["client_to_server", "server_to_client"]
    frame: int


class Pair(Frozen, frozen=True):
    connections: tuple[int, int]
    clock_offset_s: float | None
    clock_uncertainty_s: float | None
    lost: list[Lost]
    changed: list[str]


class Totals(Frozen, frozen=True):
    packets: int
    bytes: int
    duplicates_removed: int
    connections: int
    connections_listed: int
    failed: int
    undecided: int
    not_judged: int
    findings: int
    incidents: int
    by_protocol: dict[str, int]
    by_outcome: dict[str, int]
    by_severity: dict[str, int]


class Result(Frozen, frozen=True):
    schema_version: Literal[1]
    tool: Tool
    captures: list[Capture]
    connections: list[Connection]
    findings: list[Finding]
    incidents: list[Incident]
    pairs: list[Pair]
    totals: Totals
