"""What is kept of every flow when all packets are read: the kernel's fields, narrow, and addresses by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.flows import zeek
from tcpautopsy.flows.rows import State
from tcpautopsy.narrow import Narrow
from tcpautopsy.records import Rows, taken
from tcpautopsy.schema import numbered
from tcpautopsy.tables import Protocol

Integers = NDArray[np.int64]
Halves = NDArray[np.uint64]

#: Fields that are kept as the kernel has them: of what finds a flow, and of what came of it.
_FOUND = ("first_ns", "zone", "first_frame", "protocol", "ip_version", "known")
_CAME = ("last_ns", "bytes", "last_frame", "packets", "duplicates", "previous")
#: Halves of the addresses, until they are numbered; and the kernel's letters of a history, until these are.
_HALVES = ("client_hi", "client_lo", "server_hi", "server_lo")
_LETTERS = ("history1", "history2", "history3")
#: Columns of which the values of neighbours are near each other.
_NEAR = ("first_ns", "last_ns", "first_frame", "last_frame", "stream")
#: Flows at a time: their rows stay in the processor's cache while each field is taken out.
_BLOCK = 4096
#: Addresses that are made text at a time.
_TEXTS = 65_536
#: What stands for the ports of an echo in a Community ID: the type of the request and of its reply.
ECHO_PORTS = {Protocol.ICMP: (8, 0), Protocol.ICMPV6: (128, 129)}


class Addresses(NamedTuple):
    """The addresses that there are: halves as numbers, and as text."""

    high: Halves
    low: Halves
    text: ExtensionArray  # str


#: From all addresses and the place of each server's among them: names of servers, and the place of each flow's.
Naming = Callable[[Iterable[str], Integers], tuple[list[str], Integers]]


class Kept(NamedTuple):
    """All flows of a capture: columns of numbers, and the lists that some of them are places in."""

    size: int  # how many flows
    columns: Narrow
    addresses: Addresses
    histories: ExtensionArray  # str, as `zeek.histories` has them
    names: ExtensionArray  # str


def kept(rows: Rows, courses: Rows, named: Naming, done: Callable[[int, int], None]) -> Kept:
    """What is kept of these rows of flows, and of what came of them.

    `done` is told how many of the first of both nobody will look at again.
    """
    columns = _fields(rows, courses, done)
    addresses = _addresses(columns, len(rows))
    histories = _histories(columns)
    names, places = named(addresses.text, columns["server_host"][0].astype(np.int64))
    for name, values in (("ordinal", _ordinal(columns)), ("name", places)):
        if len(rows):
            columns.put(name, 0, slice(None), values)
    columns.lean(len(rows))
    return Kept(len(rows), columns, addresses, zeek.histories(histories), pd.array(names, dtype="str"))


def _fields(rows: Rows, courses: Rows, done: Callable[[int, int], None]) -> Narrow:
    made = ("client_port", "server_port", "stream", "state", "client_host", "server_host", "history", "ordinal", "name")
    columns = Narrow((*_FOUND, *_CAME, *_HALVES, *_LETTERS, *made), (1, len(rows)), _NEAR)
    whose = np.where(rows["course"] == 0, np.uint32(len(courses)), rows["course"])
    ahead = np.append(np.minimum.accumulate(whose[::-1])[::-1], len(courses))  # the first that will be looked at
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, min(start + _BLOCK, len(rows)))
        few = rows[here]
        first = few["first_is_originator"] == 1
        for side, other, end in (("first", "second", "client"), ("second", "first", "server")):
            for field, name in (("hi", "hi"), ("lo", "lo"), ("port", "port")):
                columns.put(f"{end}_{name}", 0, here, np.where(first, few[f"{side}_{field}"], few[f"{other}_{field}"]))
        for name in _FOUND:
            columns.put(name, 0, here, np.ascontiguousarray(few[name]))
        came = _courses(few, courses)
        for name in (*_CAME, *_LETTERS):
            columns.put(name, 0, here, np.ascontiguousarray(came[name]))
        columns.put("stream", 0, here, few["stream"] + np.uint32(1))  # 0: none
        columns.put("state", 0, here, came["state"] & np.uint32(zeek.STATE_BITS))
        done(here.stop, int(ahead[here.stop]))
    return columns


def _courses(rows: Rows, courses: Rows) -> Rows:
    """What came of these flows, as the kernel's `course` has it of a SYN alone."""
    came, alone = taken(courses, rows["course"]), rows["course"] == 0
    for name, value in (("packets", 1), ("history1", ord("S")), ("state", State.ORIG_SYN | State.ORIG_SPOKE)):
        came[name][alone] = value
    for name, field in (("last_ns", "first_ns"), ("last_frame", "first_frame"), ("bytes", "wirelen")):
        came[name][alone] = rows[field][alone]
    return came


