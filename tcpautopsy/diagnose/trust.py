"""The trust gate: what a blind spot of the capture does to the rules that it touches (CATALOGUE, sections 0 and 5).

Needs that are not met make a rule unknown before it comes to this. Here are the other effects: a flag lowers a
confidence by one step, caps it, or withholds the verdict, for the rules of some groups, some rules, or rules with
some need. A rule that already weighs the flag itself is not lowered twice: the lower of both counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from tcpautopsy.diagnose.columns import Integers
from tcpautopsy.diagnose.compiled import Compiled
from tcpautopsy.diagnose.logic import Mask
from tcpautopsy.tables import QUALITY_FLAGS, Quality

CONFIDENCES = ("low", "medium", "high", "certain")
_LOW, _MEDIUM, _CERTAIN = 0, 1, 3


class Touch(NamedTuple):
    """A flag and the rules it touches; `cap` is the highest confidence left, `lower` the steps taken off."""

    flag: str
    groups: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    measures_time: bool = False
    lower: int = 0
    cap: int = _CERTAIN


TOUCHES = (
    # A packet that the capture missed looks like one that the network lost.
    Touch("capture-drops", groups=("loss",), lower=1),
    Touch(
        "capture-drops",
        rules=("handshake-ack-lost", "synack-lost", "syn-lost-once", "one-way-loss", "window-update-lost"),
        lower=1,
    ),
    # No interval is measured across a step of the clock; what is left of the timing is hardly worth more than a hint.
    Touch("capture-clock-step", measures_time=True, cap=_LOW),
    # Without the SYN neither window scale nor MSS nor SACK are known.
    Touch("capture-midstream-start", groups=("window", "mtu"), needs=("window_scale",), cap=_MEDIUM),
    # Nobody knows what the next packet would have been.
    Touch("capture-ended-before-verdict", groups=("silence", "mtu"), lower=1),
    # An ICMP error or an ARP reply would decide, and could not be seen.
    Touch("capture-filter-excludes-icmp-arp-dns", groups=("mtu",), needs=("icmp", "arp"), cap=_MEDIUM),
    Touch("capture-reordered-file", rules=("reordering-spurious-retransmit",), lower=1),
    # These two bound what is read of a packet; the rules that read it say so in their needs.
    Touch("capture-snaplen-truncated", groups=("tls",), needs=("payload",)),
    Touch("capture-offload-superseg", groups=("mtu",)),
)

#: A need that is not met, and the flag that is to blame for it.
BLAMED = {
    "syn": "capture-midstream-start",
    "synack": "capture-midstream-start",
    "handshake": "capture-midstream-start",
    "window_scale": "capture-midstream-start",
    "both_directions": "capture-one-sided",
    "orig_direction": "capture-one-sided",
    "resp_direction": "capture-one-sided",
    "payload": "capture-snaplen-truncated",
    "arp": "capture-filter-excludes-icmp-arp-dns",
    "icmp": "capture-filter-excludes-icmp-arp-dns",
    "dns": "capture-filter-excludes-icmp-arp-dns",
    "end_of_flow": "capture-ended-before-verdict",
}
#: Flags that say of a flow without a cause why it has none.
CUT = ("capture-midstream-start", "capture-ended-before-verdict")

#: Above this share of acknowledged bytes missing from the file, loss cannot be told from a blind capture at all.
_BLIND_LOSS_RATE = 0.01
#: The chance that a capture misses k packets in a row is its loss rate to the k: three are enough.
_COPIES_BELIEVED = 3


class Gate(NamedTuple):
    """The flags of a stretch of flows as bits over QUALITY_FLAGS, and whether the capture is blind to loss."""

    flags: Integers
    blind_to_loss: bool


def gate(quality: Quality, first: int, last: int) -> Gate:
    """The gate for the flows `first` to `last` (exclusive)."""
    flags = np.zeros(last - first, dtype=np.int64)
    for n, flag in enumerate(QUALITY_FLAGS):
        up = flag_mask(quality.per_flow, flag)[first:last]
        if up.any():
            flags |= up.astype(np.int64) << n
    return Gate(flags, quality.loss_rate > _BLIND_LOSS_RATE)


def flag_mask(per_flow: pd.DataFrame, flag: str) -> Mask:
    """Where a flag is up."""
    name = flag.replace("-", "_")
    return per_flow[name].to_numpy(dtype=bool) if name in per_flow.columns else np.zeros(len(per_flow), dtype=bool)


def touches(rule: Compiled) -> list[Touch]:
    """The rows of TOUCHES that concern a rule."""
    return [t for t in TOUCHES if _concerns(t, rule)]


def _concerns(touch: Touch, rule: Compiled) -> bool:
    return (
        rule.rule.group in touch.groups
        or rule.rule.id in touch.rules
        or any(need in touch.needs for need in rule.rule.needs)
        or (touch.measures_time and rule.measures_time)
    )


def touched(rule: Compiled) -> int:
    """The flags that touch a rule, as bits over QUALITY_FLAGS."""
    return _bits(t.flag for t in touches(rule))


def blamed(needs: tuple[str, ...]) -> int:
    """The flags to blame for needs that are not met, as bits over QUALITY_FLAGS."""
    return _bits(BLAMED[need] for need in needs if need in BLAMED)


def _bits(flags: Iterable[str]) -> int:
    found = 0
    for flag in flags:
        found |= 1 << QUALITY_FLAGS.index(flag)
    return found


def ceiling(rule: Compiled, flags: Integers, confidence: Integers) -> tuple[Integers, Integers]:
    """The highest confidence that the gate lets pass, and the flags that lowered it, as bits over QUALITY_FLAGS."""
    highest, why = confidence.copy(), np.zeros(len(flags), dtype=np.int64)
    for touch in touches(rule):
        bit = np.int64(1 << QUALITY_FLAGS.index(touch.flag))
        up = (flags & bit) != 0
        allowed = np.maximum(np.minimum(confidence - touch.lower, touch.cap), _LOW)
        lowers = up & (allowed < confidence)
        why |= np.where(lowers, bit, 0)
        highest = np.where(lowers, np.minimum(highest, allowed), highest)
    return highest, why


def withheld(rule: Compiled, blind_to_loss: bool, flags: Integers, copies: Integers | None) -> Mask:
    """Where a verdict is not given: the capture misses so much that loss cannot be told from it.

    `copies` are the resends that nobody answered (negative: unknown); three of them are believed all the same.
    """
    drops = (flags & np.int64(1 << QUALITY_FLAGS.index("capture-drops"))) != 0
    if not blind_to_loss:
        return np.zeros(len(flags), dtype=bool)
    if rule.rule.group == "silence" and copies is not None:
        return np.asarray(drops & (copies >= 0) & (copies < _COPIES_BELIEVED))
    return np.asarray(drops & (rule.rule.group == "loss"))
