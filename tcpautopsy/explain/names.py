"""Names of hosts, as far as the capture itself tells them: answers to lookups, and the names asked for in TLS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from tcpautopsy.tables import Dissection
from tcpautopsy.text import clean


class Names(NamedTuple):
    """`by_address` from DNS answers (the first name of an address counts), `by_flow` from TLS server names."""

    by_address: dict[str, str]
    by_flow: dict[int, str]

    def all_of(self, flows: Sequence[int], addresses: Sequence[str], server: bool) -> list[str | None]:
        """The names of endpoints, servers or clients of these flows; None where the capture does not tell one."""
        if not server or not self.by_flow:
            return [self.by_address.get(address) for address in addresses]
        asked, known = self.by_flow.get, self.by_address.get
        return [asked(flow) or known(address) for flow, address in zip(flows, addresses, strict=True)]


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
