"""The command line as a user meets it: exit codes, what goes where, and never a traceback."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CAPTURE = FIXTURES / "accept-queue-ack-drop" / "client.pcap"
HEALTHY = FIXTURES / "healthy-http" / "client.pcap"
PCAP_HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


def run(*arguments: object, cwd: Path, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "tcpautopsy", *map(str, arguments)],
        cwd=cwd,
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(FIXTURES.parent)},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def test_a_summary_and_a_page_named_after_the_capture(tmp_path: Path) -> None:
    done = run("analyze", CAPTURE, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.decode().startswith("4 of 10 connections failed because the server")
    page = (tmp_path / "client.html").read_text()
    assert "4 of 10 connections failed" in page
    assert page.rstrip().endswith("</html>")


def test_a_foreign_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "client.html").write_text("mine")
    done = run("analyze", CAPTURE, cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "client.html").read_text() == "mine"


def test_a_format_without_a_path_goes_to_standard_output_alone(tmp_path: Path) -> None:
    done = run("analyze", "-f", "json", CAPTURE, cwd=tmp_path)
    assert json.loads(done.stdout)["totals"]["failed"] == 4
    assert list(tmp_path.iterdir()) == []


def test_a_page_can_be_read_back(tmp_path: Path) -> None:
    run("analyze", CAPTURE, "-o", "x.html", "-o", "x.json", cwd=tmp_path)
    again = run("report", "x.html", "-f", "json", cwd=tmp_path)
    assert again.stdout == (tmp_path / "x.json").read_bytes()


def test_standard_input_packed_gives_the_same_findings(tmp_path: Path) -> None:
    plain = json.loads(run("analyze", "-f", "json", CAPTURE, cwd=tmp_path).stdout)
    piped = json.loads(run("analyze", "-f", "json", "-", cwd=tmp_path, data=gzip.compress(CAPTURE.read_bytes())).stdout)
    assert piped["findings"] == plain["findings"]
    assert piped["captures"][0]["name"] == "stdin"


@pytest.mark.parametrize(("arguments", "code"), [(["--fail-on", "failure"], 1), ([], 0)])
def test_findings_change_the_exit_code_only_when_asked(tmp_path: Path, arguments: list[str], code: int) -> None:
    assert run("analyze", "-f", "json", *arguments, CAPTURE, cwd=tmp_path).returncode == code
    assert run("analyze", "-f", "json", *arguments, HEALTHY, cwd=tmp_path).returncode == 0


def test_an_empty_capture_is_analysed(tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").write_bytes(PCAP_HEADER)
    done = run("analyze", "empty.pcap", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"No TCP, UDP, ICMP, DNS or ARP in this capture.")
    assert b"no packets" in done.stderr


def test_a_cut_tail_is_a_note_and_an_error_only_when_strict(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(CAPTURE.read_bytes()[:-5])
    done = run("analyze", "-f", "json", "cut.pcap", cwd=tmp_path)
    assert done.returncode == 0
    assert b"capture ends in the middle of packet" in done.stderr
    assert run("analyze", "-f", "json", "--strict", "cut.pcap", cwd=tmp_path).returncode == 3


def test_what_cannot_be_read_is_named_and_the_rest_is_analysed(tmp_path: Path) -> None:
    done = run("analyze", "-f", "json", "missing.pcap", HEALTHY, cwd=tmp_path)
    assert done.returncode == 3
    assert b"missing.pcap: No such file or directory" in done.stderr
    assert [c["format"] for c in json.loads(done.stdout)["captures"]] == [None, "pcap"]


def test_a_wrong_rule_stops_before_any_capture_is_read(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    rule = (FIXTURES.parent / "rules" / "close" / "half-close-stall.yaml").read_text()
    (tmp_path / "r" / "mine.yaml").write_text(rule.replace("half_closed_s > 60", "half_closed_z > 60"))
    done = run("analyze", "-f", "json", "--rules", "r", "missing.pcap", cwd=tmp_path)
    assert done.returncode == 2
    assert b"mine.yaml:" in done.stderr
    assert b"half_closed_z" in done.stderr
    assert b"missing.pcap" not in done.stderr
    assert run("rules", "lint", "r", cwd=tmp_path).returncode == 2


def test_every_test_that_stands_in_a_rule_passes(tmp_path: Path) -> None:
    done = run("rules", "test", cwd=tmp_path)
    assert done.returncode == 0, done.stdout.decode()
    assert b" 0 failed" in done.stdout


def test_an_unknown_option_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run("analyze", "--no-such", CAPTURE, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("group", [(), ("rules",)])
def test_the_list_of_commands_cuts_no_sentence_on_a_terminal_of_80_columns(
    group: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = run(*group, "--help", cwd=tmp_path).stdout.decode()
    commands = told.partition("Commands:\n")[2].splitlines()
    assert max(map(len, told.splitlines())) <= 80
    assert len(commands) >= 7
    assert all(line.startswith("  ") and line.endswith(".") and not line.endswith("...") for line in commands), told


def test_examples_are_shown_as_they_are_typed(tmp_path: Path) -> None:
    told = run("--help", cwd=tmp_path).stdout.decode().splitlines()
    assert "    tcpautopsy analyze dump.pcap -f json         the whole result for programs" in told


def test_help_and_version_load_no_pandas() -> None:
    program = (
        "import sys\nfrom tcpautopsy.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\nassert not {'pandas', 'rich'} & sys.modules.keys()\n"
    )
    for argument in ("--help", "--version"):
        subprocess.run([sys.executable, "-c", program, argument], check=True, capture_output=True)


def test_profile_names_every_stage_on_standard_error(tmp_path: Path) -> None:
    done = run("analyze", CAPTURE, "-f", "json", "--profile", cwd=tmp_path)
    told = [line.split()[1] for line in done.stderr.decode().splitlines()]
    assert told == ["framing", "decode", "flows", "events", "quality", "features", "rules", "explain", "report"]
    assert done.stdout == run("analyze", CAPTURE, "-f", "json", cwd=tmp_path).stdout


def test_an_error_is_said_even_when_nothing_else_is(tmp_path: Path) -> None:
    done = run("analyze", tmp_path / "none.pcap", "-q", "-f", "json", cwd=tmp_path)
    assert done.returncode == 3
    assert b"No such file or directory" in done.stderr
    assert len(done.stderr.splitlines()) == 1
