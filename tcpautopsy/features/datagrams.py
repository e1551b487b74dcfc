"""UDP: how much one socket has to take, how long its buffer lasts, and whether anybody answers (CATALOGUE 8).

What is said of a port is said of all its senders together, and from packets alone: whether a program read a datagram
is in no capture.
"""

from __future__ import annotations

import numpy as np

from tcpautopsy.features.groups import listener
from tcpautopsy.features.seen import CLIENT, SERVER, Mask, Seen, Values, across
from tcpautopsy.tables import ARRIVAL_WINDOWS_MS

#: net.core.rmem_default, measured on Linux 6.18; a socket that set nothing has this much.
DEFAULT_BUFFER = 212_992
#: Memory is given back in lumps of a quarter: a slow reader has three quarters for sure (CATALOGUE 8.2).
_SURE = 0.75
#: An answer now and then (an ICMP-like error, a greeting) does not make a conversation.
_ANSWERS = 0.01


def _port(seen: Seen, name: str) -> Values:
    """A column of Arrivals for the port that each flow is sent to; NaN where the flow is no UDP."""
    arrivals = seen.dissection.arrivals
    group = seen.of(listener)
    values = np.full(int(group.max(initial=-1)) + 1, np.nan)
    values[group[arrivals["flow"].to_numpy()]] = arrivals[name].to_numpy(dtype=np.float64)
    return np.where(seen.has("udp"), values[group], np.nan)


def _peak(seen: Seen, window_ms: int, charged: bool = False) -> Values:
    return _port(seen, f"peak_{window_ms}ms" + ("_bytes" if charged else ""))


def udp_unanswered(seen: Seen) -> Mask:
    """Datagrams go one way: the other side sent at most one for a hundred."""
    sent, back = seen.side(CLIENT, "packets"), seen.side(SERVER, "packets")
    return seen.has("udp") & (back <= sent * _ANSWERS)


@across
def port_datagrams(seen: Seen) -> Values:
    """Datagrams sent to this UDP port by all senders; NA unless UDP."""
    return _port(seen, "datagrams")


@across
def port_flows(seen: Seen) -> Values:
    """Flows (address and port of the sender) to this UDP port; NA unless UDP."""
    group = seen.of(listener)
    flows = np.bincount(group, weights=seen.has("udp"), minlength=1)[group]
    return np.where(seen.has("udp"), flows, np.nan)


@across
def port_share(seen: Seen) -> Values:
    """Share of this flow in the datagrams to its port; NA unless UDP."""
    total = seen.of(port_datagrams)
    return np.where(total > 0, seen.side(CLIENT, "packets") / np.fmax(total, 1), np.nan)


def port_speedup(seen: Seen) -> Values:
    """How many times faster any number of sockets could be than one, at best: 1 / share of the flow; NA unless UDP."""
    share = seen.of(port_share)
    return np.where(share > 0, 1 / np.fmax(share, 1e-9), np.nan)


@across
def port_rate(seen: Seen) -> Values:
    """Datagrams a second to this UDP port on average, from first to last; NA with fewer than two."""
    count = seen.of(port_datagrams)
    span = (_port(seen, "last_ns") - _port(seen, "first_ns")) * 1e-9
    return np.where((count > 1) & (span > 0), (count - 1) / np.fmax(span, 1e-9), np.nan)


@across
def peak_1ms(seen: Seen) -> Values:
    """Most datagrams to this UDP port within 1 ms; NA unless UDP."""
    return _peak(seen, 1)


@across
def peak_10ms(seen: Seen) -> Values:
    """Most datagrams to this UDP port within 10 ms; NA unless UDP."""
    return _peak(seen, 10)


@across
def peak_100ms(seen: Seen) -> Values:
    """Most datagrams to this UDP port within 100 ms; NA unless UDP."""
    return _peak(seen, 100)


@across
def peak_1s(seen: Seen) -> Values:
    """Most datagrams to this UDP port within 1 s; NA unless UDP."""
    return _peak(seen, 1000)


@across
def peak_5s(seen: Seen) -> Values:
    """Most datagrams to this UDP port within 5 s; NA unless UDP."""
    return _peak(seen, 5000)


@across
def datagram_charge(seen: Seen) -> Values:
    """Bytes of a receive buffer that Linux charges for one datagram of this port on average; NA unless UDP."""
    count = seen.of(port_datagrams)
    return np.where(count > 0, _port(seen, "charged_bytes") / np.fmax(count, 1), np.nan)


def buffer_datagrams(seen: Seen) -> Values:
    """Datagrams of this size that fit in the default receive buffer of Linux (212,992 B); NA unless UDP."""
    return np.asarray(np.floor(DEFAULT_BUFFER / seen.of(datagram_charge)))


@across
def buffer_pause_s(seen: Seen) -> Values:
    """Longest pause of the reader that the default buffer bridges at the peak; 5 s means at least; NA unless UDP.

    The window whose largest charge is three quarters of 212,992 B; between two windows, by straight line.
    """
    room = _SURE * DEFAULT_BUFFER
    windows = np.array([0, *ARRIVAL_WINDOWS_MS], dtype=float)
    charges = np.stack(
        [np.where(seen.has("udp"), 0.0, np.nan), *(_peak(seen, w, charged=True) for w in ARRIVAL_WINDOWS_MS)]
    )
    fits = charges <= room
    last = np.maximum(np.cumprod(fits, axis=0).sum(axis=0).astype(int) - 1, 0)
    here = np.arange(seen.count)
    after = np.minimum(last + 1, len(windows) - 1)
    low, high = charges[last, here], charges[after, here]
    step = np.where(high > low, (room - low) / np.where(high > low, high - low, 1), 0.0)
    span = windows[last] + (windows[after] - windows[last]) * np.where(after > last, step, 0.0)
    return np.where(np.isnan(charges).any(axis=0), np.nan, span / 1000)


@across
def drain_rate(seen: Seen) -> Values:
    """Datagrams a second that the reader must take so that the default buffer never overflows, at least; NA unless UDP.

    What a window brings above the buffer's room has to be read within that window; and no reader slower than the
    average keeps up.
    """
    room = seen.of(buffer_datagrams) * _SURE
    needed = [(_peak(seen, w) - room) / (w / 1000) for w in ARRIVAL_WINDOWS_MS]
    return np.asarray(np.fmax(np.max(needed, axis=0), np.nan_to_num(seen.of(port_rate))))


def drain_budget_s(seen: Seen) -> Values:
    """Time that the reader has for one datagram, at most: 1 / drain rate; NA unless UDP."""
    return 1 / np.fmax(seen.of(drain_rate), 1e-9)


@across
def buffer_for_1s(seen: Seen) -> Values:
    """SO_RCVBUF that bridges a pause of 1 s at the peak (the kernel doubles it); NA unless UDP."""
    return np.asarray(np.ceil(_peak(seen, 1000, charged=True) / _SURE / 2))


def udp_stopped_s(seen: Seen) -> Values:
    """Since when a UDP peer that had answered ten times or more answers nothing, to the client's last; 0 if not so."""
    back = seen.side(SERVER, "packets")
    since = seen.at(CLIENT, "last_ns") - seen.at(SERVER, "last_ns")
    return np.where(seen.has("udp") & (back >= 10), np.fmax(np.nan_to_num(since), 0), 0.0)


def udp_asked_after_stop(seen: Seen) -> Values:
    """Datagrams that the client sent after the server's last one."""
    return np.where(seen.has("udp"), np.nan_to_num(seen.side(CLIENT, "sent_after_peer_last")), 0.0)
