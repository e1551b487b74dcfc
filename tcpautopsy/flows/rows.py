"""The kernel's rows of a flow, and what their bits mean."""

from __future__ import annotations

from enum import IntFlag

from tcpautopsy.records import Record

FLOW = Record(
    "Flow",
    "q:first_ns;Q:first_hi first_lo second_hi second_lo;I:zone tag first_frame seq wirelen stream course hashed;"
    "H:first_port second_port;B:protocol ip_version first_is_originator known",
)
#: Row 0 is that of flows which are a SYN alone: zeros.
COURSE = Record(
    "Course",
    "q:last_ns bytes asked_ns;Q:history1 history2 history3;"
    "I:o_isn r_isn o_next r_next r_ack last_frame packets duplicates previous letters state o_frame r_frame other_zone"
    " instance pad",
)

#: How the originator is known, by number.
KNOWN = ("syn", "synack", "port", "first")


class State(IntFlag):
    """Bits of `state`; the responder's bit is twice the originator's. The upper byte counts history letters."""

    ORIG_SYN = 1
    RESP_SYN = 2
    ORIG_SYNACK = 4
    RESP_SYNACK = 8
    ORIG_FIN = 16
    RESP_FIN = 32
    ORIG_RST = 64
    RESP_RST = 128
    ORIG_DATA = 256
    RESP_DATA = 512
    ORIG_SPOKE = 1024
    RESP_SPOKE = 2048
    ANSWERED = 4096
    FIRST_RST_BY_RESPONDER = 8192
