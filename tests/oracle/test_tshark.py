"""Where tshark can speak too: streams, repeats, duplicate ACKs, zero windows and jumps, counted per capture."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tcpautopsy import pipeline
from tcpautopsy.tables import EVENT_NUMBER, Dissection

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
#: Recordings in which tshark is wrong, or answers another question, and why.
APART = {
    "artefact-duplicates": "it takes second copies made by the capture for repeats",
    "artefact-duplicates-ack-drop": "the same",
    "healthy-http-routed": "the same: the router's capture has every packet twice",
    "artefact-reordered-file": "it takes the disorder of the file for that of the network",
    "path-corruption": "it counts what the receiver drops because of its checksum",
    "policed-download": "it takes a duplicate ACK with new SACK blocks (RFC 6675) for a window update",
    "rst-ignored": "it goes on counting from the sequence number of the forged reset",
    "sequence-numbers-rewritten": "it takes a duplicate ACK with new SACK blocks (RFC 6675) for a window update",
    "slow-link-short-queue": "the same",
    "syn-hits-stale-connection": "it measures the new connection against the old one's numbers",
}
CAPTURES = [p for p in sorted(FIXTURES.glob("*/*.pcap")) if p.parent.name not in APART]
REPEATS = (
    "syn_retransmission",
    "syn_ack_retransmission",
    "fin_retransmission",
    "retransmission",
    "fast_retransmission",
    "rto_retransmission",
    "tail_loss_probe",
    "spurious_retransmission",
    "out_of_order",
)

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def tshark(capture: Path) -> dict[str, int]:
    """What tshark counts: each packet is asked for its stream and its marks."""
    fields = [
        "tcp.stream",
        *(
            "tcp.analysis." + n
            for n in ("retransmission", "out_of_order", "zero_window", "lost_segment", "duplicate_ack")
        ),
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
        "duplicate_ack": sum(bool(row[5]) for row in rows),
    }


def ours(dissection: Dissection) -> dict[str, int]:
    """The same of our tables; for tshark a SYN or FIN that repeats is a repeat too."""
    both, events = dissection.directions, dissection.events.frame()
    repeats = events[events["kind"].isin([EVENT_NUMBER[name] for name in REPEATS])]
    return {
        "streams": len(dissection.flows["tcp_stream"].dropna().unique()),
        "repeated": int(repeats["frame"].nunique()),
        "zero_window": int(both["zero_windows"].sum()),
        "lost_segment": int(both["lost_segments"].sum()),
        "duplicate_ack": int(both["duplicate_acks"].sum()),
    }


@needs_tshark
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_same_streams_repeats_jumps_and_closed_windows(capture: Path) -> None:
    theirs, own = tshark(capture), ours(pipeline.examined(capture).dissection)
    assert own == theirs
