"""A kernel's rows grow without losing what is in them, whether they are moved or copied, compiled or not."""

from __future__ import annotations

import numpy as np
import pytest

from tcpautopsy.records import Pool, Record

RECORD = Record("Pair", "q:first;I:second pad")


@pytest.mark.parametrize("compiled", [True, False])
def test_what_was_there_stays_and_what_is_new_is_zero(compiled: bool) -> None:
    pool = Pool(RECORD, 4, compiled)
    for size in (16, 1000, 300_000 if compiled else 3000):
        before = pool.array(len(pool)).copy()
        if compiled:
            pool.rows["first"][-1] = size
        else:
            pool.rows[-1].first = size
        pool.grow(size)
        found = pool.array(size)
        assert len(pool) == size
        assert found["first"][: len(before) - 1].tolist() == before["first"][:-1].tolist()
        assert found["first"][len(before) - 1] == size
        assert not found["first"][len(before) :].any()
        assert not found["second"].any()


def test_rows_that_somebody_still_looks_at_are_copied() -> None:
    pool = Pool(RECORD, 4, True)
    pool.rows["first"] = np.arange(4)
    held = pool.rows
    pool.grow(4096)
    assert held["first"].tolist() == [0, 1, 2, 3]
    assert pool.rows["first"][:5].tolist() == [0, 1, 2, 3, 0]
    pool.rows["first"][0] = 7
    assert held["first"][0] == 0


def test_more_is_four_times_as_much_until_it_is_plenty() -> None:
    assert Pool(RECORD, 1000, True).more() == 4000
    assert Pool(RECORD, 1000, False).more() == 2000
    assert Pool(RECORD, 1 << 22, True).more() == 1 << 23
