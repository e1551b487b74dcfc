"""Community ID, version 1, seed 0: one name for a flow across tools (github.com/corelight/community-id-spec)."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.flows.kept import ECHO_PORTS
from tcpautopsy.tables import Protocol

_UDP_CARRIED = (Protocol.DNS,)
#: Flows whose texts wait at a time to be put into the column.
_STRETCH = 65_536
#: A SHA-1 digest and one byte, so that base64 needs no padding in between.
_DIGEST = 21


class Ends(NamedTuple):
    """Both ends of flows: IP version, halves of the addresses as numbers, ports."""

    version: NDArray[Any]
    client_high: NDArray[np.uint64]
    client_low: NDArray[np.uint64]
    server_high: NDArray[np.uint64]
    server_low: NDArray[np.uint64]
    client_port: NDArray[Any]
    server_port: NDArray[Any]


def community_ids(ends: Ends, protocols: NDArray[np.uint8]) -> ExtensionArray:
    """The Community ID of each flow; "" for address resolution, which the specification does not name."""
    stretches = [slice(at, at + _STRETCH) for at in range(0, max(len(protocols), 1), _STRETCH)]
    parts = [pd.array(_ids(Ends(*(e[rows] for e in ends)), protocols[rows]), dtype="str") for rows in stretches]
    return parts[0] if len(parts) == 1 else pd.concat([pd.Series(part) for part in parts]).array


def _ids(ends: Ends, protocols: NDArray[np.uint8]) -> list[str]:
    protocol = protocols.copy()
    protocol[np.isin(protocol, _UDP_CARRIED)] = Protocol.UDP
    ports = [ends.client_port, ends.server_port]
    for kind, types in ECHO_PORTS.items():
        ports = [np.where(protocol == kind, each, port) for each, port in zip(types, ports, strict=True)]
    digests = np.zeros((len(protocol), _DIGEST), np.uint8)
    for width, rows in ((4, np.flatnonzero(ends.version == 4)), (16, np.flatnonzero(ends.version != 4))):
        seeded = _seeded(width, [each[rows] for each in ends[1:5]], [each[rows] for each in ports], protocol[rows])
        digests[rows, :-1] = _hashed(seeded)
    # Twenty bytes and a zero are 28 letters, the last of which stands for nothing: padding.
    letters = b64encode(digests.tobytes()).decode("ascii")
    unnamed = np.isin(protocol, (Protocol.ARP, Protocol.NDP)).tolist()
    step = _DIGEST // 3 * 4
    return ["" if none else f"1:{letters[n * step : n * step + step - 1]}=" for n, none in enumerate(unnamed)]


def _hashed(seeded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    whole, width = seeded.tobytes(), seeded.shape[1]
    sha1 = hashlib.sha1
    digests = b"".join(
        [sha1(whole[at : at + width], usedforsecurity=False).digest() for at in range(0, len(whole), width)]
    )
    return np.frombuffer(digests, np.uint8).reshape(len(seeded), _DIGEST - 1)


def _seeded(
    width: int, addresses: list[NDArray[np.uint64]], ports: list[NDArray[Any]], protocol: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """What is hashed: seed, lower end's address, higher end's, protocol, 0, and the ports in the same order."""
    client_high, client_low, server_high, server_low = addresses
    swap = client_high > server_high
    swap |= (client_high == server_high) & (client_low > server_low)
    swap |= (client_high == server_high) & (client_low == server_low) & (ports[0] > ports[1])
    rows = np.zeros((len(protocol), 8 + 2 * width), np.uint8)
    for place, (own, other) in enumerate(((0, 1), (1, 0))):
        packed = np.empty((len(protocol), 2), ">u8")
        for n in (0, 1):
            packed[:, n] = np.where(swap, addresses[2 * other + n], addresses[2 * own + n])
        rows[:, 2 + place * width : 2 + (place + 1) * width] = packed.view(np.uint8)[:, 16 - width :]
        port = np.where(swap, ports[other], ports[own]).astype(">u2")
        rows[:, 4 + 2 * width + 2 * place : 6 + 2 * width + 2 * place] = port[:, None].view(np.uint8)
    rows[:, 2 + 2 * width] = protocol
    return rows
