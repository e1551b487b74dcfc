"""How well data got across: repeats and loss, closed windows."""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, Words, choose, says, unless
from tcpautopsy.features.visible import sees_both_directions


def _both(seen: Seen, name: str) -> Values:
    return seen.side(CLIENT, name) + seen.side(SERVER, name)


def retransmissions(seen: Seen) -> Values:
    """Payload packets of both sides that repeat bytes."""
    return _both(seen, "retransmissions")


def needless_retransmissions(seen: Seen) -> Values:
    """Repeats of bytes that had arrived: already acknowledged, or reported as duplicates."""
    dsacks = seen.side(CLIENT, "dsacks") + seen.side(SERVER, "dsacks")
    return np.fmax(_both(seen, "spurious_retransmissions"), dsacks)


def losses_repaired(seen: Seen) -> Values:
    """Payload packets that had to be sent again because they, or their acknowledgements, were lost."""
    open_copies = sum(np.nan_to_num(seen.side(side, "ladder_copies")) for side in (CLIENT, SERVER))
    return np.maximum(seen.of(retransmissions) - seen.of(needless_retransmissions) - open_copies, 0)


def loss_share(seen: Seen) -> Values:
    """Payload packets repaired, as a share of payload packets sent; NA without payload."""
    sent = _both(seen, "payload_packets")
    return np.where(sent > 0, seen.of(losses_repaired) / np.maximum(sent, 1), np.nan)


def rto_retransmissions(seen: Seen) -> Values:
    """Payload packets of both sides resent by the retransmission timer."""
    return _both(seen, "rto_retransmissions")


def fast_retransmissions(seen: Seen) -> Values:
    """Payload packets of both sides resent after duplicate ACKs or SACK."""
    return _both(seen, "fast_retransmissions")


def longest_zero_window_s(seen: Seen) -> Values:
    """Longest time that a side kept its window at 0 while the other probed; 0 when none did."""
    spans = [seen.span(side, "longest_zero_window_ns") for side in (CLIENT, SERVER)]
    return np.fmax(*spans)


def zero_window_side(seen: Seen) -> Words:
    """Whose window was closed longest, or is closed at the end: client, server or nobody."""
    client, server = (
        seen.span(side, "longest_zero_window_ns") + 1e-9 * (seen.side(side, "window_closed_at_end") == 1)
        for side in (CLIENT, SERVER)
    )
    return choose([(client > 0) & (client >= server), server > 0], ["client", "server"], "nobody")


def zero_window_against(seen: Seen) -> Words:
    """Who had to wait for the closed window: client, server or nobody."""
    side = seen.of(zero_window_side)
    return choose([says(side, "client"), says(side, "server")], ["server", "client"], "nobody")


def window_probes(seen: Seen) -> Values:
    """Window probes of both sides."""
    return _both(seen, "zero_window_probes")


def window_closed_at_end(seen: Seen) -> Mask:
    """A side's last advertised window is 0 and the connection was not closed by that side."""
    closed = np.zeros(seen.count, bool)
    for side in (CLIENT, SERVER):
        gone = (seen.side(side, "fin") > 0) | (seen.side(side, "rst") > 0)
        # A window of 0 counts once somebody wants to send: it probes, or has data waiting.
        wanted = (seen.side(1 - side, "zero_window_probes") > 0) | (seen.side(1 - side, "unacked_bytes") > 0)
        closed |= (seen.side(side, "window_closed_at_end") == 1) & ~gone & wanted
    return closed


def zero_window_open_s(seen: Seen) -> Values:
    """How long the window that is closed at the end had been closed by then; NA when none is."""
    since = np.full(seen.count, np.nan)
    for side in (CLIENT, SERVER):
        opened = np.nan_to_num(seen.last("window_update", side=side), nan=-np.inf)
        zero = seen.happened("zero_window", side=side)
        late = zero.where(zero.time > opened[zero.flow])
        closed = seen.side(side, "window_closed_at_end") == 1
        since = np.where(closed, np.fmin(since, seen.earliest(late.flow, late.time)), since)
    return np.where(seen.of(window_closed_at_end), seen.end - since, np.nan)


def capture_missed_bytes(seen: Seen) -> Values:
    """Bytes of both sides that were acknowledged but are not in the capture; NA when a direction is unseen."""
    return unless(~seen.of(sees_both_directions), _both(seen, "unseen_acked_bytes"))


def bad_checksums(seen: Seen) -> Values:
    """Packets with a wrong checksum, of sides whose packets have mostly right ones."""
    total = np.zeros(seen.count)
    for side in (CLIENT, SERVER):
        bad, good = seen.side(side, "bad_checksum"), seen.side(side, "good_checksum")
        # A side with hardly any right checksum is offloading, not corrupted (CATALOGUE 5). What its kernel answers
        # without a socket (a reset, an ACK from TIME-WAIT) has a right one: ip_send_unicast_reply() sums by itself.
        first = seen.side(side, "bad_checksum_first") == 1
        total += np.where(np.where(first, bad < good, bad <= 9 * good), bad, 0)
    return total
