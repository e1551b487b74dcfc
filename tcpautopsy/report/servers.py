"""The servers of a result as a table: how many connections each had, and what became of them."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tcpautopsy.report.words import place
from tcpautopsy.result import Connection, Result

_LISTED = 50
_CAUSES = 3
#: Protocols whose servers are listeners with a port.
_SERVED = ("tcp", "udp", "dns")


class Server(NamedTuple):
    """One listener. `causes` are the most common ones, each with its number of connections."""

    protocol: str
    place: str
    name: str
    connections: int
    failed: int
    slowed: int
    at_risk: int
    causes: list[tuple[str, int]]


def servers(result: Result) -> tuple[list[Server], int]:
    """The servers with the most failed connections, then with the most connections; and how many are left out.

    Nothing when there is only one: the page speaks of it anyway.
    """
    groups: dict[tuple[str, str], list[Connection]] = {}
    for c in result.connections:
        if c.protocol in _SERVED:
            groups.setdefault((c.protocol, place(c.server)), []).append(c)
    found = [_server(protocol, where, group) for (protocol, where), group in groups.items()]
    order = sorted(found, key=lambda s: (-s.failed, -s.slowed - s.at_risk, -s.connections, s.protocol, s.place))
    return (order[:_LISTED], max(len(order) - _LISTED, 0)) if len(order) > 1 else ([], 0)


def _server(protocol: str, where: str, group: list[Connection]) -> Server:
    severities = Counter(c.severity for c in group)
    causes = Counter(c.cause or "undecided" for c in group if c.severity in ("failure", "degradation", "risk"))
    return Server(
        protocol,
        where,
        next((c.server.name for c in group if c.server.name), ""),
        len(group),
        severities["failure"],
        severities["degradation"],
        severities["risk"],
        sorted(causes.items(), key=lambda each: (-each[1], each[0]))[:_CAUSES],
    )
