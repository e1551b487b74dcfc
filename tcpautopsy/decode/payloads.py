"""The first bytes of TCP payloads: TLS hello and alert, HTTP request and status lines. Never more than their labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcpautopsy.decode.links import u16
from tcpautopsy.tables import Note

#: Classes of a payload, as the kernel tells them.
TLS_HANDSHAKE, TLS_ALERT, HTTP_REQUEST, HTTP_RESPONSE = 1, 2, 4, 5
_MAX_RECORD = 2**14 + 256  # RFC 8446 5.1
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"})
_MAX_NAME = 255


class Told(NamedTuple):
    """What a payload says; see NOTES."""

    kind: str
    number: int
    text: str


def told(frame: int, payload: bytes, found: int, seq: int) -> list[Note]:
    """The notes about a payload of this class whose first byte has the sequence number `seq`."""
    read = READERS.get(found)
    said = read(payload) if read else None
    notes = [Note(frame, *said)] if said else []
    if said and said.kind == "http_response" and (size := _announced(payload, said.number)) is not None:
        notes.append(Note(frame, "http_length", (seq + size) & 0xFFFFFFFF, ""))
    return notes


def _alert(payload: bytes) -> Told | None:
    """type(1) version(2) length(2) level(1) description(1): two bytes long only in the clear (RFC 8446 6)."""
    if len(payload) < 7 or u16(payload, 3) != 2 or payload[5] not in (1, 2):
        return None
    return Told("tls_alert", payload[5] * 256 + payload[6], "")


def _handshake(payload: bytes) -> Told | None:
    """type(1) version(2) length(2), then message type(1) length(3) version(2) ... (RFC 8446 4)."""
    if len(payload) < 11 or u16(payload, 3) > _MAX_RECORD:
        return None
    if payload[5] == 1:
        return Told("tls_client_hello", *_client_hello(payload))
    if payload[5] == 2:
        return Told("tls_server_hello", _version(payload, _after_random(payload) + 3), "")
    return None


def _after_random(payload: bytes) -> int:
    """Behind version(2) random(32) session id(1 + n)."""
    return 44 + (payload[43] if len(payload) > 43 else 0)


def _client_hello(payload: bytes) -> tuple[int, str]:
    """The highest version offered and the server name; the record may go on in the next segment."""
    at = _after_random(payload)
    if at + 2 > len(payload):
        return u16(payload, 9), ""
    at += 2 + u16(payload, at)
    if at + 1 > len(payload):
        return u16(payload, 9), ""
    at += 1 + payload[at]
    name = ""
    for kind, start, stop in _extensions(payload, at):
        if kind == 0:
            name = _server_name(payload[start:stop])
    return _version(payload, at), name


def _server_name(body: bytes) -> str:
    """list length(2) type(1) length(2) name, RFC 6066 3."""
    if len(body) < 5 or body[2] != 0:
        return ""
    size = u16(body, 3)
    return body[5 : 5 + size].decode("ascii", "replace") if 0 < size <= min(_MAX_NAME, len(body) - 5) else ""


def _version(payload: bytes, at: int) -> int:
    """The version of supported_versions when it is there, else the legacy one (RFC 8446 4.2.1)."""
    versions = [u16(payload, 9)]
    for kind, start, stop in _extensions(payload, at):
        if kind == 43 and stop - start == 2:
            versions.append(u16(payload, start))
        elif kind == 43:
            offered = [u16(payload, n) for n in range(start + 1, stop - 1, 2)]
            versions += [v for v in offered if v >> 8 == 3]
    return max(versions)


def _extensions(payload: bytes, at: int) -> list[tuple[int, int, int]]:
    """(type, start, stop) of each whole extension of a hello whose extension list begins at `at`."""
    found: list[tuple[int, int, int]] = []
    at += 2
    while at + 4 <= len(payload) and len(found) < 64:
        start = at + 4
        stop = start + u16(payload, at + 2)
        if stop > len(payload):
            break
        found.append((u16(payload, at), start, stop))
        at = stop
    return found


def _request(payload: bytes) -> Told | None:
    """method SP target SP version, RFC 9112 3: the method alone is kept."""
    method = payload[:8].split(b" ", 1)[0].decode("ascii", "replace")
    line = payload[:2048].split(b"\r\n", 1)[0]
    if method not in _METHODS:
        return None
    whole = len(line) < min(len(payload), 2048)
    return Told("http_request", 0, method) if not whole or b" HTTP/1." in line else None


def _response(payload: bytes) -> Told | None:
    """version SP status SP reason, RFC 9112 4."""
    status = payload[9:12]
    if payload[5:7] != b"1." or payload[8:9] != b" " or not status.isdigit() or len(status) != 3:
        return None
    return Told("http_response", int(status), "")


def _announced(payload: bytes, status: int) -> int | None:
    """Bytes of the response by its header (RFC 9112 6.3): None when the header is cut or the end is told otherwise."""
    header, blank, _ = payload.partition(b"\r\n\r\n")
    if not blank or status < 200 or status in (204, 304):
        return None
    lengths = set()
    for line in header.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"transfer-encoding":
            return None
        if name.strip().lower() == b"content-length":
            lengths.add(value.strip()[:20])
    number = lengths.pop() if len(lengths) == 1 else b""
    # What passes 2**31 cannot be told from what lies before, modulo 2**32.
    return len(header) + 4 + int(number) if number.isdigit() and int(number) < 2**30 else None


READERS: dict[int, Callable[[bytes], Told | None]] = {
    TLS_HANDSHAKE: _handshake,
    TLS_ALERT: _alert,
    HTTP_REQUEST: _request,
    HTTP_RESPONSE: _response,
}
