"""Conditions judged over columns, with three truth values: yes, no and unknown (Kleene's strong logic).

A truth is two masks, `yes` and `no`; where neither is set it is unknown. So `a and b` is no as soon as one of them
is no, whatever the other, and a condition on something the capture does not show never becomes yes or no by itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.diagnose.grammar import (
    Among,
    Arithmetic,
    Comparison,
    Constant,
    GrammarError,
    Junction,
    Name,
    Negation,
    Node,
    parts,
)

Mask: TypeAlias = NDArray[np.bool_]


class Truth(NamedTuple):
    """Yes, no, or unknown where neither is set; shape (n,), or () for a constant."""

    yes: Mask
    no: Mask

    @property
    def unknown(self) -> Mask:
        return ~(self.yes | self.no)


class Numbers(NamedTuple):
    """Values as they are held, and where they are known; what stands elsewhere means nothing. Constants are known."""

    values: NDArray[np.number[Any]]
    known: Mask


class Words(NamedTuple):
    """Texts as positions in `words`; -1 is unknown."""

    codes: NDArray[np.signedinteger[Any]]
    words: tuple[str, ...]


Column: TypeAlias = Truth | Numbers | Words


class Columns(Protocol):
    """Where a condition finds its names."""

    def column(self, name: str) -> Column:
        """The column of that name."""


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
#: Below this every whole number is a float of its own.
_EXACT = 2.0**53
_COMPUTE: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}

# ------------------------------------------------------------------------------------------------------ judging


def truth(node: Node, columns: Columns) -> Truth:
    """What a condition that `check` has passed says, row by row."""
    if isinstance(node, Junction):
        return reduce(_BOTH[node.operator], (truth(part, columns) for part in node.parts))
    if isinstance(node, Negation):
        inner = truth(node.part, columns)
        return Truth(inner.no, inner.yes)
    if isinstance(node, Comparison):
        return _compared(node.operator, _value(node.left, columns), _value(node.right, columns))
    if isinstance(node, Among):
        left = _value(node.left, columns)
        return reduce(_either, (_compared("==", left, _constant(value)) for value in node.values))
    value = _value(node, columns)
    assert isinstance(value, Truth)
    return value


def both(left: Truth, right: Truth) -> Truth:
    """Kleene's and."""
    return Truth(left.yes & right.yes, left.no | right.no)


def _either(left: Truth, right: Truth) -> Truth:
    return Truth(left.yes | right.yes, left.no & right.no)


_BOTH = {"and": both, "or": _either}


def _value(node: Node, columns: Columns) -> Column:
    if isinstance(node, Name):
        return columns.column(node.name)
    if isinstance(node, Constant):
        return _constant(node.value)
    if isinstance(node, Arithmetic):
        left, right = _value(node.left, columns), _value(node.right, columns)
        assert isinstance(left, Numbers)
        assert isinstance(right, Numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            # As floats: whole numbers as narrow as they are held would wrap.
            values = _COMPUTE[node.operator](left.values.astype(np.float64), right.values.astype(np.float64))
        return Numbers(values, _known(left, right))
    return truth(node, columns)


def _constant(value: float | str | bool) -> Column:
    if isinstance(value, bool):
        return Truth(np.array(value), np.array(not value))
    if isinstance(value, str):
        return Words(np.array(0), (value,))
    # A whole number as one: it is compared with whole numbers as they are, without making floats of them.
    whole = value.is_integer() and abs(value) < _EXACT
    return Numbers(np.array(int(value) if whole else value), np.array(True))


def _known(left: Numbers, right: Numbers) -> Mask:
    """Where both are known."""
    if not right.known.shape:
        return left.known
    return right.known if not left.known.shape else left.known & right.known


def _truths_compared(sign: str, left: Truth, right: Truth) -> Truth:
    if not right.yes.shape:  # a constant
        return left if bool(right.yes) == (sign == "==") else Truth(left.no, left.yes)
    same = Truth((left.yes & right.yes) | (left.no & right.no), (left.yes & right.no) | (left.no & right.yes))
    return same if sign == "==" else Truth(same.no, same.yes)


def _compared(sign: str, left: Column, right: Column) -> Truth:
    if isinstance(left, Truth) and isinstance(right, Truth):
        return _truths_compared(sign, left, right)
    if isinstance(left, Words) and isinstance(right, Words):
        return _words_compared(sign, left, right)
    assert isinstance(left, Numbers)
    assert isinstance(right, Numbers)
    known = _known(left, right)
    yes = known & _COMPARE[sign](left.values, right.values)
    return Truth(yes, known ^ yes)


def _words_compared(sign: str, left: Words, right: Words) -> Truth:
    places = {word: place for place, word in enumerate(left.words)}
    # The right side's words by their places on the left; a word that the left does not have equals none of it.
    table = np.array([places.get(word, -2) for word in right.words] + [-1], dtype=np.int64)
    known = left.codes >= 0
    if right.codes.ndim:
        known = known & (right.codes >= 0)
        same = known & (left.codes == table[right.codes])
    else:  # a constant, compared with codes as narrow as they are
        same = known & (left.codes == int(table[right.codes]))
    return Truth(same, known ^ same) if sign == "==" else Truth(known ^ same, same)


# ----------------------------------------------------------------------------------------------------- checking


def check(node: Node, kinds: Mapping[str, str | None]) -> None:
    """Pass when the node is a condition over the names in `kinds` (name -> number, text, truth; None: not known).

    Raises GrammarError for what cannot be compared; every name must be in `kinds`.
    """
    kind = _kind(node, kinds)
    if kind not in ("truth", None):
        raise GrammarError(f"a condition expected, this is a {kind}")


def _kind(node: Node, kinds: Mapping[str, str | None]) -> str | None:
    if isinstance(node, Name):
        return kinds[node.name]
    if isinstance(node, Constant):
        return _constant_kind(node.value)
    found = [_kind(part, kinds) for part in parts(node)]
    if isinstance(node, Arithmetic):
        _demand(found, "number", f"'{node.operator}' takes numbers")
        return "number"
    if isinstance(node, Comparison):
        _comparable(node.operator, found)
    elif isinstance(node, Among):
        _comparable("==", [*found, *(_constant_kind(value) for value in node.values)])
    else:
        _demand(found, "truth", "'and', 'or' and 'not' take conditions")
    return "truth"


def _constant_kind(value: float | str | bool) -> str:
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _demand(found: list[str | None], kind: str, sentence: str) -> None:
    wrong = [f for f in found if f not in (kind, None)]
    if wrong:
        raise GrammarError(f"{sentence}, this is a {wrong[0]}")


def _comparable(sign: str, found: list[str | None]) -> None:
    different = sorted({f for f in found if f is not None})
    if len(different) > 1:
        raise GrammarError(f"a {different[0]} cannot be compared with a {different[1]}")
    if sign not in ("==", "!=") and different not in ([], ["number"]):
        raise GrammarError(f"'{sign}' compares numbers, not a {different[0]}")
