"""Can this capture be trusted? Its blind spots, and where on the path it was taken. Runs before every rule."""

from __future__ import annotations

from tcpautopsy.quality.flags import flags_of, loss_rate, per_flow_flags
from tcpautopsy.quality.vantage import capture_vantage, flow_vantage
from tcpautopsy.tables import Dissection, Quality

__all__ = ["assess"]


def assess(dissection: Dissection) -> Quality:
    """The trust to put in a capture, and in what it shows of each flow."""
    rate = loss_rate(dissection)
    marks = per_flow_flags(dissection, rate)
    vantage = flow_vantage(dissection)
    point, confidence = capture_vantage(vantage)
    return Quality(
        flags=flags_of(dissection, marks, rate),
        per_flow=marks.assign(vantage=vantage["vantage"], vantage_confidence=vantage["vantage_confidence"]),
        point=point,
        confidence=confidence,
        loss_rate=rate,
    )
