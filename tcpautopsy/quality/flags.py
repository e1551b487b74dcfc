"""The capture's blind spots, per flow and for the file (CATALOGUE section 5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.tables import EVENT_NUMBER, QUALITY_FLAGS, Dissection, Flag
from tcpautopsy.text import counted

Mask = NDArray[np.bool_]

#: Above this share of acknowledged bytes missing from the file, verdicts on loss lose a step (CATALOGUE 5).
LOSS_DOUBT = 0.001
#: A copy of a timer-driven packet is overdue once 20 % more than twice the last interval has passed.
_OVERDUE = 2 * 1.2
_FRAMES_SHOWN = 5


def loss_rate(dissection: Dissection) -> float:
    """Bytes that were acknowledged but never captured, as a share of all acknowledged bytes."""
    directions = dissection.directions
    # Only a direction that is otherwise present can lose packets; an absent one is one-sided.
    present = directions["payload_packets"].to_numpy() > 0
    unseen = float(directions["unseen_acked_bytes"].to_numpy()[present].sum())
    acked = np.maximum(directions["highest_seq"].to_numpy(dtype="float64", na_value=0.0), 0)[present].sum()
    return unseen / float(acked) if acked > 0 else 0.0


def per_flow_flags(dissection: Dissection, rate: float) -> pd.DataFrame:
    """One boolean column per flag, one row per flow; names with `_` for `-`."""
    count = len(dissection.flows)
    masks = {
        "capture-drops": _drops(dissection, rate),
        "capture-snaplen-truncated": _either(dissection, "cut_packets"),
        "capture-one-sided": _one_sided(dissection),
        "capture-duplicates": np.asarray(dissection.flows["duplicates"].to_numpy() > 0),
        "capture-offload-superseg": _either(dissection, "superseg"),
        "capture-bad-checksum-offload": _offloaded_checksums(dissection),
        "capture-clock-step": _with_event(dissection, "capture_gap"),
        "capture-midstream-start": _with_event(dissection, "capture_start"),
        "capture-ended-before-verdict": _ended_early(dissection),
        "capture-filter-excludes-icmp-arp-dns": np.full(count, _filtered(dissection)),
        "capture-reordered-file": np.full(count, _problem(dissection, "reordered") is not None),
    }
    return pd.DataFrame({flag.replace("-", "_"): masks[flag] for flag in QUALITY_FLAGS})


def flags_of(dissection: Dissection, marks: pd.DataFrame, rate: float) -> tuple[Flag, ...]:
    """The file's flags in the order of QUALITY_FLAGS, each with what was seen and what it does to verdicts."""
    shown = []
    for name in QUALITY_FLAGS:
        mask = marks[name.replace("-", "_")].to_numpy()
        raised = bool(mask.any()) or _file_wide(dissection, name)
        if raised:
            shown.append(Flag(name, _detail(dissection, name, mask, rate), _frames(dissection, mask), EFFECTS[name]))
    return tuple(shown)


EFFECTS = {
    "capture-drops": "verdicts that rest on missing packets are one step less sure",
    "capture-snaplen-truncated": "payload cannot be read beyond the cut; lengths come from the IP headers",
    "capture-one-sided": "no verdict may say that an answer is missing: the answers are not in this capture",
    "capture-duplicates": "second copies were removed before the analysis",
    "capture-offload-superseg": "segment counts and path-MTU verdicts use bytes, not packets",
    "capture-bad-checksum-offload": "checksums of the capturing host's own packets are ignored",
    "capture-clock-step": "no interval is measured across the step; verdicts on timing are of low confidence",
    "capture-midstream-start": "window scale, MSS and who began are unknown where the start is missing",
    "capture-ended-before-verdict": "the capture ends before the next expected packet; a prediction replaces the end",
    "capture-filter-excludes-icmp-arp-dns": "ICMP, ARP and DNS evidence could not be seen",
    "capture-reordered-file": "differences in order below a millisecond are not called network reordering",
}


class _Sides(NamedTuple):
    client: NDArray[np.float64]
    server: NDArray[np.float64]


def _sides(dissection: Dissection, name: str) -> _Sides:
    of_side = (dissection.directions.at(slice(side, None, 2))[name] for side in (0, 1))
    return _Sides(*(column.to_numpy(dtype="float64", na_value=np.nan) for column in of_side))


def _either(dissection: Dissection, name: str) -> Mask:
    sides = _sides(dissection, name)
    return np.asarray((sides.client > 0) | (sides.server > 0))


def _drops(dissection: Dissection, rate: float) -> Mask:
    """Flows that missed bytes themselves; all of them when the capture as a whole lost more than LOSS_DOUBT."""
    unseen, present = _sides(dissection, "unseen_acked_bytes"), _sides(dissection, "payload_packets")
    own = ((unseen.client > 0) & (present.client > 0)) | ((unseen.server > 0) & (present.server > 0))
    return np.asarray(own | (rate > LOSS_DOUBT) | (_dropped_share(dissection) > LOSS_DOUBT))


def _dropped_share(dissection: Dissection) -> float:
    dropped = sum(i.dropped or 0 for i in dissection.facts.interfaces)
    return dropped / (dissection.facts.packets + dropped) if dropped else 0.0


def _one_sided(dissection: Dissection) -> Mask:
    """One direction is absent although the visible side's acknowledgements advance: the other does talk."""
    packets, acks, synack = (_sides(dissection, n) for n in ("packets", "highest_ack", "syn_ack"))
    tcp = (pd.Series(dissection.flows["protocol"]) == "tcp").to_numpy(dtype=bool)
    fin = _sides(dissection, "payload_packets")
    server_missing = (packets.server == 0) & ((acks.client > 0) | (fin.client > 0) & (acks.client >= 0))
    client_missing = (packets.client == 0) & ((acks.server > 0) | (synack.server > 0) | (fin.server > 0))
    return np.asarray(tcp & (server_missing | client_missing))


