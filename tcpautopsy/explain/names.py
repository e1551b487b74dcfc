"""Names of hosts, as far as the capture itself tells them: answers to lookups, and the names asked for in TLS."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from tcpautopsy.tables import Dissection
from tcpautopsy.text import clean


class Names(NamedTuple):
    """`by_address` from DNS answers (the first name of an address counts), `by_flow` from TLS server names."""

    by_address: dict[str, str]
    by_flow: dict[int, str]

    def of(self, flow: int, address: str, server: bool) -> str | None:
        """The name of an endpoint; None when the capture does not tell it."""
        asked = self.by_flow.get(flow) if server else None
        return asked or self.by_address.get(address)


def names(dissection: Dissection) -> Names:
    """The names learned from the notes of a capture."""
    notes = dissection.notes
    answers = notes.loc[notes["kind"] == "dns_address", "text"]
    hellos = notes[(notes["kind"] == "tls_client_hello") & (notes["text"] != "") & notes["flow"].notna()]
    by_address: dict[str, str] = {}
    for text in answers.tolist():
        address, _, name = text.partition(" ")
        by_address.setdefault(address, clean(name))
    return Names(by_address, _first_by_flow(hellos))


def _first_by_flow(hellos: pd.DataFrame) -> dict[int, str]:
    first = hellos.drop_duplicates("flow")
    pairs = zip(first["flow"].tolist(), first["text"].tolist(), strict=True)
    return {int(flow): clean(text) for flow, text in pairs}
