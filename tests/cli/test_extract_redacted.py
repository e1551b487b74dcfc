"""`extract --redact`: the packets of a connection without what identifies anybody, and still the same story."""

from __future__ import annotations

import json
import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tcpautopsy.pipeline import examined
from tests.cli.test_command_line import FIXTURES, run

CASES = (
    "accept-queue-ack-drop/client",
    "close-unread-data/server",
    "pmtud-blackhole/server",
    "udp-port-unreachable/client",
    "host-down-ndp/client",
    "host-down-arp/client",
    "dns-lookups/client",
    "syn-rejected-icmp/client",
    "fragment-loss/client",
)


def analysed(capture: Path, cwd: Path) -> dict[str, Any]:
    return dict(json.loads(run("analyze", capture, "-f", "json", cwd=cwd).stdout))


@pytest.mark.parametrize("name", CASES)
def test_the_excerpt_tells_the_same_and_names_nobody(name: str, tmp_path: Path) -> None:
    capture = FIXTURES / f"{name}.pcap"
    whole = analysed(capture, tmp_path)
    for connection in [c for c in whole["connections"] if c["severity"] == "failure"][:3]:
        number, out = connection["id"], tmp_path / f"{connection['id']}.pcapng"
        done = run("extract", capture, "--flow", number, "-o", out, "--redact", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        content = out.read_bytes()
        for each in whole["connections"]:
            for end in (each["client"], each["server"]):
                assert ip_address(end["address"]).packed not in content
                assert end["address"].encode() not in content
        assert b"HTTP" not in content
        assert b"example" not in content
        [again, *others] = analysed(out, tmp_path)["connections"]
        assert others == []
        assert (again["outcome"], again["packets"]) == (connection["outcome"], connection["packets"])
        assert again["first_time"].startswith("1970-01-01T")
        assert not examined(out).dissection.directions["bad_checksum"].to_numpy().any()
        if connection["protocol"] == "tcp":
            for books in ("client_to_server", "server_to_client"):
                assert (again["ledger"] or connection["ledger"])[books] == connection["ledger"][books]


def test_a_finding_under_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a secret")
    capture = FIXTURES / "accept-queue-ack-drop" / "client.pcap"
    finding = analysed(capture, tmp_path)["findings"][0]
    options = ("--finding", finding["id"], "--redact", "--redact-key-file", tmp_path / "key")
    for out in ("one.pcapng", "two.pcapng"):
        assert run("extract", capture, *options, "-o", out, cwd=tmp_path).returncode == 0
    content = (tmp_path / "one.pcapng").read_bytes()
    assert content == (tmp_path / "two.pcapng").read_bytes()
    assert b"10.0.0." not in content
    assert finding["id"].split("@")[1].encode() not in content
    # The pseudonyms are those of a redacted result under the same key.
    told = run("analyze", capture, "-f", "json", "--redact", "--redact-key-file", tmp_path / "key", cwd=tmp_path)
    names = {f["id"] for f in json.loads(told.stdout)["findings"]}
    assert any(name.encode() in content for name in names)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark on this machine: nobody to read the file with")
@pytest.mark.parametrize("name", CASES)
def test_another_tool_reads_it(name: str, tmp_path: Path) -> None:
    capture = FIXTURES / f"{name}.pcap"
    run("extract", capture, "--flow", 1, "-o", "out.pcapng", "--redact", cwd=tmp_path)
    command = [
        "tshark",
        "-r",
        "out.pcapng",
        "-T",
        "fields",
        "-e",
        "_ws.malformed",
        "-e",
        "frame.time_epoch",
        "-e",
        "ip.id",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows
    assert {row[0] for row in rows} == {""}
    assert all(0 <= float(row[1]) < 100_000 for row in rows)
    assert {row[2] for row in rows} <= {"", "0x0000", "0x0000,0x0000"}
