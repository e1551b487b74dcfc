"""The captures that are made for timing are what they are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import captures
from tcpautopsy import pipeline


@pytest.mark.parametrize("name", sorted(set(captures.KINDS) - {"flood"}))
def test_made_connections_are_healthy(name: str, tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    captures.write(path, captures.KINDS[name], 3_000)
    analysis = pipeline.analyse([str(path)])
    assert analysis.result.captures[0].problems == []
    assert analysis.result.totals.failed == 0
    assert 1_500 < analysis.result.totals.packets < 6_000
    assert set(analysis.result.totals.by_protocol) >= {"tcp", "udp"}


def test_a_flood_is_all_single_syns(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    captures.write(path, captures.KINDS["flood"], 500)
    assert pipeline.analyse([str(path)]).result.totals.by_outcome["unanswered"] == 500


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("once", "again"):
        captures.write(tmp_path / name, captures.KINDS["mix"], 2_000, seed=7)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "again").read_bytes()
