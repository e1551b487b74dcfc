"""What an event means, said to somebody who knows sockets but not TCP: one table, kind of event -> sentence.

`who` is the side the event came from and `other` its peer; `amount` is the value in bytes, `times` tells how often a
run repeats, `span` how long it lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import groupby

from tcpautopsy.explain.told import Event
from tcpautopsy.explain.words import seconds
from tcpautopsy.tables import Reset
from tcpautopsy.text import counted

SENTENCES: dict[str, str] = {
    "syn": "{who} asks to open a connection (SYN).",
    "syn_retransmission": "{who} repeats its SYN{times}: no answer has come.",
    "syn_ack": "{who} agrees to the connection (SYN-ACK).",
    "syn_ack_retransmission": "{who} repeats its SYN-ACK{times}: it still waits for the acknowledgement.",
    "handshake_ack": "{who} acknowledges the SYN-ACK: its program is connected.",
    "data": "{who} sends {amount}.",
    "retransmission": "{who} sends {amount} again.",
    "fast_retransmission": "{who} sends {amount} again, because {other} reported a gap.",
    "rto_retransmission": "{who} sends {amount} again{times}: its timer ran out without an acknowledgement.",
    "tail_loss_probe": "{who} sends its last {amount} again to find out whether they arrived.",
    "spurious_retransmission": "{who} sends {amount} again although they had arrived.",
    "out_of_order": "{amount} from {who} arrive out of order.",
    "lost_segment": "{amount} from {who} are missing here.",
    "ack_lost_segment": "{who} acknowledges {amount} that this capture does not hold.",
    "duplicate_ack": "{who} repeats its last acknowledgement{times}: something after it is missing.",
    "zero_window": "{who} has no room left to receive (window 0): its program does not read.",
    "zero_window_probe": "{who} asks whether {other} has room again{times}.",
    "zero_window_probe_ack": "{who} answers that it still has no room{times}.",
    "window_full": "{who} has sent all that {other} has room for.",
    "window_update": "{who} has room to receive again.",
    "keep_alive": "{who} asks whether {other} is still there (keepalive probe{times}).",
    "keep_alive_ack": "{who} answers that it is still there.",
    "fin": "{who} closes its direction (FIN): it will send no more.",
    "fin_retransmission": "{who} repeats its FIN{times}: no acknowledgement has come.",
    "rst": "{who} resets the connection ({look}){times}.",
    "challenge_ack": "{who} answers with a plain ACK: the packet does not fit the connection that it knows.",
    "reused_ports": "The same pair of ports is used for a new connection.",
    "silence": "Nothing in either direction for {span}.",
    "capture_start": "The beginning of this connection is not in the capture.",
    "capture_gap": "The capture's clock stepped here.",
    "capture_end": "The capture ends, {span} after the connection's last packet; the connection is still open.",
    "icmp_unreachable": "{who} reports by ICMP that the destination cannot be reached{times}.",
    "icmp_too_big": "{who} reports by ICMP that a packet is too large for the path (next-hop MTU {value}).",
    "icmp_time_exceeded": "{who} reports by ICMP that a packet went through too many routers.",
    "icmp_parameter_problem": "{who} reports by ICMP that a header is wrong.",
    "icmp_reassembly_exceeded": "{who} reports by ICMP that fragments were missing.",
    "arp_request": "{who} asks for the hardware address{times}.",
    "arp_reply": "{who} answers with its hardware address.",
    "arp_unanswered": "No answer came.",
    "dns_query": "{who} asks{times}.",
    "dns_answer": "{who} answers.",
    "tls_client_hello": "{who} begins TLS (ClientHello).",
    "tls_server_hello": "{who} answers the TLS handshake (ServerHello).",
    "tls_alert": "{who} sends a TLS alert.",
    "http_request": "{who} sends an HTTP request.",
    "http_response": "{who} answers with HTTP status {value}.",
    "udp_datagram": "{who} sends {count}, {amount}.",
    "echo_request": "{who} sends an echo request{times}.",
    "echo_reply": "{who} answers the echo request{times}.",
    "bad_checksum": "A packet of {whom} has a wrong checksum{times}.",
}

#: Several silences with nothing between them but what a rule tells.
_PAUSES = "Nothing in either direction in {repeats} pauses from here on, the longest of {span}."

#: Said only when no rule speaks of them and there is room: they fill a story without moving it.
_MINOR = frozenset({"ack", "duplicate_frame", "window_update", "truncated", "ip_fragment", "window_full"})

_WHO = ("The server", "The client", "A third host")
_LOOKS = (
    (Reset.ACK_IS_SYN_PLUS_1, "in answer to the SYN"),
    (Reset.SEQ_IS_PEER_ACK, "as a host answers that knows no such connection"),
    (Reset.IN_WINDOW_NOT_EXACT, "not at the exact sequence number"),
    (Reset.TTL_DIFFERS, "with another TTL than its other packets"),
)


def runs(events: Sequence[Event], told_elsewhere: Collection[Event] = ()) -> list[Sequence[Event]]:
    """The events worth a sentence, in order, like neighbours together; those that a rule tells are left to it."""
    rest = [e for e in events if e.kind not in _MINOR and e.kind in SENTENCES and e not in told_elsewhere]
    return [list(group) for _, group in groupby(rest, key=lambda e: (e.kind, e.side))]


#: What a sentence may name of its run.
_WORDS: dict[str, Callable[[Sequence[Event]], str]] = {
    "who": lambda run: _WHO[run[0].side],
    "whom": lambda run: _WHO[run[0].side].lower(),
    "other": lambda run: {0: "the client", 1: "the server"}.get(run[0].side, "the hosts"),
    "amount": lambda run: counted(sum(e.value for e in run), "byte"),
    "count": lambda run: counted(_repeats(run), "datagram"),
    "repeats": lambda run: str(_repeats(run)),
    "times": lambda run: f" {repeats} times" if (repeats := _repeats(run)) > 1 else "",
    "span": lambda run: seconds(max(e.value for e in run)),
    "value": lambda run: str(run[0].value),
    "look": lambda run: reset_look(run[0].value),
}


class _Words(dict[str, str]):
    """The words of a run; of ten a sentence asks for two or three."""

    def __init__(self, run: Sequence[Event]) -> None:
        super().__init__()
        self._run = run

    def __missing__(self, name: str) -> str:
        return _WORDS[name](self._run)


def _repeats(run: Sequence[Event]) -> int:
    return sum(e.count for e in run)


def sentence(run: Sequence[Event]) -> str:
    """What these events of one kind and side mean."""
    kind = run[0].kind
    told = _PAUSES if kind == "silence" and _repeats(run) > 1 else SENTENCES[kind]
    said = told.format_map(_Words(run))
    return said[:1].upper() + said[1:]


def reset_look(value: int) -> str:
    """A reset in words: its flags, then what its numbers tell."""
    flags = "RST,ACK" if value & Reset.HAS_ACK else "RST"
    return ", ".join([flags, *(words for bit, words in _LOOKS if value & bit)])


_NOTES: dict[str, Callable[[Event], str]] = {
    "rst": lambda e: reset_look(e.value),
    "silence": lambda e: f"{seconds(e.value)} without a packet",
    "capture_end": lambda e: f"{seconds(e.value)} after the last packet of this connection",
    "http_response": lambda e: f"status {e.value}",
    "icmp_too_big": lambda e: f"next-hop MTU {e.value}",
    "dns_answer": lambda e: f"rcode {e.value}",
}
_SIZED = frozenset(
    {
        "data",
        "retransmission",
        "fast_retransmission",
        "rto_retransmission",
        "tail_loss_probe",
        "spurious_retransmission",
        "out_of_order",
        "lost_segment",
        "ack_lost_segment",
        "udp_datagram",
    }
)


def note(event: Event, meaning: str) -> str:
    """What an evidence row says beside the event's name: its meaning and its numbers."""
    detail = _NOTES[event.kind](event) if event.kind in _NOTES else ""
    if event.kind in _SIZED:
        detail = counted(event.value, "byte")
    if event.count > 1:
        run = f"{counted(event.count, 'frame')} up to frame {event.last_frame}"
        detail = f"{detail}, {run}" if detail else run
    return f"{meaning}: {detail}" if detail else meaning
