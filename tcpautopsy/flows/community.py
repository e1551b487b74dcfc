"""Community ID, version 1, seed 0: one name for a flow across tools (github.com/corelight/community-id-spec)."""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode

from tcpautopsy.tables import Protocol

#: What stands for the ports of an echo: the type of the request and of its reply.
_ECHO = {Protocol.ICMP: (8, 0), Protocol.ICMPV6: (128, 129)}
_UDP_CARRIED = {Protocol.DNS}


def community_id(protocol: int, client: bytes, client_port: int, server: bytes, server_port: int) -> str:
    """The Community ID of a flow; "" for address resolution, which the specification does not name."""
    if protocol in (Protocol.ARP, Protocol.NDP):
        return ""
    if protocol in _UDP_CARRIED:
        protocol = Protocol.UDP
    if protocol in _ECHO:
        client_port, server_port = _ECHO[Protocol(protocol)]
    ends = [(client, client_port), (server, server_port)]
    if ends[0] > ends[1]:
        ends.reverse()
    ports = struct.pack("!HH", ends[0][1], ends[1][1])
    seeded = b"\x00\x00" + ends[0][0] + ends[1][0] + bytes((protocol, 0)) + ports
    return "1:" + b64encode(hashlib.sha1(seeded, usedforsecurity=False).digest()).decode("ascii")
