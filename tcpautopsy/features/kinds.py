"""How a function becomes a column: its name, its sentence, its dtype and unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.features.seen import Mask, Seen, Values, Words
from tcpautopsy.schema import Column

Function: TypeAlias = Callable[[Seen], Values | Mask | Words]


class Feature(NamedTuple):
    """A documented column and the function that computes it."""

    column: Column
    function: Function

    def array(self, seen: Seen) -> ExtensionArray:
        """The column of one capture, in the row order of Flows."""
        return _ARRAYS[self.column.dtype](seen.of(self.function))


def _whole(values: NDArray[np.float64]) -> pd.arrays.IntegerArray:
    unknown = np.isnan(values)
    return pd.arrays.IntegerArray(np.where(unknown, 0, values).astype(np.int64), unknown)


def _real(values: NDArray[np.float64]) -> pd.arrays.FloatingArray:
    # Not copied: NaN stands where NA does, and nobody writes into either.
    return pd.arrays.FloatingArray(np.asarray(values, np.float64), np.isnan(values))


def _claim(values: NDArray[np.float64] | NDArray[np.bool_]) -> pd.arrays.BooleanArray:
    if values.dtype == bool:
        return pd.arrays.BooleanArray(np.array(values), np.zeros(len(values), bool))
    unknown = np.isnan(values)
    return pd.arrays.BooleanArray(np.asarray(values == 1), unknown)


def _words(values: Words) -> Words:
    return values


_ARRAYS: dict[str, Callable[..., ExtensionArray]] = {
    "Int64": _whole,
    "Float64": _real,
    "boolean": _claim,
    "category": _words,
}


def feature(function: Function, dtype: str, unit: str) -> Feature:
    """A column named for its function; its sentence is the first line of the docstring."""
    sentence = (function.__doc__ or "").split("\n", 1)[0].rstrip(".")
    return Feature(Column(function.__name__, dtype, unit, sentence), function)


def flags(*functions: Function) -> tuple[Feature, ...]:
    """Columns that are true, false or NA."""
    return tuple(feature(f, "boolean", "") for f in functions)


def counts(*functions: Function) -> tuple[Feature, ...]:
    """Columns of whole numbers."""
    return tuple(feature(f, "Int64", "") for f in functions)


def sizes(*functions: Function) -> tuple[Feature, ...]:
    """Columns of bytes."""
    return tuple(feature(f, "Int64", "B") for f in functions)


def seconds(*functions: Function) -> tuple[Feature, ...]:
    """Columns of seconds."""
    return tuple(feature(f, "Float64", "s") for f in functions)


def words(*functions: Function) -> tuple[Feature, ...]:
    """Columns of text."""
    return tuple(feature(f, "category", "") for f in functions)
