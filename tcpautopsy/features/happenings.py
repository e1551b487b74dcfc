"""Events as columns, of which a choice is copied only when it is asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.schema import LazyTable
from tcpautopsy.tables import EVENT_NUMBER

_NS = 1e9


class Happenings:
    """Events as columns of equal length: flow, kind, side, time, last (frame's time), value, frames, of.

    `of` is the frame that an event repeats or answers; 0 for none. A choice of events copies a column only when it is
    asked for.
    """

    def __init__(self, events: LazyTable, base_ns: int, rows: NDArray[np.int64] | None = None) -> None:
        """Of the table Events, these rows (all when None); instants are seconds since `base_ns`."""
        self._events, self._base_ns, self._rows = events, base_ns, rows

    @cached_property
    def flow(self) -> NDArray[np.int64]:
        return self._numbers("flow")

    @cached_property
    def kind(self) -> NDArray[np.uint8]:
        return self._chosen("kind").to_numpy()

    @cached_property
    def side(self) -> NDArray[np.uint8]:
        return self._chosen("side").to_numpy()

    @cached_property
    def time(self) -> NDArray[np.float64]:
        return (self._numbers("time_ns") - self._base_ns) / _NS

    @cached_property
    def last(self) -> NDArray[np.float64]:
        return (self._numbers("last_time_ns") - self._base_ns) / _NS

    @cached_property
    def value(self) -> NDArray[np.int64]:
        return self._numbers("value")

    @cached_property
    def frames(self) -> NDArray[np.int64]:
        return self._numbers("count")

    @cached_property
    def of(self) -> NDArray[np.int64]:
        return np.asarray(self._chosen("of_frame").to_numpy(dtype="int64", na_value=0))

    def where(self, mask: NDArray[np.bool_]) -> Happenings:
        """The events that the mask chooses."""
        return self.at(np.flatnonzero(mask))

    def at(self, places: NDArray[np.int64]) -> Happenings:
        """The events at these places."""
        return Happenings(self._events, self._base_ns, places if self._rows is None else self._rows[places])

    def _numbers(self, name: str) -> NDArray[np.int64]:
        return self._chosen(name).to_numpy()

    def _chosen(self, name: str) -> ExtensionArray:
        return (self._events if self._rows is None else self._events.at(self._rows))[name]


def any_of(kind: NDArray[np.uint8], *names: str) -> NDArray[np.bool_]:
    """Which events are of one of these kinds."""
    found = np.zeros(len(kind), bool)
    for name in names:
        found |= kind == EVENT_NUMBER[name]
    return found
