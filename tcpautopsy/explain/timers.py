"""Which kernel timer ran, with which settings, and when the kernel gave up or will (CATALOGUE section 3).

A timer never fires early and may fire late, so the smallest interval divided by its power of two is the best
estimate of the first RTO. Linux gives up at the first firing at which the time since the first timer resend has
reached a limit that is always computed from 200 ms, whatever the real RTO (tcp_timer.c, retransmits_timed_out).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tcpautopsy.explain.told import Row, Told
from tcpautopsy.explain.words import seconds, utc
from tcpautopsy.result import Timers

_RTO_MAX_S = 120.0  # TCP_RTO_MAX
_RETRIES2 = 15  # tcp_retries2 by default
_LINEAR_SYNS = 4  # tcp_syn_linear_timeouts by default since Linux 6.5
#: An expected packet is overdue once its interval has passed by a fifth (CONTRACT: timed-out).
_OVERDUE = 1.2


def model_s(retries: int) -> float:
    """Seconds after the first timer resend at which Linux gives up with this tcp_retries2 (tcp_model_timeout).

    >>> model_s(5), model_s(15)
    (12.6, 924.6)
    """
    if retries <= 9:
        return float(round(0.2 * (2 ** (retries + 1) - 1), 1))
    return 204.6 + (retries - 9) * _RTO_MAX_S


class Ladder(NamedTuple):
    """An unanswered series of resends: of what, by which side, times in ns."""

    what: str  # data, syn, syn-ack or fin
    side: int
    first_ns: int
    copies: int
    rto_ns: int | None
    last_ns: int
    gap_ns: int | None
    base_ns: int | None

    @property
    def next_ns(self) -> int | None:
        """When the next resend is due; None before the second copy shows the spacing."""
        if self.gap_ns is None:
            return None
        if self.what == "syn":
            return self.last_ns + self._next_syn_gap()
        return self.last_ns + min(2 * self.gap_ns, int(_RTO_MAX_S * 1e9))

    def _next_syn_gap(self) -> int:
        """A linear start (1 s each) doubles only after tcp_syn_linear_timeouts steps."""
        gap = self.gap_ns or 0
        flat = gap < 1_500_000_000
        return gap if flat and 1 < self.copies < _LINEAR_SYNS else 2 * gap


def ladder_of(told: Told) -> Ladder | None:
    """The ladder that is open at the end, of the side that resent most; None when nothing was resent."""
    orig, resp = _ladder(told.orig, 1), _ladder(told.resp, 0)
    if orig is None or resp is None:
        return orig or resp
    return orig if orig.copies >= resp.copies else resp


def _ladder(sender: Row, side: int) -> Ladder | None:
    if not sender["ladder_copies"] or sender["ladder_first_ns"] is None or sender["ladder_last_ns"] is None:
        return None
    handshake = "syn" if side else "syn-ack"
    what = handshake if sender["ladder_is_syn"] else "fin" if sender["ladder_is_fin"] else "data"
    return Ladder(
        what,
        side,
        sender["ladder_first_ns"],
        sender["ladder_copies"],
        sender["ladder_rto_ns"],
        sender["ladder_last_ns"],
        sender["ladder_last_gap_ns"],
        sender["ladder_base_ns"],
    )


def timers(told: Told) -> Timers | None:
    """The timer that explains the connection's resends or probes; None when none ran."""
    ladder = ladder_of(told)
    if ladder is None:
        return _keepalive(told)
    tell = {"syn": _syn_timers, "syn-ack": _synack_timers, "fin": _data_timers, "data": _data_timers}
    return tell[ladder.what](told, ladder)


def gave_up_ns(told: Told) -> int | None:
    """When the kernel that resent stopped, so that its program got an error; None when it may still try."""
    ladder = ladder_of(told)
    if ladder is None or ladder.next_ns is None or told.capture_end_ns is None or _answered(told, ladder):
        return None
    if _hidden(told, ladder):
        return None
    overdue = ladder.last_ns + int(_OVERDUE * (ladder.next_ns - ladder.last_ns))
    return ladder.next_ns if told.capture_end_ns > overdue else None


