"""Interfaces of a capture, as arrays that the walk reads and as facts for the report."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tcpautopsy import records
from tcpautopsy.tables import Interface

MULTIPLY, DIVIDE, SHIFT, ODD = 0, 1, 2, 3
MAX_INTERFACES = 131_072
_NS_DIGITS = 9
#: Beyond this exponent a power-of-two tick cannot be split into seconds and nanoseconds in 64 bits.
_MOST_SHIFT = 33


class Ticks(NamedTuple):
    """How the times of an interface are counted."""

    mode: int
    factor: int

    @property
    def ns_per_tick(self) -> float:
        """Nanoseconds of one tick; 0.0 for a resolution that nobody can have meant."""
        if self.mode == SHIFT:
            return 1e9 / float(1 << self.factor)
        return {MULTIPLY: float(self.factor), DIVIDE: 1 / self.factor}.get(self.mode, 0.0)


def ticks(resolution: int) -> Ticks:
    """The ticks of an if_tsresol byte: a power of ten, or of two when its top bit is set."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        return Ticks(SHIFT, exponent) if exponent <= _MOST_SHIFT else Ticks(ODD, 1)
    if exponent <= _NS_DIGITS:
        return Ticks(MULTIPLY, 10 ** (_NS_DIGITS - exponent))
    return Ticks(DIVIDE, 10 ** (exponent - _NS_DIGITS)) if exponent <= 2 * _NS_DIGITS else Ticks(ODD, 1)


class Interfaces:
    """All interfaces of an input, over its sections and parts; those of the section at hand are in the arrays."""

    def __init__(self) -> None:
        self.facts: list[Interface] = []
        self.first = 0  # of the section at hand
        self._arrays = {name: records.integers(8) for name in ("links", "modes", "factors", "offsets", "trailers")}

    @property
    def count(self) -> int:
        """Interfaces of the section at hand."""
        return len(self.facts) - self.first

    def section(self) -> None:
        """A new section or part: its interfaces count from 0 again."""
        self.first = len(self.facts)

    def add(self, facts: Interface, counted: Ticks, offset_ns: int = 0, trailer: int = 0) -> None:
        """One interface more."""
        place = self.count
        if place >= len(self._arrays["links"]):
            self._arrays = {name: _grown(array) for name, array in self._arrays.items()}
        self.facts.append(facts)
        values = {
            "links": facts.link,
            "modes": counted.mode,
            "factors": counted.factor,
            "offsets": offset_ns,
            "trailers": trailer,
        }
        for name, value in values.items():
            self._arrays[name][place] = value

    def statistics(self, place: int, received: int | None, dropped: int | None) -> None:
        """What an interface statistics block says of an interface of this section; the last block counts."""
        old = self.facts[self.first + place]
        self.facts[self.first + place] = old._replace(
            received=old.received if received is None else received, dropped=old.dropped if dropped is None else dropped
        )

    def teach(self, walk: Any) -> None:
        """Give the arrays to a walk."""
        walk.know(*self._arrays.values(), self.count)
        walk.first_interface = self.first


def _grown(array: memoryview) -> memoryview:
    larger = np.zeros(2 * len(array), np.int64)
    larger[: len(array)] = np.asarray(array)
    return larger.data


#: LINKTYPE numbers -> libpcap's names; others are shown as their number.
LINK_NAMES = {
    0: "NULL",
    1: "EN10MB",
    6: "IEEE802",
    8: "SLIP",
    9: "PPP",
    12: "RAW",
    14: "RAW",
    50: "PPP_HDLC",
    51: "PPP_ETHER",
    101: "RAW",
    104: "C_HDLC",
    105: "IEEE802_11",
    107: "FRELAY",
    108: "LOOP",
    113: "LINUX_SLL",
    117: "PFLOG",
    119: "IEEE802_11_PRISM",
    127: "IEEE802_11_RADIO",
    163: "IEEE802_11_AVS",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    192: "PPI",
    195: "IEEE802_15_4",
    220: "USB_LINUX_MMAPPED",
    228: "IPV4",
    229: "IPV6",
    239: "NFLOG",
    249: "USBPCAP",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    276: "LINUX_SLL2",
}


def link_name(link: int) -> str:
    """libpcap's name of a link type."""
    return LINK_NAMES.get(link, str(link))
