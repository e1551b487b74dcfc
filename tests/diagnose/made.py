"""Captures and rules made by hand: a flow is a list of "time side kind [value [frames]]" lines and its features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tcpautopsy.diagnose import diagnose, rules
from tcpautopsy.schema import Column, LazyTable, Table
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
    Diagnosis,
    Dissection,
    Events,
    Features,
    Flows,
    Notes,
    Quality,
)

BASE_NS = 1_700_000_000_000_000_000
SIDES = {"c": 1, "s": 0, "r": 2}
FACTS = CaptureFacts(
    "made by hand", None, "pcap", None, ("EN10MB",), 0, 0, BASE_NS, BASE_NS, 65535, (), (), (), (), False, False
)
#: Features that every capture here has, with their values where a flow does not say otherwise.
ALWAYS = {"protocol": "tcp", "outcome": "established", "failed_by_outcome": False}
DTYPES = {str: "str", bool: "boolean", int: "Int64", float: "Float64"}

Flow = dict[str, Any]


def flow(*lines: str, **features: Any) -> Flow:
    """One flow: its events, and its features; `flags` and columns of Flows may stand among them."""
    return {"lines": lines, "features": features}


def dissection(flows: Sequence[Flow]) -> Dissection:
    """The tables of these flows."""
    events = [_event(n, p, line) for n, each in enumerate(flows) for p, line in enumerate(each["lines"])]
    return Dissection(
        FACTS,
        _flows([_flow(n, each, events) for n, each in enumerate(flows)]),
        LazyTable(DIRECTIONS, 0, table(DIRECTIONS, []).__getitem__),
        made_events(table(EVENTS, events), len(flows)),
        Notes(table(NOTES_TABLE, [])),
        Arrivals(table(ARRIVALS, [])),
        BASE_NS,
        BASE_NS + 100_000_000_000,
    )


def made_events(frame: pd.DataFrame, flows: int) -> Events:
    """A frame in the order of flows as the table that it stands for."""
    starts = np.searchsorted(frame["flow"], np.arange(flows + 1))
    return Events(starts, lambda name, rows: frame[name].array[np.asarray(rows)])


def features(flows: Sequence[Flow]) -> Features:
    """Their features: each column that a flow names; NA for the flows that do not."""
    rows = [ALWAYS | {k: v for k, v in each["features"].items() if k not in _NOT_FEATURES} for each in flows]
    names = sorted({name for row in rows for name in row})
    kinds = {name: next((type(r[name]) for r in rows if r.get(name) is not None), float) for name in names}
    made = {name: pd.array([row.get(name) for row in rows], dtype=DTYPES[kinds[name]]) for name in names}
    contract = Table("features", "one flow", tuple(Column(n, str(a.dtype), "", n) for n, a in made.items()))
    return LazyTable(contract, len(rows), made.__getitem__)


def quality(flows: Sequence[Flow], loss_rate: float = 0.0) -> Quality:
    """The flags that each flow names under `flags`."""
    per_flow = pd.DataFrame(
        {
            flag.replace("-", "_"): [flag in each["features"].get("flags", ()) for each in flows]
            for flag in QUALITY_FLAGS
        }
    )
    return Quality((), per_flow, "client", "high", loss_rate)


def diagnosed(
    folder: Path, files: Sequence[str], flows: Sequence[Flow], ignore: Sequence[str] = (), loss_rate: float = 0.0
) -> Diagnosis:
    """The diagnosis of the flows by the rules in these texts."""
    found = rules.layered([[written(folder, files)]])
    return diagnose(dissection(flows), features(flows), quality(flows, loss_rate), found, ignore)


def written(folder: Path, files: Sequence[str]) -> Path:
    """The folder, with the texts in it as rule files."""
    for n, text in enumerate(files):
        (folder / f"rule-{n}.yaml").write_text(text)
    return folder


def rule(name: str, body: str = "", **fields: str) -> str:
    """The text of a rule file: the least that a rule needs, `fields` in its place, and `body` behind."""
    least = {
        "title": f"The {name}",
        "group": "reset",
        "severity": "failure",
        "fault": "path",
        "confidence": "{base: high}",
        "what": "What.",
        "headline": "Headline.",
    }
    lines = [f"id: {name}", *(f"{k}: {v}" for k, v in (least | fields).items())]
    return "\n".join(lines) + "\n" + body


def table(contract: Table, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A table of the contract; what a row does not say is NA, or blank where the column cannot be NA."""
    blank = {"str": "", "int64": 0}
    columns = {c.name: [row.get(c.name, blank.get(c.dtype)) for row in rows] for c in contract.columns}
    return contract.check(pd.DataFrame({c.name: pd.array(columns[c.name], dtype=c.dtype) for c in contract.columns}))


_FLOW_COLUMNS = ("protocol", "client_address", "server_address", "server_port", "ip_version")
_NOT_FEATURES = {"flags", *_FLOW_COLUMNS} - {"protocol"}


def _event(number: int, position: int, line: str) -> dict[str, Any]:
    time, side, kind, *rest = line.split()
    at = BASE_NS + round(float(time) * 1e9)
    return {
        "flow": number,
        "frame": 100 * number + position + 1,
        "last_frame": 100 * number + position + 1,
        "time_ns": at,
        "last_time_ns": at,
        "kind": EVENT_NUMBER[kind],
        "side": SIDES[side],
        "value": int(rest[0]) if rest else 0,
        "count": int(rest[1]) if len(rest) > 1 else 1,
    }


def _flows(rows: Sequence[dict[str, Any]]) -> Flows:
    number: dict[str, int] = {}
    for row in rows:
        for end in ("client", "server"):
            row[f"{end}_host"] = number.setdefault(row[f"{end}_address"], len(number))
    made = table(FLOWS, rows)
    return LazyTable(FLOWS, len(rows), lambda name: made[name].array)


def _flow(number: int, each: Flow, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    own = [e for e in events if e["flow"] == number]
    said = {k: v for k, v in each["features"].items() if k in _FLOW_COLUMNS}
    return {
        "protocol": "tcp",
        "client_address": "10.0.0.1",
        "client_port": 40000 + number,
        "server_address": "10.0.0.2",
        "server_port": 80,
        "ip_version": 4,
        "first_ns": own[0]["time_ns"] if own else BASE_NS,
        "last_ns": own[-1]["time_ns"] if own else BASE_NS,
    } | said
