"""Captures and OUT in a store that fsspec reaches; here one in memory, with the commands run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import fsspec
import pytest

from tcpautopsy import claim, places
from tcpautopsy.cli import main
from tcpautopsy.errors import UsageError
from tests.cli.test_command_line import FIXTURES

STORE = "memory://store"
SCENARIOS = ("refused", "close-unread-data", "healthy-http")


@pytest.fixture
def store() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    for name in SCENARIOS:
        files.pipe_file(f"/store/day/{name}.pcap", (FIXTURES / name / "client.pcap").read_bytes())
    files.pipe_file("/store/day/sub/empty.pcap", b"")
    files.pipe_file("/store/day/notes.txt", b"no capture")
    yield files
    files.rm("/store", recursive=True)


Run = Callable[..., "Done"]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> Done:
        code = 0
        try:
            main([str(each) for each in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Done(code, *capfd.readouterr())

    return command


def stored(files: fsspec.AbstractFileSystem, folder: str) -> dict[str, bytes]:
    return {name.removeprefix(f"/store/{folder}/"): files.cat_file(name) for name in files.find(f"/store/{folder}")}


def told(contents: dict[str, bytes]) -> dict[str, bytes]:
    """All but the marks by which a content is known again: a store has its own."""
    return {
        name: data
        for name, data in contents.items()
        if not name.startswith((".", "work/")) and name != "manifest.jsonl"
    }


def test_a_batch_out_of_a_store_into_it_says_what_one_on_this_machine_says(
    store: fsspec.AbstractFileSystem, run: Run, tmp_path: Path
) -> None:
    local = tmp_path / "in"
    store.get("/store/day", str(local), recursive=True)
    assert run("batch", local, "--out", tmp_path / "out", "-j", 1).code == 0
    done = run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1)
    assert done.code == 0, done.out
    assert "Index: memory://store/out/index.html" in done.out
    here = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert told(stored(store, "out")) == told(here)
    assert "index.html" in told(here)
    assert len([name for name in here if name.startswith("captures/")]) == 3


def test_an_earlier_run_in_a_store_is_gone_on_with_and_foreign_files_are_left_alone(
    store: fsspec.AbstractFileSystem,
    run: Run,
) -> None:
    run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1)
    before = stored(store, "out")
    again = run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1)
    assert again.code == 2
    store.rm("/store/out/index.html")
    resumed = run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1, "--resume")
    assert resumed.code == 0, resumed.err
    assert "captures" not in resumed.err  # none was analysed
    del before[".tcpautopsy-batch"]
    after = stored(store, "out")
    del after[".tcpautopsy-batch"]
    assert after == before
    assert run("batch", f"{STORE}/day", "--out", f"{STORE}/day").code == 2
    assert "index.html" not in stored(store, "day")


def test_another_content_under_the_name_is_read_again(store: fsspec.AbstractFileSystem, run: Run) -> None:
    run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1)
    store.pipe_file("/store/day/refused.pcap", (FIXTURES / "healthy-http" / "client.pcap").read_bytes())
    assert b"syn-refused" in store.cat_file("/store/out/findings.jsonl")
    run("batch", f"{STORE}/day", "--out", f"{STORE}/out", "-j", 1, "--resume")
    assert b"syn-refused" not in store.cat_file("/store/out/findings.jsonl")


def test_of_two_runs_on_one_out_the_later_one_has_it(store: fsspec.AbstractFileSystem) -> None:
    out = places.place(f"{STORE}/shared")

    def both() -> None:
        with claim.claimed(out, False, False) as first:
            first()
            with claim.claimed(out, True, False) as second:
                second()
                first()

    with pytest.raises(UsageError, match="was taken by another run"):
        both()


def test_one_capture_is_read_from_a_store_and_its_page_written_there(
    store: fsspec.AbstractFileSystem, run: Run
) -> None:
    done = run("analyze", f"{STORE}/day/refused.pcap", "-o", f"{STORE}/page.html", "-o", f"{STORE}/result.json")
    assert done.code == 0, done.out
    page = store.cat_file("/store/page.html")
    assert page.endswith(b"</html>\n")
    assert page.count(b"<svg") > 1  # drawn by a second reading
    assert run("diff", f"{STORE}/result.json", f"{STORE}/page.html").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("analyze", f"{STORE}/none.pcap"), 3, "memory://store/none.pcap: No such file or directory"),
        (("analyze", f"{STORE}/day", "-o", f"{STORE}/x.html"), 3, "is a directory"),
        (("analyze", "nosuch://x/y.pcap"), 2, "Unsupported filesystem"),
        (("batch", f"{STORE}/none", "--out", f"{STORE}/out"), 2, "memory://store/none: no such file or folder"),
        (("batch", f"{STORE}/day", "--out", f"{STORE}/out", "--follow"), 2, "--follow needs folders of this machine"),
    ],
)
def test_what_cannot_be_reached_is_told_in_one_line(
    store: fsspec.AbstractFileSystem,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.code == code, done.out
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_name_of_this_machine_may_be_a_url(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("analyze", f"file://{FIXTURES / 'refused' / 'client.pcap'}", "-f", "md")
    assert done.code == 0
    assert "refused" in done.out
