"""Findings that were told before they are written: packed, and in a file where one can be had."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple

import msgspec

from tcpautopsy.result import Finding

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Finding]).decode


class _Laid(NamedTuple):
    """Where something lies in the file."""

    at: int
    size: int


class Waiting:
    """Some findings by a number, each time put and taken once."""

    def __init__(self, empty: Callable[[], BinaryIO] | None) -> None:
        """`empty` makes a file to write to and read from; what cannot be written is held in memory."""
        self._empty = empty
        self._file: BinaryIO | None = None
        self._end = 0
        self._kept: dict[int, bytes | _Laid] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def put(self, number: int, findings: Sequence[Finding]) -> None:
        """Keep these."""
        packed = zlib.compress(_pack(findings), 1)
        self._kept[number] = self._laid(packed) or packed

    def take(self, number: int) -> list[Finding]:
        """Those that were kept, and are no more. Raises OSError when the file cannot be read."""
        kept = self._kept.pop(number)
        if isinstance(kept, _Laid):
            assert self._file is not None
            self._file.seek(kept.at)
            kept = self._file.read(kept.size)
        return _unpack(zlib.decompress(kept))

    def _laid(self, packed: bytes) -> _Laid | None:
        """Where it lies now; None when it lies nowhere."""
        if self._empty is None:
            return None
        try:
            self._file = self._file or self._empty()
            self._file.seek(self._end)
            self._file.write(packed)
            self._file.flush()
        except OSError:  # no place for files, or none left
            self._empty = None
            return None
        self._end += len(packed)
        return _Laid(self._end - len(packed), len(packed))
