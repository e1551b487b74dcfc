"""Captures that end anywhere: every byte of small ones, every frame of larger ones. Nothing crashes, nothing alarms."""

from __future__ import annotations

from io import BytesIO

import pytest
from pipeline.edited import FIXTURES, frame_ends

from tcpautopsy import dissector, pipeline
from tcpautopsy.capture import Input
from tcpautopsy.errors import CaptureError

CAPTURES = sorted(FIXTURES.glob("*/*.pcap"))
SMALL = [p for p in CAPTURES if p.stat().st_size <= 2048]
#: Scenarios whose every beginning must be free of false alarms, because nothing in them fails.
HEALTHY = [p for p in CAPTURES if p.parent.name.startswith("healthy")]


def spread(ends: list[int]) -> list[int]:
    """All frame ends of a short capture, a few spread over a long one."""
    return ends if len(ends) <= 30 else [ends[i * (len(ends) - 1) // 11] for i in range(12)]


def name(path) -> str:  # type: ignore[no-untyped-def] # a pytest id
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", CAPTURES, ids=name)
def test_a_capture_that_ends_after_any_frame_is_analysed(path) -> None:  # type: ignore[no-untyped-def]
    data = path.read_bytes()
    for end in spread(frame_ends(data)):
        known = pipeline.examined(data[:end], pipeline.Options(digest=False))
        assert len(known.features.frame()) == len(known.dissection.flows)


@pytest.mark.parametrize("path", HEALTHY, ids=name)
def test_a_healthy_capture_that_ends_anywhere_raises_no_alarm(path) -> None:  # type: ignore[no-untyped-def]
    data = path.read_bytes()
    for end in spread(frame_ends(data)):
        result = pipeline.analyse_bytes("cut.pcap", data[:end]).result
        assert [c for c in result.connections if c.severity == "failure"] == []


@pytest.mark.parametrize("path", SMALL[:4], ids=name)
def test_a_capture_that_ends_after_any_byte_is_read(path) -> None:  # type: ignore[no-untyped-def]
    data = path.read_bytes()
    ends = frame_ends(data)
    for length in range(len(data)):
        inputs = [Input("cut.pcap", BytesIO(data[:length]))]
        if length < 24:
            with pytest.raises(CaptureError):
                dissector.dissect(inputs, pipeline.Options())
            continue
        dissection, _ = dissector.dissect(inputs, pipeline.Options(digest=False))
        assert dissection.facts.packets == sum(end <= length for end in ends) - 1
        assert dissection.facts.cut_short == (length not in ends)
