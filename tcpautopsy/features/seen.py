"""What every feature reads: the tables of one capture as NumPy columns, one entry per flow.

Unknown is NaN here and becomes NA in Features. Instants are seconds since the capture's first frame, so that
their differences are exact to the nanosecond in a float (an absolute time in ns is not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray
from pandas.api.types import union_categoricals

from tcpautopsy.features.happenings import Happenings, any_of
from tcpautopsy.features.lean import lean, wide
from tcpautopsy.memory import trim
from tcpautopsy.schema import coded
from tcpautopsy.tables import Dissection, Quality

#: A feature before it gets its dtype: floats (NaN unknown), booleans (all known) or words (codes and the words
#: that they stand for: a code is compared faster than a text).
Values: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = pd.Categorical
Group: TypeAlias = NDArray[np.int64]

CLIENT, SERVER, OTHER = 1, 0, 2  # `side` of an event

#: Events that are no packet of the flow.
NO_PACKET = ("silence", "capture_start", "capture_gap", "capture_end", "duplicate_frame", "reused_ports")

_T = TypeVar("_T")
_NS = 1e9
#: Nobody leaves a capture without a single packet for so long.
_PAUSE_S = 86_400.0
#: Columns that are kept for neighbouring features: so many at least, and of few flows more, up to 8 MB.
_RECENT, _RECENT_VALUES = 2, 1_000_000


class Seen:
    """One capture, or some of its flows, column by column; what was computed once is kept."""

    def __init__(
        self,
        dissection: Dissection,
        quality: Quality,
        within: tuple[Seen, Group] | None = None,
        stretches: Callable[[Seen], Iterator[Seen]] | None = None,
    ) -> None:
        """The tables of these flows; `within` is the capture that they are from, and their rows there.

        `stretches` cuts a large capture into parts, of which what needs no other flow is made one after the other.
        """
        self._within, self._stretches = within, stretches
        self.dissection = dissection
        self.quality = quality
        self.count = len(dissection.flows)
        self._kept: dict[object, object] = {}
        self._latest: dict[object, object] = {}
        self._recent = max(_RECENT, _RECENT_VALUES // max(self.count, 1))
        # Row 2*flow is the originator's, 2*flow+1 the responder's.
        self._directions = {side: dissection.directions.at(slice(1 - side, None, 2)) for side in (CLIENT, SERVER)}

    @property
    def whole(self) -> Seen:
        """The whole capture; itself unless these are some flows of it."""
        return self if self._within is None else self._within[0]

    def of(self, feature: Callable[[Seen], _T]) -> _T:
        """The values of another feature, computed at most once."""
        if feature not in self._kept:
            alone = self._stretches is None or feature in _OF_ALL
            self._kept[feature] = feature(self) if alone else self._in_stretches(feature)
        elif feature in _GROUPS:
            self._kept[feature] = wide(self._kept[feature])
        return self._kept[feature]  # type: ignore[return-value]

    def _in_stretches(self, feature: Callable[[Seen], _T]) -> _T:
        """The values, made of a stretch of flows at a time, so that what they are made of stays small."""
        assert self._stretches is not None
        found: list[Any] = []
        for few in self._stretches(self):
            values = few.of(feature)
            if not isinstance(values, (np.ndarray, pd.Categorical)) or len(values) != few.count:
                return feature(self)  # not one value for each flow
            found.append(values)
        join: Callable[..., Any] = union_categoricals if isinstance(found[0], pd.Categorical) else np.concatenate
        return join(found)  # type: ignore[no-any-return]

    def own(self, values: _T) -> _T:
        """Of what is known of each flow of the whole capture (a column, or several), what is known of these."""
        if isinstance(values, tuple):
            return tuple(self.own(each) for each in values)  # type: ignore[return-value]
        return values if self._within is None else values[self._within[1]]  # type: ignore[index]

    def settle(self) -> None:
        """Let go of all that was kept; it is made anew when it is asked for again."""
        self._rest(lambda _key: False)

    def _rest(self, lasting: Callable[[object], bool]) -> None:
        """Let go of all that was kept under other keys than these."""
        for key in [key for key in self._kept if not lasting(key)]:
            del self._kept[key]
        self._latest.clear()
        self.__dict__.pop("events", None)

    def shared(self, feature: Callable[[Seen], _T]) -> _T:
        """What a feature that looks at other flows tells of these; little else is kept of the whole capture."""
        whole = self.whole
        if feature not in whole._kept:
            whole.of(feature)
            whole._rest(lambda key: key in _OF_ALL)
            trim(whole.count)
            whole._kept = {key: lean(values, key in _GROUPS) for key, values in whole._kept.items()}
        return self.own(whole.of(feature))

    @cached_property
    def base_ns(self) -> int:
        """The capture's first instant: zero of all others."""
        return self.dissection.first_ns or 0

    @cached_property
    def end(self) -> Values:
        """For each flow, the last instant at which the capture surely still ran; NaN when no frame has a valid time.

        That is the capture's last frame, unless nothing at all came for a day or more: then two captures were put
        into one file, or the machine slept, and the flow is seen only up to that pause.
        """
        if self.whole is not self:
            return self.own(self.whole.end)
        last = self.dissection.last_ns
        whole = float("nan") if last is None else (last - self.base_ns) / _NS
        if last is None or whole < _PAUSE_S:
            return np.broadcast_to(whole, self.count)
        ends = np.full(self.count, whole)
        times = np.unique(np.concatenate([self.flow_at("first_ns"), self.events.time, self.events.last]))
        times = times[~np.isnan(times)]
        pauses = times[:-1][np.diff(times) >= _PAUSE_S]
        if len(pauses):
            place = np.searchsorted(pauses, self.flow_at("last_ns"), "left")
            cut = place < len(pauses)
            ends[cut] = np.fmin(ends[cut], pauses[place[cut]])
        return ends

    def texts(self, name: str) -> NDArray[np.object_]:
        """A text column of Flows, for what looks at single rows."""
        return self.keep(("texts", name), lambda: self.dissection.flows[name].to_numpy(dtype=object))

    def words(self, name: str) -> Words:
        """A text column of Flows with a code for each text."""
        if self._stretches is None:
            return self.keep(("words", name), lambda: factored(self.dissection.flows[name]))
        parts = self._stretches
        return self.keep(("words", name), lambda: union_categoricals([few.words(name) for few in parts(self)]))

    def flow(self, name: str) -> Values:
        """A number column of Flows."""
        return self.keep(("flow", name), lambda: _floats(self.dissection.flows[name]))

    def flow_at(self, name: str) -> Values:
        """An instant of Flows (`first_ns`, `last_ns`)."""
        return self.keep(("flow_at", name), lambda: self._seconds(self.dissection.flows[name]))

    def side(self, side: int, name: str) -> Values:
        """A number of the client's or the server's direction."""
        return self.lately((side, name), lambda: _floats(self._direction(side, name)))

    def side_words(self, side: int, name: str) -> Words:
        """Words of the client's or the server's direction."""
        words = self._direction(side, name)
        assert isinstance(words, pd.Categorical)
        return words

    def at(self, side: int, name: str) -> Values:
        """An instant of the client's or the server's direction."""
        return self.lately(("at", side, name), lambda: self._seconds(self._direction(side, name)))

    def span(self, side: int, name: str) -> Values:
        """A duration of the client's or the server's direction, in seconds."""
        return self.side(side, name) / _NS

    def has(self, protocol: str) -> Mask:
        """Which flows are of this protocol."""
        return self.keep(("has", protocol), lambda: says(self.words("protocol"), protocol))

    def _direction(self, side: int, name: str) -> ExtensionArray:
        return self._directions[side][name]

    def _seconds(self, column: ExtensionArray) -> Values:
        known = ~np.asarray(column.isna())
        seconds = (column.to_numpy(dtype="int64", na_value=self.base_ns) - self.base_ns) / _NS
        return np.where(known, seconds, np.nan)

    def keep(self, key: object, make: Callable[[], _T]) -> _T:
        """What `make` gives, made at most once for each key."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    def lately(self, key: object, make: Callable[[], _T]) -> _T:
        """The same of what is cheap to make and large: the latest few only, for which neighbouring features ask."""
        made = self._latest.pop(key) if key in self._latest else make()
        self._latest[key] = made
        if len(self._latest) > self._recent:
            del self._latest[next(iter(self._latest))]
        return made  # type: ignore[return-value]

    # ----------------------------------------------------------------------------------------------- events

    @cached_property
    def events(self) -> Happenings:
        """All events as columns."""
        return Happenings(self.dissection.events, self.base_ns)

    def happened(self, *kinds: str, side: int | None = None) -> Happenings:
        """The events of these kinds, of one side when given; in the order of Events."""
        return self.lately(("happened", kinds, side), lambda: self._happened(kinds, side))

    def _happened(self, kinds: tuple[str, ...], side: int | None) -> Happenings:
        return self.events.where(self._of_side(any_of(self.dissection.events["kind"].to_numpy(), *kinds), side))

    def _of_side(self, chosen: Mask, side: int | None) -> Mask:
        """Of the events that the mask chooses, those of the side; all of them when none is given."""
        if side is not None:
            chosen &= self.dissection.events["side"].to_numpy() == side
        return chosen

    @property
    def happened_packets(self) -> Happenings:
        """The events that are packets of the flow, not silences or remarks of the capture."""
        return self.packets_but()

    def packets_but(self, *kinds: str, side: int | None = None) -> Happenings:
        """The packets that are of none of these kinds, of one side when given."""

        def made() -> Happenings:
            remarks = any_of(self.dissection.events["kind"].to_numpy(), *NO_PACKET, *kinds)
            return self.events.where(self._of_side(~remarks, side))

        return self.lately(("packets", kinds, side), made)

    def first(self, *kinds: str, side: int | None = None) -> Values:
        """When the first event of these kinds happened; NaN when none did."""
        chosen = self.happened(*kinds, side=side)
        return self.earliest(chosen.flow, chosen.time)

    def last(self, *kinds: str, side: int | None = None) -> Values:
        """When the last frame of these kinds was seen; NaN when none was."""
        chosen = self.happened(*kinds, side=side)
        return self.latest(chosen.flow, chosen.last)

    def times(self, *kinds: str, side: int | None = None) -> Values:
        """How many frames show these kinds; 0 when none does."""
        chosen = self.happened(*kinds, side=side)
        return self.total(chosen.flow, chosen.frames)

    def saw(self, *kinds: str, side: int | None = None) -> Mask:
        """Whether any event of these kinds happened."""
        mask = np.zeros(self.count, bool)
        mask[self.happened(*kinds, side=side).flow] = True
        return mask

    # --------------------------------------------------------------------------------------- one per flow

    def earliest(self, flow: Group, values: Values) -> Values:
        """The smallest of each flow's values; NaN without any."""
        return self._extreme(np.minimum, np.inf, flow, values)

    def latest(self, flow: Group, values: Values) -> Values:
        """The largest of each flow's values; NaN without any."""
        return self._extreme(np.maximum, -np.inf, flow, values)

    def _extreme(self, choose: np.ufunc, start: float, flow: Group, values: Values) -> Values:
        found = np.full(self.count, start)
        choose.at(found, flow, values)
        return np.where(np.isinf(found), np.nan, found)

    def total(self, flow: Group, values: NDArray[np.int64] | Mask) -> Values:
        """The sum of each flow's values; 0 without any."""
        return np.asarray(np.bincount(flow, weights=values, minlength=self.count), np.float64)


