"""The same batch on a cluster: the same bytes, also when a worker dies at its work."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.test_batch import contents
from tests.cli.test_command_line import FIXTURES, run

_PATIENCE_S = 60.0
SCENARIOS = ("refused", "mixed", "healthy-http", "accept-queue-ack-drop", "zero-window-recovered", "dns-lookups")


class Machines(NamedTuple):
    """A scheduler and two workers, all on this machine."""

    address: str
    workers: list[subprocess.Popen[bytes]]


def _waited_for(path: Path) -> str:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        try:
            return str(json.loads(path.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError(f"no scheduler after {_PATIENCE_S} s")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    where = tmp_path / "scheduler.json"
    dask, elsewhere = [sys.executable, "-m", "dask"], tmp_path / "elsewhere"
    elsewhere.mkdir()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": elsewhere}
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]
    scheduler = subprocess.Popen([*dask, "scheduler", *options], **quiet)  # type: ignore[call-overload]
    address = _waited_for(where)
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    workers = [subprocess.Popen(worker, **quiet) for _ in range(2)]  # type: ignore[call-overload]
    yield Machines(address, workers)
    for child in (*workers, scheduler):
        child.kill()
        child.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for scenario in SCENARIOS:
        (tmp_path / "in" / scenario).mkdir(parents=True)
        for capture in (FIXTURES / scenario).glob("*.pcap*"):
            shutil.copy(capture, tmp_path / "in" / scenario)
    return tmp_path / "in"


def test_a_cluster_gives_the_same_bytes(machines: Machines, folder: Path, tmp_path: Path) -> None:
    done = run("batch", "in", "--out", "there", "--scheduler", machines.address, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run("batch", "in", "--out", "here", "-j", 2, cwd=tmp_path)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_worker_that_dies_is_replaced_by_the_other(machines: Machines, folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tcpautopsy", "batch", "in", "--out", "there", "--scheduler", machines.address]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        end = time.monotonic() + _PATIENCE_S
        while not list((tmp_path / "there").glob("work/*.json")) and time.monotonic() < end:
            time.sleep(0.05)
        assert child.poll() is None, "over before a worker could die"
        machines.workers[0].kill()
        _, wrong = child.communicate(timeout=2 * _PATIENCE_S)
    assert child.returncode == 0, wrong
    run("batch", "in", "--out", "here", "-j", 2, cwd=tmp_path)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_nobody_at_the_address(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = run("batch", "in", "--out", "out", "--scheduler", "tcp://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert b"no scheduler at tcp://127.0.0.1:1" in done.stderr
