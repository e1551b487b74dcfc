"""A file that cannot be read to its end: what was read counts, and why it ended is told."""

from __future__ import annotations

import errno
import io
import os

import pytest

from tcpautopsy.capture import Input, Reader
from tcpautopsy.errors import CaptureError
from tests.cli.test_command_line import FIXTURES

DATA = (FIXTURES / "refused" / "client.pcap").read_bytes()


class Failing(io.BytesIO):
    """Bytes up to a point; reading beyond it fails."""

    def __init__(self, data: bytes, readable: int) -> None:
        super().__init__(data[:readable])

    def read(self, count: int | None = -1, /) -> bytes:
        return self._some(super().read(count))

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        return count if count else len(self._some(b""))

    def _some(self, data: bytes) -> bytes:
        if not data:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return data


def packets(reader: Reader) -> int:
    return sum(len(frames.rows) for frames in reader.chunks())


@pytest.mark.parametrize("readable", [40, 400, len(DATA)])
def test_what_was_read_before_counts(readable: int) -> None:
    sound = Reader([Input("x.pcap", io.BytesIO(DATA[:readable]))])
    failing = Reader([Input("x.pcap", Failing(DATA, readable))])
    assert packets(failing) == packets(sound)
    problems = [p for p in failing.facts().problems if p.code == "read-error"]
    assert [p.detail for p in problems] == ["x.pcap: reading stopped: Input/output error"]
    assert failing.facts().sha256 is None
    assert not [p for p in sound.facts().problems if p.code == "read-error"]


def test_a_file_of_which_nothing_can_be_read_is_unreadable() -> None:
    with pytest.raises(CaptureError, match=r"x\.pcap: Input/output error"):
        packets(Reader([Input("x.pcap", Failing(DATA, 0))]))
