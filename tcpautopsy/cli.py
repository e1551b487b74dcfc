"""The command line. It parses, asks the pipeline, writes; it imports the rest of the house only when it must."""

from __future__ import annotations

import atexit
import gc
import glob
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import click

from tcpautopsy import __version__, cli_batch, cli_look, cli_options
from tcpautopsy.cli_options import Size, choosing, judging, reading
from tcpautopsy.cli_rules import rules
from tcpautopsy.errors import CaptureError, RuleError, UsageError
from tcpautopsy.places import remote
from tcpautopsy.text import clean, counted

if TYPE_CHECKING:
    from tcpautopsy.pipeline import Analysis
    from tcpautopsy.report import Format
    from tcpautopsy.report.view import Material
    from tcpautopsy.result import Capture, Result
    from tcpautopsy.showing import Wish

WRONG_USE, UNREADABLE, INTERNAL, FAILED = 2, 3, 4, 1
INTERRUPTED = 130
FORMAT_NAMES = ("text", "html", "json", "jsonl", "csv", "parquet", "md", "sarif")
_RANK = {"failure": 3, "degradation": 2, "risk": 1, "note": 0, "none": -1}

#: Formats that take each connection once, in their order.
_READ_ONCE = ("json", "jsonl")

EXAMPLES = """
\b
Examples:
  tcpautopsy analyze dump.pcap                 a summary, and page dump.html
  tcpautopsy analyze dump.pcap -f json         the whole result for programs
  tcpdump -w - | tcpautopsy analyze -          from standard input
  tcpautopsy analyze --fail-on failure x.pcap  exit 1 when a connection failed
"""


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