def gives_up_ns(told: Told) -> int | None:
    """When the kernel that still resends data will give up with Linux's defaults; None when nothing is resent."""
    ladder = ladder_of(told)
    return _predicted_ns(told, ladder) if ladder is not None and ladder.what in ("data", "fin") else None


def _hidden(told: Told, ladder: Ladder) -> bool:
    """The kernel still asked for the silent host's address when the next resend was due: the resend was not sent.

    Without an answer it never reaches the wire (measured: LAN, cable pulled, all timers at their defaults).
    """
    asked_s, last_ns = told.features.get("silent_host_asked_last_s"), told.flow["last_ns"]
    if asked_s is None or last_ns is None or ladder.next_ns is None or ladder.what not in ("data", "fin"):
        return False
    slack = (ladder.next_ns - ladder.last_ns) // 10
    return bool(last_ns + asked_s * 1e9 >= ladder.next_ns - slack)


def _answered(told: Told, ladder: Ladder) -> bool:
    """A packet of the peer after the last resend: an answer or a reset ended the ladder, not the timer."""
    peer_last = told.sides[1 - ladder.side]["last_ns"]
    return peer_last is not None and peer_last > ladder.last_ns


def _data_timers(told: Told, ladder: Ladder) -> Timers:
    ended = gave_up_ns(told)
    expected = _predicted_ns(told, ladder) if ended is None else None
    settings = list(_retries2(ladder, ended)) if ended is not None else []
    if expected is not None:
        settings = ["net.ipv4.tcp_retries2 = 15, the default, assumed"]
    what = "the FIN" if ladder.what == "fin" else "the data"
    span = seconds(ladder.last_ns - ladder.first_ns)
    unseen = "; later tries ended at address resolution, without an answer, and are on no wire"
    return Timers(
        ladder=f"{what} was sent {ladder.copies + 1} times in {span}, at growing intervals"
        + (unseen if _hidden(told, ladder) else ""),
        os_hint=_os_hint(told.sides[ladder.side]),
        rto_s=_rto_s(ladder),
        setting=" or ".join(settings) or None,
        gave_up_at=utc(ended),
        gives_up_at=utc(expected),
    )


def _rto_s(ladder: Ladder) -> float | None:
    return None if ladder.base_ns is None else round(ladder.base_ns / 1e9, 3)


def _retries2(ladder: Ladder, ended: int) -> Iterator[str]:
    """Every tcp_retries2 under which Linux would have stopped exactly here."""
    start = ladder.rto_ns if ladder.rto_ns is not None else ladder.first_ns
    alive_s, dead_s = (ladder.last_ns - start) / 1e9, (ended - start) / 1e9
    for retries in range(1, 31):
        if alive_s < model_s(retries) <= dead_s * 1.02 + 0.02:
            yield f"net.ipv4.tcp_retries2 = {retries}"
    yield "TCP_USER_TIMEOUT"


def _predicted_ns(told: Told, ladder: Ladder) -> int | None:
    """When Linux will give up with its default tcp_retries2, from the intervals seen; about, -0/+7 %."""
    if ladder.base_ns is None or ladder.next_ns is None or _answered(told, ladder):
        return None
    start = ladder.rto_ns if ladder.rto_ns is not None else ladder.first_ns
    firing, gap = ladder.next_ns, ladder.next_ns - ladder.last_ns
    while (firing - start) / 1e9 < model_s(_RETRIES2):
        gap = min(2 * gap, int(_RTO_MAX_S * 1e9))
        firing += gap
    return firing


