"""Events as columns, of which a choice is copied only when it is asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.tables import EVENT_NUMBER

_NS = 1e9


class Happenings:
    """Events as columns of equal length: flow, kind, side, time, last (frame's time), value, frames, of.

    `of` is the frame that an event repeats or answers; 0 for none. A choice of events copies a column only when it is
    asked for.
    """

    def __init__(self, events: pd.DataFrame, base_ns: int, rows: NDArray[np.int64] | None = None) -> None:
        """Of the table Events, these rows (all when None); instants are seconds since `base_ns`."""
        self._events, self._base_ns, self._rows = events, base_ns, rows

    @cached_property
    def flow(self) -> NDArray[np.int64]:
        return self._whole("flow")

    @cached_property
    def kind(self) -> NDArray[np.uint8]:
        return self._small("kind")

    @cached_property
    def side(self) -> NDArray[np.uint8]:
        return self._small("side")

    @cached_property
    def time(self) -> NDArray[np.float64]:
        return (self._whole("time_ns") - self._base_ns) / _NS

    @cached_property
    def last(self) -> NDArray[np.float64]:
        return (self._whole("last_time_ns") - self._base_ns) / _NS

    @cached_property
    def value(self) -> NDArray[np.int64]:
        return self._whole("value")

    @cached_property
    def frames(self) -> NDArray[np.int64]:
        return self._whole("count")

    @cached_property
    def of(self) -> NDArray[np.int64]:
        return self._whole("of_frame")

    def where(self, mask: NDArray[np.bool_]) -> Happenings:
        """The events that the mask chooses."""
        return self.at(np.flatnonzero(mask))

    def at(self, places: NDArray[np.int64]) -> Happenings:
        """The events at these places."""
        return Happenings(self._events, self._base_ns, places if self._rows is None else self._rows[places])

    def _small(self, name: str) -> NDArray[np.uint8]:
        column: NDArray[np.uint8] = self._events[name].to_numpy()
        return column if self._rows is None else column[self._rows]

    def _whole(self, name: str) -> NDArray[np.int64]:
        column = self._events[name].array
        chosen = column if self._rows is None else column[self._rows]
        return np.asarray(chosen.to_numpy(dtype="int64", na_value=0))


def any_of(kind: NDArray[np.uint8], *names: str) -> NDArray[np.bool_]:
    """Which events are of one of these kinds."""
    found = np.zeros(len(kind), bool)
    for name in names:
        found |= kind == EVENT_NUMBER[name]
    return found
