"""What the report says that the programs saw, held against the system calls that were traced while recording."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from fixtures.judged import Recording, recordings, rows
from tcpautopsy import pipeline
from tcpautopsy.result import Bytes, Call, Connection

RECORDINGS = [r for r in recordings() if any(c.get("syscalls") for c in r.truth["connections"])]
#: Calls that both the report and the trace name; the trace's waits are epoll_wait.
COMPARED = ("connect", "recv", "send")


def told(recording: Recording) -> list[tuple[dict[str, Any], Connection]]:
    """Every traced connection with what is said of it."""
    known = recording.truth["connections"]
    found = rows(recording, pipeline.analyse([str(recording.path)]).result.connections)
    return [(each, row.said) for each, row in zip(known, found, strict=False) if row.said and each.get("syscalls")]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_no_certain_error_contradicts_the_traced_calls(recording: Recording) -> None:
    for truth, said in told(recording):
        for side in ("client", "server"):
            for call in getattr(said.application_view, side):
                if call.certain and call.errno and call.call in COMPARED:
                    assert not contradicted(call, truth["syscalls"], side), (said.id, side, call)


def contradicted(call: Call, traced: list[dict[str, Any]], side: str) -> bool:
    """The first such call that returned after that moment gave another error, or none although it had returned."""
    moment = datetime.fromisoformat(call.time[:26] + "+00:00").timestamp() if call.time else 0.0
    after = [
        t
        for t in traced
        if t["side"] == side and t["call"] == call.call and t["returned"] is not None and t["returned"] > moment + 0.05
    ]
    return bool(after) and after[0]["errno"] not in (call.errno, None)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_the_ledger_agrees_with_what_the_programs_sent_and_read(recording: Recording) -> None:
    for truth, said in told(recording):
        if said.ledger is None or not truth.get("ledger") or said.protocol != "tcp":
            continue
        for direction in ("client_to_server", "server_to_client"):
            books, true = getattr(said.ledger, direction), truth["ledger"][direction]
            check_books(books, true, (recording.name, said.id, direction))


def check_books(books: Bytes, true: dict[str, int], where: tuple[object, ...]) -> None:
    if books.sent is None or books.acknowledged is None or books.lost is None or books.in_doubt is None:
        return
    assert books.sent == books.acknowledged + books.in_doubt + books.lost, where
    assert books.sent <= true["accepted_by_send"], where
    assert true["read_by_peer"] <= books.sent - books.lost, where
