"""Packets get an order and a flow: connections and their reuse, exchanges, resolutions, second copies."""

from __future__ import annotations

from tcpautopsy.flows.order import TimeOrder
from tcpautopsy.flows.table import FlowTable

__all__ = ["FlowTable", "TimeOrder"]
