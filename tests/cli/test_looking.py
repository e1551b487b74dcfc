"""why, extract, diff, selection and redaction, as a user meets them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_command_line import CAPTURE, FIXTURES, run

VICTIM = 7  # 10.0.0.1:40012, whose handshake the full accept queue ignored


def result(*arguments: object, cwd: Path) -> dict[str, object]:
    done = run("analyze", CAPTURE, "-f", "json", *arguments, cwd=cwd)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_why_tells_a_connection_a_frame_and_a_finding(tmp_path: Path) -> None:
    told = run("why", CAPTURE, "--flow", VICTIM, cwd=tmp_path).stdout.decode()
    assert "[accept-queue-overflow-ack-drop]" in told.replace("\n", " ")
    assert "32 sent, 0 acknowledged, 0 in doubt, 32 lost for sure" in told
    told = run("why", CAPTURE, "--frame", 84, cwd=tmp_path).stdout.decode()
    assert "Proves accept-queue-overflow-ack-drop@" in told
    finding = run("why", CAPTURE, "--finding", "nothing", cwd=tmp_path)
    assert finding.returncode == 2
    assert run("why", CAPTURE, cwd=tmp_path).returncode == 2
    assert "There is no frame 9999" in run("why", CAPTURE, "--frame", 9999, cwd=tmp_path).stdout.decode()


def test_selection_shows_less_and_analyses_all(tmp_path: Path) -> None:
    whole = result(cwd=tmp_path)
    some = result("--port", 40012, cwd=tmp_path)
    assert [c["id"] for c in some["connections"]] == [VICTIM]  # type: ignore[attr-defined]
    assert some["totals"]["connections"] == whole["totals"]["connections"]  # type: ignore[index]
    assert some["totals"]["connections_listed"] == 1  # type: ignore[index]
    same = [c for c in whole["connections"] if c["id"] == VICTIM]  # type: ignore[attr-defined]
    assert some["connections"] == same


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--host", "10.0.0.0/24"), 10),
        (("--host", "192.0.2.1"), 0),
        (("--where", "outcome == 'reset'"), 4),
        (("--select", "accept-queue-overflow-ack-drop"), 4),
        (("--since", "+4"), 9),
        (("--flow", 2, "--flow", 3), 2),
    ],
)
def test_each_option_chooses(arguments: tuple[object, ...], count: int, tmp_path: Path) -> None:
    assert len(result(*arguments, cwd=tmp_path)["connections"]) == count  # type: ignore[arg-type]


def test_wrong_choices_are_named(tmp_path: Path) -> None:
    for arguments in (("--host", "nobody"), ("--since", "noon"), ("--where", "outcom == 'reset'"), ("--where", "(")):
        done = run("analyze", CAPTURE, "-f", "json", *arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith(b"tcpautopsy: "), arguments


def test_nothing_of_the_hosts_is_left_after_redaction(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a key")
    for capture in (CAPTURE, FIXTURES / "dns-lookups" / "client.pcap", FIXTURES / "host-down-ndp" / "client.pcap"):
        outputs = [f"-o{name}" for name in ("x.html", "x.json", "x.md", "x.csv", "x.jsonl", "x.sarif", "x.txt")]
        run("analyze", capture, "--redact", "--redact-key-file", "key", *outputs, cwd=tmp_path)
        for name in outputs:
            text = (tmp_path / name[2:]).read_text()
            for canary in ("10.0.0.", "fd00::", "example.com", "client.pcap", "2026-"):
                assert canary not in text, (capture, name, canary)


def test_the_same_key_gives_the_same_pseudonyms_and_prefixes_stay(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a key")
    first, second = (
        run("analyze", CAPTURE, "-f", "json", "--redact", "--redact-key-file", "key", cwd=tmp_path).stdout for _ in "ab"
    )
    assert first == second
    ends = json.loads(first)["connections"][1]
    client, server = ends["client"]["address"], ends["server"]["address"]
    assert client.rsplit(".", 1)[0] == server.rsplit(".", 1)[0]
    assert client != server


def test_an_excerpt_holds_exactly_the_frames(tmp_path: Path) -> None:
    run("extract", CAPTURE, "--flow", VICTIM, "-o", "flow.pcapng", cwd=tmp_path)
    stream = _tshark(CAPTURE, "-Y", "tcp.stream == 5", "-T", "fields", "-e", "frame.time_epoch", "-e", "tcp.seq_raw")
    assert stream == _tshark(tmp_path / "flow.pcapng", "-T", "fields", "-e", "frame.time_epoch", "-e", "tcp.seq_raw")
    findings = result("--flow", VICTIM, cwd=tmp_path)["findings"]
    finding = next(f for f in findings if f["primary"])  # type: ignore[attr-defined]
    run("extract", CAPTURE, "--finding", finding["id"], "-o", "finding.pcapng", cwd=tmp_path)
    times = _tshark(tmp_path / "finding.pcapng", "-T", "fields", "-e", "frame.time_epoch").split()
    assert len(times) == len({row["frame"] for row in finding["evidence"]})


def _tshark(path: Path, *arguments: str) -> str:
    return subprocess.run(["tshark", "-r", path, *arguments], capture_output=True, text=True, check=True).stdout


def test_diff_and_baseline_know_what_is_new(tmp_path: Path) -> None:
    run("analyze", CAPTURE, "-o", "old.json", cwd=tmp_path)
    other = FIXTURES / "refused" / "client.pcap"
    run("analyze", other, "-o", "new.json", cwd=tmp_path)
    told = run("diff", "old.json", "new.json", cwd=tmp_path).stdout.decode()
    assert told.startswith("new: 1, gone: 1, still there: 0.")
    again = run(
        "analyze", CAPTURE, "-q", "-o", "x.json", "--fail-on", "failure", "--baseline", "old.json", cwd=tmp_path
    )
    assert again.returncode == 0
    new = run("analyze", other, "-q", "-o", "x.json", "--fail-on", "failure", "--baseline", "old.json", cwd=tmp_path)
    assert new.returncode == 1


@pytest.mark.parametrize("scenario", ["fin-unacked", "accept-queue-ack-drop", "dns-lookups"])
def test_the_bytes_do_not_depend_on_the_order_of_hashes(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        seen.add(run("analyze", FIXTURES / scenario / "client.pcap", "-f", "html", cwd=tmp_path).stdout)
    assert len(seen) == 1
