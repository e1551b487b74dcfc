"""How the cost grows with packets, connections and findings: a table, and a drawing of it for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 560, 20, 270


class Growth(NamedTuple):
    """One kind of capture in several sizes; `grows` says what grows with its packets."""

    kind: str
    grows: str
    colour: str
    dashes: str
    packets: tuple[int, ...]


GROWTHS = (
    Growth("elephant", "packets alone", "#1a6e3c", "", (250_000, 500_000, 1_000_000)),
    Growth("mix", "packets, and a connection every 28", "#1f5fa8", "8 4", (250_000, 500_000, 1_000_000)),
    Growth("many", "packets, and a connection every 10", "#6b3fa0", "3 3", (250_000, 500_000, 1_000_000)),
    Growth("flood", "a connection and a finding with every packet", "#b42318", "10 3 2 3", (10_000, 20_000, 40_000)),
)


def section(cpu_s: Callable[[str, int], float | None], picture: str) -> tuple[list[str], str]:
    """Markdown of the section, and the SVG that it shows; `cpu_s` measures one kind of capture of so many packets."""
    found: dict[str, list[tuple[int, float]]] = {}
    for growth in GROWTHS:
        measured = ((packets, cpu_s(growth.kind, packets)) for packets in growth.packets)
        found[growth.kind] = [(packets, cost) for packets, cost in measured if cost is not None]
    return list(_lines(found, picture)), "".join(_drawing(found))


def _lines(found: Mapping[str, Sequence[tuple[int, float]]], picture: str) -> Iterator[str]:
    yield "## How it grows\n"
    yield f"![CPU seconds of whole runs over the number of packets]({picture})\n"
    yield "CPU seconds of whole runs. Where a line is straight, the cost of a further packet does not depend on how"
    yield "many there were before. Of findings that are alike the first thousand are told in full.\n"
    yield "| line | what grows | packets | CPU s | us for each further packet |"
    yield "|---|---|---:|---:|---:|"
    for growth in GROWTHS:
        before: tuple[int, float] | None = None
        for packets, cost in found[growth.kind]:
            further = "" if before is None else f"{(cost - before[1]) / (packets - before[0]) * 1e6:.1f}"
            yield f"| {growth.kind} | {growth.grows} | {packets:,} | {cost:.2f} | {further} |"
            before = packets, cost
    yield ""


def _drawing(found: Mapping[str, Sequence[tuple[int, float]]]) -> Iterator[str]:
    most = max(packets for points in found.values() for packets, _ in points)
    worst = max(cost for points in found.values() for _, cost in points)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        f'font-size="12"><title>CPU seconds of whole runs over the number of packets</title>\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n'
        f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="#57606a"/>\n'
    )
    for share in (0.25, 0.5, 0.75, 1.0):
        across, up = _LEFT + share * (_RIGHT - _LEFT), _BOTTOM - share * (_BOTTOM - _TOP)
        yield f'<text x="{across:.0f}" y="{_BOTTOM + 18}" text-anchor="middle">{most * share:,.0f}</text>\n'
        yield f'<text x="{_LEFT - 6}" y="{up + 4:.0f}" text-anchor="end">{worst * share:.1f} s</text>\n'
    for growth in GROWTHS:
        spots = [
            (_LEFT + packets / most * (_RIGHT - _LEFT), _BOTTOM - cost / worst * (_BOTTOM - _TOP))
            for packets, cost in found[growth.kind]
        ]
        if not spots:
            continue
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        look = f'stroke="{growth.colour}" stroke-width="2" stroke-dasharray="{growth.dashes}"'
        yield f'<path d="M{path}" fill="none" {look}/>\n'
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in spots)
        x, y = spots[-1]
        yield f'<g fill="{growth.colour}">{dots}<text x="{x + 8:.0f}" y="{y + 4:.0f}">{growth.kind}</text></g>\n'
    yield f'<text x="{_RIGHT}" y="{_HEIGHT - 12}" text-anchor="end" fill="#57606a">packets</text>\n</svg>\n'
