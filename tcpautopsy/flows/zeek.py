"""Zeek's words for a connection: conn_state and history, as its conn.log has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.flows.rows import State
from tcpautopsy.schema import texts
from tcpautopsy.tables import Protocol

#: All of Zeek's words for the state of a connection, and none.
_STATES = ("SF", "RSTR", "RSTO", "REJ", "RSTOS0", "RSTRH", "SH", "SHR", "S2", "S3", "S1", "S0", "OTH", "")
#: Histories of datagrams, by who sent any: both, the originator, the responder; and none.
_DATAGRAMS = ("Dd", "D", "d", "")
#: Letters of a history that the kernel keeps, in three numbers.
_LETTERS = 24
#: The bits of `state` that words are made of; above them the kernel counts letters.
STATE_BITS = 0xFFFF


def conn_state(protocol: NDArray[np.int64], state: NDArray[np.int64]) -> ExtensionArray:
    """conn_state of each flow; "" for ARP and neighbour discovery, which Zeek has none for."""
    tcp = protocol == Protocol.TCP
    datagrams = np.isin(protocol, (Protocol.UDP, Protocol.DNS))
    echo = np.isin(protocol, (Protocol.ICMP, Protocol.ICMPV6))
    both = _has(state, State.ORIG_SPOKE) & _has(state, State.RESP_SPOKE)
    found = [
        (datagrams & both, "SF"),
        (datagrams & _has(state, State.ORIG_SPOKE), "S0"),
        (datagrams, "SHR"),
        (echo, "OTH"),
    ]
    places = [_tcp(state), *(np.asarray(_STATES.index(word)) for _, word in found)]
    return texts(_STATES, np.select([tcp, *(mask for mask, _ in found)], places, _STATES.index("")))


def _has(state: NDArray[np.int64], bit: State) -> NDArray[np.bool_]:
    return np.asarray(state & bit != 0)


def _tcp(state: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the first that holds, from the table in Zeek's conn/main.zeek."""
    syn, synack = _has(state, State.ORIG_SYN), _has(state, State.RESP_SYNACK)
    orig_fin, resp_fin = _has(state, State.ORIG_FIN), _has(state, State.RESP_FIN)
    orig_rst, resp_rst = _has(state, State.ORIG_RST), _has(state, State.RESP_RST)
    by_responder = _has(state, State.FIRST_RST_BY_RESPONDER)
    opened = syn & synack
    reset = orig_rst | resp_rst
    return np.select(
        [
            opened & orig_fin & resp_fin,
            opened & reset & by_responder,
            opened & reset,
            syn & resp_rst & by_responder,
            syn & orig_rst,
            ~syn & synack & resp_rst,
            syn & orig_fin,
            ~syn & synack & resp_fin,
            opened & orig_fin,
            opened & resp_fin,
            opened,
            syn,
        ],
        list(range(12)),  # in the order of _STATES
        _STATES.index("OTH"),
    )


def letters(numbers: Sequence[NDArray[Any]]) -> list[str]:
    """Histories in words, of the three numbers that the kernel keeps of each."""
    words = np.stack(numbers, axis=1).astype("<u8").tobytes()
    return [words[at : at + _LETTERS].rstrip(b"\0").decode("ascii") for at in range(0, len(words), _LETTERS)]


def histories(words: Sequence[str]) -> ExtensionArray:
    """All histories: these words, of TCP, and behind them those of datagrams."""
    return pd.array([*words, *_DATAGRAMS], dtype="str")


def history(
    protocol: NDArray[np.int64], state: NDArray[np.int64], number: NDArray[np.int64], table: ExtensionArray
) -> ExtensionArray:
    """Zeek's history of each TCP flow, which has this number in `histories`; "Dd" alone for datagrams, "" for none."""
    datagrams = np.isin(protocol, (Protocol.UDP, Protocol.DNS))
    orig, resp = _has(state, State.ORIG_SPOKE), _has(state, State.RESP_SPOKE)
    known = [protocol == Protocol.TCP, datagrams & orig & resp, datagrams & orig, datagrams]
    behind = len(table) - len(_DATAGRAMS)
    places = [number, *(np.asarray(behind + place) for place in range(len(_DATAGRAMS) - 1))]
    return table.take(np.select(known, places, behind + _DATAGRAMS.index("")))
