"""Features are made when somebody asks for them, once, and again after what they were made of was let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tcpautopsy.features import FEATURES, FEATURES_TABLE
from tcpautopsy.pipeline import Options, examined, judge, rule_set
from tcpautopsy.schema import Column, LazyTable, Table
from tcpautopsy.stages import Stopwatch

CAPTURE = Path(__file__).parents[2] / "fixtures" / "accept-queue-ack-drop" / "client.pcap"
TWO = Table("two", "one row", (Column("a", "Int64", "", ""), Column("b", "str", "", "")))
MADE: dict[str, Any] = {"a": pd.array([1, None], dtype="Int64"), "b": pd.array(["x", "y"], dtype="str")}


def test_a_column_is_made_once_and_only_when_asked_for() -> None:
    asked: list[str] = []
    table = LazyTable(TWO, 2, lambda name: asked.append(name) or MADE[name])
    assert (len(table), table.columns, asked) == (2, ["a", "b"], [])
    assert table["b"].tolist() == table["b"].tolist() == ["x", "y"]
    assert asked == ["b"]
    assert list(table.frame().columns) == ["a", "b"]
    assert asked == ["b", "a"]
    assert "a" in table
    assert "c" not in table
    with pytest.raises(KeyError):
        table["c"]


@pytest.mark.parametrize("wrong", [pd.array([1.0, 2.0]), pd.array([1], dtype="Int64")])
def test_a_column_that_breaks_the_contract_is_a_defect(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"two\.a"):
        LazyTable(TWO, 2, lambda _: wrong)["a"]


def test_the_rules_do_not_ask_for_all() -> None:
    asked: set[str] = set()
    known = examined(CAPTURE)
    table = LazyTable(FEATURES_TABLE, len(known.features), lambda name: asked.add(name) or known.features[name])
    judge(known._replace(features=table), rule_set())
    assert 0 < len(asked) < len(FEATURES) * 2 / 3


def test_after_settling_the_same_comes_again() -> None:
    first, second = examined(CAPTURE).features, examined(CAPTURE).features
    whole = first.frame()
    for name in reversed(FEATURES_TABLE.columns):  # in another order, with nothing kept between two columns
        second.settle()
        assert second[name.name].equals(whole[name.name].array), name.name


def test_what_one_stage_asks_of_another_is_charged_to_the_other() -> None:
    watch = Stopwatch()

    def work(times: int) -> None:
        for _ in range(times):
            np.sort(np.arange(200_000)[::-1])

    def outer() -> None:
        watch.run("inner", work, 60)

    watch.run("outer", outer)
    assert list(watch.seconds) == ["outer", "inner"]
    assert watch.seconds["outer"] < watch.seconds["inner"]


def test_features_are_charged_to_their_stage_whoever_asks() -> None:
    watch = Stopwatch()
    known = examined(CAPTURE, Options(stages=watch))
    before = watch.seconds["features"]
    watch.run("rules", judge, known, rule_set())
    assert watch.seconds["features"] > before
