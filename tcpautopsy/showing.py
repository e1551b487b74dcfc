"""What of an analysis is shown: the connections that were chosen, under pseudonyms where that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcpautopsy.pipeline import Analysis
from tcpautopsy.report.redact import redacted
from tcpautopsy.report.select import Selection, chosen, nothing_matches, only
from tcpautopsy.report.stories import verdict
from tcpautopsy.report.view import DEFAULT_MAX_SIZE, Material, View
from tcpautopsy.result import Result


class Wish(NamedTuple):
    """How a result is to be shown. `key` is that of the pseudonyms, None for none; `max_size` limits a page."""

    selection: Selection = Selection()
    key: bytes | None = None
    max_size: int = DEFAULT_MAX_SIZE


class Shown(NamedTuple):
    """`nothing` says that no connection matches and which hosts there are; empty when one does."""

    result: Result
    view: View
    nothing: str


def shown(analysis: Analysis, wish: Wish, look: Callable[[Result], Material] | None = None) -> Shown:
    """The result as it is to be written; `look` finds what a page shows beside it, None when no page is written.

    Raises UsageError for a selection that names no address or no time.
    """
    whole, selection, nothing = analysis.result, wish.selection, ""
    view, result = View(max_size=wish.max_size), whole
    ids = None
    if selection:
        ids = chosen(whole, selection, analysis.matching if selection.where is not None else None)
        nothing = nothing_matches(whole) if not ids and wish.key is None else ""
    if wish.key is not None:
        result = whole = redacted(whole, wish.key, analysis.names)
    if ids is not None:
        result = only(whole, ids)
        words = selection.words if wish.key is None else "chosen by options"
        view = view._replace(shown=words, verdict=verdict(whole))
    if look is not None:
        material = look(result)
        # The frames of the evidence hold the real addresses.
        view = view._replace(material=material if wish.key is None else material._replace(proofs={}))
    return Shown(result, view, nothing)
