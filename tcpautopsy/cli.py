"""The command line. It parses, asks the pipeline, writes; it imports the rest of the house only when it must."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import rich_click as click

from tcpautopsy import __version__, cli_batch, cli_look
from tcpautopsy.cli_rules import rules
from tcpautopsy.errors import CaptureError, RuleError, UsageError
from tcpautopsy.text import clean

if TYPE_CHECKING:
    from tcpautopsy.pipeline import Analysis, Options
    from tcpautopsy.report import Format
    from tcpautopsy.report.view import Material, View
    from tcpautopsy.result import Result

WRONG_USE, UNREADABLE, INTERNAL, FAILED = 2, 3, 4, 1
INTERRUPTED = 130
FORMAT_NAMES = ("text", "html", "json", "jsonl", "csv", "parquet", "md", "sarif")
_RANK = {"failure": 3, "degradation": 2, "risk": 1, "note": 0, "none": -1}
_UNITS = {"": 1, "k": 1000, "K": 1024, "M": 2**20, "G": 2**30, "T": 2**40}

EXAMPLES = """
\b
Examples:
  tcpautopsy analyze dump.pcap                 a summary, and the page dump.html
  tcpautopsy analyze dump.pcap -f json         the whole result for programs
  tcpdump -w - | tcpautopsy analyze -          from standard input
  tcpautopsy analyze --fail-on failure x.pcap  exit code 1 when a connection failed
