"""Where on the path was this captured? Tests a to f of CATALOGUE section 4, scored per flow, voted over the file.

Each test says nothing, or adds to the score of one end. Loopback traffic is at both ends at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.schema import coded
from tcpautopsy.tables import EVENT_NUMBER, Dissection

Score = NDArray[np.floating]
#: TTLs with which hosts start; a packet that still has one has passed no router.
_START_TTL = (64, 128, 255)
#: A host answers its peer within this time; a path adds more (CATALOGUE 4 a).
_REACTION_NS = 1_000_000
_REACTION_SHARE = 0.1


def flow_vantage(dissection: Dissection) -> pd.DataFrame:
    """Per flow: `vantage` (client, server, middle, both, unknown) and `vantage_confidence`; row order of Flows."""
    client = np.zeros(len(dissection.flows))
    server = np.zeros(len(dissection.flows))
    spoke = np.zeros(len(dissection.flows), bool)
    for test in (_handshake_split, _start_ttl, _outgoing_artefacts, _packet_direction):
        near_client, near_server, says = test(dissection)
        client += near_client
        server += near_server
        spoke |= says
    return _words(client, server, spoke, _loopback(dissection))


def capture_vantage(vantage: pd.DataFrame) -> tuple[str, str]:
    """The point that most judged flows name, and how sure that is; ("unknown", "low") when they do not agree."""
    judged = vantage[vantage["vantage"] != "unknown"]
    if judged.empty:
        return "unknown", "low"
    votes = judged["vantage"].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    point, share = str(votes.index[0]), votes.iloc[0] / len(judged)
    if share < 0.6:  # a capture on a router, or of several hosts: flows keep their own points
        return "unknown", "low"
    best = judged.loc[judged["vantage"] == point, "vantage_confidence"]
    return point, "high" if share >= 0.9 and (best != "low").any() else "medium" if share >= 0.75 else "low"


def _words(client: Score, server: Score, spoke: NDArray[np.bool_], both: NDArray[np.bool_]) -> pd.DataFrame:
    lead = np.abs(client - server)
    points = [both, spoke & (lead >= 1) & (client > server), spoke & (lead >= 1), spoke]
    point = _chosen(points, ("both", "client", "server", "middle", "unknown"))
    sure = _chosen([both, lead >= 5, lead >= 3, lead >= 2], ("certain", "high", "medium", "medium", "low"))
    return pd.DataFrame({"vantage": point, "vantage_confidence": sure})


def _chosen(masks: Sequence[NDArray[np.bool_]], words: Sequence[str]) -> pd.Categorical:
    """Of each flow the word of the first mask that holds, else the last word."""
    places = np.select(list(masks), [np.int8(n) for n in range(len(masks))], np.int8(len(masks)))
    return coded(words, places)


def _side(dissection: Dissection, side: int, name: str) -> NDArray[np.float64]:
    """One column of Directions for the originators (side 0) or responders (side 1); NaN for NA."""
    column = dissection.directions.at(slice(side, None, 2))[name]
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def _handshake_split(dissection: Dissection) -> tuple[Score, Score, NDArray[np.bool_]]:
    """Test a: the end next to the capture reacts at once, the far one after a round trip (score 2)."""
    syn, answer, ack = (_first_time(dissection, kind) for kind in ("syn", "syn_ack", "handshake_ack"))
    to_server, to_client = answer - syn, ack - answer
    whole = ~np.isnan(to_server) & ~np.isnan(to_client) & (to_server >= 0) & (to_client >= 0)
    # On a path without delay both halves are equally short and the test says nothing.
    slow = np.maximum(to_server, to_client) > 2 * _REACTION_NS
    with np.errstate(invalid="ignore"):
        client = whole & slow & ((to_client < _REACTION_NS) | (to_client < _REACTION_SHARE * to_server))
        server = whole & slow & ((to_server < _REACTION_NS) | (to_server < _REACTION_SHARE * to_client))
    return 2.0 * (client & ~server), 2.0 * (server & ~client), whole & slow


def _first_time(dissection: Dissection, kind: str) -> NDArray[np.float64]:
    events = dissection.events
    chosen = events.at(np.flatnonzero(events["kind"].to_numpy() == EVENT_NUMBER[kind]))
    first = np.full(len(dissection.flows), np.nan)
    first[chosen["flow"].to_numpy()[::-1]] = chosen["time_ns"].to_numpy()[::-1]  # the first is written last
    return first


def _start_ttl(dissection: Dissection) -> tuple[Score, Score, NDArray[np.bool_]]:
    """Test b: an untouched TTL on one side only, when the other side's has been decremented (score 2)."""
    ttl = [_side(dissection, side, "ttl") for side in (0, 1)]
    fresh = [np.isin(t, _START_TTL) for t in ttl]
    known = ~np.isnan(ttl[0]) & ~np.isnan(ttl[1])
    client, server = known & fresh[0] & ~fresh[1], known & fresh[1] & ~fresh[0]
    middle = known & ~fresh[0] & ~fresh[1]
    return 2.0 * client, 2.0 * server, client | server | middle


def _outgoing_artefacts(dissection: Dissection) -> tuple[Score, Score, NDArray[np.bool_]]:
    """Test c: wrong partial checksums or unpadded short frames mark the side that the capturing host sends (3)."""
    marked: list[NDArray[np.bool_]] = []
    for side in (0, 1):
        bad, good = _side(dissection, side, "bad_checksum"), _side(dissection, side, "good_checksum")
        with np.errstate(invalid="ignore"):
            marked.append((bad >= 3) & (bad > 9 * good))
    client, server = marked[0] & ~marked[1], marked[1] & ~marked[0]
    return 3.0 * client, 3.0 * server, client | server


def _packet_direction(dissection: Dissection) -> tuple[Score, Score, NDArray[np.bool_]]:
    """Test d: the capture itself says which packets left this host (score 5: no inference is needed)."""
    out, into = ([_side(dissection, side, name) for side in (0, 1)] for name in ("outgoing", "incoming"))
    client = ((out[0] > 0) | (into[1] > 0)) & (into[0] == 0) & (out[1] == 0)
    server = ((out[1] > 0) | (into[0] > 0)) & (into[1] == 0) & (out[0] == 0)
    forwarded = (out[0] > 0) & (into[0] > 0)
    return 5.0 * client, 5.0 * server, client | server | forwarded


def _loopback(dissection: Dissection) -> NDArray[np.bool_]:
    ends = (pd.Series(dissection.flows[name]) for name in ("client_address", "server_address"))
    here, there = ((end.str.startswith("127.") | (end == "::1")).to_numpy(dtype=bool) for end in ends)
    return np.asarray(here & there)
