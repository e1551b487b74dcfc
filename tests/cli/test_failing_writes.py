"""A write that fails, each in turn: no half of a file is left, and the next run ends the work with the same bytes."""

from __future__ import annotations

import errno
import os
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest

from tcpautopsy import output
from tcpautopsy.cli import main
from tests.cli.test_command_line import FIXTURES
from tests.cli.test_full_disk import contents, whole


class Disk:
    """Counts what is done to files by `output`, and lets the n-th fail, and all after it."""

    def __init__(self) -> None:
        self.done = 0
        self.last = 10**9

    def step(self) -> None:
        self.done += 1
        if self.done > self.last:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Writer(BufferedWriter):
    disk: Disk

    def write(self, data: Any) -> int:
        self.disk.step()
        return super().write(data)

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        self.disk.step()
        super().flush()

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            self.raw.close()
            raise


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    known = Disk()
    real, replace, fsync = Path.open, os.replace, os.fsync

    def opened(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode != "wb":
            return real(self, mode, *rest, **more)
        known.step()
        writer = Writer(real(self, "wb", buffering=0))  # type: ignore[arg-type]
        writer.disk = known
        return writer

    def replaced(*paths: Any) -> None:
        known.step()
        replace(*paths)

    def synced(number: int) -> None:
        known.step()
        fsync(number)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(output.os, "replace", replaced)
    monkeypatch.setattr(output.os, "fsync", synced)
    return known


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return int(ended.value.code or 0)


def test_every_write_of_a_batch_may_fail(disk: Disk, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "refused.pcap").write_bytes((FIXTURES / "refused" / "client.pcap").read_bytes())
    disk.done = 0
    assert command("batch", tmp_path / "in", "--out", tmp_path / "whole", "-j", 1, "-q") == 0
    steps = disk.done
    assert steps > 30
    for last in range(steps):
        out = tmp_path / f"out{last}"
        disk.done, disk.last = 0, last
        assert command("batch", tmp_path / "in", "--out", out, "-j", 1, "-q") == 2
        assert "No space left on device" in capfd.readouterr().err
        files = [p for p in out.rglob("*") if p.is_file()]
        assert [p.name for p in files if ".tmp-" in p.name] == []
        assert [p.name for p in files if not whole(p)] == []
        if last % 7 == 0:
            disk.last = 10**9
            assert command("batch", tmp_path / "in", "--out", out, "-j", 1, "-q", "--resume") == 0
            assert contents(out) == contents(tmp_path / "whole")
