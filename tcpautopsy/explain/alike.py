"""Which findings are told in full: of many that are alike the first, and one for each server with many of them.

A flood makes hundreds of thousands of findings that differ in an address. Each is listed; telling each would make a
result of gigabytes that nobody reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tcpautopsy.explain.case import Case, Shelf
from tcpautopsy.schema import numbered

#: Findings of one rule that are told in full, and servers beyond those of which one more is: as many as a page lists.
_IN_FULL = 1000


def in_short(case: Case, shelf: Shelf, ids: Callable[[], Sequence[str]]) -> list[str | None]:
    """For each row of FINDINGS what stands in place of its story, None for one that is told in full.

    `ids` gives those of the findings.
    """
    flows = case.dissection.flows
    table = case.diagnosis.findings
    told: list[str | None] = [None] * len(table)
    nth = table.groupby("rule", sort=False, observed=True).cumcount().to_numpy()
    if not len(nth) or nth.max() < _IN_FULL:
        return told
    owners = table["flow"].to_numpy()
    places = (flows.at(owners)[name] for name in ("server_host", "server_port"))
    number = numbered([*(table[name] for name in ("rule", "severity", "confidence")), *places])
    firsts, sizes = np.unique(number, return_index=True, return_counts=True)[1:]
    full = nth < _IN_FULL
    full[firsts[np.argsort(-sizes, kind="stable")[:_IN_FULL]]] = True
    numbers = owners + shelf.first_id
    if shelf.asked:
        named = zip(numbers.tolist(), ids(), strict=True)
        full |= np.array([number in shelf.asked or name in shelf.asked for number, name in named])
    rules = table["rule"].tolist()
    counts = Counter(rules)
    # Backwards, so that the first of a rule is kept.
    leads = {rules[row]: int(numbers[row]) for row in np.flatnonzero(full)[::-1].tolist()}
    sentences = {rule: _sentence(counts[rule], connection) for rule, connection in leads.items()}
    for row in np.flatnonzero(~full).tolist():
        told[row] = sentences[rules[row]]
    return told


def _sentence(count: int, connection: int) -> str:
    return (
        f"Told in short: {count:,} connections of this capture have this finding. That of connection {connection} is "
        "told in full, and so is any that is asked for by the number of its connection."
    )
