"""Link layers off the common path: the network layer is found behind them, and a cut header is no crash."""

from __future__ import annotations

import pytest

from tcpautopsy.decode.links import IPV4, LINKS, Link, ShortError, walk

IP = bytes.fromhex("4500001400000000400600007f0000017f000001")
SNAP = bytes.fromhex("aaaa03000000 0800")
MACS = (0x020000000002, 0x020000000001)
FDDI = bytes.fromhex("50 020000000001 020000000002") + SNAP
#: A prefix field (NFULA_PREFIX is 10) of 5 bytes, padded, then the payload.
NFLOG = bytes.fromhex("02 00 0000 0900 0a00 6162636465 000000") + bytes((len(IP) + 4, 0, 9, 0))


@pytest.mark.parametrize(
    ("link", "header", "macs"),
    [
        (10, FDDI, MACS),
        (239, NFLOG, None),
        (113, bytes(14) + bytes.fromhex("0800"), None),
        (276, bytes.fromhex("0800") + bytes(18), None),
        (0, bytes.fromhex("02000000"), None),
        (9, bytes.fromhex("ff030021"), None),
        (104, bytes.fromhex("0f000800"), None),
    ],
    ids=["FDDI", "NFLOG", "SLL", "SLL2", "NULL", "PPP", "C_HDLC"],
)
def test_ip_is_found_behind_the_header(link: int, header: bytes, macs: tuple[int, int] | None) -> None:
    found = walk(header + IP, 0, len(header) + len(IP), link)
    assert found == Link(IPV4, len(header), (), macs)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_every_cut_of_a_header_is_told_or_survived(link: int) -> None:
    for frame in (bytes(40), b"\xff" * 40, bytes(range(40))):
        for length in range(len(frame)):
            try:
                found = walk(frame[:length], 0, length, link)
            except ShortError:
                continue
            assert found is not None


def test_a_link_type_that_nobody_knows() -> None:
    assert walk(IP, 0, len(IP), 9_999) is None
