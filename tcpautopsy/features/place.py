"""What kind of flow it is, and where it was captured."""

from __future__ import annotations

import pandas as pd

from tcpautopsy.features.seen import Seen, Values, Words, replaced, says


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
    own = seen.of(_own_vantage)
    return replaced(own, says(own, "unknown"), seen.quality.point)


def vantage_confidence(seen: Seen) -> Words:
    """How sure the vantage point is: certain, high, medium or low."""
    own = _of_quality(seen, "vantage_confidence")
    # What only its neighbours tell is one step less sure than what they tell of themselves.
    lent = {"certain": "high", "high": "medium"}.get(seen.quality.confidence, "low")
    return replaced(own, says(seen.of(_own_vantage), "unknown"), lent)


def _own_vantage(seen: Seen) -> Words:
    """What the flow itself tells of the place."""
    return _of_quality(seen, "vantage")


def _of_quality(seen: Seen, name: str) -> Words:
    words = seen.quality.per_flow[name].array
    assert isinstance(words, pd.Categorical)
    return words
