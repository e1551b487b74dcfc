"""`tcpautopsy batch`: folders of captures, one page for each and one over all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from tcpautopsy import __version__
from tcpautopsy.errors import UsageError
from tcpautopsy.text import clean, counted

if TYPE_CHECKING:
    from tcpautopsy.batch import Outcome, Work

_STEPS = 10  # lines of progress where there is no terminal
_INTERNAL, _UNREADABLE, _FAILED = 4, 3, 1


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="DIR...")
@click.option("--out", required=True, metavar="OUT", help="The folder for pages, index.html and *.jsonl.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes at once [default: the number of cores].")
@click.option("--resume", is_flag=True, help="Go on with an earlier run: what is finished is not done again.")
@click.option("--force", is_flag=True, help="Begin anew where OUT holds an earlier run.")
@click.option("--follow-symlinks", is_flag=True, help="Follow symbolic links.")
@click.option("--no-join", is_flag=True, help="Take every file alone, even the parts of one ring-buffer set.")
@click.option("--rules", "rule_folders", multiple=True, metavar="DIR", help="Rules of your own.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out.")
@click.option("--fail-on", type=click.Choice(("failure", "degradation", "risk")), help="Exit 1 when it is that bad.")
@click.option("--resync", is_flag=True, help="After damage look for the next plausible record.")
@click.option("--max-flows", type=int, default=2_000_000, show_default=True, help="Connections followed in a capture.")
@click.option("--timeout", type=float, help="Stop reading a capture after so many seconds; analyse what was read.")
@click.option("--progress", type=click.Choice(("auto", "always", "never")), default="auto", show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
def batch(folders: tuple[str, ...], out: str, jobs: int | None, **given: Any) -> None:
    """Analyse every capture under DIR: a page for each, index.html, findings.jsonl and incidents.jsonl over all."""
    if given["resume"] and given["force"]:
        raise UsageError("--resume and --force exclude each other")
    from tcpautopsy import batch as work
    from tcpautopsy import inputs, pipeline
    from tcpautopsy import output as files
    from tcpautopsy.report import index

    options = pipeline.Options(
        join=not given["no_join"],
        resync=given["resync"],
        max_flows=given["max_flows"],
        timeout_s=given["timeout"],
        rule_folders=tuple(map(Path, given["rule_folders"])),
        ignore=given["ignore"],
    )
    settings = work.settings_of(options)  # a wrong rule is told before anything is read
    found = inputs.find(folders, options.join, given["follow_symlinks"])
    folder = Path(out)
    with work.locked(folder, given["resume"], given["force"]):
        works = [
            work.Work(number, [str(p) for p in paths], _shown(paths[0], folders), out, options, settings)
            for number, paths in enumerate(found.sets)
        ]
        work.run(works, min(jobs or os.cpu_count() or 1, max(len(works), 1)), _progress(len(works), given))
        outcome = work.merge(works, folder, found.others)
        files.write(
            str(folder / "index.html"),
            index.chunks(outcome.summaries, outcome.incidents, outcome.others, __version__),
        )
    if not given["quiet"]:
        _summary(outcome, folder)
    raise SystemExit(_exit_code(outcome, given["fail_on"]))


def _shown(path: Path, folders: tuple[str, ...]) -> str:
    """The capture's path under the folder it was found in; with the folder's number when there are several."""
    for number, folder in enumerate(folders, start=1):
        if path.is_relative_to(folder):
            name = str(path.relative_to(folder)) if path != Path(folder) else path.name
            return clean(name if len(folders) == 1 else f"{number}/{name}", 400)
    return clean(str(path), 400)


def _progress(total: int, given: dict[str, Any]) -> Callable[[int, Work], None]:
    """One line that changes on a terminal, some lines elsewhere."""
    begin = time.monotonic()
    terminal = given["progress"] == "always" or (given["progress"] == "auto" and sys.stderr.isatty())
    silent = given["quiet"] or given["progress"] == "never"

    def told(done: int, work: Work) -> None:
        if silent:
            return
        rest = (time.monotonic() - begin) / max(done, 1) * (total - done)
        line = f"{done} of {counted(total, 'capture')}, about {rest:.0f} s left"
        if terminal:
            click.echo(f"\r{line}: {clean(work.name, 40):40}", nl=done == total, err=True)
        elif done == total or done % max(total // _STEPS, 1) == 0:
            click.echo(f"tcpautopsy: {line}", err=True)

    return told


def _summary(outcome: Outcome, folder: Path) -> None:
    from tcpautopsy.report.index import verdict

    click.echo(verdict(outcome.summaries, outcome.incidents))
    for incident in outcome.incidents[:12]:
        where = f"{incident.rule} at {incident.subject}"
        many = f"{counted(incident.connections, 'connection')} in {counted(len(incident.captures), 'capture')}"
        click.echo(f"  {clean(where, 70)}: {many}")
    if len(outcome.incidents) > 12:
        click.echo(f"  and {len(outcome.incidents) - 12:,} more incidents")
    broken = [c for c in outcome.summaries if c.unreadable or c.internal_error]
    if broken:
        click.echo(f"{counted(len(broken), 'file')} could not be read; the index says why.")
    click.echo(f"Index: {clean(str(folder / 'index.html'))}")


def _exit_code(outcome: Outcome, fail_on: str | None) -> int:
    captures = outcome.summaries
    if any(c.internal_error for c in captures):
        return _INTERNAL
    if captures and all(c.unreadable for c in captures):
        return _UNREADABLE
    bad = {
        "failure": ("failure",),
        "degradation": ("failure", "degradation"),
        "risk": ("failure", "degradation", "risk"),
    }
    counts = bad.get(fail_on or "", ())
    return _FAILED if any(c.by_severity.get(name) for c in captures for name in counts) else 0
