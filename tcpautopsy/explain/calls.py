"""What the calls of the two programs returned (CATALOGUE section 6): what the wire shows for every connection, and
what the rule adds because of its cause. Where both tell the same call at the same time, the rule is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from tcpautopsy.explain.ruletexts import Conditional
from tcpautopsy.explain.told import Event, Told
from tcpautopsy.explain.words import seconds, utc
from tcpautopsy.result import ApplicationView, Call
from tcpautopsy.text import counted

_DEAD = "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP"
_SIDE_NAMES = ("server", "client")
#: Idleness, with nothing unacknowledged (else keepalive does not run), that makes people ask for it.
_IDLE_S = 10
#: tcp_keepalive_time, 7,200 s, and some slack.
_DEFAULT_IDLE_S = 7_300


class Returned(NamedTuple):
    """A call and when it returned; None where that is not known."""

    time_ns: int | None
    call: str
    result: str
    errno: str | None
    certain: bool
    why: str


def application_view(told: Told, by_rule: dict[str, list[Returned]]) -> ApplicationView:
    """The calls of both programs in the order of time; those without a time come last."""
    wire: list[list[Returned]] = [[], []]
    if told.flow["protocol"] == "tcp" and not _SHOWING.isdisjoint(told.happened.kinds):
        wire = [list(_wire(told, side)) for side in (0, 1)]
    view = {name: _merged(wire[side], by_rule.get(name, [])) for side, name in enumerate(_SIDE_NAMES)}
    return ApplicationView(client=view["client"], server=view["server"])


def from_rule(calls: Iterable[Conditional], times: dict[str, int]) -> list[Returned]:
    """The calls that a rule tells; one at a step that did not happen is left out."""
    return [
        Returned(times.get(c.at) if c.at else None, c.call, c.result, c.errno, c.certain, c.why)
        for c in calls
        if c.at is None or c.at in times
    ]


def _merged(wire: list[Returned], rule: list[Returned]) -> list[Call]:
    if not wire:
        return _shared(tuple(rule))
    said = {(c.call, c.time_ns) for c in rule} | {(c.call, "once") for c in rule if c.call in ("connect", "accept")}
    kept = [c for c in wire if (c.call, c.time_ns) not in said and (c.call, "once") not in said]
    both = sorted(kept + rule, key=_when)
    return [_call(c) for c in both]


@lru_cache(maxsize=4096)
def _shared(calls: tuple[Returned, ...]) -> list[Call]:
    """The calls that a rule tells where the wire adds none, in the order of time."""
    return [_call(c) for c in sorted(calls, key=_when)]


def _when(call: Returned) -> tuple[bool, int]:
    return call.time_ns is None, call.time_ns or 0


@lru_cache(maxsize=4096)
def _call(c: Returned) -> Call:
    """Connections that fail alike share what is said of all of them."""
    return Call(time=utc(c.time_ns), call=c.call, result=c.result, errno=c.errno, certain=c.certain, why=c.why)  # type: ignore[arg-type]


def _wire(told: Told, side: int) -> Iterator[Returned]:
    """What every connection shows without a cause."""
    for calls, kinds in _SHOWN_BY:
        if not kinds.isdisjoint(told.happened.kinds):
            yield from calls(told, side)


def _opened(told: Told, side: int) -> Iterator[Returned]:
    ack = told.first("handshake_ack", side=1)
    if ack is None:
        return
    if side:
        yield Returned(ack.time_ns, "connect", "ok", None, True, "the SYN-ACK arrived and was acknowledged")
    elif told.first("data", side=0) is not None:
        yield Returned(ack.time_ns, "accept", "ok", None, False, "the server's program answers, so it has accepted")


def _sent(told: Told, side: int) -> Iterator[Returned]:
    sent = list(told.all("data", side=side))
    if sent:
        total = counted(sum(e.value for e in sent), "byte")
        why = f"{total} were put on the wire, so the kernel had taken them; no proof that they arrived"
        yield Returned(sent[0].time_ns, "send", "ok", None, True, why)


def _received(told: Told, side: int) -> Iterator[Returned]:
    arrived = told.first("data", side=1 - side)
    acked = told.sides[side]["highest_ack"]
    if arrived is not None and acked is not None and acked > 1:
        taken = acked - 1 - (1 if told.sides[1 - side]["fin_acked"] else 0)  # a FIN takes a number and is no byte
        why = f"this side's kernel acknowledged {counted(taken, 'byte')}; that the program read them is not visible"
        yield Returned(arrived.time_ns, "recv", "ok", None, False, why)


def _probed(told: Told, side: int) -> Iterator[Returned]:
    probes = list(told.all("keep_alive", side=side))
    if probes:
        sent = counted(sum(e.count for e in probes), "probe")
        yield Returned(probes[0].time_ns, "keepalive", "probing", None, True, f"SO_KEEPALIVE is on: {sent} seen")
        return
    idle_s = told.features["idle_before_failure_s"] or 0
    # Elsewhere than at this side a probe could have been lost before it was captured.
    if idle_s >= _IDLE_S and told.features["vantage"] == _SIDE_NAMES[side]:
        default = "one would have come" if idle_s > _DEFAULT_IDLE_S else "none was due yet"
        idle = seconds(idle_s * 1e9)
        why = f"none came in {idle} of idleness: it is off, or waits longer; by default (7,200 s) {default}"
        yield Returned(None, "keepalive", "no probe", None, True, why)


def _ended(told: Told, side: int) -> Iterator[Returned]:
    own, peer = told.first("fin", side=side), told.first("fin", side=1 - side)
    reset = told.first("rst", side=1 - side)
    if own is not None:
        yield Returned(
            own.time_ns, "close", "ok", None, True, "its FIN is on the wire: close() or shutdown() was called"
        )
    if peer is not None:
        why = "the peer's FIN arrived; what came before it is read first"
        yield Returned(peer.time_ns, "epoll", "EPOLLIN|EPOLLRDHUP", None, _arrived(told, side, peer), why)
        yield Returned(peer.time_ns, "recv", "0 (end of stream)", None, _arrived(told, side, peer), why)
    if reset is not None and not _closed(own, peer, reset):
        yield from _reset(told, side, reset, peer)


def _arrived(told: Told, side: int, fin: Event) -> bool:
    """The side's own kernel acknowledged the FIN."""
    return bool(told.sides[1 - side]["fin_acked"]) and fin.side != side


