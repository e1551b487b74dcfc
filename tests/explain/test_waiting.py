"""Findings that wait for their turn come back as they were, from a file or from memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from tcpautopsy.explain.waiting import Waiting
from tcpautopsy.pipeline import Options, analyse

CAPTURE = Path(__file__).resolve().parents[2] / "fixtures" / "mixed" / "client.pcap"
FINDINGS = analyse([str(CAPTURE)]).result.findings


class Full(BytesIO):
    """A file on a disk that has no room behind so many writes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def write(self, data: object) -> int:
        self._room -= 1
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]


def nowhere() -> BinaryIO:
    raise FileNotFoundError(2, "No usable temporary directory")


@pytest.mark.parametrize("empty", [None, BytesIO, lambda: Full(0), lambda: Full(1), nowhere])
def test_what_was_put_is_taken_once(empty) -> None:
    waiting = Waiting(empty)
    for number, finding in enumerate(FINDINGS[:4]):
        waiting.put(number, [finding])
    waiting.put(9, FINDINGS)
    for number in (2, 0, 3, 1):
        assert waiting.take(number) == [FINDINGS[number]]
        assert number not in waiting
    assert 9 in waiting
    assert waiting.take(9) == FINDINGS
    assert len(FINDINGS) > 4


def test_they_wait_in_the_file_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcpautopsy.explain.telling._BATCH", 2)
    files: list[BytesIO] = []

    def empty() -> BinaryIO:
        files.append(BytesIO())
        return files[-1]

    result = analyse([str(CAPTURE)], Options(streamed=True, aside=empty)).result
    assert list(result.connections)
    assert len(files) == 1
    assert files[0].getvalue()
    assert list(result.findings) == FINDINGS
