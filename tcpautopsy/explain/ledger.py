"""The bytes ledger: sent, acknowledged by the peer's kernel, in doubt, lost (CATALOGUE section 7)."""

from __future__ import annotations

from functools import lru_cache

from tcpautopsy.explain.told import Row, Told
from tcpautopsy.result import Bytes, Ledger
from tcpautopsy.tables import Reset

_UNKNOWN = Bytes(sent=None, acknowledged=None, in_doubt=None, lost=None)
#: A host that has no socket for a segment answers with a bare reset: window 0, no timestamps (CATALOGUE 1.1).
_REPLY = Reset.WINDOW_ZERO | Reset.TIMESTAMPS


def ledger(told: Told, fault: str | None) -> Ledger:
    """Stream bytes per direction; all None where the start or the direction itself is not in the capture."""
    if told.flow["protocol"] == "udp":
        return Ledger(client_to_server=_datagrams(told.orig), server_to_client=_datagrams(told.resp))
    refused = fault not in ("middlebox", "path")  # a box's reset proves nothing of what the host received
    return Ledger(
        client_to_server=_direction(told.orig, told.resp, refused),
        server_to_client=_direction(told.resp, told.orig, refused),
    )


def _datagrams(sender: Row) -> Bytes:
    return _bytes(sender["payload_bytes"], None, None, None)


def _direction(sender: Row, receiver: Row, refused: bool) -> Bytes:
    if sender["isn"] is None or not sender["packets"]:
        return _UNKNOWN
    fin = 1 if sender["fin"] else 0
    acked_end = receiver["highest_ack"] or 0
    sent = max(sender["highest_seq"] - 1 - fin, acked_end - 1 - (1 if sender["fin_acked"] else 0), 0)
    acknowledged = min(max(acked_end - 1 - (1 if sender["fin_acked"] else 0), 0), sent)
    open_bytes = sent - acknowledged
    lost = open_bytes if refused and _refused_by_reply(sender, receiver) else 0
    return _bytes(sent, acknowledged, open_bytes - lost, lost)


@lru_cache(maxsize=4096)
def _bytes(sent: int, acknowledged: int | None, in_doubt: int | None, lost: int | None) -> Bytes:
    """Many connections that fail alike have sent alike."""
    return Bytes(sent=sent, acknowledged=acknowledged, in_doubt=in_doubt, lost=lost)


def _refused_by_reply(sender: Row, receiver: Row) -> bool:
    """The receiver's host answered the data with a reply reset: it had no socket that could take them."""
    look, when = receiver["rst_look"], receiver["rst_ns"]
    if look is None or when is None or sender["unacked_since_ns"] is None:
        return False
    return bool(look & _REPLY == Reset.WINDOW_ZERO and when >= sender["unacked_since_ns"])
