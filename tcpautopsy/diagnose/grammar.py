"""The language of conditions: a closed grammar, read into a small tree. Nothing in it can run code.

    condition  = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | claim
    claim      = sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "in" "[" constant {"," constant} "]"]
    sum        = product {("+" | "-") product}
    product    = sign {"*" sign}
    sign       = "-" sign | "(" condition ")" | number [unit] | text | "true" | "false" | name
    name       = a feature, or in `where` a step's `t`, `n`, `value`, `first.t`, `last.t`, `first.value`, `last.value`

A number with a unit (ns, us, ms, s, min, h) is in seconds, as all durations among the features are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from tcpautopsy.text import clean

MAX_NODES = 64
MAX_DEPTH = 16
MAX_TEXT = 200
#: A longer condition cannot have fewer than MAX_NODES nodes and be of use.
_MAX_LENGTH = 4000

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_WORDS = ("and", "or", "not", "in", "true", "false")


@dataclass(frozen=True, slots=True)
class Constant:
    """A number (in seconds when it had a unit), a text or a truth."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Name:
    """A feature, or `step.t` and the like."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+`, `-` or `*`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of COMPARISONS."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Among:
    """`left in [...]`."""

    left: Node
    values: tuple[float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not part`."""

    part: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` or `or` of two or more parts."""

    operator: str
    parts: tuple[Node, ...]


Node: TypeAlias = Constant | Name | Arithmetic | Comparison | Among | Negation | Junction
_Part: TypeAlias = Callable[[], Node]


class GrammarError(Exception):
    """A condition that the grammar does not have; the message names the place."""


class _Token(NamedTuple):
    kind: str  # number, text, name, sign, end
    text: str


_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?)"
    r"|(?P<text>'[^'\\]*'|\"[^\"\\]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<sign>==|!=|<=|>=|[<>()\[\],+*-]))"
)


def read(condition: str) -> Node:
    """The tree of a condition.

    Raises GrammarError.
    """
    if len(condition) > _MAX_LENGTH:
        raise GrammarError(f"a condition of more than {_MAX_LENGTH} characters")
    return _Reader(condition).whole()


def names(node: Node) -> Iterator[str]:
    """Every name in the tree, from left to right, repeats included."""
    if isinstance(node, Name):
        yield node.name
    for part in parts(node):
        yield from names(part)


def parts(node: Node) -> tuple[Node, ...]:
    """What a node is made of."""
    if isinstance(node, Arithmetic | Comparison):
        return (node.left, node.right)
    if isinstance(node, Among):
        return (node.left,)
    if isinstance(node, Negation):
        return (node.part,)
    return node.parts if isinstance(node, Junction) else ()


def _tokens(condition: str) -> list[_Token]:
    found, at, end = [], 0, len(condition.rstrip())
    while at < end:
        match = _TOKEN.match(condition, at)
        if match is None or match.lastgroup is None:
            raise GrammarError(f"cannot read {clean(condition[at:].strip(), 40)!r}")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return [*found, _Token("end", "")]


class _Reader:
    """A recursive descent over the tokens; depth and nodes are counted as it goes."""

    def __init__(self, condition: str) -> None:
        self._tokens = _tokens(condition)
        self._at = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Node:
        node = self._condition()
        if self._next.kind != "end":
            raise GrammarError(f"{self._shown()} is one thing too many")
        return node

    def _condition(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise GrammarError(f"nested more than {MAX_DEPTH} deep")
        node = self._junction("or", lambda: self._junction("and", self._negation))
        self._depth -= 1
        return node

    def _junction(self, word: str, part: _Part) -> Node:
        found = [part()]
        while self._took(word):
            found.append(part())
        return found[0] if len(found) == 1 else self._made(Junction(word, tuple(found)))

    def _negation(self) -> Node:
        if not self._took("not"):
            return self._claim()
        return self._made(Negation(self._deeper(self._negation)))

    def _claim(self) -> Node:
        left = self._sum()
        if self._next.text in COMPARISONS:
            operator = self._take().text
            return self._made(Comparison(operator, left, self._sum()))
        negated = self._next.text == "not"
        if negated:
            self._take()
        if self._next.text != "in":
            if negated:
                raise GrammarError(f"'in' expected, not {self._shown()}")
            return left
        self._take()
        among = self._made(Among(left, self._list()))
        return self._made(Negation(among)) if negated else among

    def _list(self) -> tuple[float | str | bool, ...]:
        self._expect("[")
        found = [self._constant()]
        while self._took(","):
            found.append(self._constant())
        self._expect("]")
        return tuple(found)

    def _constant(self) -> float | str | bool:
        node = self._sign()
        if not isinstance(node, Constant):
            raise GrammarError("a list holds constants only")
        return node.value

    def _sum(self) -> Node:
        node = self._product()
        while self._next.text in ("+", "-"):
            operator = self._take().text
            node = self._made(Arithmetic(operator, node, self._product()))
        return node

    def _product(self) -> Node:
        node = self._sign()
        while self._took("*"):
            node = self._made(Arithmetic("*", node, self._sign()))
        return node

    def _sign(self) -> Node:
        if self._took("-"):
            node = self._deeper(self._sign)
            if isinstance(node, Constant) and isinstance(node.value, float):
                return Constant(-node.value)
            return self._made(Arithmetic("-", Constant(0.0), node))
        if self._took("("):
            node = self._condition()
            self._expect(")")
            return node
        return self._atom()

    def _atom(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return self._made(Constant(self._number(token.text)))
        if token.kind == "text":
            return self._made(Constant(_text(token.text)))
        if token.text in ("true", "false"):
            return self._made(Constant(token.text == "true"))
        if token.kind != "name" or token.text in _WORDS:
            raise GrammarError(f"a feature or a constant expected, not {_shown(token)}")
        return self._made(Name(token.text))

    def _number(self, digits: str) -> float:
        number = float(digits.replace("_", ""))
        if self._next.kind == "name" and self._next.text in UNITS:
            number *= UNITS[self._take().text]
        return number

    def _deeper(self, part: _Part) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise GrammarError(f"nested more than {MAX_DEPTH} deep")
        node = part()
        self._depth -= 1
        return node

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise GrammarError(f"more than {MAX_NODES} parts")
        return node

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _took(self, text: str) -> bool:
        if self._next.text != text or self._next.kind == "text":
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise GrammarError(f"{text!r} expected, not {self._shown()}")

    def _shown(self) -> str:
        return _shown(self._next)


def _text(quoted: str) -> str:
    if len(quoted) - 2 > MAX_TEXT:
        raise GrammarError(f"a text of more than {MAX_TEXT} characters")
    return quoted[1:-1]


def _shown(token: _Token) -> str:
    return repr(clean(token.text, 40)) if token.kind != "end" else "the end"
