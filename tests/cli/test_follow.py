"""A folder into which a capture is rotated: whenever one looks, OUT is whole, and at the end it is that of a batch."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_command_line import FIXTURES, run

CAPTURE = FIXTURES / "mixed" / "client.pcap"
_PATIENCE_S = 60.0


def records(capture: Path) -> tuple[bytes, list[bytes]]:
    """The header of a pcap file, and its records."""
    content = capture.read_bytes()
    found, at = [], 24
    while at < len(content):
        size = 16 + int(struct.unpack_from("<I", content, at + 8)[0])
        found.append(content[at : at + size])
        at += size
    return content[:24], found


def parts(capture: Path, count: int) -> list[bytes]:
    """The capture cut into files of about as many packets each."""
    header, found = records(capture)
    size = -(-len(found) // count)
    return [header + b"".join(found[at : at + size]) for at in range(0, len(found), size)]


@pytest.fixture
def following(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that follows the folder `live`, and ends when nothing new came for a while."""
    (tmp_path / "live").mkdir()
    command = [
        "batch",
        "live",
        "--out",
        "out",
        "--follow",
        "--settle",
        "1",
        "--idle",
        "4",
        "--on-incident",
        "tee -a heard",
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "tcpautopsy", *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield child
    child.kill()
    child.communicate()


def waited_for(out: Path, packets: int) -> dict[str, Any]:
    """The first line of the manifest, once it speaks of so many packets."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        manifest = out / "manifest.jsonl"
        lines = manifest.read_text().splitlines() if manifest.exists() else []
        if lines and json.loads(lines[0])["packets"] >= packets:
            return dict(json.loads(lines[0]))
        time.sleep(0.1)
    raise AssertionError(f"no {packets} packets after {_PATIENCE_S} s")


def told(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings without what depends on how the capture was cut into files."""
    for finding in lines:
        finding.pop("capture_name", None)
        for row in finding["evidence"]:
            row["part"] = row["part_frame"] = None
    return lines


def test_parts_that_come_one_by_one_are_one_capture(following: subprocess.Popen[bytes], tmp_path: Path) -> None:
    cut = parts(CAPTURE, 4)
    names = [f"ring_{n:05}_2026112813{n:04}.pcap" for n in range(4)]
    so_far = 0
    for name, content in zip(names[:2], cut[:2], strict=True):
        (tmp_path / "live" / name).write_bytes(content)
        so_far += len(records(tmp_path / "live" / name)[1])
        assert waited_for(tmp_path / "out", so_far)["packets"] == so_far
    for name, content in zip(names[2:], cut[2:], strict=True):
        (tmp_path / "live" / name).write_bytes(content)
    output, _ = following.communicate(timeout=_PATIENCE_S)
    assert following.returncode == 0

    run("batch", "live", "--out", "whole", "-q", cwd=tmp_path)
    for name in ("manifest.jsonl", "findings.jsonl", "incidents.jsonl", "index.html"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    found = told([json.loads(line) for line in (tmp_path / "out" / "findings.jsonl").read_text().splitlines()])
    alone = json.loads(run("analyze", CAPTURE, "-f", "json", cwd=tmp_path).stdout)
    assert found == told(alone["findings"])

    said = [line for line in output.decode().splitlines() if line.startswith("new incident: ")]
    heard = [json.loads(line) for line in (tmp_path / "heard").read_text().splitlines()]
    assert len(said) == len(heard) >= 6
    assert {each["rule"] for each in heard} >= {"accept-queue-overflow-ack-drop", "syn-refused", "syn-no-answer"}


def test_a_ring_that_writes_over_its_first_part(following: subprocess.Popen[bytes], tmp_path: Path) -> None:
    so_far = 0
    for number, content in enumerate(parts(CAPTURE, 3)):
        path = tmp_path / "live" / f"dump.pcap{number % 2}"  # tcpdump -W 2
        path.write_bytes(content)
        so_far += len(records(path)[1])
        waited_for(tmp_path / "out", so_far)
    assert following.wait(_PATIENCE_S) == 0
    lines = (tmp_path / "out" / "findings.jsonl").read_text().splitlines()
    alone = json.loads(run("analyze", CAPTURE, "-f", "json", cwd=tmp_path).stdout)
    assert told([json.loads(line) for line in lines]) == told(alone["findings"])


def test_somebody_stops_it(following: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / "live" / "a.pcap").write_bytes(CAPTURE.read_bytes())
    waited_for(tmp_path / "out", 2_057)
    os.kill(following.pid, signal.SIGTERM)
    assert following.wait(_PATIENCE_S) == 143
    assert b"36 of 202" in (tmp_path / "out" / "index.html").read_bytes()


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    for options in (("--follow", "-j", 2), ("--idle", 3), ("--scheduler", "tcp://h:1", "-j", 2), ("--profile",)):
        done = run("batch", tmp_path, "--out", "out", *options, cwd=tmp_path)
        assert done.returncode == 2, options
        assert len(done.stderr.splitlines()) == 1
