"""Directions: the kernel's fields as a table, unknown values as NA; a column is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.events.outstanding import Outstanding
from tcpautopsy.events.rows import CLOSING, DATA, OPENING, SIDE, SIDE_KNOWN, TROUBLE
from tcpautopsy.events.sides import Sides
from tcpautopsy.schema import LazyTable, RowChoice, coded, rows_of
from tcpautopsy.tables import DIRECTIONS, FIRST_BYTES, Directions

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


def directions(sides: Sides, segments: Outstanding, rows: range | Integers | None = None) -> Directions:
    """Row 2*flow is the originator's, 2*flow+1 the responder's; these rows alone, when given."""
    chosen = range(2 * len(sides)) if rows is None else rows
    made = _Made(sides, segments, chosen)

    def cut(choice: RowChoice) -> Directions:
        return directions(sides, segments, rows_of(chosen, choice))

    return LazyTable(DIRECTIONS, len(chosen), lambda name: _COLUMNS[name](made), cut=cut, kept=False)


class _Made:
    """Some directions, and the segments that were outstanding at the end."""

    def __init__(self, sides: Sides, segments: Outstanding, rows: range | Integers) -> None:
        self._sides, self._segments, self._rows = sides, segments, rows

    def field(self, name: str) -> Integers:
        """A field of the kernel's."""
        return self._raw(name).astype(np.int64)

    def _raw(self, name: str) -> NDArray[Any]:
        return self._sides.at(name, self._rows)

    def has(self, name: str) -> Mask:
        """Of which directions the kernel knows this."""
        return np.asarray(self._raw("known") & np.uint32(SIDE_KNOWN[name]) != 0)

    def counts(self, name: str) -> Mask:
        """Where a field is not 0."""
        return np.asarray(self._raw(name) != 0)

    def oldest(self, name: str) -> Integers:
        """A field of the oldest thing that is not acknowledged at the end; of any where `head` is 0."""
        return self._segments.at(name, np.maximum(self.field("head") - 1, 0))

    @cached_property
    def outstanding(self) -> tuple[Integers, Integers, Integers]:
        """All payload that is not acknowledged at the end: its sum, its least and largest; 0 for none.

        A walk of all lists at once, step by step.
        """
        at = self.field("head")
        total = np.zeros(len(at), np.int64)
        least, most = np.full(len(at), np.iinfo(np.int64).max), np.zeros(len(at), np.int64)
        where = np.flatnonzero(at)
        while len(where):
            rows = at[where] - 1
            data = self._segments.at("what", rows) == DATA
            payload, sizes = where[data], self._segments.at("size", rows[data])
            total[payload] += self._segments.at("length", rows[data])
            least[payload] = np.minimum(least[payload], sizes)
            most[payload] = np.maximum(most[payload], sizes)
            at[where] = self._segments.at("next", rows)
            where = where[at[where] != 0]
        return total, np.where(most > 0, least, 0), most


_Maker = Callable[[_Made], ExtensionArray]


def _known(values: Integers, known: Mask) -> ExtensionArray:
    """Int64 with NA where not known."""
    return pd.arrays.IntegerArray(values, ~known)


def _claim(values: Mask, known: Mask) -> ExtensionArray:
    """boolean with NA where not known."""
    return pd.arrays.BooleanArray(np.asarray(values, bool), ~known)


def _plain(name: str) -> _Maker:
    """Never NA: the kernel's field of the same name."""
    return lambda made: pd.arrays.NumpyExtensionArray(made.field(name))


def _when(known: str, name: str) -> _Maker:
    """A field, NA unless the kernel knows this."""
    return lambda made: _known(made.field(name), made.has(known))


def _unless_zero(name: str, other: str) -> _Maker:
    """A field, NA where the other is 0."""
    return lambda made: _known(made.field(name), made.counts(other))


def _is(name: str, known: str) -> _Maker:
    """Whether the kernel knows one thing, NA unless it knows the other."""
    return lambda made: _claim(made.has(name), made.has(known))


def _speaker_is(name: str) -> _Maker:
    return lambda made: _claim(made.has(name), made.counts("packets"))


def _waiting(name: str, given: str | None = None) -> _Maker:
    """A field of the oldest outstanding thing, NA without one, or where `given` of it is 0."""

    def column(made: _Made) -> ExtensionArray:
        known = made.counts("head")
        return _known(made.oldest(name), known if given is None else known & (made.oldest(given) != 0))

    return column


def _waits_for(what: int) -> _Maker:
    return lambda made: _claim(made.oldest("what") == what, made.counts("head"))


def _copies(made: _Made) -> ExtensionArray:
    return pd.arrays.NumpyExtensionArray(np.where(made.counts("head"), made.oldest("copies"), 0))


