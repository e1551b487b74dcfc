"""Who else was there at that time: counts of a group's instants within an interval, for all flows at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcpautopsy.features.seen import Group, Mask, Values

#: Flows that are counted for at a time: what is made of them on the way stays small.
_AT_ONCE = 65_536


class Instants(NamedTuple):
    """Times in order, and the place of each given one among them; unknown ones are left out."""

    times: Values  # sorted
    rank: Group  # of each known time, in the order in which they were given
    known: Mask  # which of the given ones


class Points(NamedTuple):
    """Instants, each of one flow of a group; made by `points`."""

    times: Values  # sorted
    keys: Group  # group * (len(times) + 1) + rank of the time, sorted


def instants(times: Values) -> Instants:
    """These times, put in order once for all groupings."""
    known = ~np.isnan(times)
    there = times[known]
    order = np.argsort(there, kind="stable")
    there = there[order]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Instants(there, rank, known)


def grouped(those: Instants, group: Group) -> Points:
    """The instants of the groups `group`, ready to be counted."""
    keys = group[those.known] * (len(those.times) + 1) + those.rank
    keys.sort(kind="stable")  # runs of one flow are in order already
    return Points(those.times, keys)


def points(group: Group, times: Values) -> Points:
    """The instants `times` of the groups `group`, ready to be counted; unknown ones are left out."""
    return grouped(instants(times), group)


def counted(known: Points, group: Group, low: Values, high: Values) -> Group:
    """How many instants of each flow's group lie in [low, high]; 0 where a bound is unknown."""
    found = np.zeros(len(group), np.int64)
    asked = np.flatnonzero(~(np.isnan(low) | np.isnan(high)) & (low <= high)) if len(known.times) else ()
    for some in (asked[at : at + _AT_ONCE] for at in range(0, len(asked), _AT_ONCE)):
        keys = group[some] * (len(known.times) + 1)
        first = np.searchsorted(known.times, low[some], "left")
        after = np.searchsorted(known.times, high[some], "right")
        found[some] = np.searchsorted(known.keys, keys + after) - np.searchsorted(known.keys, keys + first)
    return found


def within(known: Points, group: Group, low: Values, high: Values, *, last: bool = False) -> Values:
    """The first instant of each group in [low, high], or the last; NaN without one or where a bound is unknown."""
    found = np.full(len(group), np.nan)
    asked = np.flatnonzero(~(np.isnan(low) | np.isnan(high)))
    stride = len(known.times) + 1
    keys = group[asked] * stride
    begin = np.searchsorted(known.keys, keys + np.searchsorted(known.times, low[asked], "left"))
    end = np.searchsorted(known.keys, keys + np.searchsorted(known.times, high[asked], "right"))
    some = begin < end
    place = (end - 1 if last else begin)[some]
    found[asked[some]] = known.times[known.keys[place] % stride]
    return found


def others(group: Group, times: Values, low: Values, high: Values) -> Group:
    """How many *other* flows of the group have their instant in [low, high] (one instant per flow)."""
    own: Mask = (times >= low) & (times <= high)
    return counted(points(group, times), group, low, high) - own


def outlasting(group: Group, begin: Values, end: Values, before: Values, after: Values) -> Mask:
    """Whether a flow of the group that began at `before` or sooner ended later than `after` (which is not earlier).

    Those that began, less those that ended by then: it may miss one, and never invents one.
    """
    known, ever = ~np.isnan(begin) & ~np.isnan(end), np.full(len(group), -np.inf)
    older = counted(points(group, np.where(known, begin, np.nan)), group, ever, before)
    return older > counted(points(group, np.where(known, end, np.nan)), group, ever, after)


def overlapping(group: Group, start: Values, end: Values, low: Values, high: Values) -> Group:
    """How many flows of the group, this one included, have a span [start, end] that meets [low, high]."""
    begun = counted(points(group, start), group, np.full(len(group), -np.inf), high)
    over = counted(points(group, end), group, np.full(len(group), -np.inf), np.nextafter(low, -np.inf))
    return np.where(np.isnan(low) | np.isnan(high), 0, begun - over)
