"""Whether a limit of the rate, without a queue, explains which bytes of a direction were lost.

A policer keeps a bucket of tokens that fills at a fixed rate up to a burst; a packet passes when there are tokens for
it, and is dropped when there are none. Here such a bucket is followed along the bytes of a direction, for many rates
and bursts at once; the one that drops what was lost, and passes what was not, is the best explanation
(Flach et al., An Internet-Wide Analysis of Traffic Policing, SIGCOMM 2016).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, across, choose
from tcpautopsy.tables import EVENT_NUMBER

_RESENT = tuple(EVENT_NUMBER[k] for k in ("retransmission", "fast_retransmission", "rto_retransmission"))
_OTHER = tuple(EVENT_NUMBER[k] for k in ("tail_loss_probe", "spurious_retransmission", "out_of_order"))
#: Fewer losses, or less that passed, fit any limit; of heavy loss and of a moment so does anything.
_LOST_SEGMENTS, _PASSED_SEGMENTS, _LOST_SHARE, _LEAST_S = 10, 50, 0.5, 1.0
#: In a steady flow no quarter of the time carries more than this many times another.
_STEADY = 2.0
#: A queue makes the round trip longer before it drops; loss alone lets it look up to three times as long.
_QUEUE = 3.0
#: Behind a queue bytes come one after the other at its rate; this share coming twice as fast has met none.
_FAST_SHARE = 0.1
#: Losses of which more than this share arrived all the same are the capture's.
_MISSED = 0.1
#: Rates tried, by the measured one; bursts, by the largest segment. Bounds for the work on one capture.
_RATES, _BURSTS = np.linspace(0.9, 1.5, 25), np.array([4.0, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256])
_LOOKED_AT, _DIRECTIONS, _ROWS = 2_000, 24, 2_000
#: By how much of a segment the bucket may be wrong: rates and bursts are tried in steps, and arrivals are not exact.
#: A smaller burst, or more slack, and random losses begin to fit.
_SLACK = 0.5


class _Sent(NamedTuple):
    """What a direction sent, in order: when, how many bytes passed and how many were lost; `behind` where they went.

    `behind` is True where the capture was taken behind the losses: lost bytes are holes, known by what comes next.
    """

    time: Values
    passed: Values
    lost: Values
    behind: bool


class _Limit(NamedTuple):
    """The best explanation of a direction: share of segments it explains, and rate in bytes/s."""

    fit: float
    rate: float


_UNKNOWN = _Limit(np.nan, np.nan)


@across
def _limits(seen: Seen) -> NDArray[np.float64]:
    """(fit, rate, side) of each flow, of its better explained direction; fit 0 without, NaN where not looked at."""
    found = np.zeros((seen.count, 3))
    sides = [seen.side(side, "retransmissions") + seen.side(side, "lost_segments") for side in (SERVER, CLIENT)]
    losses = np.nan_to_num(np.concatenate(sides))
    many = np.flatnonzero(losses >= _LOST_SEGMENTS)
    order = many[np.argsort(-losses[many], kind="stable")]
    tried = 0
    for place, at in enumerate(order.tolist()):
        side, flow = (SERVER, CLIENT)[at // seen.count], at % seen.count
        sent = _plausible(seen, flow, side) if place < _LOOKED_AT else None
        if sent is None and place < _LOOKED_AT:
            continue
        limit = _UNKNOWN if sent is None or tried >= _DIRECTIONS else _limit(seen, flow, side, sent)
        tried += 1
        best = found[flow, 0]
        explains, unknown = limit.fit > 0 and not best >= limit.fit, np.isnan(limit.fit) and not best > 0
        if explains or unknown:
            found[flow] = limit.fit, limit.rate, side
    return found


def _plausible(seen: Seen, flow: int, side: int) -> _Sent | None:
    """What a direction sent between its first loss and its last, when a limit might explain it."""
    sent, segment = _sent(seen, flow, side), float(seen.side(side, "max_payload")[flow])
    losses = np.nonzero(sent.lost)[0]
    if len(losses) < 2:
        return None
    span = slice(losses[0], min(losses[-1] + 1, losses[0] + _ROWS))
    sent = _Sent(sent.time[span], sent.passed[span], sent.lost[span], sent.behind)
    passed, lost, lasted = sent.passed.sum(), sent.lost.sum(), sent.time[-1] - sent.time[0]
    missed = seen.side(side, "unseen_acked_bytes")[flow]  # by the capture, not by the receiver
    enough = passed >= _PASSED_SEGMENTS * segment and lost >= _LOST_SEGMENTS * segment and lasted >= _LEAST_S
    if not enough or lost > _LOST_SHARE * (passed + lost) or missed > _MISSED * lost or not _steady(sent):
        return None
    return sent


def _limit(seen: Seen, flow: int, side: int, sent: _Sent) -> _Limit:
    """The limit that explains it best; fit 0 where something waited in a queue."""
    if not sent.behind and np.isnan(seen.span(side, "rtt_min_ns")[flow]):
        return _UNKNOWN  # without the other side's packets a queue would not be seen
    measured = sent.passed.sum() / (sent.time[-1] - sent.time[0])
    limit = _best(sent, float(seen.side(side, "max_payload")[flow]), measured)
    return limit if _no_queue(seen, flow, side, sent, limit.rate) else _Limit(0.0, np.nan)


def _sent(seen: Seen, flow: int, side: int) -> _Sent:
    """The bytes of one direction."""
    events, table = seen.events, seen.dissection.events
    rows = slice(*table.starts[flow : flow + 2])
    mine = events.side[rows] == side
    kind, time, value, of = events.kind[rows], events.last[rows], events.value[rows], events.of[rows]
    data, resent = mine & (kind == EVENT_NUMBER["data"]), mine & np.isin(kind, _RESENT)
    hole = mine & (kind == EVENT_NUMBER["lost_segment"])
    came = data | resent | (mine & np.isin(kind, _OTHER))
    passed, lost = np.where(came, value, 0).astype(float), np.where(hole, value, 0).astype(float)
    first_copy = np.nonzero(data)[0]
    begins = table.at(rows)["frame"].to_numpy()[first_copy]
    copies: dict[int, int] = {}  # frame of a first copy: row of its latest copy
    for row in np.nonzero(resent & (of > 0))[0].tolist():
        before = copies.get(int(of[row]))
        if before is None:
            place = int(np.searchsorted(begins, of[row], "right")) - 1
            before = int(first_copy[place]) if place >= 0 else row
        gone = min(float(value[row]), passed[before]) if before != row else 0.0
        passed[before] -= gone
        lost[before] += gone
        copies[int(of[row])] = row
    # What left a hole was dropped behind what came before it, not when the hole showed.
    arrivals = np.nonzero(came)[0]
    holes = np.nonzero(hole)[0]
    latest = np.searchsorted(arrivals, holes) - 1
    known = latest >= 0
    time = time.copy()
    time[holes[known]] = time[arrivals[latest[known]]]
    used = (passed > 0) | (lost > 0)
    return _Sent(time[used], passed[used], lost[used], behind=bool(hole.sum() > len(copies)))


def _steady(sent: _Sent) -> bool:
    quarter = np.minimum((sent.time - sent.time[0]) / (sent.time[-1] - sent.time[0]) * 4, 3).astype(np.int64)
    bytes_ = np.bincount(quarter, weights=sent.passed, minlength=4)
    return bool(bytes_.max() <= _STEADY * bytes_.min())


def _best(sent: _Sent, segment: float, measured: float) -> _Limit:
    """The rate and burst that explain most: tokens for what passed, none for what was lost."""
    rate, burst = (grid.ravel() for grid in np.meshgrid(_RATES * measured, _BURSTS * segment))
    tokens, empty, enough = np.zeros(len(rate)), np.zeros(len(rate)), np.zeros(len(rate))
    waited, slack = np.diff(sent.time, prepend=sent.time[0]), _SLACK * segment
    for gap, came, gone in zip(waited.tolist(), sent.passed.tolist(), sent.lost.tolist(), strict=True):
        tokens = np.minimum(burst, tokens + gap * rate)
        if came:
            enough += came * (tokens >= came - slack)
            tokens = np.maximum(tokens - came, -slack)
        if gone:
            empty += gone * (tokens < segment + slack)
    share = np.minimum(empty / sent.lost.sum(), enough / sent.passed.sum())
    best = int(np.argmax(share))
    return _Limit(float(share[best]), float(rate[best]))


def _no_queue(seen: Seen, flow: int, side: int, sent: _Sent, rate: float) -> bool:
    if sent.behind:
        fast = np.diff(sent.time, prepend=sent.time[0]) * 2 * rate < sent.passed
        return bool(sent.passed[fast].sum() >= _FAST_SHARE * sent.passed.sum())
    alone, loaded = seen.span(side, "rtt_min_ns")[flow], seen.span(side, "srtt_max_ns")[flow]
    return bool(loaded <= _QUEUE * alone)


def _column(seen: Seen, number: int) -> Values:
    return seen.of(_limits)[:, number]


def _fits(seen: Seen) -> Mask:
    return np.asarray(_column(seen, 0) > 0)


def policer_fit(seen: Seen) -> Values:
    """Share of a direction's bytes, lost or not, that a rate limit without a queue explains; 0 without many losses."""
    return _column(seen, 0)


def policer_rate(seen: Seen) -> Values:
    """Rate of that limit, in bytes of payload per second, to a thousand; NA without one."""
    return np.where(_fits(seen), np.round(_column(seen, 1), -3), np.nan)


def policer_of(seen: Seen) -> Words:
    """The side whose bytes the limit meets: client, server or none."""
    return choose([~_fits(seen), _column(seen, 2) == CLIENT], ["none", "client"], "server")
