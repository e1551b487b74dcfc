"""The result as JSON lines: one object a line, each with its `type`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from tcpautopsy.report.view import View
from tcpautopsy.result import Result

_TOGETHER = 500  # objects that are turned into bytes at a time


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """Captures, connections, findings, incidents, then the totals."""
    encoder = msgspec.json.Encoder()
    for kind, items in (
        ("capture", result.captures),
        ("connection", result.connections),
        ("finding", result.findings),
        ("incident", result.incidents),
        ("totals", [result.totals]),
    ):
        opening = b'{"type":' + encoder.encode(kind) + b","
        for together in some(items):
            # Each begins a line; within JSON a line end would be written as \n.
            yield (b"\n" + encoder.encode_lines(together)[:-1]).replace(b"\n{", b"\n" + opening)[1:] + b"\n"


def some(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items, some hundreds at a time."""
    source = iter(items)
    while together := list(islice(source, _TOGETHER)):
        yield together
