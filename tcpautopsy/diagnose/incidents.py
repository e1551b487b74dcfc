"""Incidents: connections that share one cause, one place and one time are one story.

Where a story can happen depends on what it is about: a full accept queue is a listener's, silence is a path's or a
host's, a lookup's is the server that was asked. The first place of the group's list at which at least two
connections met the same fate in one stretch of time makes the incident; what is left is tried at the next place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.diagnose.columns import Integers, column, ordered
from tcpautopsy.diagnose.logic import Mask, Words
from tcpautopsy.diagnose.model import Rule
from tcpautopsy.schema import numbered
from tcpautopsy.tables import NO_TIME, Dissection, Features, Flows, Incident

_NS = 1_000_000_000
#: Connections that suffer one overload begin within a step of the SYN ladder of each other (64 s, RFC 6298 5.5).
_LADDER_NS = 64 * _NS
#: A cut path silences all that use it within about one resend interval of the busier ones.
_SILENCE_NS = 5 * _NS
#: A whole capture falls silent only if most of what was open does.
_MOST_OF_CAPTURE = 0.5
_LEAST = 2
_LEAST_OF_CAPTURE = 3
_TIMES = ("first_ns", "last_ns")


class Subjects(NamedTuple):
    """What the flows of a capture are about, at one kind of place: the names, and of each flow the place of its own."""

    names: Sequence[str]
    of_flow: Integers


class Place(NamedTuple):
    """A kind of place: how long a pause ends an incident there, and how many connections make one."""

    scope: str
    subjects: Callable[[Dissection], Subjects]
    gap_ns: int
    least: int = _LEAST


def listener(dissection: Dissection) -> Subjects:
    """`10.0.0.2:8080`, `[2001:db8::1]:80`; the address alone where there are no ports."""
    shown = ["server_address", "server_port", "ip_version"]
    return _subjects(dissection.flows, ["server_host", "server_port"], shown, _listener_name)


def _listener_name(address: str, port: Any, version: int) -> str:
    if pd.isna(port):
        return address
    return f"[{address}]:{port}" if version == 6 else f"{address}:{port}"


def _server(dissection: Dissection) -> Subjects:
    return _subjects(dissection.flows, ["server_host"], ["server_address"], str)


def _client(dissection: Dissection) -> Subjects:
    return _subjects(dissection.flows, ["client_host"], ["client_address"], str)


def _pair(dissection: Dissection) -> Subjects:
    same, shown = ["client_host", "server_host"], ["client_address", "server_address"]
    return _subjects(dissection.flows, same, shown, "{} <-> {}".format)


def _capture(dissection: Dissection) -> Subjects:
    return Subjects([str(dissection.facts.name)], np.zeros(len(dissection.flows), np.int64))


def _subjects(flows: Flows, same: list[str], shown: list[str], name: Callable[..., str]) -> Subjects:
    """Flows that agree in the columns `same` are about the same; the name is made of those that are `shown`."""
    of_flow = numbered([flows[column] for column in same])
    at = np.empty(int(of_flow.max(initial=-1)) + 1, dtype=np.int64)
    at[of_flow[::-1]] = np.arange(len(flows))[::-1]
    firsts = flows.at(at)
    return Subjects(list(map(name, *(firsts[column] for column in shown))), of_flow)


_LISTENER = Place("listener", listener, _LADDER_NS)
_SERVER = Place("host", _server, _LADDER_NS)
_CLIENT = Place("host", _client, _SILENCE_NS)
_PATH = Place("path", _pair, _LADDER_NS)
_SILENT_SERVER = Place("host", _server, _SILENCE_NS)
_SILENT_CAPTURE = Place("capture", _capture, _SILENCE_NS, _LEAST_OF_CAPTURE)

#: Group of a rule -> the places of its incidents, in the order in which they are tried.
PLACES: dict[str, tuple[Place, ...]] = {
    "silence": (_SILENT_CAPTURE, _SILENT_SERVER, _CLIENT, _PATH),
    "resolution": (_SERVER,),
    "mtu": (_PATH, _SERVER),
    "loss": (_PATH, _SERVER),
    "middlebox": (_PATH, _SERVER),
}
_OTHER_PLACES = (_LISTENER, _SERVER)


class _Causes(NamedTuple):
    """Primary findings of one rule in the order of time, each with its flow."""

    flow: NDArray[np.uint32]
    first_ns: Integers
    last_ns: Integers

    def at(self, rows: Integers | Mask | slice) -> _Causes:
        return _Causes(self.flow[rows], self.first_ns[rows], self.last_ns[rows])


def incidents(
    dissection: Dissection, features: Features, findings: pd.DataFrame, rules: dict[str, Rule]
) -> tuple[Incident, ...]:
    """The incidents of a capture, in the order of their first connection."""
    known = findings["primary"].to_numpy() & ~np.asarray(findings["first_ns"].isna())
    rule_of = findings["rule"].cat
    codes, flows = rule_of.codes.to_numpy(), findings["flow"].to_numpy()
    crowds = _Crowds(dissection, features)
    found: list[Incident] = []
    for code in np.flatnonzero(np.bincount(codes[known])).tolist():
        rows = np.flatnonzero(known & (codes == code))
        first, last = (findings[name].array[rows].to_numpy(np.int64, na_value=NO_TIME) for name in _TIMES)
        np.maximum(first, last, out=last)  # the last packet alone may have no time
        causes = _Causes(flows[rows], first, last)
        del rows
        in_time = causes.at(ordered(causes.first_ns, causes.flow))
        found += _of_rule(dissection, rules[rule_of.categories[code]], in_time, crowds)
    return tuple(_named(sorted(found, key=lambda each: (each.flows[0], each.rule, each.scope))))


class _Crowd:
    """All flows of a capture, by what they are about at one kind of place."""

    def __init__(self, subjects: Subjects, kind: NDArray[np.int8]) -> None:
        self.names, self.of_flow = subjects.names, subjects.of_flow.astype(np.uint32)
        self._kind = kind
        shape = len(self.names), int(kind.max(initial=-1)) + 1
        self._size = np.bincount(subjects.of_flow * shape[1] + kind, minlength=shape[0] * shape[1]).reshape(shape)

    def there(self, subject: int, flows: NDArray[np.uint32]) -> int:
        """How many flows are about it, of the protocols that these flows have."""
        return int(self._size[subject, np.flatnonzero(np.bincount(self._kind[flows]))].sum())


class _Crowds(dict[Place, _Crowd]):
    """The crowds of each kind of place, made when they are asked for."""

    def __init__(self, dissection: Dissection, features: Features) -> None:
        super().__init__()
        self._dissection = dissection
        self._protocol = column(features["protocol"])

    def __missing__(self, place: Place) -> _Crowd:
        assert isinstance(self._protocol, Words)
        kind = self._protocol.codes.astype(np.int8)
        self[place] = _Crowd(place.subjects(self._dissection), kind)
        return self[place]


def _named(found: list[Incident]) -> Iterator[Incident]:
    seen: dict[str, int] = {}
    for each in found:
        name = f"{each.rule}@{each.subject}"
        seen[name] = seen.get(name, 0) + 1
        yield each._replace(id=f"{name}#{seen[name]}")


def _of_rule(dissection: Dissection, rule: Rule, causes: _Causes, crowds: _Crowds) -> Iterator[Incident]:
    left = np.ones(len(causes.flow), dtype=bool)
    for place in PLACES.get(rule.group, _OTHER_PLACES):
        if not left.any():
            return
        for subject, rows in _groups(causes, np.flatnonzero(left), crowds[place].of_flow, place):
            together = causes.at(rows)
            if place.scope != "capture" or _most(dissection, together):
                yield _incident(rule, place, (subject, crowds[place]), together)
                left[rows] = False


def _groups(causes: _Causes, rows: Integers, subjects: NDArray[np.uint32], place: Place) -> list[tuple[int, Integers]]:
    """Findings at one place without a pause of more than its gap, enough of them; rows come in time order."""
    subject = subjects[causes.flow[rows]]
    order = ordered(subject)
    subject, rows = subject[order], rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (subject[1:] != subject[:-1]) | (np.diff(causes.first_ns[rows]) > place.gap_ns)
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(rows))
    enough = ends - starts >= place.least
    return [(int(subject[a]), rows[a:b]) for a, b in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True)]


def _most(dissection: Dissection, together: _Causes) -> bool:
    """At least half of the connections that were open when these fell silent are among them, of several places."""
    flows = dissection.flows
    pairs = numbered([flows.at(together.flow.astype(np.int64))[f"{side}_host"] for side in ("client", "server")])
    if int(pairs.max(initial=-1)) + 1 < _LEAST:
        return False
    begin, end = int(together.first_ns.min()), int(together.first_ns.max())
    protocol = pd.Series(flows["protocol"])
    like_these = protocol.isin(protocol.iloc[together.flow].unique()).to_numpy()
    first = flows["first_ns"].to_numpy(np.int64, na_value=end + 1)
    last = flows["last_ns"].to_numpy(np.int64, na_value=begin - 1)
    open_then = (like_these & (first <= end) & (last >= begin)).sum()
    return len(together.flow) >= _MOST_OF_CAPTURE * int(open_then)


def _incident(rule: Rule, place: Place, about: tuple[int, _Crowd], together: _Causes) -> Incident:
    number, crowd = about
    subject = crowd.names[number]
    flows = np.sort(together.flow, kind="stable")  # in order already, but for a few
    first, last = int(together.first_ns.min()), int(together.last_ns.max())
    there = crowd.there(number, flows)
    return Incident(
        id="",
        rule=rule.id,
        scope=place.scope,
        subject=subject,
        first_ns=first,
        last_ns=last,
        flows=flows,
        summary=f"{len(flows):,} of {there:,} {_noun(rule)} {_where(place, subject)}{_when(first, last)}: "
        f"{_begun(rule.title)}.",
    )


def _noun(rule: Rule) -> str:
    return {"dns": "lookups", "arp": "resolutions", "udp": "conversations"}.get(rule.protocols[0], "connections")


def _where(place: Place, subject: str) -> str:
    if place is _CLIENT:
        return f"of {subject}"
    return {"path": f"between {subject.replace(' <-> ', ' and ')}", "capture": "in the capture"}.get(
        place.scope, f"to {subject}"
    )


def _when(first: int, last: int) -> str:
    """` between 12:00:01 and 12:00:09 UTC`; one time when they share the second, with dates when they differ."""
    begin, end = (datetime.fromtimestamp(t // _NS, UTC) for t in (first, last))
    if begin == end:
        return f" at {begin:%H:%M:%S} UTC"
    if begin.date() == end.date():
        return f" between {begin:%H:%M:%S} and {end:%H:%M:%S} UTC"
    return f" between {begin:%Y-%m-%d %H:%M:%S} and {end:%Y-%m-%d %H:%M:%S} UTC"


def _begun(title: str) -> str:
    """A title within a sentence: a capital that only begins the sentence becomes small."""
    return title[0].lower() + title[1:] if title[1:2].islower() or title.startswith("A ") else title
