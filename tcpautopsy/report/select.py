"""What of a result is shown: connections chosen by address, port, id, time or cause. Nothing is analysed anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

import msgspec

from tcpautopsy.errors import UsageError
from tcpautopsy.report.words import first_time, nanoseconds
from tcpautopsy.result import Connection, Result
from tcpautopsy.text import clean

_HOSTS = 12
_NS = 1_000_000_000


class Selection(NamedTuple):
    """What to show; an empty field chooses everything. `where` is an expression over features."""

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    flows: tuple[int, ...] = ()
    since: str | None = None
    until: str | None = None
    rules: tuple[str, ...] = ()
    where: str | None = None

    def __bool__(self) -> bool:
        return self != Selection()

    @property
    def words(self) -> str:
        """The selection as it was asked for."""
        parts = [f"host {h}" for h in self.hosts] + [f"port {p}" for p in self.ports]
        parts += [f"flow {n}" for n in self.flows] + [f"cause {r}" for r in self.rules]
        parts += [f"since {self.since}"] * bool(self.since) + [f"until {self.until}"] * bool(self.until)
        return "chosen by " + ", ".join(parts + [f"where {self.where}"] * bool(self.where))


def chosen(result: Result, selection: Selection, matching: Collection[int] | None = None) -> set[int]:
    """Ids of the chosen connections; `matching` are those that an expression chose.

    Options of one kind widen the choice, options of different kinds narrow it. Raises UsageError for an address or a
    time that is none.
    """
    tests = list(_tests(result, selection))
    return {
        c.id for c in result.connections if all(test(c) for test in tests) and (matching is None or c.id in matching)
    }


def only(result: Result, ids: Collection[int]) -> Result:
    """These connections with their findings and the incidents that touch them; totals count everything."""
    kept = [c for c in result.connections if c.id in ids]
    return msgspec.structs.replace(
        result,
        connections=kept,
        findings=[f for f in result.findings if f.connection in ids],
        incidents=[i for i in result.incidents if any(c in ids for c in i.connections)],
        totals=msgspec.structs.replace(result.totals, connections_listed=len(kept)),
    )


def nothing_matches(result: Result) -> str:
    """What to say when no connection was chosen: the hosts that are there."""
    hosts = list(dict.fromkeys(e.address for c in result.connections for e in (c.client, c.server)))
    more = f" and {len(hosts) - _HOSTS:,} more" if len(hosts) > _HOSTS else ""
    return f"no connection matches; hosts seen: {', '.join(hosts[:_HOSTS]) or 'none'}{more}"


def _tests(result: Result, selection: Selection) -> Iterable[Callable[[Connection], bool]]:
    if selection.hosts:
        yield _in_networks([_network(host) for host in selection.hosts])
    if selection.ports:
        yield lambda c: c.client.port in selection.ports or c.server.port in selection.ports
    if selection.flows:
        yield lambda c: c.id in selection.flows
    if selection.rules:
        found = {f.connection for f in result.findings if f.rule in selection.rules}
        yield lambda c: c.id in found
    start = first_time(result)
    if selection.since is not None:
        since = _moment(selection.since, start)
        yield lambda c: c.last_time is not None and nanoseconds(c.last_time) >= since
    if selection.until is not None:
        until = _moment(selection.until, start)
        yield lambda c: c.first_time is not None and nanoseconds(c.first_time) <= until


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        raise UsageError(
            f"--host {clean(text)}: neither an address nor a network; write 10.0.0.2 or 10.0.0.0/8"
        ) from None


def _in_networks(networks: list[IPv4Network | IPv6Network]) -> Callable[[Connection], bool]:
    def test(c: Connection) -> bool:
        ends = [ip_address(e.address.split("%")[0]) for e in (c.client, c.server)]
        return any(end in network for end in ends for network in networks)

    return test


def _moment(text: str, start: str | None) -> int:
    """`2026-01-02T03:04:05.6` (UTC unless an offset is given), `03:04:05` on the capture's first day, `+12.5` seconds.

    In nanoseconds since 1970.
    """
    try:
        if text.startswith("+"):
            return (nanoseconds(start) if start else 0) + round(float(text[1:]) * _NS)
        day = (start or "1970-01-01T")[:11]
        moment = datetime.fromisoformat(text if "T" in text or "-" in text else day + text)
    except ValueError:
        raise UsageError(
            f"{clean(text)} is no time; write 2026-01-02T03:04:05 (UTC), 03:04:05 or +12.5 (seconds from the start)"
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(aware.replace(microsecond=0).timestamp())
    return whole * _NS + aware.microsecond * 1000
