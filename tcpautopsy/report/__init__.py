"""A result shown: each format is a module of this room and one row of FORMATS. No format computes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple, cast

from tcpautopsy.errors import UsageError
from tcpautopsy.report.view import View
from tcpautopsy.result import Result
from tcpautopsy.text import clean, nearest


class Format(NamedTuple):
    """A format: the endings it is known by, the function that writes it, and whether a terminal can show it."""

    name: str
    endings: tuple[str, ...]
    writer: str  # module and function of this room, imported when it is asked for
    terminal: bool


FORMATS = {
    row.name: row
    for row in (
        Format("text", (".txt",), "terminal:chunks", True),
        Format("html", (".html", ".htm"), "page:chunks", False),
        Format("json", (".json",), "json_document:chunks", True),
        Format("jsonl", (".jsonl", ".ndjson"), "json_lines:chunks", True),
        Format("csv", (".csv",), "connections_table:csv_chunks", True),
        Format("parquet", (".parquet",), "connections_table:parquet_chunks", False),
        Format("md", (".md", ".markdown"), "markdown:chunks", True),
        Format("sarif", (".sarif",), "sarif:chunks", True),
    )
}


def of_path(path: str) -> Format:
    """The format that a file name's ending asks for. Raises UsageError for an unknown one."""
    for row in FORMATS.values():
        if path.lower().endswith(row.endings):
            return row
    known = " ".join(ending for row in FORMATS.values() for ending in row.endings)
    ending = "." + path.rsplit("/", 1)[-1].rpartition(".")[2]
    hint = nearest(ending, known.split())
    raise UsageError(f"{clean(path)}: the ending names no format{hint}; endings known: {known}; or give -f FORMAT")


def written(result: Result, form: Format, view: View) -> Iterator[bytes]:
    """The result in that format, in pieces, nothing of it kept."""
    module, _, function = form.writer.partition(":")
    writer = getattr(import_module(f"{__name__}.{module}"), function)
    return cast("Callable[[Result, View], Iterator[bytes]]", writer)(result, view)
