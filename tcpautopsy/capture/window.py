"""The one recycled buffer through which a capture passes."""

from __future__ import annotations

from tcpautopsy.capture.sources import Source

#: libpcap's MAXIMUM_SNAPLEN: no record is larger.
MAX_RECORD = 262_144
#: The largest pcapng block; such blocks hold names or secrets, never packets.
MAX_BLOCK = 16 * 2**20


class Window:
    """Bytes of a source from `base` on: `buffer[:have]`. What lies before a position can be given up for more."""

    def __init__(self, source: Source, chunk_bytes: int, max_bytes: int) -> None:
        self.buffer = bytearray(max(chunk_bytes, 4096) + MAX_RECORD)
        self.base = 0
        self.have = 0
        self.over_limit = False
        self._source = source
        self._view = memoryview(self.buffer)
        self._left = max_bytes
        self._piece = max(chunk_bytes, 4096)

    def fill(self, keep_from: int) -> bool:
        """Give up the bytes before `keep_from` and read on; False when there is nothing more."""
        rest = self.have - keep_from
        self._view[:rest] = bytes(self._view[keep_from : self.have])
        self.base += keep_from
        self.have = rest
        return self._read()

    def hold(self, count: int) -> bool:
        """Make room for `count` bytes and read until they are there; False when the source ends before."""
        if count > len(self.buffer):
            larger = bytearray(count + self._piece)
            larger[: self.have] = self._view[: self.have]
            self.buffer, self._view = larger, memoryview(larger)
        while self.have < count:
            if not self._read():
                return False
        return True

    def _read(self) -> bool:
        room = min(len(self.buffer) - self.have, self._piece)
        if self._left <= 0 or room <= 0:
            self.over_limit = self._left <= 0
            return False
        count = self._into(self._view[self.have : self.have + min(room, self._left)])
        self.have += count
        self._left -= count
        return count > 0

    def _into(self, target: memoryview) -> int:
        into = getattr(self._source, "readinto", None)
        if into is not None:
            return int(into(target))
        data = self._source.read(len(target))
        target[: len(data)] = data
        return len(data)
