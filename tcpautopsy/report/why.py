"""One connection, one finding or one frame told in words for a terminal: everything the result holds of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tcpautopsy.report.words import CONFIDENCES, FAULTS, OUTCOMES, POINTS, place, since, size, utc
from tcpautopsy.result import ApplicationView, Bytes, Connection, Finding, Result, Timers
from tcpautopsy.text import clean, counted

_COLUMNS = 100
_EVIDENCE = 24
_EVENTS = 40


class Shown(NamedTuple):
    """An event of a connection as a frame shows it: `side` is client, server or other; `meaning` of its kind."""

    connection: int
    frame: int
    last_frame: int
    time: str | None
    kind: str
    side: str
    meaning: str
    count: int  # type: ignore[assignment]  # shadows tuple.count


def connection_told(result: Result, connection: Connection, events: Sequence[Shown]) -> Iterator[str]:
    """Why it ended as it did; for a connection without a cause, what its frames show."""
    yield from _head(connection)
    mine = [f for f in result.findings if f.connection == connection.id]
    if connection.cause is None:
        yield from _no_cause(connection)
    for finding in sorted(mine, key=lambda f: not f.primary):
        yield from _finding(finding, connection, whole=finding.primary or len(mine) == 1)
    for incident in result.incidents:
        if connection.id in incident.connections and len(incident.connections) > 1:
            yield from _section("It is not alone")
            yield from _item(incident.summary)
    yield from _programs(connection.application_view, connection.first_time)
    if connection.ledger is not None:
        yield from _section("Bytes")
        yield from _item(f"client to server: {_bytes(connection.ledger.client_to_server)}")
        yield from _item(f"server to client: {_bytes(connection.ledger.server_to_client)}")
        yield from _item("acknowledged means the other side's kernel, never its program")
    yield from _timers(connection.timers)
    if not mine:
        yield from _events(connection, events)
    yield from _limits(connection)


def finding_told(result: Result, finding: Finding) -> Iterator[str]:
    """One finding, with the connection it is about."""
    connection = next(c for c in result.connections if c.id == finding.connection)
    yield from _head(connection)
    yield from _finding(finding, connection, whole=True)
    yield from _limits(connection)


def frame_told(result: Result, frame: int, events: Sequence[Shown]) -> Iterator[str]:
    """What a frame shows, in which connection, and which findings rest on it."""
    packets = sum(c.packets for c in result.captures)
    if not 1 <= frame <= packets:
        yield f"There is no frame {frame}: the capture has {counted(packets, 'frame')}."
        return
    here = [e for e in events if e.frame <= frame <= e.last_frame]
    if not here:
        yield f"Frame {frame} belongs to no connection that is followed here, or says nothing of its own."
        return
    known = {c.id: c for c in result.connections}
    for number in sorted({e.connection for e in here}):
        connection = known[number]
        yield from _head(connection)
        yield ""
        for event in (e for e in here if e.connection == number):
            run = "" if event.count == 1 else f", one of {counted(event.count, 'frame')} up to {event.last_frame}"
            yield from _item(
                f"frame {frame}, {since(connection.first_time, event.time)}, from {_who(event.side)}: {event.meaning} "
                f"({event.kind.replace('_', ' ')}{run})"
            )
        yield from _resting(result, connection, frame)


def _resting(result: Result, connection: Connection, frame: int) -> Iterator[str]:
    """The findings whose story or evidence names the frame."""
    for finding in result.findings:
        if finding.connection != connection.id:
            continue
        told = [step.text for step in finding.story if frame in step.frames]
        proves = any(row.frame == frame for row in finding.evidence)
        if told or proves:
            yield ""
            yield from _wrapped(f"{'Proves' if proves else 'Is told in'} {finding.id}: {finding.summary}")
            yield from (line for text in told for line in _item(text))


# ------------------------------------------------------------------------------------------------------- parts


def _head(c: Connection) -> Iterator[str]:
    name = f" ({clean(c.server.name)})" if c.server.name else ""
    yield f"#{c.id} {c.protocol} {place(c.client)} -> {place(c.server)}{name}"
    where = f"captured {POINTS[c.vantage.point]} ({c.vantage.confidence})"
    yield from _wrapped(
        f"{utc(c.first_time)} UTC, {counted(c.packets, 'packet')}, {size(c.bytes)}; {c.outcome}: "
        f"{OUTCOMES[c.outcome]}; {where}"
    )


def _no_cause(c: Connection) -> Iterator[str]:
    yield ""
    if c.severity != "failure":
        yield "No failure: nothing that a rule knows went wrong, or only what the notes below say."
        return
    yield "FAILURE. No cause can be named from this capture."
    for each in c.undecided:
        missing = f" (not visible: {', '.join(each.missing)})" if each.missing else ""
        yield from _item(f"perhaps {each.rule}{missing}; {each.would_decide}")


def _finding(f: Finding, c: Connection, whole: bool) -> Iterator[str]:
    yield ""
    yield from _wrapped(f"{f.severity.upper()}  {f.title} [{f.rule}]")
    yield from _wrapped(f.summary)
    yield from _wrapped(f"Fault: {FAULTS[f.fault]}. Confidence {f.confidence}: {CONFIDENCES[f.confidence]}.")
    if not whole:
        return
    if c.consistent_with and f.primary:
        yield from _wrapped(f"The same packets are left by: {', '.join(c.consistent_with)}.")
    yield from _section("What happened")
    for step in f.story:
        frames = f" (frame {', '.join(map(str, step.frames[:6]))}{', …' if len(step.frames) > 6 else ''})"
        yield from _item(f"{since(c.first_time, step.time)}  {step.text}{frames if step.frames else ''}")
    yield from _section("Why this cause")
    words = {True: "yes", False: "no", None: "not visible"}
    for condition in f.conditions:
        yield from _item(f"{words[condition.held]}: {condition.text}")
    for other in f.runners_up:
        yield from _item(f"not {other.rule}: {other.why_not}")
    yield from _section("To confirm")
    for check in f.confirm:
        yield from _item(f"on the {check.on}: {check.command}")
        yield from _wrapped(f"expect: {check.expect}", "      ")
    yield from _section("What to do")
    for remedy in f.remedies:
        yield from _item(f"{remedy.side}: {remedy.text}")
    if f.next_capture is not None:
        yield from _section("The next capture to take")
        yield from _item(f"{f.next_capture.where}: {f.next_capture.command}")
    yield from _section("To look at it")
    yield from _item(f"Wireshark: {f.wireshark_filter}")
    yield from _item(f"evidence: frames {_frames(row.frame for row in f.evidence)}")


def _programs(view: ApplicationView, start: str | None) -> Iterator[str]:
    for side, calls in (("client", view.client), ("server", view.server)):
        if not calls:
            continue
        yield from _section(f"What the {side}'s program saw")
        for call in calls:
            errno = f" ({call.errno})" if call.errno and call.errno not in call.result else ""
            sure = "" if call.certain else "presumably "
            when = f"{since(start, call.time)}  " if call.time else ""
            yield from _item(f"{when}{sure}{call.call}: {call.result}{errno}; {call.why}")


def _bytes(b: Bytes) -> str:
    if b.sent is None:
        return "not visible in this capture"
    if b.acknowledged is None:
        return f"{b.sent:,} sent"
    return f"{b.sent:,} sent, {b.acknowledged:,} acknowledged, {b.in_doubt:,} in doubt, {b.lost:,} lost for sure"


def _timers(t: Timers | None) -> Iterator[str]:
    if t is None:
        return
    said = [text for text in (t.ladder, t.setting, t.os_hint) if text]
    if t.gave_up_at:
        said.append(f"gave up at {utc(t.gave_up_at)} UTC")
    if t.gives_up_at:
        said.append(f"the kernel will give up at about {utc(t.gives_up_at, 0)} UTC, without a packet that shows it")
    if said:
        yield from _section("Timers")
        for text in said:
            yield from _item(text)


def _events(c: Connection, events: Sequence[Shown]) -> Iterator[str]:
    mine = [e for e in events if e.connection == c.id]
    if not mine:
        return
    yield from _section("What its frames show")
    for event in mine[:_EVENTS]:
        run = "" if event.count == 1 else f", {event.count} frames"
        yield from _item(
            f"{since(c.first_time, event.time)}  {_who(event.side)}: {event.meaning} (frame {event.frame}{run})"
        )
    if len(mine) > _EVENTS:
        yield from _item(f"and {len(mine) - _EVENTS:,} more; tcpautopsy events has all")


def _limits(c: Connection) -> Iterator[str]:
    if c.limits:
        yield from _section("What this capture cannot show")
        yield from _item(f"limits that touched this answer: {', '.join(c.limits)}")


def _section(title: str) -> Iterator[str]:
    yield ""
    yield f"{title}:"


def _item(text: str) -> Iterator[str]:
    yield from _wrapped(clean(text, 2000), "  - ", "    ")


def _wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        clean(text, 2000),
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _who(side: str) -> str:
    return {"client": "the client", "server": "the server"}.get(side, "a third host")


def _frames(frames: Iterable[int]) -> str:
    unique = list(dict.fromkeys(frames))
    more = f" and {len(unique) - _EVIDENCE} more" if len(unique) > _EVIDENCE else ""
    return ", ".join(map(str, unique[:_EVIDENCE])) + more
