"""How the words and numbers of the contract are said to a person: one table a word, one function a kind of number."""

from __future__ import annotations

from datetime import datetime

from tcpautopsy.result import Connection, Endpoint, Result
from tcpautopsy.text import counted

#: From worst to best; the position is the rank.
SEVERITIES = ("failure", "degradation", "risk", "note", "none")
RANK = {name: rank for rank, name in enumerate(SEVERITIES)}

SEVERITY_NAMES = {
    "failure": "failed",
    "degradation": "slowed down",
    "risk": "at risk",
    "note": "worth a note",
    "none": "healthy",
}

FAULTS = {
    "client-app": "the client's program",
    "server-app": "the server's program",
    "client-host": "the client's machine",
    "server-host": "the server's machine",
    "path": "the network between them",
    "middlebox": "a device on the way (firewall, NAT, load balancer)",
    "config": "the configuration",
    "capture": "the capture itself",
    "none": "nobody",
}

CONFIDENCES = {
    "certain": "the frames admit no other reading",
    "high": "another cause would need an unusual setup",
    "medium": "other common causes could leave the same frames, this one fits best",
    "low": "the frames allow it, but hardly support it",
}

OUTCOMES = {
    "refused": "the server's side refused it at once",
    "rejected": "a router or host rejected it",
    "unanswered": "nobody answered",
    "completed": "ran to its end",
    "reset": "reset in the server's name",
    "aborted": "reset in the client's name",
    "timed-out": "one side stopped answering, and repeats ran out",
    "silent": "one side stopped answering; the capture ends there",
    "stalled": "alive but stuck when the capture ends",
    "half-closed": "only one side has closed",
    "midstream": "neither start nor end is in the capture",
    "established": "still open and healthy when the capture ends",
    "one-way": "packets in one direction only",
}

POINTS = {
    "client": "at the client",
    "server": "at the server",
    "middle": "between the two",
    "both": "on one machine that is both client and server",
    "unknown": "at an unknown place",
}

SIDES = {"client": "client", "server": "server", "path": "network in between"}


def nanoseconds(time: str) -> int:
    """Nanoseconds since 1970 of a time of the contract.

    >>> nanoseconds("1970-01-01T00:00:01.500000000Z")
    1500000000
    """
    return int(datetime.fromisoformat(time[:19] + "+00:00").timestamp()) * 1_000_000_000 + int(time[20:29])


def between(start: str | None, end: str | None) -> int | None:
    """Nanoseconds from `start` to `end`; None when one is not known."""
    return None if start is None or end is None else nanoseconds(end) - nanoseconds(start)


def since(start: str | None, time: str | None) -> str:
    """A moment as seconds from the connection's start, or the empty string.

    >>> since("1970-01-01T00:00:01.500000000Z", "1970-01-01T00:00:02.512000000Z")
    '+1.012 s'
    """
    span = between(start, time)
    return "" if span is None else f"{'-' if span < 0 else '+'}{abs(span) / 1e9:.3f} s"


def utc(time: str | None, decimals: int = 3) -> str:
    """A time for reading; the zone is said by who shows it.

    >>> utc("2026-01-02T03:04:05.678901234Z")
    '2026-01-02 03:04:05.678'
    """
    if time is None:
        return "at an unknown time"
    return f"{time[:10]} {time[11:19]}{time[19 : 20 + decimals] if decimals else ''}"


def clock(time: str | None) -> str:
    """The time of day alone.

    >>> clock("2026-01-02T03:04:05.678901234Z")
    '03:04:05.678'
    """
    return "" if time is None else time[11:23]


def duration(span_ns: int | None) -> str:
    """A span with its unit.

    >>> duration(812_000), duration(63_400_000_000), duration(972_000_000_000), duration(None)
    ('0.812 ms', '63.4 s', '16.2 min', '')
    """
    if span_ns is None:
        return ""
    value = abs(span_ns) / 1e9
    for limit, scale, unit in ((1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return f"{value / 3600:.3g} h"


def size(count: int | None) -> str:
    """Bytes in decimal units.

    >>> size(950), size(1_234_567)
    ('950 bytes', '1.23 MB')
    """
    if count is None:
        return "not visible"
    for limit, scale, unit in ((1e6, 1e3, "kB"), (1e9, 1e6, "MB"), (1e12, 1e9, "GB")):
        if 1000 <= count < limit:
            return f"{count / scale:.3g} {unit}"
    return counted(count, "byte") if count < 1000 else f"{count / 1e12:.3g} TB"


def place(endpoint: Endpoint) -> str:
    """Address and port as they are written together.

    >>> place(Endpoint(address="2001:db8::1", port=80, name=None))
    '[2001:db8::1]:80'
    """
    if endpoint.port is None:
        return endpoint.address
    return f"[{endpoint.address}]:{endpoint.port}" if ":" in endpoint.address else f"{endpoint.address}:{endpoint.port}"


def span(connection: Connection) -> int | None:
    """Nanoseconds from the first to the last packet of a connection."""
    return between(connection.first_time, connection.last_time)


def sentence_start(title: str) -> str:
    """A title as it goes on inside a sentence: its first letter small unless the word is a name.

    >>> sentence_start("The server hung up"), sentence_start("SYN cookies were sent")
    ('the server hung up', 'SYN cookies were sent')
    """
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or first == "A" else title


def first_time(result: Result) -> str | None:
    """The earliest time of all captures."""
    return min((c.first_time for c in result.captures if c.first_time), default=None)


def last_time(result: Result) -> str | None:
    """The latest time of all captures."""
    return max((c.last_time for c in result.captures if c.last_time), default=None)
