"""Who began a conversation, and how that is known."""

from __future__ import annotations

import pytest

from tcpautopsy.notation import capture
from tcpautopsy.pipeline import examined

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


@pytest.mark.parametrize(
    ("first", "began", "known_by"),
    [
        ("+0 > S 0:0(0)", CLIENT, "syn"),
        ("+0 < S. 0:0(0) ack 1", CLIENT, "synack"),
        ("+0 < P. 1:11(10) ack 1", CLIENT, "port"),
        ("+0 > udp (30)", CLIENT, "first"),
        ("+0 < udp (30)", CLIENT, "port"),
        ('+0 > udp (30) "SIP/2.0 200 OK"', SERVER, "port"),
        ('+0 < udp (30) "SIP/2.0 200 OK"', CLIENT, "port"),
        ('+0 > udp (30) "INVITE sip:x SIP/2.0"', CLIENT, "first"),
        ('+0 > udp (7) "SIP/2.0"', CLIENT, "first"),
    ],
)
def test_the_first_packet_tells_who_began(first: str, began: str, known_by: str) -> None:
    flows = examined(capture(first)).dissection.flows
    assert flows["client_address"].tolist() == [began]
    assert flows["client_known_by"].tolist() == [known_by]
