"""A stream that can be read only once, kept while it is read, so that it can be read a second time."""

from __future__ import annotations

from typing import BinaryIO


class Spool:
    """Hands on what it reads from `stream`, and writes it into `copy`, a file that can be read again."""

    def __init__(self, stream: BinaryIO, copy: BinaryIO) -> None:
        self._stream = stream
        self._copy: BinaryIO | None = copy

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end. A copy that cannot be written is given up, not the reading."""
        data = self._stream.read(count)
        if self._copy is not None:
            try:
                self._copy.write(data)
            except OSError:
                self._copy = None
        return data

    def again(self) -> BinaryIO | None:
        """What was read, from the beginning; None when it could not be kept."""
        if self._copy is not None:
            self._copy.seek(0)
        return self._copy
