"""Packets become Events: what each shows, per direction, and what the two directions did as a whole."""

from __future__ import annotations

from tcpautopsy.events.arrivals import ArrivalCurves
from tcpautopsy.events.close_up import close_up
from tcpautopsy.events.tracker import Tracker

__all__ = ["ArrivalCurves", "Tracker", "close_up"]
