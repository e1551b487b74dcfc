"""Column contracts: what a table of the house holds, checked where a stage hands it over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray


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


def texts(table: Sequence[str], places: NDArray[Any]) -> ExtensionArray:
    """Texts by their places in a short list; a negative place is NA."""
    few = _texts(table) if isinstance(table, tuple) else pd.array(list(table), dtype="str")
    return few.take(places, allow_fill=bool(len(places)) and int(places.min()) < 0)


@lru_cache(maxsize=32)
def _texts(table: tuple[str, ...]) -> ExtensionArray:
    """The lists of a module: the same ones for each stretch of a capture."""
    return pd.array(list(table), dtype="str")


def coded(table: Sequence[str], places: NDArray[Any]) -> pd.Categorical:
    """Words by their places in a list, kept so; a negative place is NA.

    A word may stand in the list more than once.
    """
    few = tuple(dict.fromkeys(table))
    if len(few) < len(table):
        code = {word: number for number, word in enumerate(few)}
        places = np.array([*(code[word] for word in table), -1])[places]
    dtype = _categories(few) if len(few) > _FEW else _few(few)
    return pd.Categorical.from_codes(places, dtype=dtype, validate=False)


def _categories(words: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(words, dtype="str"))


#: The sides, the outcomes, the rules: the same lists again and again; names of hosts are others in each capture.
_FEW = 128
_few = lru_cache(maxsize=256)(_categories)


def numbered(columns: Sequence[Any]) -> NDArray[np.int64]:
    """Rows that agree in all columns (at least one) get one number, from 0 as they come; NA agrees with NA."""
    number, count = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        if alike(column):
            continue
        codes, known = pd.factorize(column)
        gaps = int(codes.min(initial=0) < 0)
        if count == 1 and not gaps:  # numbered from 0 as they come
            number, count = codes.astype(np.int64, copy=False), len(known)
        elif len(known) + gaps > 1:
            number *= len(known) + 1
            number += codes + 1
            codes, distinct = pd.factorize(number)
            number, count = codes.astype(np.int64, copy=False), len(distinct)
    return number


def alike(column: Any) -> bool:
    """Whether all values are known to be one: such a column tells nothing apart."""
    if isinstance(column, pd.arrays.NumpyExtensionArray):
        column = column.to_numpy()
    if not isinstance(column, np.ndarray) or not len(column):
        return False
    return bool(column[-1] == column[0]) and bool((column == column[0]).all())


def ranges(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    """The whole numbers from each `low` to its `high` (exclusive), one range after the other; `low` itself, not a copy,
    where each holds one number.
    """
    lengths = high - low
    if (lengths == 1).all():
        return low
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + np.repeat(low - (ends - lengths), lengths))


#: Rows of a table: a stretch of it, or their numbers.
RowChoice: TypeAlias = "slice | NDArray[np.int64]"


def rows_of(rows: range | NDArray[np.int64], choice: RowChoice) -> range | NDArray[np.int64]:
    """Some of these rows; what is a stretch stays one."""
    if isinstance(rows, range):
        return rows[choice] if isinstance(choice, slice) else rows.start + rows.step * choice
    return rows[choice]


class LazyTable:
    """A table by column name, each column made when it is first asked for."""

    def __init__(
        self,
        contract: Table,
        count: int,
        make: Callable[[str], ExtensionArray],
        settle: Callable[[], None] = lambda: None,
        *,
        cut: Callable[[RowChoice], LazyTable] | None = None,
        kept: bool = True,
        costly: Collection[str] = (),
    ) -> None:
        """`count` rows; `make` gives a column of the contract by its name.

        `settle` lets go of what `make` keeps between two columns; it can still make them all. `cut` gives the table of
        some rows; columns that are not `kept` are made each time anew. The `costly` are best asked for last.
        """
        self.settle, self.costly = settle, costly
        self._contract, self._count, self._make, self._cut, self._kept = contract, count, make, cut, kept
        self._dtypes = {c.name: c.dtype for c in contract.columns}
        self._made: dict[str, ExtensionArray] = {}

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: object) -> bool:
        return name in self._dtypes

    def __getitem__(self, name: str) -> ExtensionArray:
        """The column. Raises KeyError for a name that is not in the contract, TypeError for a defect of its maker."""
        if name in self._made:
            return self._made[name]
        dtype, made = self._dtypes[name], self._make(name)
        if str(made.dtype) != dtype or len(made) != self._count:
            found = f"{len(made)} of {made.dtype}, expected {self._count} of {dtype}"
            raise TypeError(f"{self._contract.name}.{name}: {found}")
        if self._kept:
            self._made[name] = made
        return made

    def forget(self) -> None:
        """Let go of the columns that were made; they are made anew when they are asked for again."""
        self._made.clear()

    @property
    def columns(self) -> list[str]:
        """The names of all columns, made or not, in the contract's order."""
        return list(self._dtypes)

    def at(self, rows: RowChoice) -> LazyTable:
        """The table of these rows."""
        if self._cut is not None:
            return self._cut(rows)
        count = len(range(*rows.indices(self._count))) if isinstance(rows, slice) else len(rows)
        return LazyTable(self._contract, count, lambda name: self[name][rows], costly=self.costly)

    def within(self, run: Callable[..., Any]) -> LazyTable:
        """The same table; what is made of it is made by `run`, which is given the work and what it is to work on."""
        return LazyTable(
            self._contract,
            self._count,
            lambda name: run(self.__getitem__, name),
            self.settle,
            cut=lambda rows: run(self.at, rows).within(run),
            costly=self.costly,
        )

    def frame(self) -> pd.DataFrame:
        """All columns, made now."""
        return pd.DataFrame({name: self[name] for name in self._dtypes}, copy=False)
