"""What a rule says of flows made by hand: its steps, what it needs, how sure it is, and which of several rules counts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.diagnose.made import diagnosed, flow, rule

EVENTS = ("data", "ack", "fin", "rst")


def causes(folder: Path, rules: list[str], *flows: dict[str, object]) -> list[tuple[str | None, str | None]]:
    """(cause, confidence) of each flow; None where there is none."""
    verdicts = diagnosed(folder, rules, flows).verdicts
    return [
        (None, None) if verdicts["cause"].isna()[n] else (verdicts["cause"][n], verdicts["confidence"][n])
        for n in range(len(flows))
    ]


def earliest(steps: list[tuple[str, int]], events: list[str]) -> list[int] | None:
    """Where each step of so many events begins when all are taken as early as possible; None when one is missing."""
    begins, at = [], 0
    for kind, least in steps:
        places = [n for n in range(at, len(events)) if events[n] == kind]
        if len(places) < least:
            return None
        begins.append(places[0])
        at = places[least - 1] + 1
    return begins


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 3)), min_size=1, max_size=4),
    st.lists(st.lists(st.sampled_from(EVENTS), max_size=8), min_size=1, max_size=4),
)
def test_steps_take_the_earliest_events(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], flows: list[list[str]]
) -> None:
    sequence = "".join(f"  - s{n}: {{event: {kind}, count: {least}..}}\n" for n, (kind, least) in enumerate(steps))
    made = [flow(*(f"{n} c {kind}" for n, kind in enumerate(["syn", *events]))) for events in flows]
    diagnosis = diagnosed(
        tmp_path_factory.mktemp("rules"), [rule("order", f"sequence:\n{sequence}", when="['true']")], made
    )
    rows = diagnosis.findings["flow"].tolist()
    wanted = [earliest(steps, events) for events in flows]
    assert rows == [n for n, begins in enumerate(wanted) if begins is not None]
    first = diagnosis.evidence.groupby(["finding", "step"])["event"].min()
    starts = [sum(len(events) + 1 for events in flows[:n]) for n in range(len(flows))]
    for finding, number in enumerate(rows):
        begins = wanted[number] or []
        assert [first[finding, step] - starts[number] - 1 for step in range(len(steps))] == begins
        assert all(a < b for a, b in pairwise(begins))


def test_an_optional_step_is_taken_when_it_comes_in_its_place(tmp_path: Path) -> None:
    text = rule(
        "close",
        "sequence:\n  - end: {event: fin}\n  - again: {event: fin_retransmission, optional: true}\n  - over: {event: rst}\n",
    )
    diagnosis = diagnosed(
        tmp_path,
        [text],
        [flow("0 c fin", "1 c rst"), flow("0 c fin", "1 c fin_retransmission", "2 s rst"), flow("0 c rst")],
    )
    assert diagnosis.findings["flow"].tolist() == [0, 1]
    assert diagnosis.evidence.groupby("finding")["step"].apply(list).tolist() == [[0, 2], [0, 1, 2]]


def test_what_must_never_come_between_refuses_a_match(tmp_path: Path) -> None:
    body = "sequence:\n  - end: {event: fin}\n  - over: {event: rst}\nnever:\n  - {event: data, between: [end, over]}\n"
    assert causes(
        tmp_path, [rule("quiet", body)], flow("0 c fin", "2 c rst"), flow("0 c fin", "1 s data", "2 c rst")
    ) == [("quiet", "high"), (None, None)]


def test_times_between_steps_are_judged(tmp_path: Path) -> None:
    body = "sequence:\n  - end: {event: fin}\n  - over: {event: rst}\nwhere:\n  - over.t - end.t >= 2 s\n"
    assert [
        c for c, _ in causes(tmp_path, [rule("late", body)], flow("0 c fin", "2 c rst"), flow("0 c fin", "1 c rst"))
    ] == [
        "late",
        None,
    ]


def test_what_the_capture_does_not_show_is_unknown_not_no(tmp_path: Path) -> None:
    text = rule("needy", needs="[syn]", when="['outcome == \"timed-out\"']")
    diagnosis = diagnosed(
        tmp_path,
        [text],
        [
            flow("0 c data", outcome="timed-out", failed_by_outcome=True, sees_syn=False),
            flow("0 c syn", outcome="timed-out", failed_by_outcome=True, sees_syn=True),
        ],
    )
    assert diagnosis.findings["flow"].tolist() == [1]
    assert diagnosis.undecided[["flow", "rule", "missing"]].values.tolist() == [[0, "needy", ("syn",)]]


def test_an_unknown_condition_neither_matches_nor_refuses(tmp_path: Path) -> None:
    flows = [flow("0 c data", loss=value, outcome="timed-out", failed_by_outcome=True) for value in (2.0, None, 0.0)]
    diagnosis = diagnosed(tmp_path, [rule("lossy", when="['loss > 1']")], flows)
    assert diagnosis.findings["flow"].tolist() == [0]


def test_confidence_is_raised_then_lowered(tmp_path: Path) -> None:
    text = rule(
        "sure",
        when="['true']",
        confidence="{base: medium, raise: [{to: certain, if: 'a == true', because: A}], lower: [{to: low, if: 'b == true', because: B}]}",
    )
    flows = [flow("0 c data", a=a, b=b) for a, b in ((False, False), (True, False), (True, True), (None, None))]
    assert [c for _, c in causes(tmp_path, [text], *flows)] == ["medium", "certain", "low", "medium"]


def test_of_two_that_match_the_one_that_supersedes_counts(tmp_path: Path) -> None:
    rules = [
        rule("broad", when="['true']", confidence="{base: certain}"),
        rule("narrow", when="['true']", supersedes="[broad]"),
    ]
    diagnosis = diagnosed(tmp_path, rules, [flow("0 c data")])
    assert diagnosis.verdicts["cause"].tolist() == ["narrow"]
    assert "broad" in diagnosis.findings["rule"].tolist() + diagnosis.runners_up["rule"].tolist()


def test_a_rule_that_only_contributes_is_never_the_cause(tmp_path: Path) -> None:
    rules = [
        rule("extra", when="['true']", contributes_only="true", confidence="{base: certain}"),
        rule("cause", when="['true']"),
    ]
    assert causes(tmp_path, rules, flow("0 c data")) == [("cause", "high")]


def test_a_rule_is_asked_for_its_protocols_only(tmp_path: Path) -> None:
    rules = [rule("stream", when="['true']"), rule("packet", when="['true']", protocols="[udp]")]
    flows = [flow("0 c data", protocol="tcp"), flow("0 c udp_datagram", protocol="udp")]
    assert [c for c, _ in causes(tmp_path, rules, *flows)] == ["stream", "packet"]
