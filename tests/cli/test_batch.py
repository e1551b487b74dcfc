"""Folders of captures: counts add up, bad files are told, and a run that was cut short ends with the same bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_command_line import FIXTURES, PCAP_HEADER, run

SCENARIOS = ("refused", "accept-queue-ack-drop", "healthy-http")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six captures, a broken one, an empty one, and things that are no captures."""
    root = tmp_path / "in"
    for scenario in SCENARIOS:
        (root / scenario).mkdir(parents=True)
        for side in ("client", "server"):
            shutil.copy(FIXTURES / scenario / f"{side}.pcap", root / scenario)
    (root / "bad.pcap").write_bytes(b"nonsense, and long enough for a header")
    (root / "empty.pcap").write_bytes(PCAP_HEADER)
    (root / "notes.txt").write_text("not a capture")
    os.mkfifo(root / "pipe.pcap")
    (root / "loop").symlink_to(root)
    return root


def contents(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_every_capture_is_told_once_and_counts_add_up(folder: Path, tmp_path: Path) -> None:
    done = run("batch", folder, "--out", "out", "-j", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [each["name"] for each in lines] == sorted(
        each["name"] for each in lines if "/" not in each["name"]
    ) + sorted(each["name"] for each in lines if "/" in each["name"])
    assert len(lines) == 8
    assert [each["name"] for each in lines if each["unreadable"]] == ["bad.pcap"]
    failed = sum(each["failed"] for each in lines)
    assert done.stdout.decode().startswith(f"{failed} of {sum(each['connections'] for each in lines)} connections")
    index = (tmp_path / "out" / "index.html").read_text()
    assert len(set(re.findall('href="(captures/[^"]*)"', index))) == 7
    for each in lines:
        assert each["page"] is None or (tmp_path / "out" / each["page"]).is_file()


def test_one_process_or_two_resumed_or_not_the_bytes_are_the_same(folder: Path, tmp_path: Path) -> None:
    run("batch", folder, "--out", "one", "-j", 1, cwd=tmp_path)
    run("batch", folder, "--out", "two", "-j", 2, cwd=tmp_path)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    for kept in sorted((tmp_path / "two" / "work").iterdir())[:3]:
        kept.unlink()
    (tmp_path / "two" / "index.html").unlink()
    done = run("batch", folder, "--out", "two", "--resume", cwd=tmp_path)
    assert done.returncode == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_earlier_run_or_a_foreign_folder_is_not_touched(folder: Path, tmp_path: Path) -> None:
    run("batch", folder / "refused", "--out", "out", cwd=tmp_path)
    assert run("batch", folder / "refused", "--out", "out", cwd=tmp_path).returncode == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    done = run("batch", folder, "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter"]


def test_exit_codes(folder: Path, tmp_path: Path) -> None:
    assert run("batch", folder / "bad.pcap", "--out", "a", cwd=tmp_path).returncode == 3
    assert run("batch", folder / "refused", "--out", "b", "--fail-on", "failure", cwd=tmp_path).returncode == 1
    assert run("batch", folder / "nowhere", "--out", "c", cwd=tmp_path).returncode == 2


def test_what_is_shown_can_be_chosen(folder: Path, tmp_path: Path) -> None:
    run("batch", folder, "--out", "all", cwd=tmp_path)
    run("batch", folder, "--out", "some", "--select", "syn-refused", cwd=tmp_path)
    causes = [
        {json.loads(line)["rule"] for line in (tmp_path / out / "findings.jsonl").read_text().splitlines()}
        for out in ("all", "some")
    ]
    assert causes[0] > causes[1] == {"syn-refused"}
    counts = [
        [json.loads(line)["failed"] for line in (tmp_path / out / "manifest.jsonl").read_text().splitlines()]
        for out in ("all", "some")
    ]
    assert counts[0] == counts[1]


def test_pseudonyms_everywhere(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a secret")
    options = ("--redact", "--redact-key-file", tmp_path / "key")
    done = run("batch", folder, "--out", "out", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name, content in contents(tmp_path / "out").items():
        for canary in (b"10.0.0.2", b"2026-", b"refused/", b"bad.pcap", b"accept-queue-ack-drop/"):
            assert canary not in content, (name, canary)
            assert canary.decode() not in name
    assert b"10.0.0.2" not in done.stdout + done.stderr


def test_strict_and_baseline(folder: Path, tmp_path: Path) -> None:
    assert run("batch", folder, "--out", "a", "--strict", cwd=tmp_path).returncode == 3
    run("analyze", folder / "refused" / "client.pcap", "-o", "old.json", cwd=tmp_path)
    options = ("--fail-on", "failure", "--baseline", "old.json")
    assert run("batch", folder / "refused", "--out", "b", *options, cwd=tmp_path).returncode == 0
    assert run("batch", folder / "accept-queue-ack-drop", "--out", "c", *options, cwd=tmp_path).returncode == 1


def test_the_parquet_files_hold_what_the_lines_hold(folder: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    run("batch", folder, "--out", "out", cwd=tmp_path)
    for name in ("findings", "incidents"):
        lines = [json.loads(line) for line in (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()]
        rows = parquet.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist()
        assert len(rows) == len(lines) > 0
        for row, line in zip(rows, lines, strict=True):
            if name == "findings":
                line["evidence"] = [each["frame"] for each in line["evidence"]]
            assert row == {column: line[column] for column in row}


def test_unfinished_files_go_whoever_began_them(folder: Path, tmp_path: Path) -> None:
    run("batch", folder / "refused", "--out", "out", cwd=tmp_path)
    before = contents(tmp_path / "out")
    # Our own process lives: a worker that was killed and not yet buried looks like that.
    for place in (".", "work", "captures"):
        (tmp_path / "out" / place / f".page.html.tmp-{os.getpid()}-0badcafe").write_bytes(b"<!doc")
    run("batch", folder / "refused", "--out", "out", "--resume", cwd=tmp_path)
    assert contents(tmp_path / "out") == before
