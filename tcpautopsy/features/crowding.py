"""What happens to a client at several services at once: not they, but something on the way to them, is the reason."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.context import ACK_IGNORED, trouble_kind
from tcpautopsy.features.groups import addresses, host_pair, listener, split
from tcpautopsy.features.outcome import outcome
from tcpautopsy.features.overlap import counted, others, outlasting, points
from tcpautopsy.features.seen import SERVER, Group, Mask, Seen, Values, across, says

#: Attempts so close together fail for one reason.
_TOGETHER_S = 15.0


@across
def _ignored(seen: Seen) -> Mask:
    """Attempts without any answer, to a service that had answered others before."""
    mute = np.nan_to_num(seen.side(SERVER, "packets")) == 0  # a SYN-ACK that nobody took up is an answer
    ever, begin = np.where(mute, -np.inf, np.nan), seen.flow_at("first_ns")
    found = others(seen.of(listener), seen.at(SERVER, "first_ns"), ever, begin) > 0
    return found & says(seen.of(outcome), "unanswered") if found.any() else found


def _near(seen: Seen, group: Group) -> Group:
    """How many such attempts of the group, this one included, began within 15 s of this one."""
    begin = seen.flow_at("first_ns")
    at = np.where(seen.of(_ignored), begin, np.nan)
    return counted(points(group, at), group, begin - _TOGETHER_S, begin + _TOGETHER_S)


@across
def ignored_elsewhere(seen: Seen) -> Values:
    """The client's attempts at other services, known to work, that got no answer within 15 s of this one's begin."""
    if not seen.of(_ignored).any():
        return np.zeros(seen.count)
    client, _ = seen.of(addresses)
    count = _near(seen, client) - _near(seen, split(client, seen.of(listener)))
    return np.where(seen.of(_ignored), count, 0).astype(float)


@across
def ignored_of_another_kind(seen: Seen) -> Mask:
    """Among them is one of another protocol (TCP beside UDP or lookups)."""
    client, _ = seen.of(addresses)
    tcp = seen.has("tcp").astype(np.int64)
    return seen.of(_ignored) & (_near(seen, client) > _near(seen, client * 2 + tcp))


@across
def older_went_on(seen: Seen) -> Mask:
    """A connection between the same hosts that was open when this one began got packets of the server afterwards."""
    begin = seen.flow_at("first_ns")
    before = np.nextafter(begin, -np.inf)
    return outlasting(seen.of(host_pair), begin, seen.at(SERVER, "last_ns"), before, begin)


# ------------------------------------------------------------------------------------ what follows a SYN is dropped


@across
def handshake_ignored_elsewhere(seen: Seen) -> Values:
    """The client's connections to other hosts that ignored all that followed its SYN."""
    client, _ = seen.of(addresses)
    ignored = seen.of(trouble_kind) == ACK_IGNORED
    groups = (client, seen.of(host_pair))
    everywhere, here = (np.bincount(group, weights=ignored, minlength=1)[group] for group in groups)
    return np.where(ignored, everywhere - here, 0).astype(float)


@across
def handshake_ignored_span_s(seen: Seen) -> Values:
    """From the first to the last begin of the client's connections that were so ignored, at any host."""
    client, _ = seen.of(addresses)
    ignored = seen.of(trouble_kind) == ACK_IGNORED
    begin = seen.flow_at("first_ns")
    first, last = np.full(int(client.max(initial=-1)) + 1, np.inf), np.full(int(client.max(initial=-1)) + 1, -np.inf)
    np.minimum.at(first, client[ignored], begin[ignored])
    np.maximum.at(last, client[ignored], begin[ignored])
    return np.where(ignored, last[client] - first[client], 0.0)


@across
def pair_ever_talked(seen: Seen) -> Mask:
    """On some connection of the same two hosts the server acknowledged data, or sent some."""
    pair = seen.of(host_pair)
    acked = np.nan_to_num(seen.side(SERVER, "highest_ack")) > 1
    talked = seen.has("tcp") & (acked | ~np.isnan(seen.at(SERVER, "first_data_ns")))
    return np.asarray(np.bincount(pair, weights=talked, minlength=1)[pair] > 0)
