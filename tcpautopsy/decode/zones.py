"""Zones: the VLAN, MPLS or tunnel a packet travelled in. Equal tuples in two zones are two connections."""

from __future__ import annotations

from tcpautopsy import records

#: Zones beyond this number share the last one: a hostile capture cannot make the list grow without end.
MAX_ZONES = 65_536


class Zones:
    """Numbers for zones, from 1 in the order of their first packet; 0 is none."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._labels: list[tuple[str, ...]] = [()]
        #: VLAN id -> zone, for the common case of one tag; 0: no packet yet.
        self.vlans = records.integers(4096)

    def number(self, labels: tuple[str, ...]) -> int:
        """The zone of these labels, outermost first."""
        if not labels:
            return 0
        known = self._numbers.get(labels)
        if known is None:
            known = min(len(self._labels), MAX_ZONES)
            if known == MAX_ZONES:
                return known
            self._numbers[labels] = known
            self._labels.append(labels)
            if len(labels) == 1 and labels[0].startswith("vlan "):
                self.vlans[int(labels[0][5:])] = known
        return known

    def labels(self, number: int) -> tuple[str, ...]:
        """The labels of a zone, outermost first."""
        return self._labels[number] if number < MAX_ZONES else ()

    def names(self) -> list[str]:
        """The name of each zone; index 0 is that of none."""
        shared = ["further zones"] if len(self._labels) == MAX_ZONES else []
        return [" / ".join(labels) for labels in self._labels] + shared
