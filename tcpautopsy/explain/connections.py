"""The connections of one capture as the contract has them, made from its tables column by column.

There are as many of them as anything here has, and of most there is nothing to tell: they are made a stretch at a time,
when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import starmap
from typing import Any

import numpy as np

from tcpautopsy.explain.case import Batch, Case, Deep, Shelf
from tcpautopsy.explain.names import names
from tcpautopsy.explain.ruletexts import Knowledge
from tcpautopsy.explain.told import columns, rows
from tcpautopsy.explain.words import utcs
from tcpautopsy.result import (
    Connections,
    Endpoint,
    Undecided,
    Vantage,
)
from tcpautopsy.tables import NO_TIME, Diagnosis

_NOTHING: list[Any] = []  # one for all connections of which there is nothing to say
_FLOW = ("protocol", "community_id", "ordinal", "tcp_stream", "conn_state", "history", "client_known_by")
_SIZE = ("packets", "bytes")
_VERDICT = ("outcome", "severity", "cause", "confidence", "fault")


def connections(case: Case, knowledge: Knowledge, shelf: Shelf, told: Callable[[int, int], Batch]) -> Connections:
    """All connections of a capture, in the order of Flows; `told` gives what is told of a stretch of flows."""
    flows, verdicts, points = case.dissection.flows, case.diagnosis.verdicts, case.quality.per_flow
    learned, undecided, quiet = names(case.dissection), _undecided(case.diagnosis, knowledge), Deep()

    def made(first: int, last: int) -> dict[str, Sequence[Any]]:
        here, numbers = slice(first, last), range(first, last)
        stretch = flows.at(here)
        known = dict(zip(_FLOW + _SIZE, columns(stretch, *_FLOW, *_SIZE), strict=True))
        judged = dict(zip(_VERDICT, columns(verdicts, *_VERDICT, rows=here), strict=True))
        ends = {}
        for side in ("client", "server"):
            addresses, ports = columns(stretch, f"{side}_address", f"{side}_port")
            called = learned.all_of(numbers, addresses, server=side == "server")
            ends[side] = list(starmap(Endpoint, zip(addresses, ports, called, strict=True)))
        instants = (stretch[name] for name in ("first_ns", "last_ns"))
        begun, ended = (utcs(times.to_numpy(dtype=np.int64, na_value=NO_TIME)) for times in instants)
        places = zip(*columns(points, "vantage", "vantage_confidence", rows=here), strict=True)
        consistent, limits = (
            [each.split() or _NOTHING for each in column]
            for column in columns(verdicts, "consistent_with", "limits", rows=here)
        )
        batch = told(first, last)
        deep = [batch.deep.get(n, quiet) for n in numbers]
        return {
            "capture": [shelf.index] * len(numbers),
            "id": list(range(first + shelf.first_id, last + shelf.first_id)),
            **known,
            **{name: [text or None for text in known[name]] for name in ("community_id", "conn_state", "history")},
            **ends,
            "vantage": [_vantage(*place) for place in places],
            "first_time": begun,
            "last_time": ended,
            **judged,
            "consistent_with": consistent,
            "undecided": [undecided.get(n, _NOTHING) for n in numbers],
            "limits": limits,
            "findings": [batch.ids.get(n, _NOTHING) for n in numbers],
            "ledger": [each.ledger for each in deep],
            "timers": [each.timers for each in deep],
            "application_view": [each.view for each in deep],
        }

    return Connections(len(flows), made)


@lru_cache(maxsize=64)
def _vantage(point: Any, confidence: Any) -> Vantage:
    return Vantage(point=point, confidence=confidence)


def _undecided(diagnosis: Diagnosis, knowledge: Knowledge) -> dict[int, list[Undecided]]:
    found: dict[int, list[Undecided]] = {}
    for row in rows(diagnosis.undecided):
        would = " ".join(knowledge.rules[row["rule"]].would_decide.split())
        one = Undecided(rule=row["rule"], missing=list(row["missing"]), would_decide=would)
        found.setdefault(row["flow"], []).append(one)
    return found
