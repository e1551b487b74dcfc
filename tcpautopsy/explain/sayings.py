"""The sentences of a rule, filled in for one connection: Jinja's sandbox with documented names and nothing else.

Names: every feature; `client` and `server` (address and port), `client_host` and `server_host` (address alone),
`client_port` and `server_port`; `count(n, 'frame')` (a number with its noun) and `duration(seconds)`. A value that
the capture does not show compares as false with everything and is said as "an unknown number".
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tcpautopsy.explain.told import Row, Told
from tcpautopsy.explain.words import seconds
from tcpautopsy.text import clean, counted

_PLURALS = {"query": "queries", "copy": "copies", "retry": "retries", "address": "addresses"}


class Unknown:
    """A value that is not in the capture: no comparison with it holds."""

    def _no(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _no
    __hash__ = object.__hash__  # so that a sentence with it can be kept; it is the same one to itself

    def __ne__(self, _other: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "an unknown number"


_UNKNOWN = Unknown()
_NOTHING = object()


class Names(Mapping[str, Any]):
    """What the sentences of a rule may name, for one connection; only what a sentence asks for is worked out.

    `quoted`: texts from packets are quoted, for commands that people paste into a shell.
    """

    def __init__(self, told: Told, quoted: bool = False) -> None:
        self._told = told
        self._shown: Callable[[str], str] = (lambda text: shlex.quote(clean(text))) if quoted else clean

    def __getitem__(self, name: str) -> Any:
        if name in TOOLS:
            return TOOLS[name]
        value = OF_FLOW[name](self._told.flow) if name in OF_FLOW else self._told.features[name]
        return _value(value, self._shown)

    def __iter__(self) -> Iterator[str]:
        return iter({**OF_FLOW, **TOOLS, **self._told.features})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def quoted(self) -> Names:
        """The same names for commands."""
        return Names(self._told, quoted=True)


def say(text: str, names: Mapping[str, Any]) -> str:
    """The text with its names filled in, on one line."""
    _, asked = _template(text)
    known = tuple((name, value) for name in asked if (value := names.get(name, _NOTHING)) is not _NOTHING)
    return _said(text, known, tuple(type(value) for _, value in known))


@lru_cache(maxsize=16_384)
def _said(text: str, known: tuple[tuple[str, Any], ...], _types: tuple[type, ...]) -> str:
    """Many connections that fail alike share their sentences; `_types` keeps 1 and True apart."""
    template, _ = _template(text)
    return " ".join((text if template is None else template.render(dict(known))).split())


def endpoint(flow: Row, side: str) -> str:
    """`10.0.0.2:80`, `[2001:db8::1]:80`, or the address alone where there is no port."""
    address, port = flow[f"{side}_address"], flow[f"{side}_port"]
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text


@lru_cache(maxsize=4096)
def _template(text: str) -> tuple[Template | None, Sequence[str]]:
    """The template, None for a plain sentence, and the names it asks for in order."""
    if "{" not in text:
        return None, ()
    return ENVIRONMENT.from_string(text), sorted(find_undeclared_variables(ENVIRONMENT.parse(text)))


def _value(value: Any, shown: Callable[[str], str]) -> Any:
    if value is None:
        return _UNKNOWN
    return shown(value) if isinstance(value, str) else value


def _count(number: Any, noun: str) -> str:
    if isinstance(number, Unknown):
        return f"an unknown number of {_PLURALS.get(noun, noun + 's')}"
    return counted(int(number), noun, _PLURALS.get(noun, ""))


def _duration(value: Any) -> str:
    return "an unknown time" if isinstance(value, Unknown) else seconds(float(value) * 1e9)


OF_FLOW: Mapping[str, Callable[[Row], Any]] = {
    "client": lambda flow: endpoint(flow, "client"),
    "server": lambda flow: endpoint(flow, "server"),
    "client_host": lambda flow: flow["client_address"],
    "server_host": lambda flow: flow["server_address"],
    "client_port": lambda flow: flow["client_port"],
    "server_port": lambda flow: flow["server_port"],
}
TOOLS: Mapping[str, Callable[..., str]] = {"count": _count, "duration": _duration}
