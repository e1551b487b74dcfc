"""Commands that look closer at one capture, or at results that were written before: why, diff, extract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpautopsy import cli_options
from tcpautopsy.errors import CaptureError, UsageError
from tcpautopsy.text import clean, nearest

if TYPE_CHECKING:
    from tcpautopsy.pipeline import Examined, Options
    from tcpautopsy.report.why import Shown
    from tcpautopsy.result import Result

_SIDES = {1: "client", 0: "server"}


@click.command(short_help="Say in words why a connection failed, or what a frame means.")
@click.argument("capture", metavar="CAPTURE")
@click.option("--frame", type=int, metavar="N", help="What frame N shows, and which findings rest on it.")
@click.option("--flow", type=int, metavar="ID", help="Everything about this connection (its # in summaries).")
@click.option("--finding", metavar="ID", help="Everything about this finding.")
@click.option("--rules", "folders", multiple=True, metavar="DIR", help="Rules of your own, beside or instead of ours.")
def why(capture: str, frame: int | None, flow: int | None, finding: str | None, folders: tuple[str, ...]) -> None:
    """Say in words why a connection failed, or what one frame of CAPTURE means."""
    if sum(choice is not None for choice in (frame, flow, finding)) != 1:
        raise UsageError("give one of --frame N, --flow ID or --finding ID")
    from tcpautopsy import pipeline
    from tcpautopsy.report import why as words

    known, _, result = pipeline.read(capture, _asking(flow, finding, folders))
    events = list(shown(known))
    if frame is not None:
        lines = words.frame_told(result, frame, events)
    elif flow is not None:
        chosen = next((c for c in result.connections if c.id == flow), None)
        if chosen is None:
            raise UsageError(f"no connection {flow}: {clean(capture)} has 1 to {len(result.connections)}")
        lines = words.connection_told(result, chosen, events)
    else:
        lines = words.finding_told(result, _finding(result, str(finding)))
    _print(lines)


def _asking(flow: int | None, finding: str | None, folders: tuple[str, ...] = ()) -> Options:
    """Options under which the connection or finding that is asked for is told in full."""
    from tcpautopsy import pipeline

    asked = frozenset({each for each in (flow, finding) if each is not None})
    return pipeline.Options(rule_folders=tuple(map(Path, folders)), asked=asked)


def _finding(result: Result, name: str) -> Any:
    for each in result.findings:
        if name in (each.id, each.fingerprint):
            return each
    hint = nearest(name, [f.id for f in result.findings])
    raise UsageError(f"no finding {clean(name)}{hint}; there are {len(result.findings)}")


def shown(known: Examined) -> Iterator[Shown]:
    """The events of a capture as they are told."""
    from tcpautopsy.explain.words import utc
    from tcpautopsy.report.why import Shown
    from tcpautopsy.tables import EVENT_KINDS

    events = known.dissection.events
    columns = (
        events[name].to_numpy().tolist() for name in ("flow", "frame", "last_frame", "time_ns", "kind", "side", "count")
    )
    for flow, frame, last, time_ns, kind, side, count in zip(*columns, strict=True):
        told = EVENT_KINDS[kind]
        yield Shown(flow + 1, frame, last, utc(time_ns), told.name, _SIDES.get(side, "other"), told.sentence, count)


@click.command(short_help="Write the frames of a finding or a connection as pcapng.")
@click.argument("capture", metavar="CAPTURE")
@click.option("--finding", metavar="ID", help="The evidence frames of this finding, with what each shows as a comment.")
@click.option("--flow", type=int, metavar="ID", help="All frames of this connection.")
@click.option("-o", "--output", required=True, metavar="SLICE.pcapng", help="The file to write.")
@click.option("--redact", is_flag=True, help="Headers made anew: pseudonyms, relative times, nothing of the payload.")
@click.option("--redact-key-file", metavar="F", help="The key of the pseudonyms; without it a random one.")
def extract(capture: str, finding: str | None, flow: int | None, output: str, **given: Any) -> None:
    """Write the frames of a finding or a connection of CAPTURE as pcapng."""
    if (finding is None) == (flow is None):
        raise UsageError("give one of --finding ID or --flow ID")
    from tcpautopsy import output as files
    from tcpautopsy import pipeline

    _refuse_streams(capture)
    key = cli_options.redaction_key(given)
    analysis = pipeline.analyse([capture], _asking(flow, finding))
    if analysis.unreadable:
        raise CaptureError(analysis.unreadable[0])
    result = analysis.result
    if finding is not None:
        number = result.findings.index(_finding(result, finding))
    elif not 1 <= int(flow or 0) <= len(result.connections):
        raise UsageError(f"no connection {flow}: {clean(capture)} has 1 to {len(result.connections)}")
    if key is not None:
        from tcpautopsy.report.redact import redacted

        result = redacted(result, key, analysis.names)
    if finding is not None:
        found = result.findings[number]
        wanted = {row.frame: f"{row.event}: {row.note}" for row in found.evidence}
        comment = f"{found.id}: {found.summary}"
    else:
        wanted = dict.fromkeys(pipeline.frames_of(capture, int(flow or 0)), "")
        comment = f"connection {flow}"
    if key is None:
        files.write(output, pipeline.excerpt(capture, wanted, comment))
        return
    from tcpautopsy import anew

    files.write(output, anew.excerpt(capture, wanted, comment, key))


@click.command(short_help="Compare captures of the same connections at both ends.")
@click.argument("client_side", metavar="CLIENT_SIDE")
@click.argument("server_side", metavar="SERVER_SIDE")
@click.option("-o", "--output", metavar="PATH", help="Write the result here; the ending names the format.")
@click.option("-f", "--format", "form", help="json, jsonl, html, md, ...; without it a summary.")
@click.option("--rules", "folders", multiple=True, metavar="DIR", help="Rules of your own, beside or instead of ours.")
def compare(client_side: str, server_side: str, output: str | None, form: str | None, folders: tuple[str, ...]) -> None:
    """Compare captures of the same connections at both ends: lost frames, changed options, the clocks."""
    from tcpautopsy import compare as ends
    from tcpautopsy import output as files
    from tcpautopsy import pipeline, report
    from tcpautopsy.report.pairs import lines
    from tcpautopsy.report.view import View

    if form is not None and form not in report.FORMATS:
        raise UsageError(f"no format {clean(form)}{nearest(form, report.FORMATS)}; {', '.join(report.FORMATS)}")
    _refuse_streams(client_side, server_side)
    chosen = report.FORMATS[form] if form else report.of_path(output) if output else None
    analysis = ends.compare(client_side, server_side, pipeline.Options(rule_folders=tuple(map(Path, folders))))
    if chosen is None or (chosen.name == "text" and output is None):
        _print(lines(analysis.result))
        return
    files.write(output or "-", report.written(analysis.result, chosen, View()))


@click.command(short_help="What is new, gone or still there between two results.")
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
def diff(old: str, new: str) -> None:
    """What is new, gone or still there between two results (JSON, or pages)."""
    from tcpautopsy import inputs
    from tcpautopsy.report.differences import lines

    _print(lines(inputs.saved(old), inputs.saved(new)))


def _refuse_streams(*captures: str) -> None:
    """Raises UsageError for what can be read only once."""
    from tcpautopsy.inputs import STDIN, repeatable

    for name in captures:
        if name == STDIN or (Path(name).exists() and not Path(name).is_dir() and not repeatable(name)):
            raise UsageError(f"the captures are read twice here: give files; {clean(name)} can be read only once")


def _print(lines: Iterator[str]) -> None:
    from tcpautopsy import output

    output.write("-", ((line + "\n").encode("utf-8", "replace") for line in lines))


COMMANDS: tuple[click.Command, ...] = (why, extract, compare, diff)
