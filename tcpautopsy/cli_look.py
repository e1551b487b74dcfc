"""Commands that look closer at one capture, or at results that were written before: why, diff, extract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpautopsy.errors import UsageError
from tcpautopsy.text import clean, nearest

if TYPE_CHECKING:
    from tcpautopsy.pipeline import Examined
    from tcpautopsy.report.why import Shown
    from tcpautopsy.result import Result

_SIDES = {1: "client", 0: "server"}


@click.command()
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

    known, _, result = pipeline.read(capture, pipeline.Options(rule_folders=tuple(map(Path, folders))))
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
    columns = (events[name].tolist() for name in ("flow", "frame", "last_frame", "time_ns", "kind", "side", "count"))
    for flow, frame, last, time_ns, kind, side, count in zip(*columns, strict=True):
        told = EVENT_KINDS[kind]
        yield Shown(flow + 1, frame, last, utc(time_ns), told.name, _SIDES.get(side, "other"), told.sentence, count)


def _print(lines: Iterator[str]) -> None:
    from tcpautopsy import output

    output.write("-", ((line + "\n").encode("utf-8", "replace") for line in lines))


COMMANDS: tuple[click.Command, ...] = (why,)
