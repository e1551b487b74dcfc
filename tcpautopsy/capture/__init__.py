"""Bytes become Frames: containers, compression, ring-buffer sets. The only room that reads files."""

from __future__ import annotations

from tcpautopsy.capture.reader import Input, Reader
from tcpautopsy.capture.rings import ring_sets
from tcpautopsy.capture.spool import Spools
from tcpautopsy.capture.writer import Writer

__all__ = ["Input", "Reader", "Spools", "Writer", "ring_sets"]
