"""What TLS showed in the clear: hellos, alerts, and whether both sides speak it."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.conversation import first_words, server_first_words
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, choose, says

#: Alerts that end nothing by themselves: close_notify, user_canceled, no_renegotiation (RFC 8446, section 6).
_HARMLESS = (0, 90, 100)
_FATAL = 2


def tls_client_hello_seen(seen: Seen) -> Mask:
    """The client sent a TLS ClientHello."""
    return seen.saw("tls_client_hello", side=CLIENT)


def tls_server_hello_seen(seen: Seen) -> Mask:
    """The server sent a TLS ServerHello."""
    return seen.saw("tls_server_hello", side=SERVER)


def _first_alert(seen: Seen) -> tuple[Values, Values]:
    """(value, side) of the first alert that ends a handshake; NaN without one."""
    alerts = seen.happened("tls_alert")
    serious = alerts.where(~np.isin(alerts.value % 256, _HARMLESS))
    first = seen.earliest(serious.flow, serious.time)
    head = serious.where(serious.time == first[serious.flow])
    return seen.earliest(head.flow, head.value.astype(float)), seen.earliest(head.flow, head.side.astype(float))


def tls_alert_code(seen: Seen) -> Values:
    """Description of the first TLS alert in the clear that is no farewell; 0 without one."""
    return np.nan_to_num(seen.of(_first_alert)[0]) % 256


def tls_alert_fatal(seen: Seen) -> Mask:
    """The first TLS alert in the clear is fatal, or came before the ServerHello."""
    value = seen.of(_first_alert)[0]
    return np.asarray((value // 256 == _FATAL) | (~np.isnan(value) & ~seen.of(tls_server_hello_seen)))


def tls_alert_by(seen: Seen) -> Words:
    """Who sent the first TLS alert in the clear: client, server or nobody."""
    side = seen.of(_first_alert)[1]
    return choose([side == CLIENT, side == SERVER], ["client", "server"], "nobody")


def tls_mismatch(seen: Seen) -> Mask:
    """One side's first bytes are TLS and the other's are plain text or another protocol."""
    client, server = seen.of(first_words), seen.of(server_first_words)
    plain = says(server, "http-response") | says(server, "text") | says(server, "ssh")
    asked_plain = says(client, "http-request") | says(client, "ssh")
    return (says(client, "tls") & plain) | (asked_plain & says(server, "tls"))


def server_close_after_hello_s(seen: Seen) -> Values:
    """From the client's ClientHello to the server's FIN; NA without both."""
    return seen.at(SERVER, "fin_ns") - seen.first("tls_client_hello", side=CLIENT)
