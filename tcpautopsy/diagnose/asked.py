"""Single conditions asked of single flows: what the texts of a rule depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tcpautopsy.diagnose import grammar
from tcpautopsy.diagnose.columns import Chosen, Integers, column
from tcpautopsy.diagnose.logic import Column
from tcpautopsy.tables import Features

Asked = Callable[[str, Sequence[int]], list[bool | None]]


def asked(features: Features) -> Asked:
    """A function that judges a condition on rows of these features: true, false, or None where it is unknown."""
    known = _Known(features)

    def answer(condition: str, rows: Sequence[int]) -> list[bool | None]:
        truth = known.of(np.asarray(rows, dtype=np.int64)).truth(grammar.read(condition))
        return [True if yes else False if no else None for yes, no in zip(truth.yes, truth.no, strict=True)]

    return answer


class _Columns:
    def __init__(self, features: Features) -> None:
        self._features = features

    def column(self, name: str) -> Column:
        """A feature of these flows."""
        return column(self._features[name])


class _Known:
    """Features of the flows that are asked about, kept while one condition after the other is asked of the same."""

    def __init__(self, features: Features) -> None:
        self._all = features
        self._some, self._columns = np.zeros(0, np.int64), _Columns(features)

    def of(self, rows: Integers) -> Chosen:
        """The flows in these rows."""
        if 2 * len(rows) > len(self._all):
            return Chosen(_Columns(self._all), rows)
        some, places = np.unique(rows, return_inverse=True)
        if not np.array_equal(some, self._some):
            self._some, self._columns = some, _Columns(self._all.at(some))
        return Chosen(self._columns, places)
