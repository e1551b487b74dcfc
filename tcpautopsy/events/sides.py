"""The kernel's fields of directions as columns, from which Directions is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Sides:
    """Fields by name, in the narrowest types that hold them; zero where a direction was not seen."""

    def __init__(self, flows: int, columns: Mapping[str, NDArray[Any]]) -> None:
        """`columns` have two rows, of at least as many as there are flows: originators, and responders."""
        self._flows, self._columns = flows, columns

    def __len__(self) -> int:
        """How many flows."""
        return self._flows

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A field: of originators, and of responders."""
        return self._columns[name][:, : self._flows]

    def at(self, name: str, rows: range | NDArray[np.int64]) -> NDArray[Any]:
        """A field of these rows of Directions (2*flow, and 1 more for the responder); no copy of those of one side."""
        column = self._columns[name]
        if isinstance(rows, range):
            first, odd = divmod(rows.start, 2)
            if rows.step == 2:
                return np.asarray(column[odd, first : first + len(rows)])
            if rows.step == 1 and not odd and len(rows) % 2 == 0:
                return np.asarray(column[:, first : first + len(rows) // 2].T.reshape(-1))
        numbers = np.asarray(rows, dtype=np.int64)
        return np.asarray(column[numbers & 1, numbers >> 1])
