"""The sentences of a rule, filled in for one connection: Jinja's sandbox with documented names and nothing else.

Names: every feature; `client` and `server` (address and port), `client_host` and `server_host` (address alone),
`client_port` and `server_port`; `count(n, 'frame')` (a number with its noun) and `duration(seconds)`. A value that
the capture does not show compares as false with everything and is said as "an unknown number".
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tcpautopsy.explain.told import Row, Told
from tcpautopsy.explain.words import seconds
from tcpautopsy.text import clean, counted

Context = Mapping[str, Any]

_PLURALS = {"query": "queries", "copy": "copies", "retry": "retries", "address": "addresses"}


class Unknown:
    """A value that is not in the capture: no comparison with it holds."""

    def _no(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _no
    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, _other: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "an unknown number"


_UNKNOWN = Unknown()


def context(told: Told) -> dict[str, Any]:
    """What the sentences of a rule may name, for this connection."""
    flow = told.flow
    known = {name: _value(value, clean) for name, value in told.features.items()}
    return known | {
        "client": endpoint(flow, "client"),
        "server": endpoint(flow, "server"),
        "client_host": flow["client_address"],
        "server_host": flow["server_address"],
        "client_port": _value(flow["client_port"], clean),
        "server_port": _value(flow["server_port"], clean),
        "count": _count,
        "duration": _duration,
    }


def in_commands(said: Context) -> dict[str, Any]:
    """The same names for commands that people paste into a shell: texts from packets are quoted."""
    return {name: shlex.quote(value) if isinstance(value, str) else value for name, value in said.items()}


def say(text: str, names: Context) -> str:
    """The text with its names filled in, on one line."""
    return " ".join(_template(text).render(names).split())


def endpoint(flow: Row, side: str) -> str:
    """`10.0.0.2:80`, `[2001:db8::1]:80`, or the address alone where there is no port."""
    address, port = flow[f"{side}_address"], flow[f"{side}_port"]
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if flow["ip_version"] == 6 else f"{address}:{port}"


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text


@lru_cache(maxsize=4096)
def _template(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


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
