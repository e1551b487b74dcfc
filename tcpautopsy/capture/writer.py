"""Frames written as pcapng: one section, an interface for each link type, nanoseconds, comments on packets."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.tables import NO_TIME, Frames

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _APPLICATION, _RESOLUTION = 1, 4, 9
_NANOSECONDS = 9


class Writer:
    """Turns frames into the bytes of a pcapng file, piece by piece."""

    def __init__(self, application: str, comment: str) -> None:
        options = _option(_COMMENT, comment.encode()) + _option(_APPLICATION, application.encode()) + _option(0, b"")
        self._opening = _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)
        self._interfaces: dict[int, int] = {}

    def opening(self) -> bytes:
        """The section header."""
        return self._opening

    def packets(
        self, frames: Frames, wanted: Mapping[int, str], most: NDArray[np.int64] | None = None
    ) -> Iterator[bytes]:
        """The wanted frames of a chunk; `wanted` holds a comment for each frame number, or "".

        `most` says of each frame of the chunk how many bytes to write of it at most.
        """
        rows = frames.rows
        for i, frame in enumerate(rows["frame"].tolist()):
            if frame in wanted:
                row = rows[i]
                at, length = int(row["position"]), int(row["caplen"])
                if most is not None:
                    length = min(length, int(most[i]))
                data = bytes(frames.buffer[at : at + length])
                yield from self.packet(int(row["link"]), int(row["time_ns"]), data, int(row["wirelen"]), wanted[frame])

    def packet(self, link: int, time_ns: int, data: bytes, wire_length: int, comment: str) -> Iterator[bytes]:
        """One packet, with its interface when that is new; without a valid time it stands at 1970."""
        yield from self._interface(link)
        stamp = 0 if time_ns == NO_TIME else max(time_ns, 0)
        head = struct.pack("<IIIII", self._interfaces[link], stamp >> 32, stamp & 0xFFFFFFFF, len(data), wire_length)
        options = _option(_COMMENT, comment.encode("utf-8", "replace")) + _option(0, b"") if comment else b""
        yield _block(_PACKET, head + _padded(data) + options)

    def _interface(self, link: int) -> Iterator[bytes]:
        if link not in self._interfaces:
            self._interfaces[link] = len(self._interfaces)
            options = _option(_RESOLUTION, bytes((_NANOSECONDS,))) + _option(0, b"")
            yield _block(_INTERFACE, struct.pack("<HHI", link, 0, 0) + options)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
