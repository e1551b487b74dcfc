"""Where tshark can speak too: streams, repeats, duplicate ACKs, zero windows and jumps, counted per capture."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tcpautopsy import pipeline
from tcpautopsy.tables import Dissection

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
#: tshark takes the second copies of a duplicated capture for repeats, and has no idea of a clock that stepped.
CAPTURES = [p for p in sorted(FIXTURES.glob("*/*.pcap")) if "duplicate" not in p.parent.name]
COUNTED = {
    "zero_window": "tcp.analysis.zero_window",
    "lost_segment": "tcp.analysis.lost_segment",
    "repeated": "tcp.analysis.retransmission or tcp.analysis.out_of_order",
}

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def tshark(capture: Path) -> dict[str, int]:
    """What tshark counts: each packet is asked for its stream and its marks."""
    fields = [
        "tcp.stream",
        *("tcp.analysis." + n for n in ("retransmission", "out_of_order", "zero_window", "lost_segment")),
    ]
    command = ["tshark", "-r", str(capture), "-Y", "tcp and not icmp and not icmpv6", "-T", "fields"]
    command += ["-o", "tcp.desegment_tcp_streams:FALSE"]
    for field in fields:
        command += ["-e", field]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return {
        "streams": len({row[0] for row in rows}),
        "repeated": sum(bool(row[1] or row[2]) for row in rows),
        "zero_window": sum(bool(row[3]) for row in rows),
        "lost_segment": sum(bool(row[4]) for row in rows),
    }


def ours(dissection: Dissection) -> dict[str, int]:
    """The same of our tables. A SYN or FIN that repeats is a repeat for tshark too."""
    both = dissection.directions
    repeated = int(both["retransmissions"].sum() + both["out_of_order"].sum())
    repeated += int((both["syn"] - 1).clip(lower=0).sum() + (both["syn_ack"] - 1).clip(lower=0).sum())
    repeated += int((both["fin"] - 1).clip(lower=0).sum())
    return {
        "streams": int(dissection.flows["tcp_stream"].nunique()),
        "repeated": repeated,
        "zero_window": int(both["zero_windows"].sum()),
        "lost_segment": int(both["lost_segments"].sum()),
    }


@needs_tshark
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_same_streams_and_zero_windows(capture: Path) -> None:
    theirs, own = tshark(capture), ours(pipeline.examined(capture).dissection)
    for name in ("streams", "zero_window", "lost_segment", "repeated"):
        assert own[name] == theirs[name], name
