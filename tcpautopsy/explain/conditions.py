"""The conditions of a finding in words: what the feature is, its value here, and the line of the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tcpautopsy.explain.told import Row
from tcpautopsy.explain.words import seconds
from tcpautopsy.result import Condition
from tcpautopsy.text import clean

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def conditions(
    texts: Sequence[str], held: int, unseen: int, row: Row, features: Mapping[str, tuple[str, str]]
) -> list[Condition]:
    """One entry a condition; `held` and `unseen` have bit n for the n-th."""
    return [_condition(_told(text, row, features), _verdict(n, held, unseen)) for n, text in enumerate(texts)]


@lru_cache(maxsize=16_384)
def _condition(text: str, held: bool | None) -> Condition:
    return Condition(text=text, held=held)


def _verdict(place: int, held: int, unseen: int) -> bool | None:
    if unseen >> place & 1:
        return None
    return bool(held >> place & 1)


def _told(text: str, row: Row, features: Mapping[str, tuple[str, str]]) -> str:
    """`Repeats of the SYN-ACK: 3 (synack_retransmissions >= 1)`; a timing condition stays as it is written."""
    names = [name for name in _words(text) if name in features]
    if not names:
        return text
    said = "; ".join(f"{features[name][0]}: {_value(row.get(name), features[name][1])}" for name in names)
    return f"{said} ({text})"


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_NAME.findall(text)))


def _value(value: Any, unit: str) -> str:
    if value is None:
        return "not visible"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "s":
        return seconds(float(value) * 1e9)
    if isinstance(value, str):
        return clean(value) or "none"
    return f"{value:,} B" if unit == "B" else f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
