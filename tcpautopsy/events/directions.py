"""Directions: the kernel's rows as a table, unknown values as NA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.events.rows import CLOSING, DATA, OPENING, SIDE, SIDE_KNOWN
from tcpautopsy.records import Rows, columns
from tcpautopsy.tables import DIRECTIONS, Directions

Mask = NDArray[np.bool_]
#: The kernel's fields as columns of their own.
Fields = Mapping[str, NDArray[np.int64]]


def directions(sides: Rows, segments: Rows) -> Directions:
    """Row 2*flow is the originator's, 2*flow+1 the responder's."""
    fields = columns(sides, _FIELDS)
    made = {**_plain(fields), **_sequence(fields), **_conditional(fields), **_ladder(fields, segments)}
    made |= _outstanding(fields, segments)
    return Directions(DIRECTIONS.check(pd.DataFrame({c.name: made[c.name] for c in DIRECTIONS.columns}, copy=False)))


def _has(sides: Fields, name: str) -> Mask:
    return np.asarray(sides["known"] & SIDE_KNOWN[name] != 0)


def _known(values: NDArray[Any], known: Mask) -> Any:
    """Int64 with NA where not known."""
    return pd.arrays.IntegerArray(np.asarray(values).astype(np.int64, copy=False), ~known)


def _claim(values: Mask, known: Mask) -> Any:
    """boolean with NA where not known."""
    return pd.arrays.BooleanArray(np.asarray(values, bool), ~known)


def _plain(sides: Fields) -> dict[str, Any]:
    """Columns that are never NA: the kernel's fields of the same name."""
    return {name: sides[name] for name in _PLAIN if name in sides}


def _sequence(sides: Fields) -> dict[str, Any]:
    spoke = sides["packets"] > 0
    base, acked = _has(sides, "base"), _has(sides, "ack")
    return {
        "seq_base": _known(sides["base"], base),
        "isn": _known(sides["base"], _has(sides, "isn")),
        "highest_seq": _known(sides["next"], spoke & base),
        "highest_ack": _known(sides["highest_ack"], acked),
        "last_ack": _known(sides["last_ack"], acked),
    }


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
}
#: Columns that are NA when the kernel's field is 0.
_UNLESS_ZERO = (
    "src_mac",
    "max_outage_ns",
    "max_outage_frame",
    "max_idle_ns",
    "max_idle_frame",
    "srtt_max_ns",
    "ts_stood_ns",
)
_OF_THE_OUTAGE = ("max_outage_dead_ns", "max_outage_gap_ns", "max_outage_resend_ns")
_PLAIN = tuple(c.name for c in DIRECTIONS.columns if c.dtype == "int64")
_OF_A_PACKET = ("first_frame", "last_frame", "first_ns", "last_ns")
#: The kernel's fields that any column is made of.
_FIELDS = sorted(
    {"known", "packets", "base", "next", "highest_ack", "last_ack", "window", "head", *_UNLESS_ZERO, *_OF_THE_OUTAGE}
    | {*_OF_A_PACKET, *(field for _, field in _WHEN.values()), *(name for name in _PLAIN if name in SIDE.names)}
)


def _conditional(sides: Fields) -> dict[str, Any]:
    spoke = np.asarray(sides["packets"] > 0)
    opened = _has(sides, "isn")
    made = {name: _known(sides[field], _has(sides, known)) for name, (known, field) in _WHEN.items()}
    made |= {name: _known(sides[name], np.asarray(sides[name] != 0)) for name in _UNLESS_ZERO}
    made |= {name: _known(sides[name], spoke) for name in _OF_A_PACKET}
    made |= {name: _claim(_has(sides, name), opened) for name in ("sack_permitted", "fast_open")}
    made |= {name: _claim(_has(sides, name), spoke) for name in ("timestamps", "mptcp")}
    outage = np.asarray(sides["max_outage_ns"] != 0)
    made |= {name: _known(sides[name], outage) for name in _OF_THE_OUTAGE}
    newest, older = _has(sides, "outage_newest"), _has(sides, "outage_older")
    made["max_outage_newest"] = _claim(newest, newest | older)
    made["fin_acked"] = _claim(_has(sides, "fin_acked"), _has(sides, "fin"))
    made["window_closed_at_end"] = _claim(sides["window"] == 0, _has(sides, "window"))
    return made


def _ladder(sides: Fields, segments: Rows) -> dict[str, Any]:
    """The oldest thing not acknowledged at the end, and how it was repeated."""
    waiting = np.asarray(sides["head"] > 0)
    oldest = segments[np.maximum(sides["head"].astype(np.int64) - 1, 0)]
    repeated, timed = waiting & (oldest["copies"] > 0), waiting & (oldest["rto_ns"] != 0)
    return {
        "ladder_first_ns": _known(oldest["first_ns"], waiting),
        "ladder_first_frame": _known(oldest["first_frame"], waiting),
        "ladder_copies": np.where(waiting, oldest["copies"], 0).astype(np.int64),
        "ladder_rto_ns": _known(oldest["rto_ns"], timed),
        "ladder_last_ns": _known(oldest["last_ns"], repeated),
        "ladder_last_gap_ns": _known(oldest["gap_ns"], repeated),
        "ladder_base_ns": _known(oldest["base_ns"], timed),
        "ladder_is_fin": _claim(oldest["what"] == CLOSING, waiting),
        "ladder_is_syn": _claim(oldest["what"] == OPENING, waiting),
        "unacked_since_ns": _known(oldest["first_ns"], waiting),
    }


def _outstanding(sides: Fields, segments: Rows) -> dict[str, Any]:
    """Sums over all payload that is not acknowledged at the end: a walk of all lists at once, step by step."""
    count = len(sides["head"])
    total = np.zeros(count, np.int64)
    least, most = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    at = sides["head"].astype(np.int64)
    while at.any():
        where = np.nonzero(at)[0]
        rows = segments[at[where] - 1]
        data = rows["what"] == DATA
        payload, sizes = where[data], rows["size"][data].astype(np.int64)
        total[payload] += (rows["right"] - rows["left"])[data]
        least[payload] = np.minimum(least[payload], sizes)
        most[payload] = np.maximum(most[payload], sizes)
        at[where] = rows["next"]
    some = most > 0
    spoke = np.asarray(sides["packets"] > 0)
    return {
        "unacked_bytes": _known(total, spoke),
        "min_unacked_payload": _known(np.where(some, least, 0), some),
        "max_unacked_payload": _known(most, some),
    }
