"""How a result is to be shown; every format gets the same settings and uses those that concern it."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_MAX_SIZE = 950_000


class View(NamedTuple):
    """`max_size` limits the page, `colour` and `page` (the path of the page, to be named) concern the summary.

    `shown` says in words what was selected, empty when everything is shown; `verdict` is then the sentence about the
    whole.
    """

    max_size: int = DEFAULT_MAX_SIZE
    colour: bool = False
    page: str | None = None
    shown: str = ""
    verdict: str = ""