"""


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 950k, 64G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removesuffix("B")
        number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS and text[-1:] else (text, "")
        try:
            return int(float(number) * _UNITS[unit])
        except (ValueError, OverflowError):
            return self.fail(f"{value!r} is no size; write 950k, 64M or 2G", param, ctx)


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    """Print the version, and which form of the kernels runs; nothing heavy is imported for that."""
    if not asked or context.resilient_parsing:
        return
    package = Path(__file__).resolve().parent
    sources = sorted(package.glob("*/_kernel.py"))
    whole = all((source.parent / f"_kernel{_EXTENSION}").exists() for source in sources)
    compiled = whole and os.environ.get("TCPAUTOPSY_INTERPRETED") != "1"
    click.echo(f"tcpautopsy {__version__} (kernels {'compiled' if compiled else 'interpreted: slow'})")
    context.exit()


_EXTENSION = EXTENSION_SUFFIXES[0]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Says why each connection in a packet capture failed, who is at fault, and which frames prove it.\n"
    + EXAMPLES,
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli() -> None:
    """The group of all commands."""


def _reading(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that reads captures."""
    for option in reversed(
        (
            click.option(
                "--max-bytes", type=Size(), default="64G", show_default=True, help="Stop after so many bytes."
            ),
            click.option("--max-flows", type=int, default=2_000_000, show_default=True, help="Connections followed."),
            click.option("--timeout", type=float, help="Stop reading after so many seconds; analyse what was read."),
            click.option("--resync", is_flag=True, help="After damage look for the next plausible record."),
            click.option("--no-sha256", is_flag=True, help="Do not hash the capture."),
            click.option("--profile", is_flag=True, help="Say what each stage cost, on standard error."),
            click.option("--debug", is_flag=True, help="Let a defect of tcpautopsy crash with its traceback."),
        )
    ):
        command = option(command)
    return command


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Options that choose what of a result is shown, and hide who it is about."""
    for option in reversed(
        (
            click.option("--host", "hosts", multiple=True, metavar="ADDR|NET", help="Show connections of this host."),
            click.option(
                "--port", "ports", type=click.IntRange(0, 65535), multiple=True, metavar="N", help="... port."
            ),
            click.option("--flow", "flows", type=int, multiple=True, metavar="ID", help="... number."),
            click.option("--since", metavar="T", help="... with packets at or after T (a UTC time, or +seconds)."),
            click.option("--until", metavar="T", help="... begun at or before T."),
            click.option("--where", metavar="EXPR", help="... for which EXPR over features holds (rules fields)."),
            click.option("--select", "chosen_rules", multiple=True, metavar="RULE", help="... with this finding."),
            click.option("--redact", is_flag=True, help="Pseudonyms for addresses, no names, relative times."),
            click.option("--redact-key-file", metavar="F", help="The key of the pseudonyms; without it a random one."),
        )
    ):
        command = option(command)
    return command


@cli.command(epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option("-o", "--output", multiple=True, metavar="PATH", help="Write here; the ending names the format.")
@click.option(
    "-f", "--format", "form", type=click.Choice(FORMAT_NAMES), help="The format; without -o on standard output."
)
@click.option("--no-join", is_flag=True, help="Take every file alone, even the parts of one ring-buffer set.")
@click.option("--rules", "folders", multiple=True, metavar="DIR", help="Rules of your own, beside or instead of ours.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out.")
@click.option("--fail-on", type=click.Choice(("failure", "degradation", "risk")), help="Exit 1 when it is that bad.")
@click.option("--baseline", metavar="OLD.json", help="With --fail-on: only what this result does not hold counts.")
@click.option("--strict", is_flag=True, help="Exit 3 when anything of a capture was damaged or skipped.")
@click.option("--max-report-size", type=Size(), default="950k", show_default=True, help="Size of the page at most.")
@click.option("-q", "--quiet", is_flag=True, help="No summary, no notes.")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", show_default=True)
@_choosing
@_reading
def analyze(captures: tuple[str, ...], output: tuple[str, ...], form: str | None, **given: Any) -> None:
    """Say why each connection in CAPTURE failed.

    Without -o and -f: a summary here, and a page named after the capture in the current directory. `-` is standard
    input. Parts of one ring-buffer set are joined.
    """
    paths = _expanded(captures)
    targets = _targets(paths, output, form)
    from tcpautopsy import closer, pipeline
    from tcpautopsy.capture import Spools
    from tcpautopsy.stages import Stopwatch

    if given["where"] is not None:
        pipeline.check_where(given["where"])
    old = cli_look.saved(given["baseline"]) if given["baseline"] else None
    key = _redaction_key(given)
    with ExitStack() as stack:
        options = _options(given)
        drawn = any(each.name == "html" for _, each in targets)
        if drawn:
            options = options._replace(spools=Spools(lambda: stack.enter_context(TemporaryFile())))
        watch = Stopwatch()
        if given["profile"]:
            options = options._replace(stages=watch)
        analysis = pipeline.analyse(paths, options)
        if not given["quiet"]:
            _say(analysis, quietly=key is not None)
        look = partial(closer.material, paths, options, analysis.result) if drawn else None
        watch.run("report", _deliver, analysis, given, _Order(targets, form is None and not output, key, look))
        for name, seconds in watch.seconds.items() if given["profile"] else ():
            click.echo(f"tcpautopsy: {name:<9}{seconds:8.3f} s", err=True)
    raise SystemExit(_exit_code(analysis, given["fail_on"], given["strict"], old))


def _options(given: dict[str, Any]) -> Options:
    from tcpautopsy import pipeline

    return pipeline.Options(
        join=not given.get("no_join", False),
        digest=not given["no_sha256"],
        resync=given["resync"],
        max_bytes=given["max_bytes"],
        max_flows=given["max_flows"],
        rule_folders=tuple(Path(folder) for folder in given.get("folders", ())),
        ignore=given.get("ignore", ()),
        timeout_s=given["timeout"],
        where=given.get("where"),
        asked=frozenset(given.get("flows", ())),
        debug=given["debug"],
    )


def _expanded(captures: tuple[str, ...]) -> list[str]:
    """Patterns that the shell did not expand, expanded; a name that exists or matches nothing stands for itself."""
    paths: list[str] = []
    for name in captures:
        matches = sorted(glob.glob(name)) if not os.path.lexists(name) and any(c in name for c in "*?[") else []
        paths += matches or [name]
    return paths


def _targets(paths: list[str], output: tuple[str, ...], form: str | None) -> list[tuple[str, Format]]:
    """Where to write, in which format. Raises UsageError before anything is read."""
    from tcpautopsy import output as files
    from tcpautopsy import report

    chosen = report.FORMATS[form] if form else None
    if not output and chosen is None:
        page = files.page_name(paths[0])
        files.refuse_foreign(Path(page))
        return [(page, report.FORMATS["html"])]
    targets = [(path, chosen or _by_ending(path)) for path in output] or [("-", report.FORMATS[form or "text"])]
    for path, each in targets:
        if path == "-" and not each.terminal and sys.stdout.isatty():
            raise UsageError(f"{each.name} is not for a terminal: name a file with -o")
    return targets


def _by_ending(path: str) -> Format:
    from tcpautopsy import report

    if path == "-":
        raise UsageError("-o - needs -f FORMAT")
    return report.of_path(path)


def _say(analysis: Analysis, quietly: bool) -> None:
    """Notes and problems, to standard error; names of files stay out of it where the result is redacted."""
    for line in (*analysis.notes, *analysis.unreadable, *analysis.internal_errors):
        click.echo(f"tcpautopsy: {clean(line, 500)}", err=True)
    for number, capture in enumerate(analysis.result.captures, start=1):
        for problem in capture.problems:
            if capture.format is not None:
                name = f"capture-{number}" if quietly else capture.name
                click.echo(f"tcpautopsy: {name}: {problem.detail}", err=True)


class _Order(NamedTuple):
    """What is to be written.

    `summary`: also a summary on standard output. `key`: of the pseudonyms, None for none. `look`: finds what a page
    shows beside the result, None when no page is written.
    """

    targets: list[tuple[str, Format]]
    summary: bool
    key: bytes | None
    look: Callable[[Result], Material] | None


def _deliver(analysis: Analysis, given: dict[str, Any], order: _Order) -> None:
    from tcpautopsy import output as files
    from tcpautopsy import report
    from tcpautopsy.report.view import View

    ids, words = _chosen(analysis, given)
    whole = analysis.result
    if order.key is not None:
        from tcpautopsy.report.redact import redacted

        whole = redacted(whole, order.key, analysis.names)
    colour = given["color"] == "always" or (given["color"] == "auto" and _colours())
    view: View = View(max_size=given["max_report_size"], colour=colour)
    result = whole
    if ids is not None:
        from tcpautopsy.report.select import only
        from tcpautopsy.report.stories import verdict

        result = only(whole, ids)
        view = view._replace(shown=words, verdict=verdict(whole))
    if order.look is not None:
        material = order.look(result)
        # The frames of the evidence hold the real addresses.
        view = view._replace(material=material if order.key is None else material._replace(proofs={}))
    for path, each in order.targets:
        files.write(path, report.written(result, each, view))
    if order.summary and not given["quiet"]:
        files.write("-", report.written(result, report.FORMATS["text"], view._replace(page=order.targets[0][0])))


def _chosen(analysis: Analysis, given: dict[str, Any]) -> tuple[set[int] | None, str]:
    """Ids of the connections to be shown, None for all; and the choice in words."""
    from tcpautopsy.report.select import Selection, chosen, nothing_matches

    selection = Selection(
        given["hosts"],
        given["ports"],
        given["flows"],
        given["since"],
        given["until"],
        given["chosen_rules"],
        given["where"],
    )
    if not selection:
        return None, ""
    ids = chosen(analysis.result, selection, analysis.matching if given["where"] is not None else None)
    if not ids and not given["redact"]:
        click.echo(f"tcpautopsy: {nothing_matches(analysis.result)}", err=True)
    return ids, "chosen by options" if given["redact"] else selection.words


def _redaction_key(given: dict[str, Any]) -> bytes | None:
    """The key of the pseudonyms, None without --redact. Raises UsageError when its file cannot be read."""
    if given["redact_key_file"] and not given["redact"]:
        raise UsageError("--redact-key-file needs --redact")
    if not given["redact"]:
        return None
    if not given["redact_key_file"]:
        return secrets.token_bytes(32)
    try:
        content = Path(given["redact_key_file"]).read_bytes()
    except OSError as error:
        raise UsageError(f"{clean(given['redact_key_file'])}: {error.strerror}") from None
    if not content.strip():
        raise UsageError(f"{clean(given['redact_key_file'])}: the key file is empty")
    return hashlib.sha256(content).digest()


def _colours() -> bool:
    quiet = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not quiet


def _exit_code(analysis: Analysis, fail_on: str | None, strict: bool, old: Result | None) -> int:
    if analysis.internal_errors:
        return INTERNAL
    if analysis.unreadable or (strict and analysis.damaged):
        return UNREADABLE
    if fail_on is None:
        return 0
    counted = analysis.result.connections
    if old is not None:
        from tcpautopsy.report.differences import news

        new = news(old, analysis.result)
        counted = [c for c in counted if c.id in new]
    return FAILED if any(_RANK[c.severity] >= _RANK[fail_on] for c in counted) else 0


def _table_command(kind: str, sentence: str) -> None:
    @cli.command(name=kind, help=sentence)
    @click.argument("capture", metavar="CAPTURE")
    @click.option("-f", "--format", "form", type=click.Choice(("csv", "jsonl", "parquet")), default="csv")
    @click.option("-o", "--output", default="-", metavar="PATH")
    @_reading
    def command(capture: str, form: str, output: str, **given: Any) -> None:
        from tcpautopsy import output as files
        from tcpautopsy import pipeline
        from tcpautopsy.report import house_table

        table = pipeline.tables(capture, kind, _options(given))  # type: ignore[arg-type]
        files.write(output, house_table.table_chunks(table, form))  # type: ignore[arg-type]


_table_command("flows", "The connections of CAPTURE as a table.")
_table_command("events", "What the frames of CAPTURE show, as a table.")


@cli.command(name="report")
@click.argument("source", metavar="RESULT.json|PAGE.html")
@click.option("-f", "--format", "form", type=click.Choice(FORMAT_NAMES), required=True)
@click.option("-o", "--output", default="-", metavar="PATH")
@click.option("--max-report-size", type=Size(), default="950k", show_default=True)
def report_command(source: str, form: str, output: str, max_report_size: int) -> None:
    """Show a result that was written before in another format."""
    from tcpautopsy import output as files
    from tcpautopsy import report
    from tcpautopsy.report.view import View

    result = cli_look.saved(source)
    files.write(output, report.written(result, report.FORMATS[form], View(max_size=max_report_size)))


cli.add_command(rules)
for _command in (*cli_look.COMMANDS, cli_batch.batch):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with the contract's exit codes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        cli.main(args=arguments, prog_name="tcpautopsy", standalone_mode=False)
    except click.Abort:
        raise SystemExit(INTERRUPTED) from None
    except click.ClickException as error:
        click.echo(f"tcpautopsy: {clean(error.format_message(), 500)}", err=True)
        raise SystemExit(WRONG_USE) from None
    except (UsageError, RuleError) as error:
        click.echo(f"tcpautopsy: {clean(str(error), 2000)}", err=True)
        raise SystemExit(WRONG_USE) from None
    except CaptureError as error:
        click.echo(f"tcpautopsy: {clean(str(error), 500)}", err=True)
        raise SystemExit(UNREADABLE) from None
    except BrokenPipeError:
        # The reader has gone (`| head`): end quietly, and keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
