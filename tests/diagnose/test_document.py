"""A rule file's YAML: what a dumper writes is read back, and everything that is not plain is refused with its line."""

from __future__ import annotations

import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.diagnose.document import MAX_DEPTH, line_of, tree
from tcpautopsy.errors import Wrong
from tcpautopsy.resources import MAX_RULE_BYTES

WORDS = st.text(string.ascii_letters + string.digits + " .,:;-#'\"{}[]!&*|>%@`~?\nä", max_size=12)
LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | WORDS
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=10
)


@given(TREES)
def test_what_a_dumper_writes_is_read_back(value: Any) -> None:
    assert tree(yaml.safe_dump(value, allow_unicode=True)) == value


@pytest.mark.parametrize("word", ["NO", "on", "012", "0x1f", "1_000", "22:22:22", "1.5", "2001-01-01", ".inf"])
def test_words_stay_words(word: str) -> None:
    assert tree(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' stands twice"),
        ("a: 1\nb: {c: 1, c: 2}", 2, "'c' stands twice"),
        ("a: &x 1", 1, "anchors and aliases"),
        ("a: 1\nb: *x", 2, "anchors and aliases"),
        ("a:\n- !!python/object:os.system ls", 2, "tags are not allowed"),
        ("!x a: 1", 1, "tags are not allowed"),
        ("[a]: b", 1, "a key must be a word"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("a: 1\nb: 'x", 2, "not YAML"),
        ("[" * (MAX_DEPTH + 1), 1, "deep"),
        ("a: " + "x" * MAX_RULE_BYTES, 1, "larger than"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(Wrong, match=says) as caught:
        tree(text)
    assert (caught.value.line or line_of(text, caught.value.path)) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [((), 1), (("id",), 1), (("when", 1), 4), (("story", "a"), 6), (("story", "no such"), 6), (("when", 7), 3)],
)
def test_the_line_of_a_place_is_that_of_its_deepest_part_that_exists(path: tuple[str | int, ...], line: int) -> None:
    assert line_of("id: x\nwhen:\n- a > 1\n- b > 2\nstory:\n  a: words", path) == line
