"""Relative numbers of a close-up are those of Wireshark, one less: our first byte is 0, its is 1."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fixtures.judged import ROOT
from tcpautopsy import closer, pipeline


@pytest.mark.parametrize(
    "sample", ["pmtud-blackhole/server", "zero-window-forever/client", "cable-cut-restored/client"]
)
def test_numbers_are_those_of_wireshark(sample: str) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("no tshark on this machine: nothing to compare with")
    path = ROOT / f"{sample}.pcap"
    result = pipeline.analyse([str(path)]).result
    found = closer.material([str(path)], pipeline.Options(), result, result).close_ups
    streams = {c.id: c.tcp_stream for c in result.connections}
    tcp = {number: packets for number, packets in found.items() if streams[number] is not None}
    assert tcp
    for number, packets in tcp.items():
        shown = _tshark(path, streams[number])
        for row in packets.itertuples():
            seq, ack, window, flags, length = shown[row.frame]
            assert row.seq == seq - 1
            assert row.payload_len == length
            assert row.flags == flags & 0xFF
            if flags & 16:
                assert row.ack == ack - 1
            if flags & 16 and not flags & 4:
                assert row.limit - row.ack == window
        assert len(packets) == len(shown)


def _tshark(path: object, stream: int | None) -> dict[int, tuple[int, ...]]:
    fields = ("frame.number", "tcp.seq", "tcp.ack", "tcp.window_size", "tcp.flags", "tcp.len")
    command = ["tshark", "-r", str(path), "-Y", f"tcp.stream == {stream} && !icmp", "-T", "fields"]
    lines = subprocess.run(
        [*command, *(word for field in fields for word in ("-e", field))],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.splitlines()
    numbers = ([int(word, 0) for word in line.split("\t")] for line in lines)
    return {first: tuple(rest) for first, *rest in numbers}


def test_a_stream_beyond_four_gigabytes_goes_on_counting() -> None:
    import numpy as np

    from tcpautopsy.events.close_up import _relative

    sent = np.arange(0, 5 * 2**32, 2**30, dtype=np.int64)
    assert _relative(((sent + 77) % 2**32).astype(np.uint32), 77).tolist() == sent.tolist()
