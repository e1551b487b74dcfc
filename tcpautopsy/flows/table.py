"""Packets get their flow: the kernel's table of tuples, grown here, and the Flows made of it at the end."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy import records
from tcpautopsy.flows import zeek
from tcpautopsy.flows.community import Ends, community_ids
from tcpautopsy.flows.names import Names
from tcpautopsy.flows.rows import FLOW, KNOWN, NO_STREAM
from tcpautopsy.records import Pool, Rows
from tcpautopsy.schema import numbered, texts
from tcpautopsy.tables import FLOWS, PACKET, Flows, Packets, Problem, Protocol

_FLOWS_AT_FIRST = 1024
_RECENT = 16_384  # the kernel's RECENT
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


class FlowTable:
    """Assigns packets to flows, in the order in which they come."""

    def __init__(self, max_flows: int = 2_000_000) -> None:
        module = records.kernel("flows")
        self._compiled: bool = module.compiled
        # Python's own hash of a string is seeded anew for each process: nobody can aim packets at one slot.
        self._kernel: Any = module.Table(hash("tcpautopsy") & 0x7FFFFFFFFFFFFFFF, max_flows)
        self._limit = max_flows
        self._flows = Pool(FLOW, _FLOWS_AT_FIRST, self._compiled)
        self._aliases = (records.integers(4 * _FLOWS_AT_FIRST, "Q"), records.integers(4 * _FLOWS_AT_FIRST))
        self._slots = records.integers(4 * _FLOWS_AT_FIRST)
        self._kernel.hold(self._flows.rows, self._slots)
        self._kernel.hold_aliases(*self._aliases)
        self._kernel.remember(*(records.integers(_RECENT) for _ in range(4)))
        self._names = Names()

    def assign(self, packets: Packets) -> Packets:
        """The same packets with `flow`, `from_originator` and the mark of second copies filled in."""
        rows = packets.rows
        entered = PACKET.entered(rows, self._compiled)
        self._kernel.bind(entered)
        at, count = 0, len(rows)
        while count and (at := self._kernel.assign(at, count)) < count:
            self._grow()
        PACKET.left(entered, rows, self._compiled)
        self._names.hear(packets.notes)
        self._names.meet(rows)
        return Packets(rows, packets.notes)

    def problems(self) -> tuple[Problem, ...]:
        """What could not be followed."""
        if not self._kernel.refused:
            return ()
        frame = self._kernel.first_refused
        words = f"flow limit {self._limit} reached at frame {frame}; later half-open flows are summarised"
        return (Problem("flow-limit", None, frame, words, self._kernel.refused),)

    def __len__(self) -> int:
        """How many flows there are so far."""
        return int(self._kernel.count)

    def table(self, over: bool = False) -> Flows:
        """One row per flow, in the order of their first packets; `over` when no packet will come any more."""
        if over:
            self._kernel.let_go()
            del self._slots, self._aliases
        rows = self._flows.array(self._kernel.count)
        client, server = _Ends(rows, rows["first_is_originator"] == 1), _Ends(rows, rows["first_is_originator"] == 0)
        protocol = rows["protocol"]
        community = pd.Series(community_ids(_both(client, server), protocol))
        ports = np.isin(protocol, _WITH_PORTS)
        addresses, place = server.addresses()
        columns = {
            "protocol": texts(_PROTOCOL_WORDS, protocol),
            "client_address": texts(*client.addresses()),
            "client_port": _known(client.port, ports),
            "server_address": texts(addresses, place),
            "server_port": _known(server.port, ports),
            "client_known_by": texts(KNOWN, rows["known"]),
            "zone": rows["zone"].astype(np.int64),
            "community_id": community,
            "ordinal": _ordinal(community, rows),
            "tcp_stream": _known(rows["stream"], rows["stream"] != NO_STREAM),
            "conn_state": zeek.conn_state(rows),
            "history": zeek.history(rows),
            "first_frame": rows["first_frame"].astype(np.int64),
            "last_frame": rows["last_frame"].astype(np.int64),
            "first_ns": _known(rows["first_ns"], rows["first_ns"] != 0),
            "last_ns": _known(rows["last_ns"], rows["last_ns"] != 0),
            "packets": rows["packets"].astype(np.int64),
            "bytes": rows["bytes"].astype(np.int64),
            "duplicates": rows["duplicates"].astype(np.int64),
            "ip_version": rows["ip_version"].astype(np.int64),
            "previous": _known(rows["previous"].astype(np.int64) - 1, rows["previous"] != 0),
            "name": self._names.column(addresses, place),
        }
        return Flows(FLOWS.check(pd.DataFrame(columns, copy=False)))

    def _grow(self) -> None:
        """Twice as many flows, slots and aliases."""
        size = 2 * len(self._flows)
        self._kernel.let_go()
        self._flows.grow(size)
        self._slots = records.integers(4 * size)
        old = self._aliases
        self._aliases = (records.integers(4 * size, "Q"), records.integers(4 * size))
        self._kernel.hold(self._flows.rows, self._slots)
        self._kernel.replace()
        self._kernel.hold_aliases(*self._aliases)
        self._kernel.replace_aliases(*old)


class _Ends:
    """One endpoint of every flow: the first of the key where `first` holds, else the second."""

    def __init__(self, rows: Rows, first: NDArray[np.bool_]) -> None:
        self.high = np.where(first, rows["first_hi"], rows["second_hi"])
        self.low = np.where(first, rows["first_lo"], rows["second_lo"])
        self.version = rows["ip_version"]
        self.port = np.where(first, rows["first_port"], rows["second_port"])

    def addresses(self) -> tuple[list[str], NDArray[np.int64]]:
        """The addresses that there are, as text, and of each flow the place among them."""
        numbers = numbered([self.version, self.high, self.low])
        firsts = np.unique(numbers, return_index=True)[1]
        few = zip(*(part[firsts].tolist() for part in (self.version, self.high, self.low)), strict=True)
        return [_address(*each) for each in few], numbers


def _both(client: _Ends, server: _Ends) -> Ends:
    return Ends(client.version, client.high, client.low, server.high, server.low, client.port, server.port)


@lru_cache(maxsize=65_536)
def _address(version: int, high: int, low: int) -> str:
    if version == 4:
        return f"{low >> 24}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    return str(IPv6Address(high << 64 | low))


def _known(values: NDArray[Any], known: NDArray[np.bool_]) -> pd.Series:
    """Int64 with NA where the value is not known."""
    return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), ~np.asarray(known)))


def _ordinal(community: pd.Series, rows: Rows) -> pd.Series:
    """From 1 per Community ID; address resolutions, which have none, per address asked for."""
    unnamed = (community == "").to_numpy()
    asked = [np.where(unnamed, rows[name], 0) for name in ("second_hi", "second_lo")]
    same = pd.Series(numbered([community, *asked]))
    return same.groupby(same, sort=False).cumcount() + 1
