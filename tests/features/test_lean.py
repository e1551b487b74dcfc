"""What is kept in little memory is the same when it is asked for again."""

from __future__ import annotations

import numpy as np
import pytest

from tcpautopsy.features.lean import lean, wide


@pytest.mark.parametrize("numbers", [[0, 3, 2**32 - 1], [0, 2**40], [7, 7, 7], [], [*range(3000), 5]])
def test_groups(numbers: list[int]) -> None:
    given = np.array(numbers, np.int64)
    both = wide((lean(given, narrow=True), lean(given)))
    assert isinstance(both, tuple)
    for found in both:
        assert found.dtype == np.int64
        assert found.tolist() == numbers


def test_numbers_of_groups_take_half() -> None:
    assert lean(np.array([0, 3, 2**32 - 1]), narrow=True).itemsize == 4
    assert lean(np.array([0, 3, 2**32]), narrow=True).itemsize == 8


def test_what_is_all_one_takes_no_memory() -> None:
    for values in (np.full(5000, np.nan), np.zeros((5000, 3)), np.full(5000, 9)):
        found = lean(values)
        assert found.strides[0] == 0
        assert np.array_equal(found, values, equal_nan=True)
        assert not found.flags.writeable
    last = np.zeros(5000)
    last[-1] = 1
    assert lean(last) is last
