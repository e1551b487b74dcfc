"""What kind of flow it is, and where it was captured."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.seen import Mask, Seen, Values, Words


def protocol(seen: Seen) -> Words:
    """Protocol of the flow: tcp, udp, icmp, dns, arp or ndp."""
    return seen.words("protocol")


def client_port(seen: Seen) -> Values:
    """Port of the client; NA where the protocol has none."""
    return seen.flow("client_port")


def server_port(seen: Seen) -> Values:
    """Port of the server; NA where the protocol has none."""
    return seen.flow("server_port")


def vantage(seen: Seen) -> Words:
    """Where the flow was captured: client, server, middle, both or unknown; the capture's point if itself unknown."""
    own = seen.quality.per_flow["vantage"].to_numpy(dtype=object)
    return np.where(_borrowed(seen), seen.quality.point, own).astype(object)


def vantage_confidence(seen: Seen) -> Words:
    """How sure the vantage point is: certain, high, medium or low."""
    own = seen.quality.per_flow["vantage_confidence"].to_numpy(dtype=object)
    # What only its neighbours tell is one step less sure than what they tell of themselves.
    lent = {"certain": "high", "high": "medium"}.get(seen.quality.confidence, "low")
    return np.where(_borrowed(seen), lent, own).astype(object)


def _borrowed(seen: Seen) -> Mask:
    return np.asarray(seen.quality.per_flow["vantage"].to_numpy(dtype=object) == "unknown")