#: What was made of all flows for other flows: it is kept as long as any part of the capture is looked at; of that,
#: numbers of groups.
_OF_ALL: set[object] = set()
_GROUPS: set[object] = set()


def across(feature: Callable[[Seen], _T]) -> Callable[[Seen], _T]:
    """A feature that looks at other flows: made of the whole capture, and once for all its parts."""

    @wraps(feature)
    def looked(seen: Seen) -> _T:
        return feature(seen) if seen.whole is seen else seen.shared(looked)

    _OF_ALL.add(looked)

    return looked


def looks_across(feature: Callable[[Seen], Any]) -> bool:
    """Whether a feature looks at other flows."""
    return feature in _OF_ALL


def of_all(groups: Callable[[Seen], _T]) -> Callable[[Seen], _T]:
    """Groups of all flows of a capture: some flows cannot be counted by them. TypeError when it is tried."""

    @wraps(groups)
    def made(seen: Seen) -> _T:
        if seen.whole is not seen:
            raise TypeError(f"{groups.__name__} of some flows: what counts with it looks `across`")
        return groups(seen)

    _OF_ALL.add(made)
    _GROUPS.add(made)
    return made


def _floats(column: ExtensionArray) -> Values:
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def choose(masks: Sequence[Mask], words: Sequence[str], default: str) -> Words:
    """Of each flow the word of the first mask that holds, else the default."""
    places = np.select(list(masks), [np.int8(n) for n in range(len(words))], np.int8(len(words)))
    return coded([*words, default], places)


