"""What is known of each flow, as documented columns: its own story first, then its neighbours'."""

from __future__ import annotations

import pandas as pd

from tcpautopsy.features.kinds import Feature
from tcpautopsy.features.registry import FEATURES
from tcpautopsy.features.seen import Seen
from tcpautopsy.schema import Table
from tcpautopsy.tables import Dissection, Features, Quality

__all__ = ["FEATURES", "FEATURES_TABLE", "Feature", "features"]

FEATURES_TABLE = Table("features", "What is known of one flow; row order of Flows.", tuple(f.column for f in FEATURES))


def features(dissection: Dissection, quality: Quality) -> Features:
    """All features of all flows, one row per flow in the order of Flows; unknown is NA."""
    seen = Seen(dissection, quality)
    table = pd.DataFrame({f.column.name: f.array(seen) for f in FEATURES}, copy=False)
    return Features(FEATURES_TABLE.check(table))
