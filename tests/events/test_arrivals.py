"""The most datagrams within a window, against looking at every window one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tcpautopsy.events import ArrivalCurves
from tcpautopsy.tables import ARRIVAL_WINDOWS_MS, PACKET, Kind

STEPS = st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 1)), min_size=1, max_size=120)


@given(STEPS, st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_peaks_of_each_port(steps: list[tuple[int, int]], batch: int) -> None:
    """Gaps are in tenths of milliseconds: windows of more than 20 ms count by whole milliseconds."""
    times, now = [], 0
    for gap, port in steps:
        now += gap * 100_000
        times.append((now, port))
    rows = PACKET.zeros(len(times))
    for i, (time, port) in enumerate(times):
        rows[i]["time_ns"], rows[i]["dport"], rows[i]["flow"] = time, 1000 + port, port
        rows[i]["kind"], rows[i]["from_originator"], rows[i]["payload_len"] = Kind.UDP, 1, 100
    curves = ArrivalCurves()
    for start in range(0, len(rows), batch):
        curves.feed(rows[start : start + batch])
    table = curves.finish().set_index("flow")
    for port in {port for _, port in times}:
        mine = [time for time, each in times if each == port]
        row = table.loc[port]
        assert row["datagrams"] == len(mine)
        for window in ARRIVAL_WINDOWS_MS:
            if window <= 20:
                assert row[f"peak_{window}ms"] == _peak(mine, window)
            else:
                least, most = (_peak(mine, window + by) for by in (-1, 1))
                assert least <= row[f"peak_{window}ms"] <= most


def _peak(times: list[int], window_ms: int) -> int:
    return max(sum(t - window_ms * 1_000_000 < u <= t for u in times) for t in times)
