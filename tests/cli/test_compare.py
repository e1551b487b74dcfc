"""compare: what was lost between two ends is what the recording says was thrown away between them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_command_line import FIXTURES, run
from tests.pipeline.edited import pcap, records

_FRAME = re.compile(r"tcp (\S+) > (\S+) ")


def compared(scenario: str, cwd: Path) -> dict[str, object]:
    done = run(
        "compare", *(FIXTURES / scenario / f"{side}.pcap" for side in ("client", "server")), "-f", "json", cwd=cwd
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def dropped(scenario: str) -> Counter[frozenset[str]]:
    """TCP frames that the wire of the recording threw away, by the two endpoints."""
    truth = json.loads((FIXTURES / scenario / "truth.json").read_text())
    found = (_FRAME.match(each["frame"]) for each in truth["wire"] if each["action"] == "dropped")
    return Counter(frozenset(match.groups()) for match in found if match)


@pytest.mark.parametrize("scenario", ["healthy-bulk-light-loss", "synack-lost", "one-way-loss"])
def test_lost_frames_are_those_the_wire_dropped(scenario: str, tmp_path: Path) -> None:
    result = compared(scenario, tmp_path)
    known = {c["id"]: c for c in result["connections"]}  # type: ignore[attr-defined]
    lost: Counter[frozenset[str]] = Counter()
    for pair in result["pairs"]:  # type: ignore[attr-defined]
        ends = known[pair["connections"][0]]
        names = (f"{end['address']}:{end['port']}" for end in (ends["client"], ends["server"]))
        lost[frozenset(names)] += len(pair["lost"])
    assert +lost == dropped(scenario)


def test_translation_is_told_and_clocks_of_one_machine_agree(tmp_path: Path) -> None:
    result = compared("nat-mapping-lost", tmp_path)
    pair = result["pairs"][0]  # type: ignore[index]
    assert any("at the client's side and 10.0.2.254:" in text for text in pair["changed"])
    assert "the TTL of the SYN tells 1 router between the two captures" in pair["changed"]
    assert abs(pair["clock_offset_s"]) <= pair["clock_uncertainty_s"]


def test_text_names_the_frames_and_wrong_use_is_refused(tmp_path: Path) -> None:
    ends = [FIXTURES / "healthy-bulk-light-loss" / f"{side}.pcap" for side in ("client", "server")]
    told = run("compare", *ends, cwd=tmp_path)
    assert told.returncode == 0
    assert "lost from server to client: 3 frames" in told.stdout.decode()
    assert run("compare", "-", ends[1], cwd=tmp_path).returncode == 2
    assert run("compare", ends[0], "absent.pcap", cwd=tmp_path).returncode == 3
    assert run("compare", ends[0], ends[1], "-f", "jsn", cwd=tmp_path).returncode == 2


def test_captures_without_a_common_connection_say_so(tmp_path: Path) -> None:
    told = run(
        "compare", FIXTURES / "healthy-http" / "client.pcap", FIXTURES / "synack-lost" / "server.pcap", cwd=tmp_path
    )
    assert told.stdout.decode().startswith("0 connections in both captures")


def cut(scenario: str, side: str, keep: Callable[[int, int, bytes], bool]) -> bytes:
    """The capture with the records kept of which (number, time in ns, bytes) `keep` says so."""
    found = list(records((FIXTURES / scenario / f"{side}.pcap").read_bytes()))
    return pcap([record for n, record in enumerate(found) if keep(n, record[0], record[1])])


def test_one_way_traffic_leaves_the_clocks_unknown(tmp_path: Path) -> None:
    """Only the client's packets at both ends: nothing tells how far the clocks are apart."""
    for side in ("client", "server"):
        # Source port 8080 behind Ethernet and a plain IPv4 header.
        data = cut("synack-lost", side, lambda _n, _t, frame: frame[34:36] != b"\x1f\x90")
        (tmp_path / f"{side}.pcap").write_bytes(data)
    result = json.loads(run("compare", "client.pcap", "server.pcap", "-f", "json", cwd=tmp_path).stdout)
    assert result["pairs"]
    assert {pair["clock_offset_s"] for pair in result["pairs"]} == {None}
    assert "is unknown" in run("compare", "client.pcap", "server.pcap", cwd=tmp_path).stdout.decode()


def test_what_was_sent_while_the_other_end_was_not_captured_is_not_lost(tmp_path: Path) -> None:
    whole = list(records((FIXTURES / "healthy-bulk-light-loss" / "server.pcap").read_bytes()))
    half = cut("healthy-bulk-light-loss", "server", lambda n, _t, _frame: n < len(whole) // 2)
    (tmp_path / "half.pcap").write_bytes(half)
    client = FIXTURES / "healthy-bulk-light-loss" / "client.pcap"
    result = json.loads(run("compare", client, "half.pcap", "-f", "json", cwd=tmp_path).stdout)
    (pair,) = result["pairs"]
    assert [each for each in pair["lost"] if each["direction"] == "client_to_server"] == []