def _addresses(columns: Narrow, count: int) -> Addresses:
    """All addresses there are, numbered; the numbers take the place of the halves."""
    parts = [np.tile(columns["ip_version"][0], 2)]
    for half in ("hi", "lo"):
        parts.append(np.concatenate([columns[f"{end}_{half}"][0] for end in ("client", "server")]))
        for end in ("client", "server"):
            columns.drop(f"{end}_{half}")
    numbers = numbered(parts)
    # They count from 0 as they come.
    firsts = np.flatnonzero(np.diff(np.maximum.accumulate(numbers), prepend=-1))
    for end, values in (("client_host", numbers[:count]), ("server_host", numbers[count:])):
        if count:
            columns.put(end, 0, slice(None), values)
    del numbers
    version, high, low = (part[firsts].astype(np.uint64) for part in parts)
    return Addresses(high, low, _texts(version, high, low))


def _texts(version: Halves, high: Halves, low: Halves) -> ExtensionArray:
    """Addresses as text, made some at a time: as Python's own they take much memory."""
    made = []
    for first in range(0, max(len(version), 1), _TEXTS):
        some = zip(*(part[first : first + _TEXTS].tolist() for part in (version, high, low)), strict=True)
        made.append(pd.Series([_address(*each) for each in some], dtype="str"))
    return pd.concat(made, ignore_index=True).array


def _address(version: int, high: int, low: int) -> str:
    if version == 4:
        return f"{low >> 24}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    return str(IPv6Address(high << 64 | low))


def _histories(columns: Narrow) -> list[str]:
    """All histories of letters there are, numbered; the numbers take the place of the letters."""
    parts = [columns[name][0] for name in _LETTERS]
    number = numbered(parts)
    firsts = np.unique(number, return_index=True)[1]
    words = zeek.letters([part[firsts] for part in parts])
    for name in _LETTERS:
        columns.drop(name)
    if len(number):
        columns.put("history", 0, slice(None), number)
    return words


def _ordinal(columns: Narrow) -> Integers:
    """From 1 per Community ID; address resolutions, which have none, per address asked for."""
    protocol = columns["protocol"][0].astype(np.int64)
    client, server = (_end(columns, place, protocol) for place in (0, 1))
    asked = np.isin(protocol, (Protocol.ARP, Protocol.NDP))
    client = np.where(asked, 0, client)
    carried = np.where(asked, 0, np.where(protocol == Protocol.DNS, Protocol.UDP, protocol))
    first = np.minimum(client, server)
    client = np.maximum(client, server, out=client)
    del server
    return _counted([first, client, carried])


def _counted(parts: list[Integers]) -> Integers:
    """From 1 among the rows that agree in all parts."""
    if any(_distinct(part) for part in parts):  # as mostly; to number them takes seven times the memory
        return np.ones(len(parts[0]), np.int64)
    same = pd.Series(numbered(parts))
    return np.asarray(same.groupby(same, sort=False).cumcount() + 1)


def _distinct(values: Integers) -> bool:
    """No two agree."""
    if values[:1].tolist() == values[1:2].tolist():
        return False  # most columns that are alike are so from the first
    ordered = np.sort(values)
    return bool((ordered[1:] != ordered[:-1]).all())


def _end(columns: Narrow, place: int, protocol: Integers) -> Integers:
    """An end of each flow as a Community ID has it, as a number."""
    end = ("client", "server")[place]
    port = columns[f"{end}_port"][0].astype(np.int64)
    for echo, types in ECHO_PORTS.items():
        port = np.where(protocol == echo, types[place], port)
    return np.asarray(columns[f"{end}_host"][0].astype(np.int64) << 16 | port)
