"""The result as JSON lines: one object a line, each with its `type`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tcpautopsy.report.view import View
from tcpautopsy.result import Result


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """Captures, connections, findings, incidents, then the totals."""
    encode = msgspec.json.Encoder().encode
    for kind, items in (
        ("capture", result.captures),
        ("connection", result.connections),
        ("finding", result.findings),
        ("incident", result.incidents),
        ("totals", [result.totals]),
    ):
        opening = b'{"type":' + encode(kind) + b","
        for item in items:
            yield opening + encode(item)[1:] + b"\n"
