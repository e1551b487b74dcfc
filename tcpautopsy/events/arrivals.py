"""How datagrams arrive at each UDP port: the most that came within windows of 1 ms to 5 s, from all senders together.

A socket buffer holds a burst or loses it; which of the two depends on these peaks (CATALOGUE 8.3). Fine windows are
swept over single arrivals, long ones over arrivals counted per millisecond, so that only 20 ms of datagrams and 5 s of
milliseconds are kept, whatever the capture's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.records import Rows
from tcpautopsy.tables import ARRIVAL_WINDOWS_MS, ARRIVALS, NO_FLOW, NO_TIME, Arrivals, Kind, Mark

_MS = 1_000_000
_FINE = tuple(w for w in ARRIVAL_WINDOWS_MS if w <= 20)
_LONG = tuple(w for w in ARRIVAL_WINDOWS_MS if w > 20)
#: What tells one port from another.
_TARGET = ("dst_hi", "dst_lo", "dport", "zone")
#: Arrivals that wait for the next sweep, at least; more when what is carried over is more.
_BATCH = 65_536
#: What Linux 6.18 charges a receive buffer for a datagram, measured for payloads of 1 to 1472 B: (up to, charge).
#: Between the sizes measured the larger charge is taken; a driver may charge more.
CHARGES = ((100, 832), (500, 1280), (1472, 2304))
_CHARGED_UP_TO, _CHARGE = np.array([limit for limit, _ in CHARGES[:-1]]), np.array([charge for _, charge in CHARGES])


class _Came(NamedTuple):
    """Arrivals in columns: port number, time, datagrams, bytes charged; ordered by port and time."""

    port: NDArray[np.int64]
    time: NDArray[np.int64]
    datagrams: NDArray[np.int64]
    charge: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> _Came:
        return _Came(*(column[mask] for column in self))


_NONE = _Came(*(np.zeros(0, np.int64) for _ in range(4)))


class ArrivalCurves:
    """Follows the datagrams of originators, batch by batch."""

    def __init__(self) -> None:
        self._ports: dict[tuple[int, ...], int] = {}  # what _TARGET names -> number
        self._of_flow = np.zeros(1024, np.int64)  # number + 1 of a flow's port; 0 not known yet
        self._flows: list[int] = []  # a flow of each port, the first
        self._waiting: list[_Came] = []
        self._count = 0
        self._fine, self._long = _NONE, _NONE
        self._table = np.zeros((0, 4 + 2 * len(ARRIVAL_WINDOWS_MS)), np.int64)

    def feed(self, rows: Rows) -> None:
        """Take decoded packets with their flows."""
        udp = np.flatnonzero(rows["kind"] == Kind.UDP)
        chosen = (rows["from_originator"][udp] == 1) & (rows["flow"][udp] != NO_FLOW)
        chosen &= ((rows["marks"][udp] & Mark.DUPLICATE) == 0) & (rows["time_ns"][udp] != NO_TIME)
        mine = udp[chosen]
        if not len(mine):
            return
        charge = _CHARGE[np.searchsorted(_CHARGED_UP_TO, rows["payload_len"][mine])]
        self._waiting.append(
            _Came(self._numbers(rows, mine), rows["time_ns"][mine], np.ones(len(mine), np.int64), charge)
        )
        self._count += len(mine)
        if self._count >= max(_BATCH, len(self._fine.port), len(self._long.port)):
            self._sweep()

    def finish(self) -> Arrivals:
        """The table, one row for each port."""
        self._sweep()
        columns = {"flow": np.asarray(self._flows, np.int64)}
        for name, values in zip((c.name for c in ARRIVALS.columns[1:]), self._table.T, strict=True):
            columns[name] = values
        return Arrivals(ARRIVALS.check(pd.DataFrame(columns)))

    def _numbers(self, rows: Rows, mine: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the ports to which these rows go."""
        flows = rows["flow"][mine].astype(np.int64)
        while flows.max() >= len(self._of_flow):
            self._of_flow = np.concatenate([self._of_flow, np.zeros(len(self._of_flow), np.int64)])
        new = np.flatnonzero(self._of_flow[flows] == 0)
        if len(new):
            strangers, at = np.unique(flows[new], return_index=True)
            firsts = mine[new[at]]
            targets = zip(*(rows[name][firsts].tolist() for name in _TARGET), strict=True)
            for flow, target in zip(strangers.tolist(), targets, strict=True):
                number = self._ports.setdefault(target, len(self._ports))
                if number == len(self._flows):
                    self._flows.append(flow)
                self._of_flow[flow] = number + 1
        return self._of_flow[flows] - 1

    def _sweep(self) -> None:
        """Fold what waits into the table, and keep what later windows still need."""
        if not self._count:
            return
        came = _sorted(*self._waiting)
        self._waiting, self._count = [], 0
        self._table = _taller(self._table, len(self._flows))
        self._totals(came)
        self._fine = self._peaks(_sorted(self._fine, came), _FINE)
        self._long = self._peaks(_per_ms(_sorted(self._long, came)), _LONG)

    def _totals(self, came: _Came) -> None:
        table = self._table
        fresh = table[:, 0] == 0
        first, last = (np.full(len(table), start) for start in (2**62, -(2**62)))
        np.minimum.at(first, came.port, came.time)
        np.maximum.at(last, came.port, came.time)
        seen = last > -(2**62)
        table[:, 2] = np.where(seen, np.where(fresh, first, np.minimum(table[:, 2], first)), table[:, 2])
        table[:, 3] = np.where(seen, np.where(fresh, last, np.maximum(table[:, 3], last)), table[:, 3])
        np.add.at(table[:, 0], came.port, came.datagrams)
        np.add.at(table[:, 1], came.port, came.charge)

    def _peaks(self, came: _Came, windows_ms: tuple[int, ...]) -> _Came:
        """Raise the peaks of these windows; what a window may still hold together with later arrivals is returned."""
        starts = np.flatnonzero(np.diff(came.port, prepend=-1))
        ports = came.port[starts]
        counted, charged = (np.concatenate([[0], np.cumsum(c)]) for c in (came.datagrams, came.charge))
        here = np.arange(len(came.port))
        for before, window in _reach(came, windows_ms):
            column = 4 + 2 * ARRIVAL_WINDOWS_MS.index(window)
            for offset, total in enumerate((counted, charged)):
                most = np.maximum.reduceat(total[here + 1] - total[before], starts)
                self._table[ports, column + offset] = np.maximum(self._table[ports, column + offset], most)
        return came.where(came.time > came.time.max() - windows_ms[-1] * _MS)


