"""A stretch of flows as the rules see it: features as columns of three-valued logic, events as arrays.

Rules are judged over stretches of so many flows as `tables` says, so that what is kept of the conditions stays small
whatever the size of the capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.diagnose import logic
from tcpautopsy.diagnose.compiled import CODES, SIDES, Line
from tcpautopsy.diagnose.grammar import Node
from tcpautopsy.diagnose.logic import Column, Columns, Mask, Numbers, Truth, Words
from tcpautopsy.tables import Events, Features

Integers = NDArray[np.int64]
#: Flows whose events are looked through at a time: what is made of them stays in the cache.
_BLOCK = 4096
#: What a costly feature counts beside another: more than all features of a condition.
_COSTLY = 1000


class Happenings(NamedTuple):
    """The columns of Events that matching needs; `start[n]` to `start[n + 1]` are the rows of the n-th flow."""

    start: Integers
    code: NDArray[np.uint8]  # kind * 3 + side
    time_ns: Integers
    last_time_ns: Integers
    frames: Integers
    value: Integers


def ordered(*keys: NDArray[np.integer]) -> Integers | slice:
    """The order by these keys, the first counts most; rows that agree in all stay as they come.

    What comes in order, as most of it does, is left where it is: all of it, as a slice.
    """
    later = np.zeros(max(len(keys[0]) - 1, 0), dtype=bool)  # the row before comes after
    same = ~later
    for key in keys:
        later |= same & (key[1:] < key[:-1])
        same &= key[1:] == key[:-1]
    return np.lexsort(keys[::-1]) if later.any() else slice(None)


def happenings(events: Events) -> Happenings:
    """The columns of these events."""
    time_ns, last_time_ns, frames, value = (
        events[name].to_numpy() for name in ("time_ns", "last_time_ns", "count", "value")
    )
    code = events["kind"].to_numpy() * np.uint8(len(SIDES)) + events["side"].to_numpy()
    return Happenings(events.starts.astype(np.int64), code, time_ns, last_time_ns, frames, value)


class Stretch:
    """The flows `first` to `last` (exclusive) of a capture; positions count from `first`."""

    def __init__(self, features: Features, events: Events, first: int, last: int):
        """`features` and `events` are those of the capture."""
        self.first = first
        self.count = last - first
        #: Their rows count from `first_event` of the capture.
        self.events = happenings(events if self.count == len(features) else events.of(np.arange(first, last)))
        self.first_event = int(events.starts[first])
        self._features = features if self.count == len(features) else features.at(slice(first, last))
        self._columns: dict[str, Column] = {}
        self._truths: dict[str, Truth] = {}
        self._spoken: dict[tuple[str, ...], Mask] = {}
        self._blind: dict[tuple[str, ...], Mask | None] = {}

    def has(self, name: str) -> bool:
        """Whether there is a feature of that name."""
        return name in self._features

    def column(self, name: str) -> Column:
        """A feature."""
        if name not in self._columns:
            self._columns[name] = column(self._features[name])
        return self._columns[name]

    def cost(self, line: Line) -> int:
        """How much there is to do for a condition: none when it was judged before, for another rule."""
        if line.text in self._truths:
            return 0
        new = [name for name in line.names if name not in self._columns]
        return 1 + len(new) + sum(_COSTLY for name in new if name in self._features.costly)

    def truth(self, line: Line) -> Truth:
        """What a condition says; judged once for all rules that share it."""
        if line.text not in self._truths:
            self._truths[line.text] = _spread(logic.truth(line.node, self), self.count)
        return self._truths[line.text]

    def speaks(self, protocols: tuple[str, ...]) -> Mask:
        """The flows of one of these protocols."""
        if protocols not in self._spoken:
            spoken = self.column("protocol")
            assert isinstance(spoken, Words)
            table = np.array([word in protocols for word in spoken.words] + [False])
            self._spoken[protocols] = np.asarray(table[spoken.codes])
        return self._spoken[protocols]

    def sees(self, need: str) -> Mask:
        """Whether the capture shows of each flow what a rule needs; a word without a column is taken as seen."""
        name = f"sees_{need}"
        if not self.has(name):
            return np.ones(self.count, dtype=bool)
        seen = self.column(name)
        assert isinstance(seen, Truth)
        return seen.yes

    def blind(self, needs: tuple[str, ...]) -> Mask | None:
        """The flows of which the capture does not show some of what a rule needs; None when there are none."""
        if needs not in self._blind:
            blind = ~reduce(np.logical_and, map(self.sees, needs), np.ones(self.count, dtype=bool))
            self._blind[needs] = blind if blind.any() else None
        return self._blind[needs]

    @cached_property
    def occurring(self) -> Mask:
        """The codes of which there is an event in any of the flows."""
        return np.bincount(self.events.code, minlength=CODES) > 0

    def present(self, flows: Integers) -> NDArray[np.uint64]:
        """Bit k of [side, n]: an event of kind k of that side is in the n-th of these flows, which ascend."""
        return self._present if len(flows) == self.count else self._present.take(flows, axis=1)

    @cached_property
    def _present(self) -> NDArray[np.uint64]:
        found = np.zeros((len(SIDES), self.count), dtype=np.uint64)
        for first in range(0, self.count, _BLOCK):
            begin = self.events.start[first : first + _BLOCK + 1]
            kind, side_of = np.divmod(self.events.code[begin[0] : begin[-1]], np.uint8(len(SIDES)))
            bit = np.left_shift(np.uint64(1), kind, dtype=np.uint64)
            filled = np.flatnonzero(begin[1:] > begin[:-1])
            for side in range(len(SIDES)) if len(kind) else ():
                own = side_of == side
                if own.any():
                    found[side, first + filled] = np.bitwise_or.reduceat(bit * own, begin[filled] - begin[0])
        return found


class Chosen:
    """Some flows of a stretch, as columns; `extra` holds columns of their own beside the features."""

    def __init__(self, columns: Columns, rows: Integers, extra: Mapping[str, Column] | None = None) -> None:
        self._columns = columns
        self._rows = rows
        self.count = len(rows)
        self._taken: dict[str, Column] = dict(extra or {})

    def column(self, name: str) -> Column:
        """A feature of the chosen flows, or one of `extra`."""
        if name not in self._taken:
            self._taken[name] = taken(self._columns.column(name), self._rows)
        return self._taken[name]

    def truth(self, node: Node) -> Truth:
        """What a condition says of each."""
        return _spread(logic.truth(node, self), self.count)


def column(array: ExtensionArray) -> Column:
    """A feature as a column of the logic: NA is unknown."""
    if isinstance(array, pd.Categorical):
        return Words(array.codes, tuple(array.categories))
    if array.dtype.kind not in "biuf":
        codes, words = array.factorize()
        return Words(codes, tuple(str(w) for w in words))
    known = ~np.asarray(array.isna())
    if array.dtype.kind == "b":
        yes = array.to_numpy(dtype=bool, na_value=False)
        return Truth(yes, known & ~yes)
    dtype: Any = array.dtype
    return Numbers(array.to_numpy(dtype=dtype.numpy_dtype, na_value=0), known)


def taken(whole: Column, rows: Integers) -> Column:
    """Some rows of a column."""
    if isinstance(whole, Truth):
        return Truth(whole.yes[rows], whole.no[rows])
    if isinstance(whole, Numbers):
        return Numbers(whole.values[rows], whole.known[rows])
    return Words(whole.codes[rows], whole.words)


def _spread(truth: Truth, count: int) -> Truth:
    """A constant condition (`1 > 0`) as one value per row."""
    if truth.yes.shape == (count,):
        return truth
    return Truth(np.broadcast_to(truth.yes, count), np.broadcast_to(truth.no, count))
