"""Zeek's words for a connection: conn_state and history, as its conn.log has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.flows.rows import State
from tcpautopsy.records import Rows
from tcpautopsy.schema import numbered, texts
from tcpautopsy.tables import Protocol

#: All of Zeek's words for the state of a connection, and none.
_STATES = ("SF", "RSTR", "RSTO", "REJ", "RSTOS0", "RSTRH", "SH", "SHR", "S2", "S3", "S1", "S0", "OTH", "")
#: Histories of datagrams, by who sent any: both, the originator, the responder; and none.
_DATAGRAMS = ("Dd", "D", "d", "")
#: Letters of a history that the kernel keeps, in three numbers.
_LETTERS = 24


def conn_state(rows: Rows) -> ExtensionArray:
    """conn_state of each flow; "" for ARP and neighbour discovery, which Zeek has none for."""
    state, protocol = rows["state"], rows["protocol"]
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


def _has(state: NDArray[np.uint32], bit: State) -> NDArray[np.bool_]:
    return np.asarray(state & bit != 0)


def _tcp(state: NDArray[np.uint32]) -> NDArray[np.int64]:
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


def history(rows: Rows) -> ExtensionArray:
    """Zeek's history of each TCP flow, "Dd" alone for datagrams; "" where Zeek has none."""
    parts = [rows[name] for name in ("history1", "history2", "history3")]
    number = numbered(parts)
    firsts = np.unique(number, return_index=True)[1]
    letters = np.stack([part[firsts] for part in parts], axis=1).astype("<u8").tobytes()
    table = [letters[at : at + _LETTERS].rstrip(b"\0").decode("ascii") for at in range(0, len(letters), _LETTERS)]
    datagrams = np.isin(rows["protocol"], (Protocol.UDP, Protocol.DNS))
    orig, resp = _has(rows["state"], State.ORIG_SPOKE), _has(rows["state"], State.RESP_SPOKE)
    known = [rows["protocol"] == Protocol.TCP, datagrams & orig & resp, datagrams & orig, datagrams]
    places = [number, *(np.asarray(len(table) + place) for place in range(len(_DATAGRAMS) - 1))]
    return texts([*table, *_DATAGRAMS], np.select(known, places, len(table) + _DATAGRAMS.index("")))
