"""The kernel's fields of directions as columns, from which Directions is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.narrow import Narrow


class Sides:
    """Fields by name, in the narrowest types that hold them; zero where a direction was not seen."""

    def __init__(self, flows: int, columns: Mapping[str, Narrow]) -> None:
        """`columns` says where each field is: in two rows, originators and responders, of at least so many flows."""
        self._flows, self._columns = flows, columns

    def __len__(self) -> int:
        """How many flows."""
        return self._flows

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A field: of originators, and of responders."""
        return self._columns[name][name][:, : self._flows]

    def at(self, name: str, rows: range | NDArray[np.int64]) -> NDArray[Any]:
        """A field of these rows of Directions: 2*flow, and 1 more for the responder."""
        column = self._columns[name]
        if isinstance(rows, range) and rows.step == 2:
            first, odd = divmod(rows.start, 2)
            return column.get(name, odd, slice(first, first + len(rows)))
        if isinstance(rows, range) and rows.step == 1 and not (rows.start | rows.stop) & 1:
            return np.stack([self.at(name, rows[which::2]) for which in (0, 1)], axis=1).reshape(-1)
        numbers = np.asarray(rows, dtype=np.int64)
        responder = numbers & 1
        parts = [column.get(name, which, numbers[responder == which] >> 1) for which in (0, 1)]
        found = np.empty(len(numbers), parts[0].dtype)
        for which, part in enumerate(parts):
            found[responder == which] = part
        return found