@cli.command(epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option("-o", "--output", multiple=True, metavar="PATH", help="Write here; the ending names the format.")
@click.option(
    "-f", "--format", "form", type=click.Choice(FORMAT_NAMES), help="The format; without -o on standard output."
)
@choosing
@judging
@reading
def analyze(captures: tuple[str, ...], output: tuple[str, ...], form: str | None, **given: Any) -> None:
    """Say why each connection in CAPTURE failed.

    Without -o and -f: a summary here, and a page named after the capture in the current directory. `-` is standard
    input. Parts of one ring-buffer set are joined.
    """
    paths = _expanded(captures)
    targets = _targets(paths, output, form)
    from tcpautopsy import closer, inputs, pipeline
    from tcpautopsy.capture import Spools
    from tcpautopsy.stages import Stopwatch, Ticker

    old = inputs.saved(given["baseline"]) if given["baseline"] else None
    wish = cli_options.wish(given)
    with ExitStack() as stack:
        options = cli_options.options(given)
        spool = partial(_spool, stack)
        drawn = any(each.name == "html" for _, each in targets)
        if drawn:
            options = options._replace(spools=Spools(spool))
        once = all(each.name in _READ_ONCE for _, each in targets) and not wish.selection and wish.key is None
        options = options._replace(streamed=once, aside=spool)
        watch = Stopwatch()
        options = options._replace(stages=watch if given["profile"] else options.stages)
        with _counting(given) as told:
            analysis = pipeline.analyse(paths, options._replace(stages=Ticker(options.stages, told)))
        for line in (*analysis.unreadable, *analysis.internal_errors):  # errors are said with -q, too
            click.echo(f"tcpautopsy: {clean(line, 500)}", err=True)
        if not given["quiet"]:
            _say(analysis, given["verbose"], secret=wish.key is not None)
        look = partial(closer.material, paths, options, analysis.result) if drawn else None
        watch.run("report", _deliver, analysis, given, _Order(targets, form is None and not output, wish, look))
        for name, seconds in watch.seconds.items() if given["profile"] else ():
            click.echo(f"tcpautopsy: {name:<9}{seconds:8.3f} s", err=True)
    raise SystemExit(_exit_code(analysis, given["fail_on"], given["strict"], old))


@contextmanager
def _counting(given: dict[str, Any]) -> Iterator[Callable[[int], None] | None]:
    """What is to hear of the packets read so far: a line on a terminal, which is wiped at the end; None for nothing."""
    if given["quiet"] or not cli_options.wanted(given["progress"]):
        yield None
        return
    try:
        yield lambda packets: click.echo(f"\r{packets:,} packets read", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def _expanded(captures: tuple[str, ...]) -> list[str]:
    """Patterns that the shell did not expand, expanded; a name that exists or matches nothing stands for itself."""
    paths: list[str] = []
    for name in captures:
        pattern = any(c in name for c in "*?[") and not os.path.lexists(name) and not remote(name)
        matches = sorted(glob.glob(name)) if pattern else []
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


def _say(analysis: Analysis, verbose: bool, secret: bool) -> None:
    """Notes and problems, to standard error; names of files stay out of it where the result is redacted."""
    for line in analysis.notes:
        click.echo(f"tcpautopsy: {clean(line, 500)}", err=True)
    for number, capture in enumerate(analysis.result.captures, start=1):
        if capture.format is None:
            continue
        name = f"capture-{number}" if secret else capture.name
        said = [p.detail for p in capture.problems]
        for detail in ([_described(capture)] if verbose else []) + said:
            click.echo(f"tcpautopsy: {name}: {detail}", err=True)


def _described(capture: Capture) -> str:
    """What a capture is, in one line."""
    packed = f", {capture.compression}" if capture.compression else ""
    place = capture.vantage
    where = "at a place unknown" if place.point == "unknown" else f"at {place.point} ({place.confidence} confidence)"
    return (
        f"{counted(capture.packets, 'packet')}, {capture.bytes:,} bytes, {capture.format}{packed}, "
        f"{' and '.join(capture.link_types) or 'no link type'}, taken {where}"
    )


class _Order(NamedTuple):
    """What is to be written.

    `summary`: also a summary on standard output. `look`: finds what a page shows beside the result, None when no page
    is written.
    """

    targets: list[tuple[str, Format]]
    summary: bool
    wish: Wish
    look: Callable[[Result], Material] | None


def _deliver(analysis: Analysis, given: dict[str, Any], order: _Order) -> None:
    from tcpautopsy import output as files
    from tcpautopsy import report
    from tcpautopsy.showing import shown

    result, view, nothing = shown(analysis, order.wish, order.look)
    if nothing:
        click.echo(f"tcpautopsy: {nothing}", err=True)
    view = view._replace(colour=given["color"] == "always" or (given["color"] == "auto" and _colours()))
    for path, each in order.targets:
        files.write(path, report.written(result, each, view))
    if order.summary and not given["quiet"]:
        files.write("-", report.written(result, report.FORMATS["text"], view._replace(page=order.targets[0][0])))


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
    @reading
    def command(capture: str, form: str, output: str, **given: Any) -> None:
        from tcpautopsy import output as files
        from tcpautopsy import pipeline
        from tcpautopsy.report import house_table

        table = pipeline.tables(capture, kind, cli_options.options(given))  # type: ignore[arg-type]
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
    from tcpautopsy import inputs, report
    from tcpautopsy import output as files
    from tcpautopsy.report.view import View

    result = inputs.saved(source)
    files.write(output, report.written(result, report.FORMATS[form], View(max_size=max_report_size)))


cli.add_command(rules)
for _command in (*cli_look.COMMANDS, cli_batch.batch):
    cli.add_command(_command)


def _spool(stack: ExitStack) -> BinaryIO:
    from tempfile import TemporaryFile

    return cast("BinaryIO", stack.enter_context(TemporaryFile()))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with the contract's exit codes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # NumPy's linear algebra, which nothing here uses, would start a thread for each processor when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000, 20, 20)  # imports and tables make many objects, and hardly a cycle
    atexit.register(gc.freeze)  # the process ends: nobody needs what the last collection would find
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
    except Exception as defect:  # a defect of ours
        if "--debug" in (sys.argv if arguments is None else arguments):
            raise
        words = f"{type(defect).__name__}: {clean(str(defect), 300)}"
        click.echo(f"tcpautopsy: internal error: {words} (--debug shows where)", err=True)
        raise SystemExit(INTERNAL) from None
