"""Bytes become Frames: containers, compression, ring-buffer sets. The only room that reads files."""

from __future__ import annotations

from tcpautopsy.capture.reader import Input, Reader
from tcpautopsy.capture.rings import ring_sets

__all__ = ["Input", "Reader", "ring_sets"]
