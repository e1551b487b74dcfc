"""The same packets in another container, compression, chunking or kernel: byte for byte the same findings."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from pipeline.edited import FIXTURES, pcap, records

from tcpautopsy import pipeline
from tcpautopsy.capture import ring_sets

SCENARIOS = ("accept-queue-ack-drop", "cable-cut-restored", "close-unread-data")


def findings(paths: list[str], options: pipeline.Options | None = None) -> bytes:
    """The findings without the place in a ring-buffer set, which only a set has."""
    result = pipeline.analyse(paths, options or pipeline.Options()).result
    plain = [
        msgspec.structs.replace(
            f, evidence=[msgspec.structs.replace(e, part=None, part_frame=None) for e in f.evidence]
        )
        for f in result.findings
    ]
    assert plain
    return msgspec.json.encode(plain)


@pytest.fixture(params=SCENARIOS)
def capture(request: pytest.FixtureRequest) -> Path:
    return FIXTURES / request.param / "client.pcap"


def test_compressed(capture: Path, tmp_path: Path) -> None:
    packed = tmp_path / "x.pcap.gz"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    assert findings([str(packed)]) == findings([str(capture)])


def test_two_parts_of_a_ring_buffer(capture: Path, tmp_path: Path) -> None:
    found = list(records(capture.read_bytes()))
    half = len(found) // 2
    parts = [tmp_path / "ring.pcap", tmp_path / "ring.pcap1"]
    for path, part in zip(parts, (found[:half], found[half:]), strict=True):
        path.write_bytes(pcap(part))
    assert findings([str(p) for p in parts]) == findings([str(capture)])
    joined = pipeline.analyse([str(p) for p in parts]).result
    assert [p.first_frame for p in joined.captures[0].parts] == [1, half + 1]


def test_pcapng(capture: Path, tmp_path: Path) -> None:
    if shutil.which("editcap") is None:
        pytest.skip("editcap (wireshark-common) is not installed")
    other = tmp_path / "x.pcapng"
    subprocess.run(["editcap", "-F", "pcapng", capture, other], check=True)
    assert findings([str(other)]) == findings([str(capture)])


@pytest.mark.parametrize("size", [4096, 65536])
def test_any_chunk_size(capture: Path, size: int) -> None:
    small = pipeline.Options(chunk_bytes=size)
    assert findings([str(capture)], small) == findings([str(capture)])


PROGRAM = """
import sys
from tcpautopsy import pipeline, report
from tcpautopsy.report import FORMATS
from tcpautopsy.report.view import View
result = pipeline.analyse(sys.argv[1:]).result
sys.stdout.buffer.writelines(report.written(result, FORMATS["json"], View()))
"""


def test_interpreted_kernels(capture: Path) -> None:
    """The same source, compiled and not: the whole result is the same."""
    both = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(capture)],
            check=True,
            capture_output=True,
            env=os.environ | {"TCPAUTOPSY_INTERPRETED": mode},
        ).stdout
        for mode in ("0", "1")
    ]
    assert both[0] == both[1]
    assert len(both[0]) > 1000


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (("dump.pcap", "dump.pcap1"), True),  # tcpdump -C
        (("dump.pcap0.gz", "dump.pcap1.gz"), True),  # tcpdump -C -W -z gzip
        (("dump", "dump1"), True),
        (("web-1201.pcap", "web-1202.pcap"), True),  # tcpdump -G
        (("web_00001_20260102030405.pcapng", "web_00002_20260102030406.pcapng"), True),  # dumpcap -b
        (("test1.pcap", "test2.pcap"), False),
        (("empty001.trace", "empty002.trace"), False),
        (("web-1201.pcap", "db-1202.pcap"), False),
    ],
)
def test_only_names_of_one_series_are_joined(names: tuple[str, str], joined: bool, tmp_path: Path) -> None:
    found = list(records((FIXTURES / SCENARIOS[0] / "client.pcap").read_bytes()))
    half = len(found) // 2
    for name, part in zip(names, (found[:half], found[half:]), strict=True):
        content = pcap(part)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    sets = ring_sets([tmp_path / name for name in names])
    assert [len(each) for each in sets] == ([2] if joined else [1, 1])
