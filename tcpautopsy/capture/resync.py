"""The next plausible pcap record behind damage."""

from __future__ import annotations

import struct
from typing import Any

from tcpautopsy.capture.window import MAX_RECORD, Window

_NS = 1_000_000_000


def plausible(window: Window, start: int, walk: Any) -> int | None:
    """The first place from `start` on where two plausible record headers follow each other; None when there is none."""
    layout = struct.Struct(">IIII" if walk.swapped else "<IIII")
    buffer, end, tick, head = window.buffer, window.have, walk.tick, 16 + walk.extra
    for at in range(start, end - 2 * head):
        size = _size(layout, buffer, at, tick)
        if size is None:
            continue
        following = at + head + size
        if following == end or (following + head <= end and _size(layout, buffer, following, tick) is not None):
            return at
    return None


def _size(layout: struct.Struct, buffer: bytearray, at: int, tick: int) -> int | None:
    """The captured length of a header that can be one."""
    seconds, fraction, captured, wire = layout.unpack_from(buffer, at)
    sound = 0 < captured <= wire <= MAX_RECORD and fraction * tick < _NS and 0 < seconds <= 4_102_444_800
    return int(captured) if sound else None
