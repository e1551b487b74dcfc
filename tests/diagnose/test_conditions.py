"""Conditions over columns say row by row what three-valued logic says of each row alone."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.diagnose import grammar, logic

#: Every row that there can be of these columns; None is unknown.
ROWS: list[dict[str, Any]] = [
    dict(zip("abxyw", values, strict=True))
    for values in product((True, False, None), (True, None), (0.0, 2.0, None), (1.0, None), ("up", "down", None))
]
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Row = dict[str, Any]
Condition = tuple[str, Callable[[Row], bool | None]]  # its text, and what it says of one row


class Table:
    """The rows as columns; their numbers are held in one way or another."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def column(self, name: str) -> logic.Column:
        values = [row[name] for row in ROWS]
        known = np.array([v is not None for v in values])
        if name in "ab":
            return logic.Truth(np.array([v is True for v in values]), np.array([v is False for v in values]))
        if name in "xy":
            return logic.Numbers(np.array([v or 0 for v in values], dtype=self._held), known)
        return logic.Words(np.array([-1 if v is None else ("down", "up").index(v) for v in values]), ("down", "up"))


def compared(sign: str, left: str, right: str | float) -> Condition:
    def holds(row: Row) -> bool | None:
        values = [row[left], row[right] if isinstance(right, str) and right in row else right]
        return None if None in values else bool(COMPARISONS[sign](*values))

    shown = f"{right:.1f}" if isinstance(right, float) else right if right in ROWS[0] else f"'{right}'"
    return f"{left} {sign} {shown}", holds


def computed(sign: str, right: float) -> Condition:
    """`x - y` is below zero in some rows, and a product beyond what a byte holds."""

    def holds(row: Row) -> bool | None:
        if row["x"] is None or row["y"] is None:
            return None
        return bool(COMPARISONS[sign]((row["x"] - row["y"]) * 200, right))

    return f"(x - y) * 200 {sign} {right}", holds


def negated(part: Condition) -> Condition:
    def holds(row: Row) -> bool | None:
        inner = part[1](row)
        return None if inner is None else not inner

    return f"not ({part[0]})", holds


def joined(word: str, left: Condition, right: Condition) -> Condition:
    decides = word == "or"  # one part alone decides when it is this

    def holds(row: Row) -> bool | None:
        values = (left[1](row), right[1](row))
        if decides in values:
            return decides
        return None if None in values else not decides

    return f"({left[0]}) {word} ({right[0]})", holds


def among(left: str, values: tuple[str, ...]) -> Condition:
    def holds(row: Row) -> bool | None:
        return None if row[left] is None else row[left] in values

    return f"{left} in [{', '.join(map(repr, values))}]", holds


LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from([("a", lambda row: row["a"]), ("b", lambda row: row["b"]), ("true", lambda row: True)]),
    st.builds(
        compared,
        st.sampled_from(sorted(COMPARISONS)),
        st.sampled_from("xy"),
        st.sampled_from(["x", "y", 1.0, 1.5, -1.0, 300.0, 1e300]),
    ),
    st.builds(computed, st.sampled_from(sorted(COMPARISONS)), st.sampled_from([0.0, 200.0])),
    st.builds(compared, st.sampled_from(["==", "!="]), st.just("w"), st.sampled_from(["up", "sideways"])),
    st.builds(among, st.just("w"), st.sampled_from([("up",), ("up", "down"), ("sideways",)])),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds(negated, inner) | st.builds(joined, st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=6,
)


@given(CONDITIONS, st.sampled_from([np.float64, np.int64, np.uint8, np.uint64]))
def test_columns_say_what_each_row_says(condition: Condition, held: Any) -> None:
    text, holds = condition
    truth = logic.truth(grammar.read(text), Table(held))
    yes, no = (np.broadcast_to(mask, len(ROWS)).tolist() for mask in truth)
    said = [True if y else False if n else None for y, n in zip(yes, no, strict=True)]
    assert said == [holds(row) for row in ROWS]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected, not the end"),
        ("a and", "expected, not the end"),
        ("a b", "one thing too many"),
        ("x in [y]", "constants only"),
        ("__import__('os')", "one thing too many"),
        ("a; b", "cannot read"),
        ("x == 'it''s", "cannot read|too many"),
        ("(" * 20 + "a" + ")" * 20, "nested more than"),
        (" and ".join(["a"] * 80), "more than 64 parts"),
        ("a" * 5000, "more than 4000 characters"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(text: str, says: str) -> None:
    with pytest.raises(grammar.GrammarError, match=says):
        grammar.read(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "a condition expected"),
        ("w < 'up'", "compares numbers"),
        ("w == 1", "cannot be compared"),
        ("not x", "take conditions"),
    ],
)
def test_kinds_must_fit(text: str, says: str) -> None:
    kinds = {"a": "truth", "b": "truth", "x": "number", "y": "number", "w": "text"}
    with pytest.raises(grammar.GrammarError, match=says):
        logic.check(grammar.read(text), kinds)


@pytest.mark.parametrize(("text", "seconds"), [("250 ms", 0.25), ("2 min", 120.0), ("1 h", 3600.0), ("-3 us", -3e-6)])
def test_units_are_seconds(text: str, seconds: float) -> None:
    node = grammar.read(f"x > {text}")
    assert isinstance(node, grammar.Comparison)
    assert node.right == grammar.Constant(pytest.approx(seconds))