def _offloaded_checksums(dissection: Dissection) -> Mask:
    """At least nine tenths of one side's packets have a wrong checksum: its own host computes it in hardware."""
    bad, good = _sides(dissection, "bad_checksum"), _sides(dissection, "good_checksum")
    masks = [(b >= 3) & (b > 9 * g) for b, g in zip(bad, good, strict=True)]
    return np.asarray(masks[0] | masks[1])


def _with_event(dissection: Dissection, kind: str) -> Mask:
    mask = np.zeros(len(dissection.flows), bool)
    events = dissection.events
    chosen = np.flatnonzero(events["kind"].to_numpy() == EVENT_NUMBER[kind])
    mask[events.at(chosen)["flow"].to_numpy()] = True
    return mask


def _ended_early(dissection: Dissection) -> Mask:
    """Something is unacknowledged, and the capture ends before its next copy would be overdue."""
    end = dissection.last_ns
    if end is None:
        return np.zeros(len(dissection.flows), bool)
    last, gap = _sides(dissection, "ladder_last_ns"), _sides(dissection, "ladder_last_gap_ns")
    first = _sides(dissection, "ladder_first_ns")
    early = np.zeros(len(dissection.flows), bool)
    for side in range(2):
        sent = np.where(np.isnan(last[side]), first[side], last[side])
        # Without a copy the first timer would fire within a second (RFC 6298 2.1).
        wait = np.where(np.isnan(gap[side]), 1e9, _OVERDUE * gap[side])
        with np.errstate(invalid="ignore"):
            early |= ~np.isnan(sent) & (end - sent < wait)
    return early & _with_event(dissection, "capture_end")


def _filtered(dissection: Dissection) -> bool:
    """No ICMP, ARP, NDP or DNS packet in a capture where a segment went unanswered or was resent."""
    if not len(dissection.flows) or not dissection.facts.packets:
        return False
    if any(i.filter for i in dissection.facts.interfaces):
        return True
    others = not {"icmp", "arp", "ndp", "dns"}.isdisjoint(dissection.flows["protocol"].unique())
    icmp = [EVENT_NUMBER[k] for k in EVENT_NUMBER if k.startswith(("icmp_", "arp_"))]
    if others or np.isin(dissection.events["kind"].to_numpy(), icmp).any():
        return False
    repeats = (dissection.directions[name].to_numpy() for name in ("ladder_copies", "rto_retransmissions"))
    return any(bool(each.any()) for each in repeats)


def _problem(dissection: Dissection, code: str) -> str | None:
    return next((p.detail for p in dissection.facts.problems if p.code == code), None)


def _file_wide(dissection: Dissection, name: str) -> bool:
    """Flags that hold for a file even when it has no flow to hang them on."""
    if name == "capture-drops":
        return _dropped_share(dissection) > 0
    if name == "capture-clock-step":
        return _problem(dissection, "clock-backwards") is not None
    return False


def _frames(dissection: Dissection, mask: Mask) -> tuple[int, ...]:
    """First frames of the first few flows that the flag touches."""
    return tuple(int(f) for f in dissection.flows["first_frame"].to_numpy()[mask][:_FRAMES_SHOWN])


def _detail(dissection: Dissection, name: str, mask: Mask, rate: float) -> str:
    total = counted(int(mask.sum()), "connection")
    words = {
        "capture-drops": lambda: _drops_detail(dissection, rate),
        "capture-snaplen-truncated": lambda: f"packets of {total} are cut ({_snaplen(dissection)})",
        "capture-one-sided": lambda: f"only one direction of {total} is in the capture",
        "capture-duplicates": lambda: (
            f"{counted(_duplicates(dissection), 'second copy', 'second copies')} of packets, in {total}"
        ),
        "capture-offload-superseg": lambda: f"packets of {total} are larger than the MSS (segmentation offload)",
        "capture-bad-checksum-offload": lambda: f"nearly all packets of one side of {total} have a wrong checksum",
        "capture-clock-step": lambda: _problem(dissection, "clock-backwards") or "the capture clock stepped",
        "capture-midstream-start": lambda: f"{total} began before the capture",
        "capture-ended-before-verdict": lambda: f"the capture ends while {total} still wait for an answer",
        "capture-filter-excludes-icmp-arp-dns": lambda: _filter_detail(dissection),
        "capture-reordered-file": lambda: _problem(dissection, "reordered") or "records out of time order",
    }
    return words[name]()


def _duplicates(dissection: Dissection) -> int:
    return int(dissection.flows["duplicates"].to_numpy().sum())


def _drops_detail(dissection: Dissection, rate: float) -> str:
    dropped = sum(i.dropped or 0 for i in dissection.facts.interfaces)
    parts = [f"the capture itself dropped {dropped} packets"] if dropped else []
    if rate > 0:
        parts.append(f"{rate:.2%} of the acknowledged bytes are not in the capture")
    return "; ".join(parts) or "acknowledged bytes are not in the capture"


def _snaplen(dissection: Dissection) -> str:
    return f"at {dissection.facts.snaplen} bytes" if dissection.facts.snaplen else "shorter than on the wire"


def _filter_detail(dissection: Dissection) -> str:
    filters = sorted({i.filter for i in dissection.facts.interfaces if i.filter})
    if filters:
        return f"the capture was filtered: {', '.join(filters)}"
    return "no ICMP, ARP or DNS packet is in the capture"
