"""Single conditions asked of single flows: what the texts of a rule depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tcpautopsy.diagnose import grammar
from tcpautopsy.diagnose.columns import Chosen, column
from tcpautopsy.diagnose.logic import Column
from tcpautopsy.tables import Features

Asked = Callable[[str, Sequence[int]], list[bool | None]]


class _Features:
    def __init__(self, features: Features) -> None:
        self._features = features

    def column(self, name: str) -> Column:
        """A feature of all flows."""
        return column(self._features[name])


def asked(features: Features) -> Asked:
    """A function that judges a condition on rows of these features: true, false, or None where it is unknown."""
    columns = _Features(features)

    def answer(condition: str, rows: Sequence[int]) -> list[bool | None]:
        truth = Chosen(columns, np.asarray(rows, dtype=np.int64)).truth(grammar.read(condition))
        return [True if yes else False if no else None for yes, no in zip(truth.yes, truth.no, strict=True)]

    return answer
