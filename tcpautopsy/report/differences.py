"""Two results of the same place compared: which findings are new, which are gone, which went on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tcpautopsy.report.words import RANK, place
from tcpautopsy.result import Connection, Result
from tcpautopsy.text import clean, counted


class _Trouble(NamedTuple):
    """What stays the same when the same thing happens again, and how it is said."""

    key: str
    words: str
    severity: str


def news(old: Result, new: Result) -> set[int]:
    """Ids of the connections of `new` whose trouble `old` does not know.

    A cause is known by its fingerprint, a failure without a cause by server and outcome.
    """
    known = {trouble.key for trouble in _troubles(old).values()}
    return {number for number, trouble in _troubles(new).items() if trouble.key not in known}


def lines(old: Result, new: Result) -> Iterator[str]:
    """The difference in words: new, gone, and still there."""
    before, after = (Counter(_troubles(result).values()) for result in (old, new))
    old_keys, new_keys = ({t.key: (t, n) for t, n in counts.items()} for counts in (before, after))
    groups = (
        ("New", [new_keys[k] for k in new_keys if k not in old_keys]),
        ("Gone", [old_keys[k] for k in old_keys if k not in new_keys]),
        ("Still there", [new_keys[k] for k in new_keys if k in old_keys]),
    )
    yield ", ".join(f"{title.lower()}: {len(found)}" for title, found in groups) + "."
    for title, found in groups:
        if found:
            yield ""
            yield f"{title}:"
        for trouble, count in sorted(found, key=lambda each: (RANK[each[0].severity], each[0].words)):
            was = old_keys.get(trouble.key)
            times = counted(count, "connection") + (f", before {was[1]:,}" if title == "Still there" and was else "")
            yield f"  {trouble.severity:12} {trouble.words} ({times})"


def _troubles(result: Result) -> dict[int, _Trouble]:
    """The trouble of each connection that has one worth counting."""
    primary = {f.connection: f for f in result.findings if f.primary}
    found: dict[int, _Trouble] = {}
    for c in result.connections:
        finding = primary.get(c.id)
        if finding is not None:
            found[c.id] = _Trouble(finding.fingerprint, f"{clean(finding.rule)} at {place(c.server)}", c.severity)
        elif c.severity == "failure":
            found[c.id] = _undecided(c)
    return found


def _undecided(c: Connection) -> _Trouble:
    return _Trouble(
        f"{c.protocol}|{place(c.server)}|{c.outcome}", f"{c.outcome}, no cause, at {place(c.server)}", c.severity
    )
