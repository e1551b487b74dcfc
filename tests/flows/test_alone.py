"""A SYN alone has no row for what came of it: the flow is told as if it had one, whatever comes next."""

from __future__ import annotations

import pandas as pd
import pytest

from tcpautopsy.flows import FlowTable
from tcpautopsy.notation import capture
from tcpautopsy.pipeline import examined
from tcpautopsy.records import interpreted_kernel
from tcpautopsy.tables import NO_FLOW, PACKET, Kind, Packets

SYN = 2
NEXT = {
    "nothing": "",
    "its copy": "+3 > S 0:0(0)",
    "a second copy of the capture": "+.0001 > S 0:0(0) ttl 63",
    "an answer": "+.1 < S. 0:0(0) ack 1",
    "a refusal": "+.1 < R. 0:0(0) ack 1",
    "an answer from nowhere": "+.1 < . 7:7(0) ack 9",
    "another use of the ports": "+90 > S 5000:5000(0)",
    "a SYN from the other side": "+.1 < S 0:0(0)",
    "its own reset": "+1 > R 1:1(0)",
    "an error of a router": "+.1 < icmp host from 10.0.0.254",
    "payload": "+.1 > P. 1:33(32) ack 1",
}
FIRST = {
    "plain": "+0 > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>",
    "with payload": "+0 > S 0:10(10)",
    "with FIN": "+0 > SF 0:0(0)",
    "bad checksum": "+0 > S 0:0(0) bad",
    "of two": "+0 > S 0:0(0)\n+.1 2> S 0:0(0)",
}


def told(text: str) -> pd.DataFrame:
    return examined(capture(text)).dissection.flows.frame()


@pytest.mark.parametrize("later", NEXT)
@pytest.mark.parametrize("first", FIRST)
def test_as_if_it_had_a_row(first: str, later: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{FIRST[first]}\n{NEXT[later]}\n+100 ~"
    monkeypatch.setenv("TCPAUTOPSY_INTERPRETED", "0")
    found = told(text)
    monkeypatch.setenv("TCPAUTOPSY_INTERPRETED", "1")
    pd.testing.assert_frame_equal(told(text), found)
    monkeypatch.setattr(interpreted_kernel("flows").Table, "is_plain_syn", lambda *_: 0)
    pd.testing.assert_frame_equal(told(text), found)
    assert len(found)


def test_many_take_one_row_each_and_no_alias() -> None:
    rows = PACKET.zeros(5000)
    rows["kind"], rows["protocol"], rows["ip_version"], rows["flags"], rows["flow"] = Kind.TCP, 6, 4, SYN, NO_FLOW
    rows["time_ns"] = rows["frame"] = rows["src_lo"] = rows["seq"] = range(1, 5001)
    rows["dst_lo"], rows["dport"], rows["wirelen"] = 9, 443, 60
    table = FlowTable()
    assert table.assign(Packets(rows, [])).rows["flow"].tolist() == list(range(5000))
    assert (table._kernel.coursed, table._kernel.aliases) == (0, 1)  # the listener's
    found = table.table().frame()
    assert set(found["history"]) == {"S"}
    assert set(found["conn_state"]) == {"S0"}
    assert found["bytes"].sum() == 5000 * 60
    assert found["last_frame"].tolist() == found["first_frame"].tolist() == list(range(1, 5001))
    assert found["tcp_stream"].tolist() == list(range(5000))
