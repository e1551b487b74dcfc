"""`tcpautopsy batch`: folders of captures, one page for each and one over all."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpautopsy import __version__, cli_options
from tcpautopsy.cli_options import choosing, judging, reading
from tcpautopsy.errors import UsageError
from tcpautopsy.places import place, remote
from tcpautopsy.text import clean, counted

if TYPE_CHECKING:
    from tcpautopsy.batch import Crew, Joined, Outcome, Work
    from tcpautopsy.follow import Follower

_STEPS = 10  # lines of progress where there is no terminal
_INTERNAL, _UNREADABLE, _FAILED = 4, 3, 1
_LOOK_S, _CALL_S = 1.0, 60.0  # between two looks into the folder; what a command may take


@click.command(short_help="Analyse every capture under DIR, with a page over all.")
@click.argument("roots", nargs=-1, required=True, metavar="DIR...")
@click.option("--out", required=True, metavar="OUT", help="The folder for pages, index.html and *.jsonl.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes at once [default: the number of cores].")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler (tcp://host:8786) whose workers do the work.")
@click.option("--resume", is_flag=True, help="Go on with an earlier run: what is finished is not done again.")
@click.option("--force", is_flag=True, help="Begin anew where OUT holds an earlier run.")
@click.option("--follow", is_flag=True, help="Wait for further parts, which tcpdump or dumpcap rotates into DIR.")
@click.option(
    "--settle",
    type=float,
    default=10.0,
    show_default=True,
    metavar="S",
    help="With --follow: a part that has not grown for so long is finished.",
)
@click.option("--idle", type=float, metavar="S", help="With --follow: end when nothing new came for so long.")
@click.option("--on-incident", metavar="COMMAND", help="With --follow: run it with each new incident as JSON on stdin.")
@click.option("--follow-symlinks", is_flag=True, help="Follow symbolic links.")
@choosing
@judging
@reading
def batch(roots: tuple[str, ...], out: str, jobs: int | None, **given: Any) -> None:
    """Analyse every capture under DIR: a page for each, index.html, findings.jsonl and incidents.jsonl over all."""
    _refuse_contradictions(roots, out, jobs, given)
    from tcpautopsy import batch as work
    from tcpautopsy import inputs
    from tcpautopsy.claim import claimed

    options, wish, baseline = cli_options.options(given), cli_options.wish(given), given["baseline"]
    if baseline:
        inputs.saved(baseline)  # a wrong one is told before anything is read
    settings = work.settings_of(options, wish, baseline)  # and so is a wrong rule
    folder = place(out)

    def begin(number: int, paths: Sequence[Path]) -> Work:
        name = _shown(paths[0], roots) if wish.key is None else f"capture-{number + 1}"
        return work.Work(number, [str(path) for path in paths], name, out, options, settings, wish, baseline)

    with claimed(folder, given["resume"], given["force"]) as still_ours:
        if given["follow"]:
            outcome = _followed(roots, folder, begin, given)
        else:
            found = inputs.find(roots, options.join, given["follow_symlinks"])
            works = [begin(number, paths) for number, paths in enumerate(found.sets)]
            progress = _progress(works, given)

            def told(done: int, each: Work) -> None:
                still_ours()
                progress(done, each)

            work.run(works, _crew(given["scheduler"], jobs, len(works)), told)
            outcome = work.merge(works, folder, found.others)
            _write_index(outcome, folder)
    if not given["quiet"]:
        _summary(outcome, folder)
    raise SystemExit(_exit_code(outcome, given["fail_on"], given["strict"]))


def _refuse_contradictions(roots: tuple[str, ...], out: str, jobs: int | None, given: dict[str, Any]) -> None:
    """Raises UsageError for options that exclude each other."""
    together = (
        ("--resume", given["resume"], "--force", given["force"]),
        ("--scheduler", given["scheduler"], "-j", jobs),
        ("--follow", given["follow"], "-j", jobs),
        ("--follow", given["follow"], "--scheduler", given["scheduler"]),
        ("--profile", given["profile"], "batch", True),
    )
    for one, first, other, second in together:
        if first and second:
            raise UsageError(f"{one} and {other} exclude each other")
    for name in ("idle", "on_incident"):
        if given[name] is not None and not given["follow"]:
            raise UsageError(f"--{name.replace('_', '-')} needs --follow")
    if given["follow"] and any(map(remote, (out, *roots))):
        raise UsageError("--follow needs folders of this machine")


def _crew(scheduler: str | None, jobs: int | None, works: int) -> Crew:
    from tcpautopsy import crew

    if scheduler:
        from tcpautopsy.cluster import Cluster

        return Cluster(scheduler)
    count = min(jobs or os.cpu_count() or 1, max(works, 1))
    return crew.Alone() if count == 1 else crew.Processes(count)


def _write_index(outcome: Outcome, folder: Path) -> None:
    from tcpautopsy import output as files
    from tcpautopsy.report import index

    pieces = index.chunks(outcome.summaries, outcome.incidents, outcome.others, __version__)
    files.write(str(folder / "index.html"), pieces)


# ------------------------------------------------------------------------------------------------------ following


def _followed(
    folders: tuple[str, ...], folder: Path, begin: Callable[[int, Sequence[Path]], Work], given: dict[str, Any]
) -> Outcome:
    """Take part after part until nothing new came for long enough, or somebody stops it; OUT is always whole."""
    from tcpautopsy import follow, inputs

    own = folder.resolve()

    def found() -> list[Path]:
        return [p for p in inputs.captures(folders, given["follow_symlinks"]) if own not in p.resolve().parents]

    follower = follow.Follower(found, lambda number, path: begin(number, [path]), given["settle"])
    outcome = follower.merge(folder)
    last = time.monotonic()
    try:
        while given["idle"] is None or time.monotonic() - last < given["idle"]:
            if follower.step():
                last = time.monotonic()
                outcome = _merged(follower, folder, outcome, given)
            time.sleep(_LOOK_S)
    finally:
        follower.finish()
        outcome = _merged(follower, folder, outcome, given)
    return outcome


def _merged(follower: Follower, folder: Path, before: Outcome, given: dict[str, Any]) -> Outcome:
    """Write what stands at the top of OUT, and tell of each incident that is new."""
    from tcpautopsy.follow import news

    outcome = follower.merge(folder)
    _write_index(outcome, folder)
    for incident in news(before.incidents, outcome.incidents):
        if not given["quiet"]:
            click.echo(f"new incident: {clean(f'{incident.rule} at {incident.subject}: {incident.summaries[0]}', 400)}")
            sys.stdout.flush()
        if given["on_incident"]:
            _call(given["on_incident"], incident)
    return outcome


def _call(command: str, incident: Joined) -> None:
    """Run the command with the incident on its standard input; one that fails is told and changes nothing."""
    import subprocess  # theirs

    import msgspec

    try:
        said = msgspec.json.encode(incident) + b"\n"
        words = shlex.split(command)
        done = subprocess.run(words, input=said, timeout=_CALL_S, check=False, stdout=sys.stderr)  # noqa: S603 # theirs
        wrong = f"exit code {done.returncode}" if done.returncode else ""
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        wrong = str(error)
    if wrong:
        click.echo(f"tcpautopsy: --on-incident: {clean(wrong, 200)}", err=True)


# -------------------------------------------------------------------------------------------------------- telling


def _shown(path: Path, folders: tuple[str, ...]) -> str:
    """The capture's path under the folder it was found in; with the folder's number when there are several."""
    for number, folder in enumerate(folders, start=1):
        root = place(folder)
        if path == root or root in path.parents:
            name = str(path.relative_to(root)) if path != root else path.name
            return clean(name if len(folders) == 1 else f"{number}/{name}", 400)
    return clean(str(path), 400)


def _progress(works: Sequence[Work], given: dict[str, Any]) -> Callable[[int, Work], None]:
    """One line that changes on a terminal, some lines elsewhere."""
    from tcpautopsy.batch import size, summary_of

    begin, total = time.monotonic(), len(works)
    terminal = cli_options.wanted(given["progress"])
    silent = given["quiet"] or given["progress"] == "never"
    sizes = {each.number: size(each) for each in works}
    left = dict(sizes)
    failed = 0

    def told(done: int, work: Work) -> None:
        nonlocal failed
        if silent:
            return
        left.pop(work.number, None)
        failed += summary_of(work).failed
        spent = time.monotonic() - begin
        read = sum(sizes.values()) - sum(left.values())
        rate = read / max(spent, 1e-3)
        rest = sum(left.values()) / max(rate, 1.0)
        line = (
            f"{done} of {counted(total, 'capture')}, {read / 1e6:,.1f} MB at {rate / 1e6:,.1f} MB/s, "
            f"{counted(failed, 'failure')} so far, about {rest:.0f} s left"
        )
        if terminal:
            click.echo(f"\r{line}: {clean(work.name, 30):30}", nl=done == total, err=True)
        elif done == total or done % max(total // _STEPS, 1) == 0:
            click.echo(f"tcpautopsy: {line}", err=True)

    return told


def _summary(outcome: Outcome, folder: Path) -> None:
    from tcpautopsy.report.index import largest, verdict

    click.echo(verdict(outcome.summaries, outcome.incidents))
    for incident in largest(outcome.incidents)[:12]:
        where = f"{incident.rule} at {incident.subject}"
        many = f"{counted(incident.connections, 'connection')} in {counted(len(incident.captures), 'capture')}"
        click.echo(f"  {clean(where, 70)}: {many}")
    if len(outcome.incidents) > 12:
        click.echo(f"  and {len(outcome.incidents) - 12:,} more incidents")
    broken = [c for c in outcome.summaries if c.unreadable or c.internal_error]
    if broken:
        click.echo(f"{counted(len(broken), 'file')} could not be read; the index says why.")
    click.echo(f"Index: {clean(str(folder / 'index.html'))}")


def _exit_code(outcome: Outcome, fail_on: str | None, strict: bool) -> int:
    captures = outcome.summaries
    if any(c.internal_error for c in captures):
        return _INTERNAL
    unreadable = [bool(c.unreadable) for c in captures]
    if (captures and all(unreadable)) or (strict and (any(unreadable) or any(c.damaged for c in captures))):
        return _UNREADABLE
    bad = {
        "failure": ("failure",),
        "degradation": ("failure", "degradation"),
        "risk": ("failure", "degradation", "risk"),
    }
    counts = [c.by_severity if c.new_by_severity is None else c.new_by_severity for c in captures]
    return _FAILED if any(each.get(name) for each in counts for name in bad.get(fail_on or "", ())) else 0
