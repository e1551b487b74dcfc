"""How a result is to be shown; every format gets the same settings and uses those that concern it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tcpautopsy.tables import CloseUp

DEFAULT_MAX_SIZE = 950_000


class Material(NamedTuple):
    """What the page shows beside the result, of the connections that it tells; empty for a result that was read back.

    `close_ups`: packets by the connection's id. `proofs`: a pcapng file of the evidence by the finding's id.
    `handshakes`: seconds from the first SYN to the client's ACK, by id, of all connections to the servers concerned.
    `bursts`: (window in ms, most datagrams within it, most bytes charged) at the port of a UDP conversation, by its id.
    """

    close_ups: Mapping[int, CloseUp] = {}
    proofs: Mapping[str, bytes] = {}
    handshakes: Mapping[int, float] = {}
    bursts: Mapping[int, Sequence[tuple[int, int, int]]] = {}


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
    material: Material = Material()
