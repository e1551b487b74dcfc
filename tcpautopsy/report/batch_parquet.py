"""Findings and incidents over many captures as Parquet: what a query groups and joins by; the whole is in the lines."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pyarrow

_GROUP = 20_000  # rows of a row group, and of memory


class _Evidence(msgspec.Struct, frozen=True):
    frame: int


class FindingRow(msgspec.Struct, frozen=True):
    """One finding: the columns of findings.parquet; `evidence` are numbers of frames."""

    capture_name: str
    id: str
    fingerprint: str
    connection: int
    rule: str
    title: str
    severity: str
    confidence: str
    fault: str
    primary: bool
    summary: str
    evidence: list[_Evidence]
    wireshark_filter: str


class IncidentRow(msgspec.Struct, frozen=True):
    """One incident: the columns of incidents.parquet."""

    rule: str
    scope: str
    subject: str
    first_time: str | None
    last_time: str | None
    captures: list[str]
    connections: int
    summaries: list[str]


def installed() -> bool:
    """Whether the library for Parquet is there."""
    return find_spec("pyarrow") is not None


def finding_chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """findings.parquet out of the lines of findings.jsonl."""
    decode = msgspec.json.Decoder(FindingRow).decode
    return _table((decode(line) for line in lines), FindingRow)


def incident_chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """incidents.parquet out of the lines of incidents.jsonl."""
    decode = msgspec.json.Decoder(IncidentRow).decode
    return _table((decode(line) for line in lines), IncidentRow)


def _table(rows: Iterable[msgspec.Struct], kind: type[msgspec.Struct]) -> Iterator[bytes]:
    """One file, a row group after the other: only compressed ones wait in memory."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(f.name, _type(f.type)) for f in msgspec.structs.fields(kind)])
    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, schema, compression="zstd") as writer:
        rest = iter(rows)
        while group := list(islice(rest, _GROUP)):
            columns = {name: [_cell(getattr(row, name)) for row in group] for name in schema.names}
            writer.write_table(pyarrow.table(columns, schema=schema))
    yield buffer.getvalue()


def _type(kind: object) -> pyarrow.DataType:
    import pyarrow

    known: dict[object, pyarrow.DataType] = {
        int: pyarrow.int64(),
        bool: pyarrow.bool_(),
        list[str]: pyarrow.list_(pyarrow.string()),
        list[_Evidence]: pyarrow.list_(pyarrow.int64()),
    }
    return known.get(kind, pyarrow.string())


def _cell(value: object) -> object:
    return [each.frame if isinstance(each, _Evidence) else each for each in value] if isinstance(value, list) else value
