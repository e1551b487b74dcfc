"""Column contracts: what a table of the house holds, checked where a stage hands it over."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column: its name, pandas dtype, unit ("" where it has none) and one sentence."""

    name: str
    dtype: str
    unit: str
    sentence: str


@dataclass(frozen=True)
class Table:
    """The contract of one table: its columns in order, and what one row is."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame`, once its columns and dtypes are those of the contract.

        Raises TypeError naming the first column that differs: a defect of the stage that made it.
        """
        names = [c.name for c in self.columns]
        if list(frame.columns) != names:
            missing = [n for n in names if n not in frame.columns]
            extra = [n for n in frame.columns if n not in names]
            raise TypeError(f"{self.name}: columns differ (missing {missing}, unknown {extra}, or out of order)")
        for column, dtype in zip(self.columns, frame.dtypes, strict=True):
            if str(dtype) != column.dtype:
                raise TypeError(f"{self.name}.{column.name}: {dtype}, expected {column.dtype}")
        return frame
