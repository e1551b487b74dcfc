"""A table of the house (flows, events) as CSV, JSON lines or Parquet: what `tcpautopsy flows` and `events` print."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import pandas as pd

from tcpautopsy.errors import UsageError
from tcpautopsy.report.connections_table import harmless

_ROWS = 10_000  # written at once


def table_chunks(table: pd.DataFrame, form: Literal["csv", "jsonl", "parquet"]) -> Iterator[bytes]:
    """The table in pieces. Raises UsageError when the library for Parquet is not installed."""
    if form == "parquet":
        yield _parquet(table)
        return
    for first in range(0, max(len(table), 1), _ROWS):
        part = table.iloc[first : first + _ROWS]
        if form == "csv":
            yield _defused(part).to_csv(index=False, header=first == 0, lineterminator="\n").encode("utf-8", "replace")
        elif len(part):
            yield part.to_json(orient="records", lines=True).encode("utf-8", "replace")


def _defused(table: pd.DataFrame) -> pd.DataFrame:
    """Text cells that a spreadsheet would run, or a terminal obey, made harmless."""
    texts = [name for name in table.columns if table[name].dtype == "str"]
    return table.assign(**{name: [harmless(word) for word in table[name]] for name in texts})


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError as missing:
        raise UsageError("parquet support is not installed (pip install 'tcpautopsy[parquet]')") from missing
    return buffer.getvalue()
