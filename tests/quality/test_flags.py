"""Blind spots of a capture, on recordings that were spoiled in a known way; and where a capture was taken."""

from __future__ import annotations

import pytest

from fixtures.judged import Recording, recordings
from tcpautopsy import pipeline
from tcpautopsy.tables import QUALITY_FLAGS

RECORDINGS = recordings()
SPOILED = [r for r in RECORDINGS if r.truth["settings"].get("expected_flag")]
#: What a healthy recording may have: the capturing host computes checksums in hardware, or hands over large segments.
OF_THE_HOST = {"capture-offload-superseg", "capture-bad-checksum-offload", "capture-filter-excludes-icmp-arp-dns"}


@pytest.mark.parametrize("recording", SPOILED, ids=lambda r: r.name)
def test_a_spoiled_capture_says_how(recording: Recording) -> None:
    quality = pipeline.examined(recording.path).quality
    assert recording.truth["settings"]["expected_flag"] in [f.flag for f in quality.flags]
    assert all(f.flag in QUALITY_FLAGS and f.detail and f.effect for f in quality.flags)


@pytest.mark.parametrize("recording", [r for r in RECORDINGS if r.scenario.startswith("healthy")], ids=lambda r: r.name)
def test_a_sound_capture_has_no_blind_spot(recording: Recording) -> None:
    quality = pipeline.examined(recording.path).quality
    assert {f.flag for f in quality.flags} <= OF_THE_HOST


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_the_other_end_is_never_named_with_confidence(recording: Recording) -> None:
    quality = pipeline.examined(recording.path).quality
    other = {"client": "server", "server": "client"}[recording.vantage]
    assert quality.point != other or quality.confidence == "low"


def test_most_recordings_tell_where_they_were_taken() -> None:
    known = [pipeline.examined(r.path).quality.point == r.vantage for r in RECORDINGS]
    assert sum(known) > 0.6 * len(known)
