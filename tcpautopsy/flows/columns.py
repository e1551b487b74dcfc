"""Flows: what is kept of every flow as a table; a column is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.flows import zeek
from tcpautopsy.flows.community import Ends, community_ids
from tcpautopsy.flows.kept import Kept
from tcpautopsy.flows.rows import KNOWN
from tcpautopsy.schema import LazyTable, RowChoice, rows_of, texts
from tcpautopsy.tables import FLOWS, Flows, Protocol

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]

_PROTOCOLS = {
    Protocol.TCP: "tcp",
    Protocol.UDP: "udp",
    Protocol.DNS: "dns",
    Protocol.ICMP: "icmp",
    Protocol.ICMPV6: "icmp",
    Protocol.ARP: "arp",
    Protocol.NDP: "ndp",
}
_PROTOCOL_WORDS = tuple({int(p): word for p, word in _PROTOCOLS.items()}.get(n, "") for n in range(256))
_WITH_PORTS = (Protocol.TCP, Protocol.UDP, Protocol.DNS)


def flows(kept: Kept, rows: range | Integers | None = None) -> Flows:
    """One row per flow, in the order of their first packets; these alone, when given."""
    chosen = range(kept.size) if rows is None else rows
    made = _Made(kept, chosen)

    def cut(choice: RowChoice) -> Flows:
        return flows(kept, rows_of(chosen, choice))

    return LazyTable(FLOWS, len(chosen), lambda name: _COLUMNS[name](made), cut=cut, kept=False)


class _Made:
    """Some flows."""

    def __init__(self, kept: Kept, rows: range | Integers) -> None:
        self.kept = kept
        self._rows: RowChoice
        if isinstance(rows, range) and rows.step > 0:
            self._rows = slice(rows.start, rows.stop, rows.step)  # no copy
        else:
            self._rows = np.asarray(rows, dtype=np.int64)

    def field(self, name: str) -> Integers:
        """A field of them."""
        return self.raw(name).astype(np.int64)

    def raw(self, name: str) -> NDArray[Any]:
        """The same in the type that it is kept in."""
        return self.kept.columns.get(name, 0, self._rows)


def _known(values: Integers, known: Mask) -> ExtensionArray:
    """Int64 with NA where not known."""
    return pd.arrays.IntegerArray(values, ~known)


def _plain(name: str) -> Callable[[_Made], ExtensionArray]:
    return lambda made: pd.arrays.NumpyExtensionArray(made.field(name))


def _unless_zero(name: str, less: int = 0) -> Callable[[_Made], ExtensionArray]:
    """A field minus `less`, NA where it is 0."""

    def column(made: _Made) -> ExtensionArray:
        values = made.field(name)
        return _known(values - less, values != 0)

    return column


def _port(name: str) -> Callable[[_Made], ExtensionArray]:
    return lambda made: _known(made.field(name), np.isin(made.raw("protocol"), _WITH_PORTS))


def _address(name: str) -> Callable[[_Made], ExtensionArray]:
    return lambda made: made.kept.addresses.text.take(made.field(name))


def _community_id(made: _Made) -> ExtensionArray:
    addresses = made.kept.addresses
    hosts = [made.raw(f"{end}_host") for end in ("client", "server")]
    client, server = ((addresses.high[host], addresses.low[host]) for host in hosts)
    ends = Ends(made.raw("ip_version"), *client, *server, made.field("client_port"), made.field("server_port"))
    return community_ids(ends, made.raw("protocol"))


def _conn_state(made: _Made) -> ExtensionArray:
    return zeek.conn_state(made.field("protocol"), made.field("state"))


def _history(made: _Made) -> ExtensionArray:
    return zeek.history(made.field("protocol"), made.field("state"), made.field("history"), made.kept.histories)


_COLUMNS: dict[str, Callable[[_Made], ExtensionArray]] = {
    **{name: _plain(name) for name in ("zone", "ordinal", "first_frame", "last_frame", "packets", "bytes")},
    **{name: _plain(name) for name in ("duplicates", "ip_version", "client_host", "server_host")},
    "protocol": lambda made: texts(_PROTOCOL_WORDS, made.raw("protocol")),
    "client_address": _address("client_host"),
    "client_port": _port("client_port"),
    "server_address": _address("server_host"),
    "server_port": _port("server_port"),
    "client_known_by": lambda made: texts(KNOWN, made.raw("known")),
    "community_id": _community_id,
    "tcp_stream": _unless_zero("stream", 1),
    "conn_state": _conn_state,
    "history": _history,
    "first_ns": _unless_zero("first_ns"),
    "last_ns": _unless_zero("last_ns"),
    "previous": _unless_zero("previous", 1),
    "name": lambda made: made.kept.names.take(made.field("name")),
}
