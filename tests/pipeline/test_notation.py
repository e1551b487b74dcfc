"""The notation of the tests: what is written down is what the capture holds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.notation import NotationError, capture
from tcpautopsy.pipeline import Options, analyse_bytes, examined, named_events
from tcpautopsy.result import Connection

HELLO = """
    +0    > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>
    +.05  < S. 0:0(0) ack 1 <mss 1400,sackOK,wscale 9>
    +0    > . 1:1(0) ack 1
"""


def word(text: str, flow: int = 1) -> str:
    """The kinds of the events of a connection."""
    events = named_events(examined(capture(text)).dissection.events)
    return " ".join(events.loc[events["connection"] == flow, "kind"])


def told(text: str) -> list[Connection]:
    return analyse_bytes("written down", capture(text), Options(debug=True)).result.connections


def test_a_handshake_and_a_request() -> None:
    text = HELLO + '+0 > P. 1:33(32) ack 1 "GET / HTTP/1.1"\n+.05 < . 1:1(0) ack 33'
    assert word(text) == "syn syn_ack handshake_ack data http_request ack capture_end"


def test_numbers_options_and_times_are_those_of_the_lines() -> None:
    known = examined(capture(HELLO + "+1 > P. 1:101(100) ack 1 win 99 ttl 7\n+2 ~"))
    client, server = (known.dissection.directions.frame().iloc[row] for row in (0, 1))
    assert (client["mss"], client["wscale"], client["sack_permitted"], client["payload_bytes"]) == (1460, 7, True, 100)
    assert (server["mss"], server["wscale"], server["highest_seq"]) == (1400, 9, 1)
    assert (client["ttl_min"], client["ttl_max"]) == (7, 64)
    assert client["last_ns"] - client["first_ns"] == 1_050_000_000
    assert known.dissection.last_ns - known.dissection.first_ns == 3_050_000_000


def test_nothing_is_wrong_with_what_was_written() -> None:
    assert "bad_checksum" not in word(HELLO + "+0 > udp (5)")
    assert "bad_checksum" in word(HELLO + "+0 > P. 1:6(5) ack 1 bad")
    [one] = told(HELLO)
    assert one.outcome == "established"


def test_connections_are_told_apart_by_their_number() -> None:
    assert [c.client.port for c in told(HELLO + "+0 2> S 0:0(0)\n+.1 2< R. 0:0(0) ack 1 win 0")] == [40001, 40002]


def test_errors_quote_the_other_side() -> None:
    [one, _] = told("+0 > udp (20)\n+.01 < icmp prohibited from 10.0.0.254\n+9 ~")
    assert (one.protocol, one.outcome, one.cause) == ("udp", "rejected", "udp-icmp-unreachable")


def test_addresses_are_asked_for() -> None:
    assert [c.protocol for c in told("+0 > arp\n+.01 < arp\n+0 > S 0:0(0)")] == ["arp", "tcp"]


def test_the_same_text_gives_the_same_bytes() -> None:
    assert capture(HELLO) == capture(HELLO)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("> S 0:0(0)", "a line is"),
        ("+0 > S 0:5(4)", "4 bytes end elsewhere"),
        ("+0 > S", "flags and first:last(length)"),
        ("+0 > X 0:0(0)", "'X'"),
        ("+0 > S 0:0(0) ack 1", "needs the flag"),
        ("+0 > S 0:0(0) <magic 3>", "magic: no option"),
        ("+0 > S 0:0(0) window 3", "window: not known"),
        ("+0 2< icmp host", "no packet that it could quote"),
        ("server port 80", "server ttl N"),
    ],
)
def test_a_wrong_line_is_named(line: str, words: str) -> None:
    with pytest.raises(NotationError) as told_wrong:
        capture(f"{HELLO}\n{line}")
    assert f"line 6: {line}" in str(told_wrong.value)
    assert words in str(told_wrong.value)


@given(st.text(alphabet='+0123456789.<>SPFRackwin:()" \n~#-', max_size=120))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with suppress(NotationError):
        assert capture(text)[:4] == bytes.fromhex("4d3cb2a1")


def test_a_resend_clocked_by_a_recovery_is_no_tail_loss_probe() -> None:
    lost = HELLO + "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:1301(300) ack 1\n+.6 > . 1:1001(1000) ack 1\n"
    recovered = lost + "+.05 < . 1:1(0) ack 1001\n+0 > P. 1001:1301(300) ack 1\n+.05 < . 1:1(0) ack 1301"
    assert "tail_loss_probe" not in word(recovered)
    assert "retransmission ack" in word(recovered)
    alone = HELLO + "+0 > P. 1:301(300) ack 1\n+.3 > P. 1:301(300) ack 1\n+.05 < . 1:1(0) ack 301"
    assert "tail_loss_probe" in word(alone)
