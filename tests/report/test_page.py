"""The page: the same bytes again, smaller when it must be, and nothing that was to be hidden."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import msgspec
import pytest

from fixtures.judged import ROOT
from tcpautopsy import closer, pipeline, report
from tcpautopsy.report import markdown, read_back
from tcpautopsy.report.timeline import timeline
from tcpautopsy.report.view import View
from tcpautopsy.result import Result
from tests.cli.test_command_line import run
from tests.report import built

MADE = {"failures": built.result(), "healthy": built.healthy(), "empty": built.empty(), "hostile": built.hostile()}


def page(result: Result, **view: object) -> bytes:
    return b"".join(report.written(result, report.FORMATS["html"], View(**view)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_the_same_again_and_reads_back_as_what_it_shows(name: str) -> None:
    once = page(MADE[name])
    assert page(MADE[name]) == once
    assert read_back.result(once, "x.html") == MADE[name]


@pytest.mark.parametrize("limit", [60_000, 120_000, 400_000])
def test_a_small_limit_is_kept_and_what_is_missing_is_said(limit: int) -> None:
    large = built.result(healthy=3_000, overflows=200)
    small = page(large, max_size=limit)
    assert len(small) <= limit
    kept = read_back.result(small, "x.html")
    assert kept.totals.connections == large.totals.connections
    assert kept.totals.connections_listed == len(kept.connections) < len(large.connections)
    assert b"more connections are not in this table" in small


def test_without_the_capture_the_ladder_stays_and_the_graphs_are_missed(tmp_path: Path) -> None:
    path = str(ROOT / "pmtud-blackhole" / "server.pcap")
    result = pipeline.analyse([path]).result
    alone = page(result).decode()
    assert "The graphs of packets over time need the capture" in alone
    assert "Frames between the two" in alone
    whole = page(result, material=closer.material([path], pipeline.Options(), result, result)).decode()
    assert "Bytes from server to client over time" in whole
    assert 'download="pmtud-blackhole-' in whole
    assert "need the capture" not in whole


def test_standard_input_is_drawn_as_the_file_is(tmp_path: Path) -> None:
    source = ROOT / "pmtud-blackhole" / "server.pcap"
    done = run("analyze", "-", "-o", "piped.html", cwd=tmp_path, data=source.read_bytes())
    assert done.returncode == 0
    run("analyze", source, "-o", "file.html", cwd=tmp_path)
    piped, plain = ((tmp_path / name).read_text() for name in ("piped.html", "file.html"))
    drawings = re.compile(r'<svg.*?</svg>|base64,[^"]*', re.DOTALL)
    assert drawings.findall(piped) == drawings.findall(plain) != []


def test_a_redacted_page_offers_no_frames(tmp_path: Path) -> None:
    run("analyze", ROOT / "pmtud-blackhole" / "server.pcap", "--redact", "-o", "page.html", cwd=tmp_path)
    text = (tmp_path / "page.html").read_text()
    assert "base64," not in text
    assert "10.0.0." not in text
    assert "Bytes from server to client over time" in text


def test_markdown_fits_a_comment_and_says_what_is_left_out() -> None:
    one = built.result()
    many = msgspec.structs.replace(
        one,
        connections=[
            msgspec.structs.replace(c, id=1_000 * n + c.id, server=msgspec.structs.replace(c.server, port=n))
            for n in range(1, 200)
            for c in one.connections
        ],
        findings=[
            msgspec.structs.replace(f, id=f"{f.id}-{n}", connection=1_000 * n + f.connection)
            for n in range(1, 200)
            for f in one.findings
        ],
    )
    text = markdown.text(many, View())
    assert len(text) < 65_536
    assert re.search(r"^\d+ more causes are in the page", text, re.MULTILINE)


def test_a_named_pipe_is_read_once_and_drawn_all_the_same(tmp_path: Path) -> None:
    source, pipe = ROOT / "pmtud-blackhole" / "server.pcap", tmp_path / "pipe.pcap"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()), daemon=True)
    writer.start()
    done = run("analyze", pipe, "-o", "page.html", cwd=tmp_path)
    writer.join(10)
    assert done.returncode == 0
    assert "Bytes from server to client over time" in (tmp_path / "page.html").read_text()
    assert run("extract", pipe, "--flow", 1, "-o", "x.pcapng", cwd=tmp_path).returncode == 2


def test_many_connections_are_counted_over_time_and_a_few_drawn_one_by_one() -> None:
    few, many = timeline(built.result(healthy=10)), timeline(built.result(healthy=100))
    assert few is not None
    assert many is not None
    assert len(few.rows) == len(built.result(healthy=10).connections)
    assert sum(int(count.replace(",", "")) for _, count in many.rows) == len(built.result(healthy=100).connections)
    assert "from bottom to top: failed" in many.description
    assert timeline(built.empty()) is None
