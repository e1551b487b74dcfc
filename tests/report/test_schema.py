"""The shipped JSON Schema holds for what the tool writes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from fixtures.judged import recordings
from tcpautopsy import pipeline, report
from tcpautopsy.report import schema
from tcpautopsy.report.view import View
from tests.report import built

SHIPPED = Path(__file__).parents[2] / "reports" / "schema" / schema.NAME
RECORDINGS = recordings()[::7]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    document = json.loads(SHIPPED.read_bytes())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def test_the_shipped_schema_is_current() -> None:
    assert SHIPPED.read_bytes() == schema.document()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_results_of_recordings_obey_the_schema(recording: object, validator: jsonschema.Draft202012Validator) -> None:
    result = pipeline.analyse([str(recording.path)]).result  # type: ignore[attr-defined]
    validator.validate(json.loads(b"".join(report.written(result, report.FORMATS["json"], View()))))


@pytest.mark.parametrize(
    "made",
    [built.result(), built.healthy(), built.empty(), built.hostile()],
    ids=("failures", "healthy", "empty", "hostile"),
)
def test_results_made_by_hand_obey_the_schema(made: object, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(b"".join(report.written(made, report.FORMATS["json"], View()))))  # type: ignore[arg-type]


def test_a_result_without_its_totals_is_refused(validator: jsonschema.Draft202012Validator) -> None:
    document = json.loads(b"".join(report.written(built.healthy(), report.FORMATS["json"], View())))
    del document["totals"]
    assert not validator.is_valid(document)
