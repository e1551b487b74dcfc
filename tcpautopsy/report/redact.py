"""A result without what identifies hosts: addresses by keyed pseudonyms that keep prefixes, names gone, times relative.

The pseudonym of an address is made bit by bit: whether a bit is turned depends, by the key, on the bits before it, so
that two addresses share as long a prefix after as before. Without the key nothing leads back.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import msgspec

from tcpautopsy.report.words import first_time, nanoseconds
from tcpautopsy.result import Result

_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS
#: A date with a time, or a time of day alone; one pattern, so that what was replaced is not replaced again.
_MOMENT = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?"
    r"|(?<![\d.:])\d\d:\d\d:\d\d(?:\.\d{1,9})?(?![\d:])"
)
_MAC = re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:\d{1,3}(?:\.\d{1,3}){3})?)(?![\w])"
)
_COMMUNITY = re.compile(r"1:[A-Za-z0-9+/]{27}=")
_TRANSPORT = {"tcp": 6, "udp": 17, "dns": 17, "icmp": 1}


def redacted(result: Result, key: bytes, names: Iterable[str] = ()) -> Result:
    """The result with pseudonyms; `names` are host names to take out of sentences. Same key, same pseudonyms."""
    return _Redactor(result, key, names).result


class Pseudonyms:
    """Stand-ins for addresses, the same for the same key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @cache  # noqa: B019 # lives as long as the redactor
    def address(self, address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
        """The address's stand-in. The unspecified address, loopback and broadcast stay what they are."""
        if address.is_unspecified or address.is_loopback or int(address) == 2**32 - 1:
            return address
        bits, value = address.max_prefixlen, int(address)
        turned = 0
        for position in range(bits):
            prefix = value >> (bits - position)
            seed = f"{bits}/{position}/{prefix:x}".encode()
            turned = turned << 1 | (hashlib.blake2b(seed, key=self._key, digest_size=1).digest()[0] & 1)
        return type(address)(value ^ turned)

    def mac(self, mac: str) -> str:
        """The stand-in of an Ethernet address, written with colons."""
        stand_in = hashlib.blake2b(mac.lower().encode(), key=self._key, digest_size=5).digest()
        return "02:" + stand_in.hex(":")


class _Redactor:
    def __init__(self, result: Result, key: bytes, names: Iterable[str]) -> None:
        self._stand_ins = Pseudonyms(key)
        start = first_time(result)
        self._base_ns = nanoseconds(start) if start else 0
        self._captures = {c.name: f"capture-{n}" for n, c in enumerate(result.captures, start=1)}
        self._captures |= {
            part.name: f"capture-{n}-part-{m}"
            for n, c in enumerate(result.captures, start=1)
            for m, part in enumerate(c.parts, start=1)
        }
        known = {e.name for c in result.connections for e in (c.client, c.server) if e.name}
        self._words = _replacer({**dict.fromkeys({*known, *names} - {""}, "(name)"), **self._captures})
        self._communities = {
            c.community_id: self._community(
                c.protocol, c.client.address, c.client.port, c.server.address, c.server.port
            )
            for c in result.connections
            if c.community_id
        }
        document = self._walk(msgspec.to_builtins(result), "")
        for connection in document["connections"]:
            for side in ("client", "server"):
                connection[side]["name"] = None
        servers = {c["id"]: (c["protocol"], c["server"]) for c in document["connections"]}
        for finding in document["findings"]:
            protocol, server = servers[finding["connection"]]
            finding["fingerprint"] = _fingerprint(finding["rule"], protocol, server)
        self.result = msgspec.convert(document, Result)

    def _walk(self, value: Any, field: str) -> Any:
        if isinstance(value, dict):
            return {name: self._walk(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self._walk(each, field) for each in value]
        if field == "sha256":
            return None
        return (
            self._text(value) if isinstance(value, str) and field not in ("version", "rules_version", "url") else value
        )

    def _text(self, text: str) -> str:
        """One string of the result, whatever it says."""
        if text in self._captures:
            return self._captures[text]
        text = _COMMUNITY.sub(lambda found: self._communities.get(found[0], "1:(redacted)"), text)
        text = self._words(text)
        text = _MOMENT.sub(lambda found: (self._relative if "-" in found[0] else self._clock)(found), text)
        text = _MAC.sub(lambda found: self._stand_ins.mac(found[0]), text)
        return _ADDRESS.sub(self._address, text)

    # ------------------------------------------------------------------------------------------------ pseudonyms

    def _address(self, found: re.Match[str]) -> str:
        try:
            address = ip_address(found[0])
        except ValueError:
            return found[0]
        return str(self._stand_ins.address(address))

    def _community(self, protocol: str, *ends: Any) -> str:
        client, client_port, server, server_port = ends
        stand_ins = [self._stand_ins.address(ip_address(a.split("%")[0])).packed for a in (client, server)]
        pair = sorted(zip(stand_ins, (client_port or 0, server_port or 0), strict=True))
        seeded = b"\0\0" + pair[0][0] + pair[1][0] + bytes((_TRANSPORT.get(protocol, 0), 0))
        seeded += pair[0][1].to_bytes(2, "big") + pair[1][1].to_bytes(2, "big")
        return "1:" + b64encode(hashlib.sha1(seeded, usedforsecurity=False).digest()).decode()

    # ----------------------------------------------------------------------------------------------------- times

    def _relative(self, found: re.Match[str]) -> str:
        """A date and time, as much later than 1970 as it was after the first frame."""
        text = found[0]
        stamp = text.rstrip("Z").replace(" ", "T")
        whole, _, fraction = stamp.partition(".")
        at = nanoseconds(f"{whole}.{fraction:0<9}Z") - self._base_ns
        shown = _stamp(max(at, 0))
        shown = shown[: len(whole) + (len(fraction) + 1 if fraction else 0)]
        return (shown.replace("T", " ") if " " in text else shown) + ("Z" if text.endswith("Z") else "")

    def _clock(self, found: re.Match[str]) -> str:
        whole, _, fraction = found[0].partition(".")
        hours, minutes, seconds = map(int, whole.split(":"))
        if hours > 23 or minutes > 59 or seconds > 59:
            return found[0]
        of_day = (hours * 3600 + minutes * 60 + seconds) * _NS + int(f"{fraction:0<9}")
        base = self._base_ns - (0 if fraction else self._base_ns % _NS)
        shown = _stamp((of_day - base) % _DAY_NS)[11:]
        return shown[: 8 + (len(fraction) + 1 if fraction else 0)]


def _fingerprint(rule: str, protocol: str, server: dict[str, Any]) -> str:
    port = "" if server["port"] is None else str(server["port"])
    return hashlib.sha256("|".join((rule, protocol, server["address"], port)).encode()).hexdigest()[:16]


def _stamp(at_ns: int) -> str:

    whole, rest = divmod(at_ns, _NS)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}"


def _replacer(words: dict[str, str]) -> Callable[[str], str]:
    """A function that replaces whole words, the longest first, whatever their case."""
    if not words:
        return lambda text: text
    lowered = {word.lower(): stand_in for word, stand_in in words.items()}
    pattern = re.compile(
        r"(?<![\w.-])(?:" + "|".join(re.escape(w) for w in sorted(lowered, key=len, reverse=True)) + r")(?![\w-])",
        re.IGNORECASE,
    )
    return lambda text: pattern.sub(lambda found: lowered[found[0].lower()], text)
