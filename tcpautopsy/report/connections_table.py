"""The table of connections, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tcpautopsy.errors import UsageError
from tcpautopsy.report.view import View
from tcpautopsy.result import Connection, Result
from tcpautopsy.text import clean

#: A spreadsheet takes a cell that starts with one of these for a formula (OWASP ASVS 1.2.10).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


class Field(NamedTuple):
    """One column: its name, whether it is a number, and where it comes from."""

    name: str
    number: bool
    value: Callable[[Result, Connection], Any]


def _ledger(direction: str, part: str) -> Field:
    def value(result: Result, connection: Connection) -> Any:
        return None if connection.ledger is None else getattr(getattr(connection.ledger, direction), part)

    return Field(f"{direction}_{part}", True, value)


FIELDS = (
    Field("capture", False, lambda r, c: r.captures[c.capture].name),
    Field("id", True, lambda r, c: c.id),
    Field("protocol", False, lambda r, c: c.protocol),
    Field("client_address", False, lambda r, c: c.client.address),
    Field("client_port", True, lambda r, c: c.client.port),
    Field("client_name", False, lambda r, c: c.client.name),
    Field("server_address", False, lambda r, c: c.server.address),
    Field("server_port", True, lambda r, c: c.server.port),
    Field("server_name", False, lambda r, c: c.server.name),
    Field("client_known_by", False, lambda r, c: c.client_known_by),
    Field("first_time", False, lambda r, c: c.first_time),
    Field("last_time", False, lambda r, c: c.last_time),
    Field("packets", True, lambda r, c: c.packets),
    Field("bytes", True, lambda r, c: c.bytes),
    Field("outcome", False, lambda r, c: c.outcome),
    Field("severity", False, lambda r, c: c.severity),
    Field("cause", False, lambda r, c: c.cause),
    Field("confidence", False, lambda r, c: c.confidence),
    Field("fault", False, lambda r, c: c.fault),
    Field("consistent_with", False, lambda r, c: " ".join(c.consistent_with) or None),
    Field("undecided", False, lambda r, c: " ".join(u.rule for u in c.undecided) or None),
    Field("limits", False, lambda r, c: " ".join(c.limits) or None),
    Field("findings", False, lambda r, c: " ".join(c.findings) or None),
    *(
        _ledger(direction, part)
        for direction in ("client_to_server", "server_to_client")
        for part in ("sent", "acknowledged", "in_doubt", "lost")
    ),
    Field("vantage_point", False, lambda r, c: c.vantage.point),
    Field("vantage_confidence", False, lambda r, c: c.vantage.confidence),
    Field("community_id", False, lambda r, c: c.community_id),
    Field("ordinal", True, lambda r, c: c.ordinal),
    Field("tcp_stream", True, lambda r, c: c.tcp_stream),
    Field("conn_state", False, lambda r, c: c.conn_state),
    Field("history", False, lambda r, c: c.history),
)


def csv_chunks(result: Result, view: View) -> Iterator[bytes]:
    """Comma-separated values with a header line; text that a spreadsheet would run is defused by an apostrophe."""
    yield _line([field.name for field in FIELDS])
    for connection in result.connections:
        yield _line([_cell(field, field.value(result, connection)) for field in FIELDS])


def _cell(field: Field, value: Any) -> str:
    if value is None:
        return ""
    return str(value) if field.number else harmless(value)


def harmless(words: str) -> str:
    """Words that neither a terminal nor a spreadsheet obeys.

    >>> harmless("=1+2"), harmless("plain")
    ("'=1+2", 'plain')
    """
    shown = clean(words, 4096)
    return "'" + shown if words.startswith(_FORMULA) else shown


def _line(cells: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().encode("utf-8", "replace")


def parquet_chunks(result: Result, view: View) -> Iterator[bytes]:
    """A Parquet file of the same columns. Raises UsageError when its library is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as missing:
        raise UsageError("parquet support is not installed (pip install 'tcpautopsy[parquet]')") from missing
    columns = {
        field.name: pyarrow.array(
            [field.value(result, c) for c in result.connections],
            type=pyarrow.int64() if field.number else pyarrow.string(),
        )
        for field in FIELDS
    }
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    yield buffer.getvalue()
