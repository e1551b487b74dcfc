"""A disk that is full at any moment: an error in one line, no half of a file, and the next run ends the work."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_command_line import FIXTURES

SCENARIOS = ("healthy-http", "refused", "close-unread-data")


def limited(largest: int | None, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """The command with files of at most `largest` bytes: a write beyond fails, as on a full disk."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return subprocess.run(
        [sys.executable, "-m", "tcpautopsy", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=300,
        check=False,
        preexec_fn=limit,
        env=os.environ | {"PYTHONPATH": str(FIXTURES.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def whole(path: Path) -> bool:
    """A file of ours that stands there is complete."""
    data = path.read_bytes()
    if path.suffix == ".html":
        return data.endswith(b"</html>\n")
    if path.suffix == ".json":
        return isinstance(json.loads(data), dict)
    if path.suffix == ".parquet":
        return data.endswith(b"PAR1")
    return data == b"" or data.endswith(b"\n")


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.parametrize("largest", [100, 3_000, 12_000, 20_000, 40_000])
def test_a_batch_leaves_no_half_written_file_and_the_next_run_ends_it(largest: int, tmp_path: Path) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    for name in SCENARIOS:
        (captures / f"{name}.pcap").write_bytes((FIXTURES / name / "client.pcap").read_bytes())
    limited(None, "batch", captures, "-o", tmp_path / "whole", "-j", "1", cwd=tmp_path)
    done = limited(largest, "batch", captures, "-o", tmp_path / "out", "-j", "1", cwd=tmp_path)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    found = [p for p in (tmp_path / "out").rglob("*") if p.is_file() and p.name != ".lock"]
    assert [p.name for p in found if ".tmp-" in p.name] == []
    assert [p.name for p in found if not whole(p)] == []
    again = limited(None, "batch", captures, "-o", tmp_path / "out", "-j", "1", "--resume", cwd=tmp_path)
    assert b"Traceback" not in again.stderr
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("largest", [100, 5_000, 20_000])
def test_a_report_that_does_not_fit_is_an_error_and_the_old_one_stays(largest: int, tmp_path: Path) -> None:
    capture = FIXTURES / "close-unread-data" / "client.pcap"
    limited(None, "analyze", capture, "-o", "page.html", cwd=tmp_path)
    before = (tmp_path / "page.html").read_bytes()
    done = limited(largest, "analyze", capture, "-o", "page.html", cwd=tmp_path)
    assert done.returncode == 2
    assert b"cannot write page.html: File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_bytes() == before
