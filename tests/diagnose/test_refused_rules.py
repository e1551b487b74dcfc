"""A rule that cannot be meant as it stands is refused, with its file, its line and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpautopsy import pipeline
from tcpautopsy.diagnose import rules
from tcpautopsy.errors import RuleError
from tcpautopsy.features import FEATURES
from tests.diagnose.made import rule, written

KINDS = {f.column.name: f.column.dtype for f in FEATURES}
BODY = """sequence:
  - asked: {event: data, from: originator}
  - end: {event: rst}
story:
  asked: "A request."
tests:
  - {name: one, fixture: some/client.pcap, expect: match}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title:", "titel:", "titel"),
        ("severity: failure", "severity: fatal", "fatal"),
        ("fault: path", "fault: weather", "weather"),
        ("{base: high}", "{base: sure}", "sure"),
        ("{base: high}", "{base: high, lift: []}", "lift"),
        ("event: data", "event: datta", "datta"),
        ("from: originator", "from: somebody", "third_party expected"),
        ("  asked:", "  ended:", "ended"),
        ("expect: match", "expect: maybe", "maybe"),
        ("sequence:", "when: ['loss_of_mind > 3']\nsequence:", "loss_of_mind"),
        ("sequence:", "when: ['outcome > 3']\nsequence:", "compared|compares"),
        ("sequence:", "when: ['outcome == ']\nsequence:", "expected"),
        ("sequence:", "where: ['nobody.t > 1 s']\nsequence:", "nobody"),
        ("what: What.", "what: '{{ client }}'", "nothing is filled in here"),
        ("headline: Headline.", "headline: '{{ no_such_thing }}'", "no feature or name no_such_thing"),
        ("headline: Headline.", "headline: '{{ cout(1, 2) }}'", "did you mean 'count'"),
        ("headline: Headline.", "headline: '{{ client'", "not a template"),
        ("headline: Headline.", "headline: '{{ client | evil }}'", "No filter named 'evil'"),
        ("headline: Headline.", "headline: '{{ client.__class__ }}'", "no getattr"),
        ("headline: Headline.", "headline: '{% for x in [1] %}{% endfor %}'", "no for"),
        ("A request.", "{{ reset_byy }}", "did you mean 'reset_by'"),
    ],
)
def test_a_rule_is_refused_with_its_file_and_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = rule("mine", BODY)
    assert old in text
    wrong = text.replace(old, new, 1)
    folder = written(tmp_path, [wrong])
    with pytest.raises(RuleError, match=says) as caught:
        pipeline.rule_set([folder])
    name, line, _ = str(caught.value).split(":", 2)
    assert name.endswith("rule-0.yaml")
    changed = [n for n, (a, b) in enumerate(zip(text.split("\n"), wrong.split("\n"), strict=False), 1) if a != b]
    assert 1 <= int(line) <= wrong.count("\n")
    assert int(line) == changed[0]


def test_the_rule_itself_is_accepted_and_stands_beside_ours(tmp_path: Path) -> None:
    found = rules.load([written(tmp_path, [rule("mine", BODY)])], feature_names=KINDS)
    assert "mine" in {each.id for each in found.rules}
    assert "graceful-close" in {each.id for each in found.rules}


def test_one_id_stands_for_one_rule(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="'mine' is also in"):
        rules.load([written(tmp_path, [rule("mine", BODY), rule("mine", BODY)])], feature_names=KINDS)
