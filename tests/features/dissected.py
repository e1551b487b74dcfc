"""Dissections written by hand: a flow is a list of "time side kind [value]" lines; what counts follows from them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd

from tcpautopsy.features import features
from tcpautopsy.schema import Table
from tcpautopsy.tables import (
    ARRIVALS,
    DIRECTIONS,
    EVENT_NUMBER,
    EVENTS,
    FLOWS,
    NOTES_TABLE,
    QUALITY_FLAGS,
    Arrivals,
    CaptureFacts,
    Directions,
    Dissection,
    Events,
    Flows,
    Notes,
    Quality,
)

BASE_NS = 1_700_000_000_000_000_000
SIDES = {"c": 1, "s": 0, "r": 2}
RESENDS = ("retransmission", "rto_retransmission", "fast_retransmission", "tail_loss_probe")
COUNTED = {
    "syn": "syn",
    "syn_retransmission": "syn",
    "syn_ack": "syn_ack",
    "syn_ack_retransmission": "syn_ack",
    "fin": "fin",
    "fin_retransmission": "fin",
    "rst": "rst",
    "keep_alive": "keep_alives",
    "keep_alive_ack": "keep_alive_acks",
    "zero_window": "zero_windows",
    "zero_window_probe": "zero_window_probes",
}


def flow(
    *lines: str, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **columns: Any
) -> dict[str, Any]:
    """One flow: its event lines, what the tables say beyond them, and its columns of Flows."""
    return {"lines": lines, "client": client or {}, "server": server or {}, "columns": columns}


def known(*flows: dict[str, Any], end: float, vantage: str = "client", flags: tuple[str, ...] = ()) -> pd.DataFrame:
    """The features of a capture that ends `end` seconds after its first frame."""
    events = [event for number, each in enumerate(flows) for event in _events(number, each["lines"])]
    dissection = Dissection(
        FACTS,
        Flows(_table(FLOWS, [_flow(n, f, events) for n, f in enumerate(flows)])),
        Directions(_table(DIRECTIONS, [_direction(n, f, s, events) for n, f in enumerate(flows) for s in (1, 0)])),
        Events(_table(EVENTS, events)),
        Notes(_table(NOTES_TABLE, [])),
        Arrivals(_table(ARRIVALS, [])),
        BASE_NS,
        BASE_NS + round(end * 1e9),
    )
    return features(dissection, _quality(len(flows), vantage, flags))


FACTS = CaptureFacts(
    "made by hand", None, "pcap", None, ("EN10MB",), 0, 0, BASE_NS, BASE_NS, 65535, (), (), (), (), False, False
)


def _quality(count: int, vantage: str, flags: tuple[str, ...]) -> Quality:
    per_flow = pd.DataFrame({flag.replace("-", "_"): [flag in flags] * count for flag in QUALITY_FLAGS})
    per_flow = per_flow.assign(vantage=[vantage] * count, vantage_confidence=["high"] * count)
    return Quality((), per_flow, vantage, "high", 0.0)


def _events(number: int, lines: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_event(number, position, line) for position, line in enumerate(lines)]


def _event(number: int, position: int, line: str) -> dict[str, Any]:
    time, side, kind, *value = line.split()
    at = BASE_NS + round(float(time) * 1e9)
    return {
        "flow": number,
        "frame": 100 * number + position + 1,
        "last_frame": 100 * number + position + 1,
        "time_ns": at,
        "last_time_ns": at,
        "kind": EVENT_NUMBER[kind],
        "side": SIDES[side],
        "value": int(value[0]) if value else 0,
        "count": 1,
    }


def _table(contract: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    blank = {"str": "", "int64": 0}
    columns = {c.name: [row.get(c.name, blank.get(c.dtype)) for row in rows] for c in contract.columns}
    table = pd.DataFrame({c.name: pd.array(columns[c.name], dtype=c.dtype) for c in contract.columns})
    return contract.check(table)


def _flow(number: int, each: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    own = [e for e in events if e["flow"] == number]
    defaults = {
        "protocol": "tcp",
        "client_address": "10.0.0.1",
        "client_port": 40000 + number,
        "server_address": "10.0.0.2",
        "server_port": 80,
        "client_known_by": "syn",
        "ip_version": 4,
        "first_ns": own[0]["time_ns"],
        "last_ns": own[-1]["time_ns"],
        "packets": len(own),
    }
    return defaults | each["columns"]


def _direction(number: int, each: dict[str, Any], side: int, events: list[dict[str, Any]]) -> dict[str, Any]:
    names = {v: k for k, v in EVENT_NUMBER.items()}
    own = [(names[e["kind"]], e) for e in events if e["flow"] == number and e["side"] == side]
    row: dict[str, Any] = {"packets": len(own)}
    if own:
        row |= {"first_ns": own[0][1]["time_ns"], "last_ns": own[-1][1]["time_ns"], "ttl": 64}
    for kind, _ in own:
        if kind in COUNTED:
            row[COUNTED[kind]] = row.get(COUNTED[kind], 0) + 1
    row |= _data(own) | _ends(own)
    return row | each["client" if side else "server"]


def _data(own: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    new = [e for kind, e in own if kind == "data"]
    again = [e for kind, e in own if kind in RESENDS]
    row: dict[str, Any] = {
        "payload_packets": len(new) + len(again),
        "payload_bytes": sum(e["value"] for e in new + again),
        "retransmissions": len(again),
        "retransmitted_bytes": sum(e["value"] for e in again),
        "rto_retransmissions": sum(kind == "rto_retransmission" for kind, _ in own),
    }
    if new:
        row |= {"first_data_ns": new[0]["time_ns"], "last_data_ns": new[-1]["time_ns"]}
    return row


def _ends(own: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for kind in ("fin", "rst"):
        first = next((e for k, e in own if k == kind), None)
        if first is not None:
            row |= {f"{kind}_ns": first["time_ns"], f"{kind}_frame": first["frame"]}
            row |= {"rst_look": first["value"], "rst_ttl": 64} if kind == "rst" else {}
    isn = next((e for k, e in own if k in ("syn", "syn_ack")), None)
    return row | ({"isn": 1000} if isn else {})


def ladder(*times: float, what: str = "data") -> dict[str, Any]:
    """The ladder columns of a direction whose oldest unacknowledged thing was sent at these times."""
    at = [BASE_NS + round(t * 1e9) for t in times]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    row: dict[str, Any] = {
        "ladder_first_ns": at[0],
        "ladder_first_frame": 1,
        "ladder_copies": len(at) - 1,
        "ladder_is_fin": what == "fin",
        "ladder_is_syn": what == "syn",
    }
    if gaps:
        base = min(gap >> k for k, gap in enumerate(gaps))
        row |= {
            "ladder_last_ns": at[-1],
            "ladder_last_gap_ns": gaps[-1],
            "ladder_rto_ns": at[1],
            "ladder_base_ns": base,
        }
    return row
