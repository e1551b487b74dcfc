"""Memory that was freed, given back: the C library keeps most of it for later, and a later stage may never need it."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Rows of tables from which on it is worth the while: fewer leave a few megabytes.
_MANY = 10_000


def trim(rows: int) -> None:
    """Give back what is free, where tables had so many rows that it may be much (malloc_trim(3), glibc alone)."""
    if rows >= _MANY and sys.platform == "linux":
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if give_back is not None:
            give_back(0)
        arrow = sys.modules.get("pyarrow")  # pandas keeps texts in its memory where it is installed
        if arrow is not None:
            arrow.default_memory_pool().release_unused()


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles: a telling makes millions of objects and not one cycle."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
