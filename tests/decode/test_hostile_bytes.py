"""Whatever the bytes: no exception, and the compiled kernel says what the interpreted one says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpautopsy import records
from tcpautopsy.decode import Decoder
from tcpautopsy.tables import FRAME, Frames

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LINKS = (0, 1, 9, 50, 51, 101, 104, 105, 107, 108, 109, 113, 117, 119, 127, 163, 276, 9999)


def seeds() -> list[bytes]:
    """The first packets of recordings of several kinds: what is changed byte by byte."""
    found = []
    for name in ("healthy-http", "healthy-http-ipv6", "syn-rejected-icmp", "dns-lookups", "tls-clienthello"):
        data = (FIXTURES / name / "client.pcap").read_bytes()
        at = 24
        for _ in range(12):
            if at + 16 > len(data):
                break
            size = int.from_bytes(data[at + 8 : at + 12], "little")
            found.append(data[at + 16 : at + 16 + size])
            at += 16 + size
    return found


SEEDS = seeds()
CHANGES = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=8)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """A real packet with some bytes changed, perhaps cut."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for at, value in draw(CHANGES):
        if at < len(data):
            data[at] = value
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def rows(
    batch: list[bytes], link: int, interpreted: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, list[object]]:
    frames = FRAME.zeros(len(batch))
    position = 0
    for number, data in enumerate(batch):
        frames[number] = (1, 0, number + 1, position, len(data), len(data) + 3, 0, 0, link, 0, 0)
        position += len(data)
    monkeypatch.setenv("TCPAUTOPSY_INTERPRETED", "1" if interpreted else "0")
    decoder = Decoder()
    found = decoder.packets(Frames(bytearray(b"".join(batch)), frames))
    return found.rows.tobytes(), [*found.notes, *decoder.problems(), *decoder.zone_names()]


@settings(deadline=None, max_examples=300)
@given(st.lists(packets(), min_size=1, max_size=4), st.sampled_from(LINKS))
def test_both_forms_agree_on_any_bytes(batch: list[bytes], link: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if not records.kernel("decode").compiled:
            pytest.skip("the kernels are not compiled here: there is nothing to compare")
        assert rows(batch, link, False, patch) == rows(batch, link, True, patch)
