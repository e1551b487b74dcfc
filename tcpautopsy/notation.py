"""Packets written down as packetdrill writes them, made into a capture: the language of tests.

    +0    > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>
    +.05  < S. 0:0(0) ack 1
    +0    > . 1:1(0) ack 1
    +0    > P. 1:33(32) ack 1 "GET / HTTP/1.1"
    +2    < R 1:1(0) win 0 ttl 63
    +30   ~

A line is a time since the line before, a direction (`>` from the client, `<` from the server; `2>` is the second
connection), and a segment: flags (`S`, `F`, `R`, `P`, `E`, `W`, `U`, `.` for ACK), `first:last(length)` and the options
in any order `ack N`, `win N`, `id N`, `ttl N`, `df`, `bad` (checksum), `<mss N,sackOK,wscale N,TS val N ecr N,
sack L:R>`, and the payload in quotes, which is filled up to its length. Numbers are relative to those of the SYNs.

Others: `udp (length)`, with its payload in quotes, too; `icmp net|host|port|prohibited|fragment MTU|time`, which quotes
the last packet of the other direction (`from ADDRESS` for a router); `arp` (from the client a question for the server's
address, from the server its answer); `~`, a packet of somebody else, which shows that the capture still runs. `server
ttl 57` as a line of its own says what a side's packets have where their line says nothing else. `#` begins a remark.
"""

from __future__ import annotations

import re
import shlex
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from tcpautopsy.packing import DONT_FRAGMENT, ipv4, summed

_EPOCH_NS = 1_700_000_000_000_000_000
_CLIENT, _SERVER, _ROUTER, _STRANGER = "10.0.0.1", "10.0.0.2", "10.0.0.254", "10.0.0.9"
_PORT, _FIRST_PORT = 80, 40_000
_ISN = {True: 1_000_000, False: 5_000_000}
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "W": 128}
_TCP, _UDP, _ICMP = 6, 17, 1
#: What an ICMP error says: (type, code).
_ERRORS = {"net": (3, 0), "host": (3, 1), "port": (3, 3), "fragment": (3, 4), "prohibited": (3, 13), "time": (11, 0)}
_LINE = re.compile(r"\+(?P<wait>\d*\.?\d+)\s+(?:(?P<flow>\d*)(?P<way>[<>])\s*(?P<what>\S.*)|(?P<other>~))$")
_RANGE = re.compile(r"(\d+):(\d+)\((\d+)\)$")
_OPTIONS = re.compile(r"<([^>]*)>")


class NotationError(Exception):
    """A line that cannot be read; says which."""


@dataclass
class _Side:
    ttl: int = 64
    ip_id: int = 1
    last: bytes = b""  # the last IP packet that it sent


@dataclass
class _Flow:
    port: int
    sides: dict[bool, _Side] = field(default_factory=dict)


