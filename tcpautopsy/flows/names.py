"""Names of servers that the capture itself tells: TLS SNI of the flow, else a DNS answer seen anywhere in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.records import Rows
from tcpautopsy.tables import NO_FLOW, Note

_MAX_ADDRESSES = 100_000


class Names:
    """Collects notes as they come; rows of the same frames come with them or later."""

    def __init__(self) -> None:
        self._waiting: dict[int, str] = {}  # frame -> server name of a ClientHello
        self._of_flow: dict[int, str] = {}
        self._of_address: dict[str, str] = {}

    def hear(self, notes: list[Note]) -> None:
        """Take what notes say of names."""
        for note in notes:
            if note.kind == "tls_client_hello" and note.text:
                self._waiting[note.frame] = note.text
            elif note.kind == "dns_address" and len(self._of_address) < _MAX_ADDRESSES:
                address, _, name = note.text.partition(" ")
                self._of_address.setdefault(address, name)

    def meet(self, rows: Rows) -> None:
        """Join names to the flows of rows that notes speak of."""
        if not self._waiting:
            return
        spoken = rows[rows["note"] != 0]
        for frame, flow in zip(spoken["frame"].tolist(), spoken["flow"].tolist(), strict=True):
            name = self._waiting.pop(frame, None)
            if name and flow != NO_FLOW:
                self._of_flow.setdefault(flow, name)

    def of_flows(self, addresses: Iterable[str], place: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
        """Names, and of each flow the place of its server's, whose address is at `place`; "" when there is none."""
        number: dict[str, int] = {"": 0}
        chosen = np.zeros(len(place), dtype=np.int64)
        if self._of_address:
            of_address = [number.setdefault(self._of_address.get(address, ""), len(number)) for address in addresses]
            chosen = np.array([*of_address, 0], dtype=np.int64)[place]
        for flow, name in self._of_flow.items():
            chosen[flow] = number.setdefault(name, len(number))
        return list(number), chosen
