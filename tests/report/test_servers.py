"""The table of servers: who had how many connections, and what became of them."""

from __future__ import annotations

from fixtures.judged import ROOT
from tcpautopsy.pipeline import analyse
from tcpautopsy.report.servers import servers


def test_the_worst_come_first_and_numbers_add_up() -> None:
    result = analyse([str(ROOT / "mixed" / "client.pcap")]).result
    listed, left = servers(result)
    assert left == 0
    assert [s.failed for s in listed] == sorted((s.failed for s in listed), reverse=True)
    assert sum(s.connections for s in listed) == result.totals.by_protocol["tcp"]
    assert sum(s.failed for s in listed) == result.totals.failed == 36
    [full] = [s for s in listed if s.place == "10.0.0.2:8091"]
    assert (full.connections, full.failed, full.causes) == (9, 4, [("accept-queue-overflow-ack-drop", 4)])


def test_one_server_needs_no_table() -> None:
    assert servers(analyse([str(ROOT / "healthy-http" / "client.pcap")]).result) == ([], 0)
