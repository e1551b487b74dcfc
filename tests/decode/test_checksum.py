"""The checksum of segments of any length and content, against RFC 1071's sum written down plainly."""

from __future__ import annotations

import struct
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from tcpautopsy.capture import Input, Reader
from tcpautopsy.decode import Decoder
from tcpautopsy.packing import checksum, ipv4
from tcpautopsy.tables import Mark

ENDS = bytes([10, 0, 0, 1, 10, 0, 0, 2])
MACS = bytes(12) + b"\x08\x00"


def marks(segment: bytes) -> int:
    """What the decoder says of this TCP segment in one frame."""
    frame = MACS + ipv4(ENDS, 6, len(segment), ttl=64) + segment
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    capture += struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
    (frames,) = Reader([Input("one", BytesIO(capture))]).chunks()
    return int(Decoder().packets(frames).rows["marks"][0])


@given(st.binary(max_size=100), st.integers(0, 0xFFFF), st.booleans())
def test_right_and_wrong_checksums_are_told_apart(payload: bytes, damage: int, long: bool) -> None:
    payload = payload * 14 if long else payload
    header = struct.pack(">HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x18, 100, 0, 0)
    pseudo = ENDS + struct.pack(">BBH", 0, 6, len(header) + len(payload))
    right = checksum(pseudo + header + payload)
    sent = right ^ damage
    found = marks(header[:16] + struct.pack(">H", sent) + header[18:] + payload)
    # 0 and 0xFFFF are the same number in ones' complement.
    good = sent == right or {sent, right} == {0, 0xFFFF}
    assert bool(found & Mark.GOOD_CHECKSUM) is good
    assert bool(found & Mark.BAD_CHECKSUM) is not good
