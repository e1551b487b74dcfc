"""The numbers that the kernels write again are those of the tables."""

from __future__ import annotations

import pytest

from tcpautopsy import records
from tcpautopsy.events.rows import CLOSING, DATA, OPENING, SIDE_KNOWN
from tcpautopsy.flows.rows import KNOWN
from tcpautopsy.tables import EVENT_NUMBER, Kind, Mark, Reset

EVENTS = records.interpreted_kernel("events")
FLOWS = records.interpreted_kernel("flows")
DECODE = records.interpreted_kernel("decode")
#: Names of the kernel that differ from those of the tables, because an event has the plain one.
MARKS = {"BAD_CHECKSUM": "BAD_SUM", "GOOD_CHECKSUM": "GOOD_SUM"}
LOOKS = {"TIMESTAMPS": "HAS_TIMESTAMPS"}


@pytest.mark.parametrize("name", EVENT_NUMBER)
def test_kinds_of_events(name: str) -> None:
    assert getattr(EVENTS, name.upper()) == EVENT_NUMBER[name]


@pytest.mark.parametrize("name", SIDE_KNOWN)
def test_what_is_known_of_a_side(name: str) -> None:
    assert getattr(EVENTS, f"K_{name.upper()}") == SIDE_KNOWN[name]


@pytest.mark.parametrize("look", Reset)
def test_looks_of_a_reset(look: Reset) -> None:
    assert getattr(EVENTS, LOOKS.get(str(look.name), str(look.name))) == look


def test_marks_of_a_packet() -> None:
    for mark in Mark:
        name = str(mark.name)
        own = [getattr(k, n) for k in (DECODE, FLOWS) for n in (name,) if hasattr(k, n)]
        own += [getattr(EVENTS, n) for n in (MARKS.get(name, name),) if hasattr(EVENTS, n) and name != "TRUNCATED"]
        assert set(own) <= {int(mark)}, name
    assert DECODE.TRUNCATED == Mark.TRUNCATED  # in the events kernel the name is that of the event


def test_kinds_of_packets_and_segments() -> None:
    for name in ("TCP", "UDP", "ECHO", "ICMP_ERROR", "RESOLUTION"):
        assert getattr(EVENTS, name) == getattr(FLOWS, name) == Kind[name]
    assert EVENTS.LOOKUP == FLOWS.DNS == Kind.DNS
    assert FLOWS.FRAGMENT == Kind.FRAGMENT
    assert (EVENTS.DATA_SEGMENT, EVENTS.OPENING, EVENTS.CLOSING) == (DATA, OPENING, CLOSING)
    assert [KNOWN[n] for n in (FLOWS.BY_SYN, FLOWS.BY_SYNACK, FLOWS.BY_PORT, FLOWS.BY_FIRST)] == list(KNOWN)


def test_the_number_of_a_kind_has_six_bits_in_an_event() -> None:
    assert len(EVENT_NUMBER) <= 64
