"""Streams that can be read only once, kept while they are read, so that they can be read a second time."""

from __future__ import annotations

from collections.abc import Callable
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


class Spools:
    """One Spool for each input by its name; `empty` makes the file that holds a copy."""

    def __init__(self, empty: Callable[[], BinaryIO]) -> None:
        self._empty = empty
        self._kept: dict[str, Spool] = {}

    def through(self, name: str, stream: BinaryIO) -> Spool:
        """The stream, kept while it is read."""
        self._kept[name] = Spool(stream, self._empty())
        return self._kept[name]

    def again(self, name: str) -> BinaryIO | None:
        """What was read of this input, from the beginning; None when it was not kept."""
        return self._kept[name].again() if name in self._kept else None
