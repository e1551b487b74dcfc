"""The graph of bytes over time: what belongs to the connection without a place among its bytes is left out."""

from __future__ import annotations

from pathlib import Path

from tcpautopsy import closer
from tcpautopsy.notation import capture
from tcpautopsy.pipeline import Options, analyse
from tcpautopsy.report.time_sequence import pictures

_REJECTED = """
    +0   > S 0:0(0) <mss 1460>
    +.02 < S. 0:0(0) ack 1 <mss 1460>
    +0   > . 1:1(0) ack 1
    +0   > . 1:1449(1448) ack 1
    +0   > . 1449:2897(1448) ack 1
    +.01 < icmp host from 10.0.0.254
    +.3  > . 1:1449(1448) ack 1
    +.01 < icmp host from 10.0.0.254
    +.6  > . 1:1449(1448) ack 1
    +1.2 > . 1:1449(1448) ack 1
    +2.4 > . 1:1449(1448) ack 1
    +30  ~
"""


def test_icmp_errors_have_no_place_among_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rejected.pcap"
    path.write_bytes(capture(_REJECTED))
    options = Options(debug=True)
    result = analyse([str(path)], options).result
    material = closer.material([str(path)], options, result, result)
    [failed] = [c for c in result.connections if c.severity == "failure"]
    packets = material.close_ups[failed.id]
    assert packets["seq"].isna().any(), "the errors are among its packets"
    [graph] = pictures(packets, failed)
    assert graph.rows[0] == ("packets with data from the client", "6")
