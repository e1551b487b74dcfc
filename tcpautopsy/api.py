"""The package for notebooks and programs: `capture = tcpautopsy.read("x.pcapng")`, then its tables and verdicts."""

from __future__ import annotations

from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tcpautopsy import closer, pipeline, report
from tcpautopsy.report.view import View
from tcpautopsy.result import Connection, Result
from tcpautopsy.tables import Diagnosis


class Flow(NamedTuple):
    """One connection of a capture: what is said of it, and its events."""

    connection: Connection
    events: pd.DataFrame


class Capture:
    """A capture that was read and judged. Tables are pandas DataFrames; `docs/tables.md` lists their columns."""

    def __init__(
        self,
        known: pipeline.Examined,
        diagnosis: Diagnosis,
        result: Result,
        source: tuple[str, pipeline.Options] | None = None,
    ) -> None:
        self._known = known
        self._diagnosis = diagnosis
        self._source = source
        self.result = result

    @cached_property
    def flows(self) -> pd.DataFrame:
        """One row per connection, in the order of their first frames."""
        return self._known.dissection.flows.frame()

    @cached_property
    def directions(self) -> pd.DataFrame:
        """Two rows per connection: what the client's side did, then the server's."""
        return self._known.dissection.directions.frame()

    @cached_property
    def events(self) -> pd.DataFrame:
        """What the frames show, ordered by connection and time; `kind` is a number of `tables.EVENT_KINDS`."""
        return pipeline.wide_events(self._known.dissection.events)

    @cached_property
    def features(self) -> pd.DataFrame:
        """What is known of each connection, one documented column a fact; row order of `flows`."""
        return self._known.features.frame()

    @property
    def findings(self) -> pd.DataFrame:
        """The rules that matched; `flow` is a row of `flows`."""
        return self._diagnosis.findings.astype(dict.fromkeys(("flow", "held", "unseen", "reasons"), "int64"))

    @property
    def incidents(self) -> pd.DataFrame:
        """Connections that share one cause, place and time."""
        return pd.DataFrame(self._diagnosis.incidents, columns=list(pipeline.Incident._fields))

    def flow(self, number: int) -> Flow:
        """The connection with this id (from 1, as in reports). Raises KeyError when there is none."""
        if not 1 <= number <= len(self.flows):
            raise KeyError(f"no connection {number}; there are {len(self.flows)}")
        events = self._known.dissection.events
        own = events.at(slice(*events.starts[number - 1 : number + 1]))
        return Flow(self.result.connections[number - 1], pipeline.named_events(own))

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """The page; written to `path` too when one is given."""
        view = View()
        if self._source is not None:
            name, options = self._source
            view = View(material=closer.material([name], options, self.result, self.result))
        page = b"".join(report.written(self.result, report.FORMATS["html"], view)).decode()
        if path is not None:
            Path(fspath(path)).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        totals = self.result.totals
        return f"<tcpautopsy.Capture: {totals.failed} of {totals.connections} connections failed>"

    def _repr_html_(self) -> str:
        """For notebooks: the table of connections that went wrong, escaped by pandas."""
        wrong = [c for c in self.result.connections if c.severity not in ("none", "note")]
        columns = ("id", "protocol", "outcome", "severity", "cause", "confidence", "fault")
        table = pd.DataFrame([[getattr(c, name) for name in columns] for c in wrong], columns=list(columns))
        return f"<p>{repr(self)[1:-1]}</p>{table.to_html(index=False)}"


def read(path: str | PathLike[str], options: pipeline.Options | None = None) -> Capture:
    """The capture in this file, judged by the rules in force. Raises CaptureError, RuleError."""
    chosen = options or pipeline.Options()
    return Capture(*pipeline.read(fspath(path), chosen), source=(fspath(path), chosen))