def capture(text: str) -> bytes:
    """The packets as a pcap file with nanoseconds. Raises NotationError."""
    book = _Book()
    written = bytearray(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            for time_ns, frame in book.frames(line.split("#")[0].strip()):
                head = (time_ns // 10**9, time_ns % 10**9, len(frame), len(frame))
                written += struct.pack("<IIII", *head) + frame
        except (ValueError, KeyError, IndexError, struct.error) as error:
            raise NotationError(f"line {number}: {line.strip()}: {error or 'cannot be read'}") from None
    return bytes(written)


class _Book:
    def __init__(self) -> None:
        self._now_ns = _EPOCH_NS
        self._ttl = {True: 64, False: 64}
        self._flows: dict[int, _Flow] = {}

    def frames(self, line: str) -> Iterator[tuple[int, bytes]]:
        """What a line adds: a frame, or nothing."""
        if not line:
            return
        words = line.split()
        if words[0] in ("client", "server"):
            if len(words) != 3 or words[1] != "ttl":
                raise ValueError("client ttl N, or server ttl N")
            self._ttl[words[0] == "client"] = int(words[2])
            return
        found = _LINE.match(line)
        if found is None:
            raise ValueError("a line is +seconds, a direction and a packet")
        self._now_ns += round(float(found["wait"]) * 1e9)
        if found["other"]:
            body = struct.pack(">HHHH", 514, 514, 8, 0)
            yield self._now_ns, _ethernet(_ip((_STRANGER, "10.0.0.255"), _UDP, body, ttl=64, ip_id=1), client=True)
            return
        number, client = int(found["flow"] or 1), found["way"] == ">"
        flow = self._flows.setdefault(number, _Flow(_FIRST_PORT + number))
        for side in (True, False):
            flow.sides.setdefault(side, _Side(self._ttl[side]))
        yield self._now_ns, self._frame(flow, client, found["what"])

    def _frame(self, flow: _Flow, client: bool, what: str) -> bytes:
        kind = what.split(maxsplit=1)[0]
        if kind == "arp":
            return _arp(client)
        if kind == "icmp":
            return _ethernet(self._icmp(flow, client, what.split()[1:]), client)
        side = flow.sides[client]
        if kind == "udp":
            packet, words = _datagram(flow, client, what)
        else:
            packet, words = _segment(flow, client, what)
        ends = (_CLIENT, _SERVER) if client else (_SERVER, _CLIENT)
        protocol = _UDP if kind == "udp" else _TCP
        packet = summed(packet, _packed(ends), protocol, wrong="bad" in words)
        ttl, ip_id = int(words.get("ttl", side.ttl)), int(words.get("id", side.ip_id))
        side.ip_id = ip_id + 1
        side.last = _ip(ends, protocol, packet, ttl=ttl, ip_id=ip_id, df="df" in words)
        return _ethernet(side.last, client)

    def _icmp(self, flow: _Flow, client: bool, words: list[str]) -> bytes:
        kind, code = _ERRORS[words[0]]
        mtu = int(words[1]) if words[0] == "fragment" else 0
        options = _words(words[2:] if mtu else words[1:])
        quoted = flow.sides[not client].last[:28]
        if not quoted:
            raise ValueError("there is no packet that it could quote")
        body = struct.pack(">BBHI", kind, code, 0, mtu) + quoted
        own, peer = (_CLIENT, _SERVER) if client else (_SERVER, _CLIENT)
        ttl = int(options.get("ttl", flow.sides[client].ttl))
        ends = options.get("from", own), peer
        return _ip(ends, _ICMP, summed(body, _packed(ends), _ICMP), ttl=ttl, ip_id=77)


def _words(words: list[str]) -> dict[str, str]:
    """`ack 1 win 5 df` as a mapping; words without a value have none."""
    found, rest = {}, iter(words)
    for word in rest:
        if word in ("df", "bad"):
            found[word] = ""
        elif word in ("ack", "win", "id", "ttl", "from"):
            found[word] = next(rest, "")
        else:
            raise ValueError(f"{word}: not known here")
    return found


def _payload(what: str) -> tuple[str, bytes]:
    """(what stands before the payload in quotes, the payload)."""
    start = what.find('"')
    return (what, b"") if start < 0 else (what[:start], shlex.split(what[start:])[0].encode())


def _datagram(flow: _Flow, client: bool, what: str) -> tuple[bytes, dict[str, str]]:
    """A UDP datagram without its checksum, and what else its line says."""
    plain, payload = _payload(what)
    length = int(plain.split()[1].strip("()"))
    if len(payload) > length:
        raise ValueError(f"the payload is longer than {length} bytes")
    ports = (flow.port, _PORT) if client else (_PORT, flow.port)
    return struct.pack(">HHHH", *ports, 8 + length, 0) + payload.ljust(length, b"\0"), _words(plain.split()[2:])


def _segment(flow: _Flow, client: bool, what: str) -> tuple[bytes, dict[str, str]]:
    """A TCP segment without its checksum, and what else its line says."""
    options = _OPTIONS.search(what)
    plain, payload = _payload(_OPTIONS.sub("", what))
    if len(plain.split()) < 2:
        raise ValueError("flags and first:last(length) expected")
    flags, numbers, *rest = plain.split()
    words = _words(rest)
    place = _RANGE.match(numbers)
    if place is None:
        raise ValueError(f"{numbers}: first:last(length) expected")
    first, last, length = map(int, place.groups())
    if last - first != length or len(payload) > length:
        raise ValueError(f"{numbers}: {length} bytes end elsewhere")
    bits = sum(_FLAGS[flag] for flag in flags if flag != "0")
    if "ack" in words and "." not in flags:
        raise ValueError("an acknowledgement needs the flag .")
    encoded = _tcp_options(options[1], client) if options else b""
    ports = (flow.port, _PORT) if client else (_PORT, flow.port)
    ack = (_ISN[not client] + int(words["ack"])) % 2**32 if "ack" in words else 0
    head = struct.pack(
        ">HHIIBBHHH",
        *ports,
        (_ISN[client] + first) % 2**32,
        ack,
        (20 + len(encoded)) // 4 << 4,
        bits,
        int(words.get("win", 64240)),
        0,
        0,
    )
    return head + encoded + payload.ljust(length, b"x"), words


def _tcp_options(text: str, client: bool) -> bytes:
    made = b""
    for option in filter(None, (each.strip() for each in text.split(","))):
        name, *values = option.split()
        if name == "mss":
            made += struct.pack(">BBH", 2, 4, int(values[0]))
        elif name == "wscale":
            made += struct.pack(">BBBB", 1, 3, 3, int(values[0]))
        elif name == "sackOK":
            made += b"\1\1\4\2"
        elif name == "TS":
            made += struct.pack(">BBBBII", 1, 1, 8, 10, int(values[1]), int(values[3]))
        elif name == "sack":
            edges = [(_ISN[not client] + int(edge)) % 2**32 for block in values for edge in block.split(":")]
            made += struct.pack(f">BBBB{len(edges)}I", 1, 1, 5, 2 + 4 * len(edges), *edges)
        else:
            raise ValueError(f"{name}: no option known here")
    return made + b"\1" * (-len(made) % 4)


def _packed(ends: tuple[str, str]) -> bytes:
    return b"".join(IPv4Address(end).packed for end in ends)


def _ip(ends: tuple[str, str], protocol: int, body: bytes, *, ttl: int, ip_id: int, df: bool = False) -> bytes:
    return ipv4(_packed(ends), protocol, len(body), ttl=ttl, ip_id=ip_id, place=DONT_FRAGMENT if df else 0) + body


def _mac(client: bool) -> bytes:
    return bytes((2, 0, 0, 0, 0, 1 if client else 2))


def _ethernet(packet: bytes, client: bool) -> bytes:
    return _mac(not client) + _mac(client) + b"\x08\x00" + packet


def _arp(client: bool) -> bytes:
    own, peer = (_CLIENT, _SERVER) if client else (_SERVER, _CLIENT)
    ends = _mac(client) + IPv4Address(own).packed + (bytes(6) if client else _mac(True)) + IPv4Address(peer).packed
    to = b"\xff" * 6 if client else _mac(True)
    return to + _mac(client) + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1 if client else 2) + ends
