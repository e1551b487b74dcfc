"""Connections that are made while they are written: the same as those made before, in whatever stretches."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tcpautopsy import cli
from tcpautopsy.pipeline import Options, analyse
from tcpautopsy.result import Connections, Unheld

ROOT = Path(__file__).parents[2]
CAPTURES = [str(ROOT / "fixtures" / name / "client.pcap") for name in ("mixed", "accept-queue-ack-drop")]


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize(("stretch", "batch"), [(1, 2), (3, 1), (4096, 3), (4096, 4096)])
def test_the_same_connections(capture: str, stretch: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcpautopsy.result._STRETCH", stretch)
    monkeypatch.setattr("tcpautopsy.explain.telling._BATCH", batch)
    whole, lazy = (analyse([capture], Options(streamed=streamed)).result for streamed in (False, True))
    assert isinstance(whole.connections, list)
    assert isinstance(lazy.connections, Connections)
    assert len(lazy.connections) == len(whole.connections)
    assert list(lazy.connections) == whole.connections
    assert lazy.connections[0] == whole.connections[0]
    assert lazy.connections[-1] == whole.connections[-1]
    assert lazy.connections[1:3] == whole.connections[1:3]
    with pytest.raises(IndexError):
        lazy.connections[len(whole.connections)]
    assert lazy.totals == whole.totals
    assert len(lazy.findings) == len(whole.findings)
    assert list(lazy.findings) == whole.findings
    assert isinstance(lazy.incidents, Unheld)
    assert list(lazy.incidents) == whole.incidents
    assert whole.incidents


def test_findings_that_are_read_before_their_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcpautopsy.explain.telling._BATCH", 2)
    whole, lazy = (analyse(CAPTURES[:1], Options(streamed=streamed)).result for streamed in (False, True))
    assert isinstance(lazy.findings, Unheld)
    assert list(lazy.findings) == whole.findings
    assert lazy.findings[0] == whole.findings[0]
    assert lazy.findings[-2:] == whole.findings[-2:]
    assert lazy.connections[-1] == whole.connections[-1]
    assert list(lazy.findings) == whole.findings


def test_several_captures_are_one_list() -> None:
    result = analyse(CAPTURES, Options(streamed=True)).result
    assert isinstance(result.connections, list)
    assert [c.id for c in result.connections] == list(range(1, len(result.connections) + 1))


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("more", [[], ["--fail-on", "failure"], ["--port", "8080"], ["--redact"]])
def test_the_same_bytes(form: str, more: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tcpautopsy.result._STRETCH", 2)
    monkeypatch.setattr("tcpautopsy.explain.telling._BATCH", 3)
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef0123456789abcdef")
    words = [*more, "--redact-key-file", str(key)] if more == ["--redact"] else more
    command = ["analyze", CAPTURES[0], "-f", form, "-q", *words]
    streamed = CliRunner().invoke(cli.cli, command)
    monkeypatch.setattr("tcpautopsy.cli._READ_ONCE", ())
    plain = CliRunner().invoke(cli.cli, command)
    assert streamed.exit_code == plain.exit_code
    assert streamed.stdout_bytes == plain.stdout_bytes
    assert plain.stdout_bytes
