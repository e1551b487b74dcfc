"""How numbers are said: times, durations, sizes. One way each, for every sentence of a finding."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.tables import NO_TIME


def utc(time_ns: int | None) -> str | None:
    """A time as the contract writes it; None stays None.

    >>> utc(1_500_000_000)
    '1970-01-01T00:00:01.500000000Z'
    """
    if time_ns is None or time_ns == NO_TIME or time_ns < 0:
        return None
    whole, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second(whole)}.{rest:09d}Z"


def utcs(times_ns: NDArray[np.int64]) -> list[str | None]:
    """Many times in the same words; None for those that are none.

    >>> utcs(np.array([1_500_000_000, -1]))
    ['1970-01-01T00:00:01.500000000Z', None]
    """
    said: list[str | None] = np.datetime_as_string(times_ns.view("M8[ns]"), unit="ns", timezone="UTC").tolist()
    for unknown in np.flatnonzero(times_ns < 0).tolist():  # NO_TIME is far below 0
        said[unknown] = None
    return said


@lru_cache(4096)
def _second(whole: int) -> str:
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}"


def seconds(span_ns: float | None) -> str:
    """A duration with three figures and its unit.

    >>> seconds(250_000), seconds(236_000_000), seconds(15_400_000_000), seconds(972_000_000_000)
    ('0.25 ms', '236 ms', '15.4 s', '16.2 min')
    """
    if span_ns is None:
        return "an unknown time"
    value = abs(span_ns) / 1e9
    for limit, scale, unit in ((1e-3, 1e3, "ms"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if value < limit:
            return f"{_figures(value * scale)} {unit}"
    return f"{_figures(value / 3600)} h"


def _figures(value: float) -> str:
    """Three significant figures without an exponent or trailing zeros."""
    digits = 2 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
