"""Some flows seen for themselves: what is known of each is what is known of it in the whole capture."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tcpautopsy import tables
from tcpautopsy.features import FEATURES
from tcpautopsy.features.groups import addresses, host_pair, listener
from tcpautopsy.features.kinds import Function
from tcpautopsy.features.parts import part, stretches
from tcpautopsy.features.seen import Seen
from tcpautopsy.pipeline import examined

FIXTURES = Path(__file__).parents[2] / "fixtures"
CAPTURES = sorted(FIXTURES.glob("*/client.pcap*"))


def _frame(seen: Seen) -> pd.DataFrame:
    return pd.DataFrame({feature.column.name: _plain(feature.array(seen)) for feature in FEATURES})


def _plain(column: pd.api.extensions.ExtensionArray) -> object:
    return column.astype("str") if isinstance(column, pd.Categorical) else column


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_some_flows_are_known_as_all_are(capture: Path) -> None:
    known = examined(capture)
    whole = Seen(known.dissection, known.quality)
    everything = _frame(whole)
    rows = np.arange(whole.count)
    for some in (rows[::2], rows[whole.count // 2 :]):
        expected = everything.iloc[some].reset_index(drop=True)
        pd.testing.assert_frame_equal(_frame(part(whole, some)), expected)


def test_a_stretch_is_the_same_as_the_numbers_of_its_rows() -> None:
    known = examined(FIXTURES / "mixed" / "client.pcap")
    whole = Seen(known.dissection, known.quality)
    pd.testing.assert_frame_equal(_frame(part(whole, slice(2, 7))), _frame(part(whole, np.arange(2, 7))))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_what_is_made_in_stretches_is_the_same(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = examined(capture)
    expected = _frame(Seen(known.dissection, known.quality))
    monkeypatch.setattr(tables, "STRETCH", 2)
    pd.testing.assert_frame_equal(_frame(Seen(known.dissection, known.quality, stretches=stretches)), expected)


def test_no_flows_at_all() -> None:
    known = examined(FIXTURES / "mixed" / "client.pcap")
    none = part(Seen(known.dissection, known.quality), np.zeros(0, np.int64))
    assert _frame(none).empty


@pytest.mark.parametrize("group", [addresses, listener, host_pair])
def test_groups_are_those_of_the_whole_capture(group: Function) -> None:
    known = examined(FIXTURES / "mixed" / "client.pcap")
    some = part(Seen(known.dissection, known.quality), slice(0, 2))
    with pytest.raises(TypeError, match="across"):
        some.of(group)