def _reach(came: _Came, windows_ms: tuple[int, ...]) -> Iterator[tuple[NDArray[np.int64], int]]:
    """(for each arrival the first arrival at the same port that lies in the window ending with it, window)."""
    # One sorted key for all ports: behind each other, more than the longest window apart.
    span = int(came.time.max() - came.time.min()) + (windows_ms[-1] + 1) * _MS
    order = np.concatenate([[0], np.cumsum(np.diff(came.port) != 0)])
    offset = came.time - came.time.min()
    if int(order[-1]) * span < 2**62:
        key = order * span + offset
        for window in windows_ms:
            yield np.searchsorted(key, key - window * _MS, side="right"), window
        return
    # Hours of many ports in one batch: port by port.
    starts = np.flatnonzero(np.diff(came.port, prepend=-1))
    parts = list(zip(starts, [*starts[1:], len(offset)], strict=True))
    for window in windows_ms:
        yield (
            np.concatenate([a + np.searchsorted(offset[a:b], offset[a:b] - window * _MS, "right") for a, b in parts]),
            window,
        )


def _sorted(*parts: _Came) -> _Came:
    came = _Came(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((came.time, came.port))
    return _Came(*(column[order] for column in came))


def _per_ms(came: _Came) -> _Came:
    """Arrivals of the same port and millisecond as one."""
    ms = came.time // _MS
    starts = np.flatnonzero((np.diff(came.port, prepend=-1) != 0) | (np.diff(ms, prepend=ms[:1] - 1) != 0))
    return _Came(
        came.port[starts],
        ms[starts] * _MS,
        np.add.reduceat(came.datagrams, starts),
        np.add.reduceat(came.charge, starts),
    )


def _taller(table: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    return np.concatenate([table, np.zeros((rows - len(table), table.shape[1]), np.int64)])
