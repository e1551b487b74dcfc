"""Two captures of the same connections told for a terminal: what was lost in between, and what was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tcpautopsy.report.words import RANK, place
from tcpautopsy.result import Connection, Pair, Result
from tcpautopsy.text import clean, counted

_SHOWN, _FRAMES = 12, 8
_WORDS = {"client_to_server": ("client to server", "client"), "server_to_client": ("server to client", "server")}


def lines(result: Result) -> Iterator[str]:
    """The pairs with something to tell, the worst first."""
    known = {c.id: c for c in result.connections}
    pairs = result.pairs
    lost = sum(len(p.lost) for p in pairs)
    yield (
        f"{counted(len(pairs), 'connection')} in both captures; {counted(lost, 'frame')} of them left one end and did "
        f"not arrive at the other."
    )
    if any(q.flag == "capture-drops" for c in result.captures for q in c.quality):
        yield "A capture has dropped frames itself: some of those may have arrived."
    for first in pairs[:1]:
        if first.clock_offset_s is None or first.clock_uncertainty_s is None:
            yield "How far the clocks are apart is unknown: no packets both ways are in both captures."
            continue
        yield (
            f"The server side's clock is {first.clock_offset_s * 1e3:+.3f} ms against the client side's, within "
            f"{first.clock_uncertainty_s * 1e3:.3f} ms."
        )
    telling = [
        p for p in pairs if p.lost or p.changed or known[p.connections[0]].severity in ("failure", "degradation")
    ]
    telling.sort(key=lambda p: (RANK[known[p.connections[0]].severity], -len(p.lost), p.connections))
    for pair in telling[:_SHOWN]:
        yield ""
        yield from _pair(pair, known[pair.connections[0]], known[pair.connections[1]])
    if len(telling) > _SHOWN:
        yield ""
        yield f"and {len(telling) - _SHOWN:,} more; -f json has all."


def _pair(pair: Pair, here: Connection, there: Connection) -> Iterator[str]:
    yield f"#{here.id} and #{there.id}: {place(here.client)} -> {place(here.server)}"
    for words, c in (("at the client", here), ("at the server", there)):
        told = f"{c.severity}, {clean(c.cause)} ({c.confidence})" if c.cause else f"{c.severity}, no cause"
        yield f"  {words}: {c.outcome}, {told}"
    counts = Counter(each.direction for each in pair.lost)
    for direction, count in sorted(counts.items()):
        words, side = _WORDS[direction]
        frames = [each.frame for each in pair.lost if each.direction == direction]
        more = ", ..." if len(frames) > _FRAMES else ""
        yield (
            f"  lost from {words}: {counted(count, 'frame')} (in the {side} side's capture "
            f"{', '.join(map(str, frames[:_FRAMES]))}{more})"
        )
    yield from (f"  changed: {clean(text)}" for text in pair.changed)
