"""Odd frames, counted by kind: the first of each kind is named."""

from __future__ import annotations

from tcpautopsy.tables import Problem
from tcpautopsy.text import counted

#: code -> what is odd about a frame.
SENTENCES = {
    "too-short": "too short for the headers it begins with",
    "malformed-ip": "the lengths in the IP header contradict each other",
    "malformed-tcp": "the TCP header length is not possible",
    "bad-tcp-option": "a TCP option has an impossible length; the options from there on were ignored",
    "extension-chain": "IPv6 extension chain longer than 16",
    "encapsulation": "encapsulation deeper than 4",
    "not-decoded": "a protocol that is not decoded",
}


class Anomalies:
    """What was met, by code."""

    def __init__(self) -> None:
        self._met: dict[str, tuple[int, int, int]] = {}  # count, first frame, its offset
        self._links: dict[int, int] = {}
        self._fragments: tuple[int, int] = (0, 0)
        #: Frames of link types that are not supported.
        self.unsupported = 0

    def met(self, code: str, frame: int, offset: int, count: int = 1) -> None:
        """One or more frames of this kind."""
        before, first, place = self._met.get(code, (0, frame, offset))
        self._met[code] = (before + count, first, place)

    def link(self, number: int) -> None:
        """A frame of a link type that is not supported."""
        self._links[number] = self._links.get(number, 0) + 1
        self.unsupported += 1

    def fragments(self, count: int, frame: int) -> None:
        """Frames that hold a part of an IP datagram."""
        before, first = self._fragments
        self._fragments = (before + count, first or frame)

    def problems(self) -> tuple[Problem, ...]:
        """All of them, in the order in which their kinds were met."""
        found = [Problem(code, at, frame, SENTENCES[code], n) for code, (n, frame, at) in self._met.items()]
        for link, count in self._links.items():
            words = f"link type {link} not supported; {counted(count, 'packet')} not decoded"
            found.append(Problem("link-type", None, None, words))
        count, frame = self._fragments
        if count:
            found.append(Problem("ip-fragments", None, frame, f"ip-fragments: {count} (not reassembled)"))
        return tuple(found)
