"""What a rule file says, as types: `load` reads the YAML into these and refuses everything else."""

from __future__ import annotations

import msgspec


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common settings: immutable, unknown fields refused."""


class Step(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a sequence; in the file it is `- name: {event: ..., from: ..., count: 2.., optional: true}`."""

    name: str
    events: tuple[str, ...]  # `event:` takes one name or a list
    side: str | None = None  # `from:` originator | responder | third_party
    at_least: int = 1  # `count: 2..`, `2`, `2..5`; counts frames
    at_most: int | None = None
    optional: bool = False


class Never(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events that must not lie between two steps; `start`/`end` are step names, or `begin`/`finish` of the flow."""

    events: tuple[str, ...]
    side: str | None = None
    start: str = "begin"
    end: str = "finish"


class Change(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`raise` or `lower` of the confidence, or of the severity: to what, under which condition, and why."""

    to: str
    condition: str  # `if:` an expression
    because: str


class Confidence(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    base: str
    raises: tuple[Change, ...] = ()
    lowers: tuple[Change, ...] = ()


class Call(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one call of a program returns because of this cause; in the file

        applications:
          client:
            - {at: end, call: recv, result: "ECONNRESET", errno: ECONNRESET, certain: true, why: "the reset arrived"}

    `at` is a step name (its last frame's time), `gives_up` (when the kernel gives up, from the timers), or absent.
    `call` is connect, accept, send, recv, close, epoll or keepalive. `if:` an expression: told only where it holds.
    What every connection shows (connect ok, send ok, recv of data, end of stream) is told without a rule.
    """

    at: str | None = None
    call: str
    result: str
    errno: str | None = None
    certain: bool = False
    why: str
    condition: str | None = None  # `if:`


class Applications(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the two programs see because of this cause, in time order."""

    client: tuple[Call, ...] = ()
    server: tuple[Call, ...] = ()


class Confirm(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    on: str  # client | server | path
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
    expect: str  # match | no_match | unknown
    trace: str | None = None
    fixture: str | None = None
    confidence: str | None = None  # when given, the confidence must be this one


class Rule(Spec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cause."""

    id: str
    title: str
    group: str
    severity: str
    fault: str
    severity_changes: tuple[Change, ...] = ()  # `severity_if:` in the file
    fault_changes: tuple[Change, ...] = ()  # `fault_if:`; `because` optional
    protocols: tuple[str, ...] = ("tcp",)
    baseline: bool = False
    contributes_only: bool = False  # never the primary cause
    needs: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    sequence: tuple[Step, ...] = ()
    never: tuple[Never, ...] = ()
    where: tuple[str, ...] = ()
    confidence: Confidence
    consistent_with: tuple[str, ...] = ()
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
