"""What a rule file says, as types: `rules.load` reads the YAML into these and refuses everything else.

A field whose name in the file is a Python keyword, or says less there, is renamed: `if` is `condition`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["failure", "degradation", "risk", "note"]
Confident = Literal["certain", "high", "medium", "low"]
Fault = Literal[
    "client-app", "server-app", "client-host", "server-host", "path", "middlebox", "config", "capture", "none"
]
Side = Literal["originator", "responder", "third_party"]
Protocol = Literal["tcp", "udp", "icmp", "dns", "arp", "ndp"]
Need = Literal[
    "syn",
    "synack",
    "handshake",
    "both_directions",
    "orig_direction",
    "resp_direction",
    "payload",
    "window_scale",
    "timestamps",
    "arp",
    "icmp",
    "dns",
    "end_of_flow",
    "host_siblings",
]


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common settings: immutable, unknown fields refused."""


class Step(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a sequence; in the file it is `- name: {event: ..., from: ..., count: 2.., optional: true}`."""

    name: str
    events: tuple[str, ...]  # `event:` takes one name or a list
    side: Side | None = None  # `from:`
    run: bool = False  # `count:` was given: the step takes a run of events, not one
    at_least: int = 1  # `count: 2..`, `2`, `2..5`; counts frames
    at_most: int | None = None
    optional: bool = False


class Never(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events that must not lie between two steps; `start`/`end` are step names, or `begin`/`finish` of the flow."""

    events: tuple[str, ...]
    side: Side | None = None
    start: str = "begin"
    end: str = "finish"


class SeverityChange(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"condition": "if"}):
    """Another severity, under which condition, and why; the first that holds counts."""

    to: Severity
    condition: str
    because: str


class FaultChange(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"condition": "if"}):
    """Another side at fault, and under which condition; the first that holds counts."""

    to: Fault
    condition: str
    because: str = ""


class FaultSide(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fault by who did a step: its first event came from the originator or from the responder."""

    step: str
    orig: Fault
    resp: Fault


class ConfidenceChange(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"condition": "if"}):
    """How sure instead, under which condition, and why."""

    to: Confident
    condition: str
    because: str


class Confidence(
    Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"raises": "raise", "lowers": "lower"}
):
    """How sure a match is: the base, then the highest `raise` that holds, then the lowest `lower` that holds."""

    base: Confident
    raises: tuple[ConfidenceChange, ...] = ()
    lowers: tuple[ConfidenceChange, ...] = ()


class Alternative(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"condition": "if"}):
    """Another cause that leaves the same trace where the condition holds."""

    rule: str
    condition: str


class Call(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"condition": "if"}):
    """What one call of a program returns because of this cause; in the file

        applications:
          client:
            - {at: end, call: recv, result: "ECONNRESET", errno: ECONNRESET, certain: true, why: "the reset arrived"}

    `at` is a step name (its last frame's time), `gives_up` (when the kernel gives up, from the timers), or absent.
    `call` is connect, accept, send, recv, close, epoll or keepalive. `if:` an expression: told only where it holds.
    What every connection shows (connect ok, send ok, recv of data, end of stream) is told without a rule.
    """

    at: str | None = None
    call: Literal["connect", "accept", "send", "recv", "close", "epoll", "keepalive"]
    result: str
    errno: str | None = None
    certain: bool = False
    why: str
    condition: str | None = None  # `if:`


class Applications(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the two programs see because of this cause, in time order."""

    client: tuple[Call, ...] = ()
    server: tuple[Call, ...] = ()


#: Sides that a rule names by what they did, in words.
SIDES = {"resetter": "side that reset", "reset_receiver": "side that was reset"}


class Confirm(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    on: Literal["client", "server", "path", "resetter", "reset_receiver"]
    command: str
    expect: str


class Remedy(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    side: str
    text: str


class Source(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    url: str | None = None


class Test(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One embedded test: a `trace` in packet notation or a `fixture` path under `fixtures/`."""

    name: str
    expect: Literal["match", "no_match", "unknown"]
    trace: str | None = None
    fixture: str | None = None
    confidence: Confident | None = None  # when given, the confidence must be this one


class Rule(
    Spec,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"severity_changes": "severity_if", "fault_changes": "fault_if"},
):
    """One cause."""

    id: str
    title: str
    group: str
    severity: Severity
    severity_changes: tuple[SeverityChange, ...] = ()  # `severity_if:`
    fault: Fault
    fault_changes: tuple[FaultChange, ...] = ()  # `fault_if:`
    fault_side: FaultSide | None = None
    protocols: tuple[Protocol, ...] = ("tcp",)
    baseline: bool = False
    contributes_only: bool = False  # never the primary cause
    needs: tuple[Need, ...] = ()
    when: tuple[str, ...] = ()
    sequence: tuple[Step, ...] = ()
    never: tuple[Never, ...] = ()
    where: tuple[str, ...] = ()
    confidence: Confidence
    consistent_with: tuple[str | Alternative, ...] = ()
    consistent_if: str | None = None  # an expression: `consistent_with` is said only where it holds (vantage, mostly)
    look_alikes: dict[str, str] = {}
    supersedes: tuple[str, ...] = ()
    what: str
    why: str = ""
    headline: str  # one sentence, Jinja, for the finding's summary
    story: dict[str, str] = {}  # step name -> sentence (Jinja) told when the step matched
    applications: Applications = Applications()
    confirm: tuple[Confirm, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    would_decide: str = ""
    sources: tuple[Source, ...] = ()
    tests: tuple[Test, ...] = ()
