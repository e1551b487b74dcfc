"""`python -m benchmarks.rules_alone CAPTURE`: CPU seconds of all rules beside the features, as a row of a table.

Flows, what the features that the rules ask for cost, what all rules cost once these are there (median of five), and
the ratio of the two.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from tcpautopsy import pipeline

_RUNS = 5


def row(capture: Path) -> str:
    """The row of one capture."""
    rules, known = pipeline.rule_set(), pipeline.examined(capture, pipeline.Options(digest=False))
    both = _cpu_s(known, rules)
    alone = statistics.median(_cpu_s(known, rules) for _ in range(_RUNS))
    features = both - alone
    return f"{len(known.features):,} | {features * 1e3:,.0f} | {alone * 1e3:,.0f} | {alone / features:.2f}"


def _cpu_s(known: pipeline.Examined, rules: pipeline.RuleSet) -> float:
    begin = time.process_time()
    pipeline.judge(known, rules)
    return time.process_time() - begin


if __name__ == "__main__":
    print(row(Path(sys.argv[1])))
