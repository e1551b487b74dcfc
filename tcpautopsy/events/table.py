"""Events: what is kept of every event as a table; a column is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.narrow import Narrow
from tcpautopsy.tables import Events

#: What is kept of an event. `later_ns` is how much later its last frame came, `more` how many frames it has beside the
#: first; `other` is the last frame of a run, and of a single frame the one that it answers.
STORED = ("time_ns", "later_ns", "value", "frame", "other", "more", "kind", "side")
#: Columns of which the values of neighbours are near each other.
NEAR = ("time_ns", "frame", "other")


def events(starts: NDArray[Any], kept: Narrow) -> Events:
    """The table, in the order of flows; `starts[f]` to `starts[f + 1]` are the rows of flow f."""
    return Events(starts, lambda name, rows: _COLUMNS[name](_Made(kept, rows)))


class _Made:
    """Some events."""

    def __init__(self, kept: Narrow, rows: range | NDArray[np.int64]) -> None:
        self._kept = kept
        # A stretch is no copy.
        self._rows = slice(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows

    def raw(self, name: str) -> NDArray[Any]:
        """What is kept, in the type that it is kept in."""
        return self._kept.get(name, 0, self._rows)

    def field(self, name: str) -> NDArray[np.int64]:
        """The same as whole numbers."""
        return self.raw(name).astype(np.int64, copy=False)


def _plain(name: str) -> Callable[[_Made], ExtensionArray]:
    return lambda made: pd.arrays.NumpyExtensionArray(made.field(name))


def _small(name: str) -> Callable[[_Made], ExtensionArray]:
    return lambda made: pd.arrays.NumpyExtensionArray(made.raw(name))


def _last_time(made: _Made) -> ExtensionArray:
    return pd.arrays.NumpyExtensionArray(made.field("time_ns") + made.raw("later_ns"))


def _last_frame(made: _Made) -> ExtensionArray:
    return pd.arrays.NumpyExtensionArray(np.where(made.raw("more") > 0, made.field("other"), made.field("frame")))


def _of_frame(made: _Made) -> ExtensionArray:
    frames = np.where(made.raw("more") > 0, 0, made.field("other"))
    return pd.arrays.IntegerArray(frames, frames == 0)


def _count(made: _Made) -> ExtensionArray:
    return pd.arrays.NumpyExtensionArray(made.field("more") + 1)


_COLUMNS: dict[str, Callable[[_Made], ExtensionArray]] = {
    **{name: _plain(name) for name in ("time_ns", "value", "frame")},
    **{name: _small(name) for name in ("kind", "side")},
    "last_time_ns": _last_time,
    "last_frame": _last_frame,
    "of_frame": _of_frame,
    "count": _count,
}
