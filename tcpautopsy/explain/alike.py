"""Which findings are told in full: of many that are alike the first, and one for each server with many of them.

A flood makes hundreds of thousands of findings that differ in an address. Each is listed; telling each would make a
result of gigabytes that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcpautopsy.explain.case import Case, Shelf
from tcpautopsy.schema import numbered

#: Findings of one rule that are told in full, and servers beyond those of which one more is: as many as a page lists.
_IN_FULL = 1000


class InShort(NamedTuple):
    """Of each row of FINDINGS whether it is told in full, and what stands in place of the stories of other ones."""

    full: NDArray[np.bool_]
    sentences: Mapping[str, str]  # by rule

    def sentence(self, row: int, rule: str) -> str | None:
        """What stands in place of its story; None when it is told in full."""
        return None if self.full[row] else self.sentences[rule]


def in_short(case: Case, shelf: Shelf, ids: Callable[[], Sequence[str]]) -> InShort:
    """What is told of each finding; `ids` gives those of all."""
    table = case.diagnosis.findings
    rule = table["rule"].cat.codes.to_numpy()
    full = np.zeros(len(table), bool)
    for code in np.unique(rule).tolist():
        full[np.flatnonzero(rule == code)[:_IN_FULL]] = True
    if full.all():
        return InShort(full, {})
    flows, owners = case.dissection.flows, table["flow"].to_numpy()
    places = (flows.at(owners)[name] for name in ("server_host", "server_port"))
    number = numbered([*(table[name] for name in ("rule", "severity", "confidence")), *places])
    sizes = np.bincount(number)
    firsts = np.zeros(len(sizes), np.int64)
    firsts[number[::-1]] = np.arange(len(number))[::-1]  # the first is written last
    full[firsts[np.argsort(-sizes, kind="stable")[:_IN_FULL]]] = True
    if shelf.asked:
        numbers = owners + np.int64(shelf.first_id)
        named = zip(numbers.tolist(), ids(), strict=True)
        full |= np.array([number in shelf.asked or name in shelf.asked for number, name in named])
    sentences = {}
    for code in np.unique(rule[~full]).tolist():
        lead = np.flatnonzero(full & (rule == code))[0]
        count = int((rule == code).sum())
        sentences[table["rule"].cat.categories[code]] = _sentence(count, int(owners[lead]) + shelf.first_id)
    return InShort(full, sentences)


def _sentence(count: int, connection: int) -> str:
    return (
        f"Told in short: {count:,} connections of this capture have this finding. That of connection {connection} is "
        "told in full, and so is any that is asked for by the number of its connection."
    )
