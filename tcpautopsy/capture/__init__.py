"""Bytes become Frames: containers, compression, ring-buffer sets. The only room that reads files."""

from __future__ import annotations

from tcpautopsy.capture.reader import Input, Reader
from tcpautopsy.capture.rings import begins_ns, ring_sets, series
from tcpautopsy.capture.spool import Spools
from tcpautopsy.capture.writer import Writer

__all__ = ["Input", "Reader", "Spools", "Writer", "begins_ns", "ring_sets", "series"]
