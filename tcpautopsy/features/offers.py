"""Options of a SYN that its answer lacks although the same host gives them to others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tcpautopsy.features.groups import addresses
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, across, told

#: In the words of a reader.
_OPTIONS = {"wscale": "window scale", "sack_permitted": "SACK", "timestamps": "timestamps"}


def _carried(seen: Seen, side: int, option: str) -> Mask:
    """Whether a side's SYN carried an option; a window scale is a number, and known only then."""
    values = seen.side(side, option)
    return ~np.isnan(values) if option == "wscale" else np.asarray(np.nan_to_num(values) > 0)


def _answered(seen: Seen) -> Mask:
    return seen.has("tcp") & (seen.side(CLIENT, "syn") > 0) & (seen.side(SERVER, "syn_ack") > 0)


@across
def _missing(seen: Seen) -> tuple[Mask, ...]:
    """Each of _OPTIONS: offered, not in the answer, but in an answer of the same host to another that offered it."""
    _, host = seen.of(addresses)
    both = seen.of(_answered)
    found = []
    for option in _OPTIONS:
        offered = both & _carried(seen, CLIENT, option)
        given = offered & _carried(seen, SERVER, option)
        elsewhere = np.bincount(host, weights=given, minlength=1)[host] > 0
        found.append(offered & ~given & elsewhere)
    return tuple(found)


@across
def options_missing(seen: Seen) -> Words:
    """Options that the client offered and the answer lacks while the same host grants them to others; empty if none."""
    missing = seen.of(_missing)
    rows = np.nonzero(np.logical_or.reduce(missing))[0]
    lacking = ([word for word, mask in zip(_OPTIONS.values(), missing, strict=True) if mask[row]] for row in rows)
    return told(seen.count, rows, [_listed(names) for names in lacking], "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


@across
def options_missing_count(seen: Seen) -> Values:
    """How many options are missing so."""
    return np.asarray(sum(mask.astype(np.float64) for mask in seen.of(_missing)))


def offered_timestamps(seen: Seen) -> Mask:
    """The client's SYN carried timestamps; with them a SYN cookie keeps the other options."""
    return _carried(seen, CLIENT, "timestamps") & seen.of(_answered)


@across
def granted_at_same_distance(seen: Seen) -> Mask:
    """An answer of the same host that has these options came with the same TTL: the same machine, as far as seen."""
    _, host = seen.of(addresses)
    ttl = np.nan_to_num(seen.side(SERVER, "ttl"), nan=-1).astype(np.int64)
    both = seen.of(_answered)
    given = both & _carried(seen, SERVER, "wscale")
    _, place = np.unique(host * 512 + ttl + 1, return_inverse=True)
    return (np.bincount(place, weights=given, minlength=1)[place] > 0) & (seen.of(options_missing_count) > 0)
