"""What other programs read: SARIF against a model of its schema, Parquet and CSV against each other."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from pydantic import BaseModel
from sarif_pydantic import Sarif

from tcpautopsy import report
from tcpautopsy.pipeline import Options, analyse
from tcpautopsy.report.view import View
from tcpautopsy.result import Result
from tests.cli.test_command_line import FIXTURES
from tests.report import built

RECORDED = ("refused", "accept-queue-ack-drop", "healthy-http", "mixed", "udp-traps-overrun", "arp-unanswered")


#: What SARIF 2.1.0 has and the model has not: sections 3.14.17 and 3.20.21.
BEYOND = (".runs[0].columnKind", ".runs[0].invocations[0].toolExecutionNotifications")


def results() -> list[tuple[str, Result]]:
    found = [(n, FIXTURES / n / "client.pcap") for n in RECORDED if (FIXTURES / n / "client.pcap").is_file()]
    return [*((name, analyse([str(path)], Options()).result) for name, path in found), ("hostile", built.hostile())]


@pytest.fixture(scope="module", params=results(), ids=lambda each: each[0])
def result(request: pytest.FixtureRequest) -> Result:
    return request.param[1]  # type: ignore[no-any-return]


def written(result: Result, form: str) -> bytes:
    return b"".join(report.written(result, report.FORMATS[form], View()))


def unknown(model: BaseModel, where: str = "") -> list[str]:
    """Names that the schema does not have, wherever they stand (property bags apart, which hold anything)."""
    found = [f"{where}.{name}" for name in model.model_extra or {}]
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, BaseModel):
                found += unknown(each, f"{where}.{name}[{number}]")
    return found


def test_sarif_is_what_its_schema_asks_for(result: Result) -> None:
    data = written(result, "sarif")
    read = Sarif.model_validate_json(data)
    assert [name for name in unknown(read) if name not in BEYOND] == []
    [run] = read.runs
    assert len(run.results or []) == len(result.findings)
    rules = [rule.id for rule in run.tool.driver.rules or []]
    assert len(rules) == len(set(rules))
    for told, finding in zip(run.results or [], result.findings, strict=True):
        assert told.rule_id == finding.rule
        assert told.rule_index is not None
        assert rules[told.rule_index] == finding.rule
        assert told.message.text
    uris = [artifact.location.uri for artifact in run.artifacts or [] if artifact.location]
    assert all(uri and uri.isascii() and " " not in uri for uri in uris)


def test_parquet_holds_the_columns_of_the_csv(result: Result, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(written(result, "parquet"))
    table = parquet.read_table(path)
    rows = list(csv.DictReader(io.StringIO(written(result, "csv").decode())))
    assert table.num_rows == len(rows) == len(result.connections)
    assert table.column_names == list(rows[0])
    for name in table.column_names:
        values = table.column(name).to_pylist()
        if table.schema.field(name).type == pyarrow.int64():
            assert [row[name] for row in rows] == ["" if value is None else str(value) for value in values]
        else:
            assert table.schema.field(name).type == pyarrow.string()
            assert [row[name] == "" for row in rows] == [value in (None, "") for value in values]
