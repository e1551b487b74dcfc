"""What is known of each flow, as documented columns: its own story first, then its neighbours'."""

from __future__ import annotations

from collections.abc import Callable

from pandas.api.extensions import ExtensionArray

from tcpautopsy import tables
from tcpautopsy.features.kinds import Feature
from tcpautopsy.features.parts import part, stretches
from tcpautopsy.features.registry import FEATURES
from tcpautopsy.features.seen import Seen, looks_across
from tcpautopsy.schema import LazyTable, RowChoice, Table
from tcpautopsy.tables import Dissection, Features, Quality

__all__ = ["FEATURES", "FEATURES_TABLE", "Feature", "features"]

FEATURES_TABLE = Table("features", "What is known of one flow; row order of Flows.", tuple(f.column for f in FEATURES))
_BY_NAME = {f.column.name: f for f in FEATURES}
#: What looks at other flows is made of the whole capture.
_COSTLY = frozenset(name for name, f in _BY_NAME.items() if looks_across(f.function))


def features(dissection: Dissection, quality: Quality) -> Features:
    """All features of all flows, one row per flow in the order of Flows; unknown is NA.

    A column is made when it is first asked for: the rules ask for a third of them, since most conditions are not
    reached where those before them hold for no flow. Of a large capture, features of some flows are made for these
    alone.
    """
    if len(dissection.flows) <= tables.AT_ONCE:
        return _table(Seen(dissection, quality))
    seen = Seen(dissection, quality, stretches=stretches)
    return _table(seen, cut=lambda rows: _table(part(seen, rows)))


def _table(seen: Seen, cut: Callable[[RowChoice], LazyTable] | None = None) -> Features:
    def made(name: str) -> ExtensionArray:
        return _BY_NAME[name].array(seen)

    return LazyTable(FEATURES_TABLE, seen.count, made, seen.settle, cut=cut, costly=_COSTLY)