def _closed(own: Event | None, peer: Event | None, reset: Event) -> bool:
    """Both directions were closed before: nobody reads the reset any more."""
    return own is not None and peer is not None and reset.time_ns >= max(own.time_ns, peer.time_ns)


def _silent(told: Told, side: int) -> bool:
    """The side answered none of several packets before the reset: nobody knows whether the reset reached it."""
    sender = told.sides[1 - side]
    # One resend in vain may be a single loss; a second one, or a probe, met silence.
    unanswered = sender["probes_after_peer_last"] >= 1 or (sender["ladder_copies"] or 0) >= 2
    return unanswered and told.features["vantage"] != _SIDE_NAMES[side]


def _reset(told: Told, side: int, reset: Event, peer_fin: Event | None) -> Iterator[Returned]:
    opened = told.first("handshake_ack", "data", "ack") is not None
    if not opened:
        why = "a reset in answer to the SYN ends connect()"
        yield Returned(reset.time_ns, "connect", "ECONNREFUSED", "ECONNREFUSED", True, why)
        return
    sure = not _silent(told, side)
    if_there = "" if sure else "if the reset reached this host, which had answered nothing before: "
    yield Returned(reset.time_ns, "epoll", _DEAD, None, sure, f"{if_there}a reset ends both directions at once")
    if peer_fin is not None and peer_fin.time_ns <= reset.time_ns:
        why = "the end of stream had come first: reading gives 0, never an error; writing fails"
        yield Returned(reset.time_ns, "send", "EPIPE", "EPIPE", False, if_there + why)
        return
    why = "data that had arrived is read first, then the error comes once"
    yield Returned(reset.time_ns, "recv", "ECONNRESET", "ECONNRESET", sure, if_there + why)


#: What shows each of them: a flood of SYNs shows none.
_SHOWN_BY: tuple[tuple[Callable[[Told, int], Iterator[Returned]], frozenset[str]], ...] = (
    (_opened, frozenset({"handshake_ack"})),
    (_sent, frozenset({"data"})),
    (_received, frozenset({"data"})),
    (_probed, frozenset({"keep_alive", "silence"})),
    (_ended, frozenset({"fin", "rst"})),
)
_SHOWING = frozenset().union(*(kinds for _, kinds in _SHOWN_BY))


def step_times(steps: Sequence[str], events: Sequence[Sequence[Event]], gives_up_ns: int | None) -> dict[str, int]:
    """Step name -> time of its last event (a run returns when it ends), and `gives_up`."""
    times = {name: run[-1].last_time_ns for name, run in zip(steps, events, strict=True) if run}
    return times | ({"gives_up": gives_up_ns} if gives_up_ns is not None else {})