def factored(texts: ExtensionArray) -> Words:
    """Texts with a code for each that there is; NA stays NA."""
    codes, words = texts.factorize()
    return pd.Categorical.from_codes(codes, categories=pd.Index(words))


def replaced(words: Words, where: Mask, word: str) -> Words:
    """The same, another word where the mask holds."""
    table = list(dict.fromkeys([*words.categories, word]))
    return coded(table, np.where(where, table.index(word), words.codes))


def told(count: int, flows: Group, texts: ExtensionArray | Sequence[str], default: str | None = None) -> Words:
    """Of each of `count` flows the first text that is told of it, else the default (None: NA)."""
    codes, words = pd.factorize(np.asarray(texts, dtype=object))
    table = list(dict.fromkeys([*words.tolist(), *([] if default is None else [default])]))
    found = np.full(count, -1 if default is None else table.index(default), dtype=np.int64)
    # Written backwards so that the first of a flow stands.
    found[flows[::-1]] = codes[::-1]
    return coded(table, found)


def unless(unknown: Mask, claim: Mask | Values) -> Values:
    """The claim as 1.0 or 0.0, NaN where it cannot be known."""
    return np.where(unknown, np.nan, np.asarray(claim, dtype="float64"))


def plain(words: Words) -> NDArray[np.object_]:
    """The words as texts, None for NA."""
    return np.asarray(np.array([*words.categories, None], dtype=object)[words.codes])


def says(words: Words, *any_of: str) -> Mask:
    """Which entries are one of these words."""
    return np.asarray(np.array([*(word in any_of for word in words.categories), False])[words.codes])


def true(claim: Values) -> Mask:
    """Where a claim that may be unknown is known to hold."""
    return np.asarray(claim == 1.0)


def within(seconds: Values, low: float, high: float) -> Mask:
    """Whether a duration lies between two bounds; False where it is unknown."""
    with np.errstate(invalid="ignore"):
        return np.asarray((seconds >= low) & (seconds <= high))