def _syn_timers(told: Told, ladder: Ladder) -> Timers:
    ended = gave_up_ns(told)
    return Timers(
        ladder=f"the SYN was sent {ladder.copies + 1} times in {seconds(ladder.last_ns - ladder.first_ns)}",
        os_hint=_syn_hint(told, ladder),
        rto_s=1.0 if ladder.base_ns is None else _rto_s(ladder),
        setting=_syn_setting(told, ladder) if ended is not None else None,
        gave_up_at=utc(ended),
        gives_up_at=None if ended is not None else utc(ladder.next_ns) if ladder.copies >= 10 else None,
    )


def _linear(told: Told) -> bool:
    """The third SYN came one second after the second, not two: a linear start."""
    times = [e.time_ns for e in told.all("syn", "syn_retransmission", side=1)]
    return len(times) >= 3 and times[2] - times[1] < 1_500_000_000


def _syn_hint(told: Told, ladder: Ladder) -> str | None:
    if ladder.copies < 2:
        return _os_hint(told.orig)
    if _linear(told):
        return "hint: SYNs one second apart at first, as Linux 6.5 and newer, or macOS, send them"
    return "hint: SYN intervals double from the start, as Linux before 6.5 and recent Windows do"


def _syn_setting(told: Told, ladder: Ladder) -> str:
    retries = ladder.copies - _LINEAR_SYNS if _linear(told) and ladder.copies > _LINEAR_SYNS else ladder.copies
    return f"net.ipv4.tcp_syn_retries = {retries}, or the program's own timeout"


def _synack_timers(told: Told, ladder: Ladder) -> Timers:
    ended = gave_up_ns(told)
    return Timers(
        ladder=f"the SYN-ACK was sent {ladder.copies + 1} times in {seconds(ladder.last_ns - ladder.first_ns)}",
        os_hint=_os_hint(told.resp),
        rto_s=_rto_s(ladder),
        setting=f"net.ipv4.tcp_synack_retries = {ladder.copies}, or lowered under load" if ended else None,
        gave_up_at=utc(ended),
        gives_up_at=None,
    )


def _keepalive(told: Told) -> Timers | None:
    if told.first("keep_alive") is None:
        return None
    for side in (1, 0):
        probes = [e for e in told.all("keep_alive", side=side)]
        if probes:
            return _keepalive_timers(told, side, [e.time_ns for e in probes])
    return None


def _keepalive_timers(told: Told, side: int, times: list[int]) -> Timers:
    """Idle time, interval and count as the probes show them: the unanswered series at the end when there is one."""
    reset = told.first("rst", side=side)
    peer_last = told.sides[1 - side]["last_ns"] or 0
    series = [t for t in times if t > peer_last]
    before = max((e.last_time_ns for e in told.events if e.last_time_ns < (series or times)[0]), default=None)
    idle = f"TCP_KEEPIDLE about {seconds((series or times)[0] - before)}" if before is not None else "TCP_KEEPIDLE"
    gaps = [b - a for a, b in pairwise(series)]
    parts = [idle] + ([f"TCP_KEEPINTVL about {seconds(sorted(gaps)[len(gaps) // 2])}"] if gaps else [])
    died = reset is not None and bool(series) and reset.time_ns > series[-1]
    return Timers(
        ladder=f"{len(series) or len(times)} keepalive probes, {'none answered' if series else 'answered'}",
        os_hint=_os_hint(told.sides[side]),
        rto_s=None,
        setting=", ".join(parts + ([f"TCP_KEEPCNT = {len(series)}"] if died else [])),
        gave_up_at=utc(reset.time_ns) if died and reset is not None else None,
        gives_up_at=None,
    )


def _os_hint(sender: Row) -> str | None:
    """What the initial TTL suggests; a hint, never proof (CATALOGUE 1.5)."""
    ttl = sender["ttl"]
    if ttl is None:
        return None
    if ttl <= 64:
        return f"hint: TTL {ttl} suggests Linux, macOS or BSD"
    return f"hint: TTL {ttl} suggests Windows" if ttl <= 128 else f"hint: TTL {ttl} suggests network gear"