def _newest(made: _Made) -> ExtensionArray:
    newest = made.has("outage_newest")
    return _claim(newest, newest | made.has("outage_older"))


def _highest(made: _Made) -> ExtensionArray:
    return _known(made.field("next"), made.counts("packets") & made.has("base"))


def _unacked(made: _Made) -> ExtensionArray:
    return _known(made.outstanding[0], made.counts("packets"))


def _least_unacked(made: _Made) -> ExtensionArray:
    _, least, most = made.outstanding
    return _known(least, most > 0)


def _most_unacked(made: _Made) -> ExtensionArray:
    _, _, most = made.outstanding
    return _known(most, most > 0)


def _first_bytes(made: _Made) -> ExtensionArray:
    return coded(list(FIRST_BYTES.values()), made.field("first_class") - 1)


#: Column -> (what must be known, the kernel's field).
_WHEN = {
    "mss": ("mss", "mss"),
    "wscale": ("wscale", "wscale"),
    "window_last": ("window", "window"),
    "window_max": ("window_max", "window_max"),
    "window_min": ("window_max", "window_min"),
    "ttl": ("ttl", "ttl"),
    "ttl_min": ("ttl", "ttl_min"),
    "ttl_max": ("ttl", "ttl_max"),
    "max_acked_payload": ("acked_payload", "max_acked_payload"),
    "first_data_ns": ("data", "first_data_ns"),
    "first_data_frame": ("data", "first_data_frame"),
    "first_data_len": ("data", "first_data_len"),
    "last_data_ns": ("data", "last_data_ns"),
    "last_data_frame": ("data", "last_data_frame"),
    "first_data_acked_ns": ("data_acked", "first_data_acked_ns"),
    "fin_ns": ("fin", "fin_ns"),
    "fin_frame": ("fin", "fin_frame"),
    "rst_ns": ("rst", "rst_ns"),
    "rst_frame": ("rst", "rst_frame"),
    "rst_look": ("rst", "rst_look"),
    "rst_ttl": ("rst", "rst_ttl"),
    "rst_ip_id": ("rst", "rst_ip_id"),
    "rtt_min_ns": ("rtt", "rtt_min_ns"),
    "tsval_first": ("timestamps", "tsval_first"),
    "tsval_last": ("timestamps", "tsval_last"),
    "seq_base": ("base", "base"),
    "isn": ("isn", "base"),
    "highest_ack": ("ack", "highest_ack"),
    "last_ack": ("ack", "last_ack"),
}
#: Columns that are NA when a field of the kernel's is 0: their own where none is named.
_UNLESS_ZERO = {
    **dict.fromkeys(("first_frame", "last_frame", "first_ns", "last_ns"), "packets"),
    **dict.fromkeys(("max_outage_dead_ns", "max_outage_gap_ns", "max_outage_resend_ns"), "max_outage_ns"),
    **{
        name: name
        for name in (
            "src_mac",
            "max_outage_ns",
            "max_outage_frame",
            "max_idle_ns",
            "max_idle_frame",
            "srtt_max_ns",
            "ts_stood_ns",
        )
    },
}
_COLUMNS: dict[str, _Maker] = {
    **{c.name: _plain(c.name) for c in DIRECTIONS.columns if c.name in SIDE.names + TROUBLE.names},
    **{name: _when(known, field) for name, (known, field) in _WHEN.items()},
    **{name: _unless_zero(name, other) for name, other in _UNLESS_ZERO.items()},
    **{name: _is(name, "isn") for name in ("sack_permitted", "fast_open")},
    **{name: _speaker_is(name) for name in ("timestamps", "mptcp")},
    "bad_checksum_first": _speaker_is("bad_first"),
    "first_data_class": _first_bytes,
    "highest_seq": _highest,
    "fin_acked": _is("fin_acked", "fin"),
    "window_closed_at_end": lambda made: _claim(~made.counts("window"), made.has("window")),
    "max_outage_newest": _newest,
    "ladder_first_ns": _waiting("first_ns"),
    "ladder_first_frame": _waiting("first_frame"),
    "ladder_copies": _copies,
    "ladder_rto_ns": _waiting("rto_ns", "rto_ns"),
    "ladder_last_ns": _waiting("last_ns", "copies"),
    "ladder_last_gap_ns": _waiting("gap_ns", "copies"),
    "ladder_base_ns": _waiting("base_ns", "rto_ns"),
    "ladder_is_fin": _waits_for(CLOSING),
    "ladder_is_syn": _waits_for(OPENING),
    "unacked_since_ns": _waiting("first_ns"),
    "unacked_bytes": _unacked,
    "min_unacked_payload": _least_unacked,
    "max_unacked_payload": _most_unacked,
}
