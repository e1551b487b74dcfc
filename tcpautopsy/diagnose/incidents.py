"""Incidents: connections that share one cause, one place and one time are one story.

Where a story can happen depends on what it is about: a full accept queue is a listener's, silence is a path's or a
host's, a lookup's is the server that was asked. The first place of the group's list at which at least two
connections met the same fate in one stretch of time makes the incident; what is left is tried at the next place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from tcpautopsy.diagnose.columns import Integers
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.diagnose.model import Rule
from tcpautopsy.tables import Dissection, Incident

_NS = 1_000_000_000
#: Connections that suffer one overload begin within a step of the SYN ladder of each other (64 s, RFC 6298 5.5).
_LADDER_NS = 64 * _NS
#: A cut path silences all that use it within about one resend interval of the busier ones.
_SILENCE_NS = 5 * _NS
#: A whole capture falls silent only if most of what was open does.
_MOST_OF_CAPTURE = 0.5
_LEAST = 2
_LEAST_OF_CAPTURE = 3


class Place(NamedTuple):
    """A kind of place: how long a pause ends an incident there, and how many connections make one."""

    scope: str
    subject: Callable[[Dissection], pd.Series]
    gap_ns: int
    least: int = _LEAST


def listener(dissection: Dissection) -> pd.Series:
    """`10.0.0.2:8080`, `[2001:db8::1]:80`; the address alone where there are no ports."""
    flows = dissection.flows
    address = flows["server_address"].astype(object)
    port = flows["server_port"]
    shown = address.where(flows["ip_version"] != 6, "[" + address + "]")
    return (shown + ":" + port.astype("str")).where(port.notna(), address)


def _server(dissection: Dissection) -> pd.Series:
    return dissection.flows["server_address"]


def _client(dissection: Dissection) -> pd.Series:
    return dissection.flows["client_address"]


def _pair(dissection: Dissection) -> pd.Series:
    return dissection.flows["client_address"] + " <-> " + dissection.flows["server_address"]


def _capture(dissection: Dissection) -> pd.Series:
    return pd.Series([dissection.facts.name] * len(dissection.flows), dtype="str")


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


def incidents(dissection: Dissection, findings: pd.DataFrame, rules: dict[str, Rule]) -> tuple[Incident, ...]:
    """The incidents of a capture, in the order of their first connection."""
    causes = findings[findings["primary"] & findings["first_ns"].notna()]
    found: list[Incident] = []
    for rule, rows in causes.groupby("rule", sort=True):
        found += _of_rule(dissection, rules[str(rule)], rows)
    return tuple(_named(sorted(found, key=lambda each: (each.flows[0], each.rule, each.scope))))


def _named(found: list[Incident]) -> Iterator[Incident]:
    seen: dict[str, int] = {}
    for each in found:
        name = f"{each.rule}@{each.subject}"
        seen[name] = seen.get(name, 0) + 1
        yield each._replace(id=f"{name}#{seen[name]}")


def _of_rule(dissection: Dissection, rule: Rule, rows: pd.DataFrame) -> Iterator[Incident]:
    left = rows.sort_values(["first_ns", "flow"], kind="stable")
    for place in PLACES.get(rule.group, _OTHER_PLACES):
        subjects = place.subject(dissection)
        groups = _groups(left, subjects, place)
        for name, together in groups:
            if place.scope != "capture" or _most(dissection, together):
                yield _incident(dissection, rule, place, (name, subjects), together)
                left = left.drop(together.index)


def _groups(rows: pd.DataFrame, subjects: pd.Series, place: Place) -> list[tuple[str, pd.DataFrame]]:
    """Findings at one place without a pause of more than its gap, enough of them; rows come in time order."""
    if rows.empty:
        return []
    subject = subjects.iloc[rows["flow"].to_numpy()].to_numpy(dtype=object)
    code, names = pd.factorize(subject)
    order = np.argsort(code, kind="stable")
    begin = rows["first_ns"].to_numpy(dtype=np.int64)[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (code[order][1:] != code[order][:-1]) | (np.diff(begin) > place.gap_ns)
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(rows))
    return [
        (str(names[code[order][a]]), rows.iloc[order[a:b]])
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        if b - a >= place.least
    ]


def _most(dissection: Dissection, together: pd.DataFrame) -> bool:
    """At least half of the connections that were open when these fell silent are among them, of several places."""
    flows = dissection.flows.iloc[together["flow"].to_numpy()]
    if (flows["client_address"] + flows["server_address"]).nunique() < _LEAST:
        return False
    begin, end = together["first_ns"].min(), together["first_ns"].max()
    tcp = dissection.flows[dissection.flows["protocol"].isin(flows["protocol"].unique())]
    open_then = ((tcp["first_ns"] <= end) & (tcp["last_ns"] >= begin)).fillna(False).sum()
    return len(together) >= _MOST_OF_CAPTURE * int(open_then)


def _incident(
    dissection: Dissection, rule: Rule, place: Place, named: tuple[str, pd.Series], together: pd.DataFrame
) -> Incident:
    subject, subjects = named
    flows = np.sort(together["flow"].to_numpy())
    first, last = int(together["first_ns"].min()), int(together["last_ns"].max())
    there = _there(dissection, subjects == subject, dissection.flows["protocol"].iloc[flows].unique())
    return Incident(
        id="",
        rule=rule.id,
        scope=place.scope,
        subject=subject,
        first_ns=first,
        last_ns=last,
        flows=tuple(int(flow) for flow in flows),
        summary=f"{len(flows):,} of {there:,} {_noun(rule)} {_where(place, subject)}{_when(first, last)}: "
        f"{_begun(rule.title)}.",
    )


def _there(dissection: Dissection, here: pd.Series, protocols: Integers) -> int:
    of_kind: Mask = dissection.flows["protocol"].isin(protocols).to_numpy()
    return int((here.to_numpy(dtype=bool) & of_kind).sum())


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
