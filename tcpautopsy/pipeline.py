"""Tables become findings, findings a result: what becomes of a capture once it was dissected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from tcpautopsy import explain
from tcpautopsy.capture import Input, Reader, Writer
from tcpautopsy.diagnose import RuleSet, diagnose, grammar, load
from tcpautopsy.diagnose.alone import alone
from tcpautopsy.diagnose.asked import asked
from tcpautopsy.diagnose.prepared import line_of
from tcpautopsy.diagnose.rules import rule_files
from tcpautopsy.dissector import Dissector, Options, dissect, followed
from tcpautopsy.errors import CaptureError, RuleError
from tcpautopsy.explain.wording import faults
from tcpautopsy.features import FEATURES, features
from tcpautopsy.flows import FlowTable
from tcpautopsy.inputs import STDIN, opened, sets
from tcpautopsy.memory import trim, uncollected
from tcpautopsy.places import place
from tcpautopsy.quality import assess
from tcpautopsy.result import SCHEMA_VERSION, Capture, Connection, Connections, Finding, Result, Tool
from tcpautopsy.result import Incident as ToldIncident
from tcpautopsy.schema import LazyTable, texts
from tcpautopsy.tables import (
    EVENT_KINDS,
    Diagnosis,
    Dissection,
    Features,
    Incident,
    Quality,
)
from tcpautopsy.text import clean, nearest

__all__ = ["Analysis", "Examined", "Growing", "Incident", "Options", "analyse", "analyse_bytes", "examine", "examined"]

#: Problems after which all records were still read; every other one is damage, or left something out.
_HARMLESS = frozenset(
    {
        "bad-option",
        "bad-tcp-option",
        "block-length",
        "caplen-gt-len",
        "clock-backwards",
        "decryption-secrets",
        "encapsulation",
        "extension-chain",
        "ip-fragments",
        "link-type",
        "malformed-ip",
        "malformed-tcp",
        "no-packets",
        "no-timestamps",
        "not-decoded",
        "reordered",
        "timestamp-invalid",
        "too-short",
        "version",
    }
)


#: Notes whose text is a host name.
_NAMING = ("dns_query", "dns_answer", "tls_client_hello")


class Examined(NamedTuple):
    """One capture, with all that is known of it before the rules."""

    dissection: Dissection
    quality: Quality
    features: Features
    zones: Sequence[str]


class Analysis(NamedTuple):
    """What came of a run: the result, and what to say beside it.

    `notes` are lines for the user, `unreadable` one line for each input that could not be read, `damaged` whether
    anything was damaged or skipped, `internal_errors` one line for each capture that met a defect of ours, `matching`
    the ids of connections for which `Options.where` holds, `names` every host name in the captures.
    """

    result: Result
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]
    damaged: bool
    internal_errors: tuple[str, ...]
    matching: frozenset[int]
    names: frozenset[str]


# -------------------------------------------------------------------------------------------------- one capture


class Growing:
    """A capture whose parts come one after the other; connections go on from part to part."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._dissector = Dissector([], options)
        self._rules = rule_set(options.rule_folders)

    def take(self, part: Input) -> None:
        """Read one more part; one that cannot be read is told among the problems."""
        self._dissector.take(self._dissector.reader.further(part))

    @property
    def last_ns(self) -> int | None:
        """The latest time so far; None before the first packet that has one."""
        return self._dissector.reader.last_ns

    def analysis(self, over: bool) -> Analysis:
        """What is to be said of all parts so far; `over` when no more will come."""
        if over:
            self._dissector.finish()
        run = _Run(self._rules, self._options, several=False)
        run.add_known(self._dissector.reader.facts().name, lambda: self._known(over))
        return run.analysis()

    def _known(self, over: bool) -> Examined:
        return _examined(*self._dissector.dissection(over), self._options)


def examine(inputs: Sequence[Input], options: Options) -> Examined:
    """All that is known of one capture before the rules. Raises CaptureError."""
    return _examined(*dissect(inputs, options), options)


def _examined(dissection: Dissection, zones: Sequence[str], options: Options) -> Examined:
    quality = options.stages.run("quality", assess, dissection)
    trim(len(dissection.events))
    stages = options.stages
    known = stages.run("features", features, dissection, quality)
    return Examined(dissection, quality, known.within(partial(stages.run, "features")), zones)


def examined(source: bytes | Path, options: Options = Options()) -> Examined:  # noqa: B008 # a tuple
    """The same, of bytes or of a file."""
    if isinstance(source, bytes):
        return examine([Input("bytes", BytesIO(source))], options)
    with source.open("rb") as stream:
        return examine([Input(source.name, stream)], options)


def rule_set(folders: Sequence[Path] = ()) -> RuleSet:
    """The rules in force, checked against the features that exist. Raises RuleError."""
    rules = load(folders, feature_names={f.column.name: f.column.dtype for f in FEATURES})
    check_sentences(rules, {path for folder in folders for path in rule_files(folder)})
    return rules


def check_sentences(rules: RuleSet, files: Collection[Path]) -> None:
    """Raises RuleError (`file:line: what`) when a sentence of a rule from these files could not be said."""
    for rule in rules.rules:
        file = rules.files[rule.id]
        for where, wrong in faults(rule, [f.column.name for f in FEATURES]) if file in files else ():
            line = line_of(file.read_text("utf-8"), where)
            raise RuleError(f"{clean(str(file))}:{line}: {wrong}")


def check_where(expression: str) -> None:
    """Raises RuleError when the expression is none, or names no feature."""
    try:
        used = list(grammar.names(grammar.read(expression)))
    except grammar.GrammarError as error:
        raise RuleError(f"--where: {error}") from None
    known = [f.column.name for f in FEATURES]
    for name in used:
        if name not in known:
            raise RuleError(
                f"--where: no feature {clean(name)}{nearest(name, known)}; `tcpautopsy rules fields` has all"
            )


def judge(known: Examined, rules: RuleSet, ignore: Sequence[str] = ()) -> Diagnosis:
    """What the rules say of a capture."""
    return diagnose(known.dissection, known.features, known.quality, rules, ignore)


def outcome_of(rules: RuleSet, name: str, capture: bytes | Path) -> Literal["match", "no_match", "unknown"]:
    """What one rule says of a capture: the best that any of its connections gives. Raises CaptureError."""
    known = examined(capture)
    return alone(rules, name, known.dissection, known.features)


# ----------------------------------------------------------------------------------------------------- a run


def analyse(
    paths: Sequence[str],
    options: Options = Options(),  # noqa: B008 # a tuple
    told: Callable[[Examined], None] | None = None,
) -> Analysis:
    """The result of these files, in their order; `-` is standard input. Raises RuleError for wrong rules.

    `told` gets what is known of each capture that could be read.
    """
    rules = rule_set(options.rule_folders)
    run = _Run(rules, options, several=False, told=told)
    groups = sets(paths, options.join)
    run.several = len(groups) > 1
    for names in groups:
        run.add(names)
    return run.analysis()


def analyse_bytes(name: str, data: bytes, options: Options = Options()) -> Analysis:  # noqa: B008 # a tuple
    """The result of a capture that is in memory. Raises RuleError."""
    run = _Run(rule_set(options.rule_folders), options, several=False)
    run.add_inputs(name, lambda _stack: [Input(name, BytesIO(data))])
    return run.analysis()


def read(path: str, options: Options = Options()) -> tuple[Examined, Diagnosis, Result]:  # noqa: B008 # a tuple
    """One capture with all its tables, what the rules say of it, and the result. Raises CaptureError, RuleError."""
    rules = rule_set(options.rule_folders)
    with ExitStack() as stack:
        known = examine([opened(path, stack)], options)
    diagnosis = judge(known, rules, options.ignore)
    run = _Run(rules, options, several=False)
    run.tell(known, diagnosis)
    return known, diagnosis, run.analysis().result


def frames_of(path: str, flow: int, options: Options = Options()) -> list[int]:  # noqa: B008 # a tuple
    """Numbers of the frames that belong to the connection with this id, copies included. Raises CaptureError."""
    with ExitStack() as stack:
        inputs, table = [opened(path, stack)], FlowTable(max_flows=options.max_flows)
        return sorted(
            frame
            for packets in followed(inputs, options, table)
            for frame in packets.rows["frame"][packets.rows["flow"] == flow - 1].tolist()
        )


def excerpt(path: str, wanted: Mapping[int, str], comment: str, options: Options = Options()) -> Iterator[bytes]:  # noqa: B008
    """A pcapng file of these frames, each with its comment. Raises CaptureError."""
    writer = Writer(f"tcpautopsy {version('tcpautopsy')}", comment)
    with ExitStack() as stack:
        yield writer.opening()
        for frames in Reader([opened(path, stack)], resync=options.resync, digest=False).chunks():
            yield from writer.packets(frames, wanted)


def tables(path: str, kind: Literal["flows", "events"], options: Options = Options()) -> pd.DataFrame:  # noqa: B008
    """The flows or the events of one capture. Raises CaptureError."""
    with ExitStack() as stack:
        dissection, _ = dissect([opened(path, stack)], options)
    return dissection.flows.frame() if kind == "flows" else named_events(dissection.events)


def named_events(events: LazyTable) -> pd.DataFrame:
    """Events with the names of their kinds, and ids as connections have them."""
    kinds = texts([kind.name for kind in EVENT_KINDS], events["kind"].to_numpy())
    wide = wide_events(events)
    return wide.assign(kind=kinds, flow=wide["flow"] + 1).rename(columns={"flow": "connection"})


def wide_events(events: LazyTable) -> pd.DataFrame:
    """Events for whoever counts with them: their difference is no difference of unsigned numbers."""
    return events.frame().astype({"kind": "int64", "side": "int64"})


class _Run:
    """Captures told one after the other into one result."""

    def __init__(
        self, rules: RuleSet, options: Options, several: bool, told: Callable[[Examined], None] | None = None
    ) -> None:
        self.several = several
        self._told = told
        self._rules = rules
        self._options = options
        self._captures: list[Capture] = []
        self._connections: list[Connection] | Connections = []
        self._findings: Sequence[Finding] = []
        self._incidents: Sequence[ToldIncident] = []
        self._counts: list[explain.Counts] = []
        self._duplicates = 0
        self._not_judged = 0
        self._unreadable: list[str] = []
        self._internal: list[str] = []
        self._matching: set[int] = set()
        self._names: set[str] = set()
        self._texts = {rule.id: rule for rule in rules.rules}
        self._sentences = {f.column.name: (f.column.sentence, f.column.unit) for f in FEATURES}

    def add(self, paths: Sequence[str]) -> None:
        """One capture or set of files: told, or noted as unreadable."""
        name = "stdin" if paths[0] == STDIN else clean(place(paths[0]).name)
        self.add_inputs(name, lambda stack: [opened(path, stack, self._options.spools) for path in paths])

    def add_inputs(self, name: str, opened: Callable[[ExitStack], Sequence[Input]]) -> None:
        """The same, of inputs that are opened on a stack of things to close."""

        def known() -> Examined:
            with ExitStack() as stack:
                return examine(opened(stack), self._options)

        self.add_known(name, known)

    def add_known(self, name: str, examined: Callable[[], Examined]) -> None:
        """The same, of what is known of it."""
        try:
            known = examined()
            stages = self._options.stages
            diagnosis = stages.run("rules", judge, known, self._rules, self._options.ignore)
            known.features.settle()
            known.dissection.events.forget()
            trim(len(known.dissection.flows))
            with uncollected():
                stages.run("explain", self.tell, known, diagnosis)
            trim(len(known.dissection.flows))
        except CaptureError as error:
            self._unreadable.append(clean(str(error), 500))
            self._captures.append(explain.unreadable(name, error.code, str(error)))
        except Exception as defect:  # a defect of ours: told in one line, and the other captures still count
            if self._options.debug:
                raise
            line = f"{name}: internal error: {type(defect).__name__}: {clean(str(defect), 200)}"
            self._internal.append(line)
            self._captures.append(explain.unreadable(name, "internal-error", line))

    def tell(self, known: Examined, diagnosis: Diagnosis) -> None:
        """Add a capture that was examined and judged."""
        streamed = self._options.streamed and not self.several
        stands = len(self._captures), len(self._connections) + 1, self.several
        shelf = explain.Shelf(*stands, self._options.asked, streamed, self._options.aside)
        knowledge = explain.Knowledge(self._texts, self._sentences, asked(known.features))
        case = explain.Case(known.dissection, known.features, known.quality, diagnosis)
        told = explain.chapter(case, knowledge, shelf, partial(self._options.stages.run, "explain"))
        if self._told is not None:
            self._told(known)
        if self._options.where is not None:
            holds = asked(known.features)(self._options.where, range(len(known.dissection.flows)))
            self._matching.update(shelf.first_id + n for n, true in enumerate(holds) if true)
        notes = known.dissection.notes
        self._names.update(clean(name) for name in notes.loc[notes["kind"].isin(_NAMING), "text"].unique())
        self._captures.append(explain.capture(known.dissection.facts, known.quality))
        if streamed:
            self._connections, self._findings, self._incidents = told.connections, told.findings, told.incidents
        else:
            assert isinstance(self._connections, list)
            assert isinstance(self._findings, list)
            assert isinstance(self._incidents, list)
            self._connections.extend(told.connections)
            self._findings.extend(told.findings)
            self._incidents.extend(told.incidents)
        self._counts.append(told.counts)
        self._duplicates += int(known.dissection.flows["duplicates"].to_numpy().sum())
        self._not_judged += int(diagnosis.verdicts["not_judged"].sum())

    def analysis(self) -> Analysis:
        """The result of all."""
        beside = explain.Beside(self._duplicates, self._not_judged, len(self._findings), len(self._incidents))
        result = Result(
            schema_version=SCHEMA_VERSION,
            tool=Tool(name="tcpautopsy", version=version("tcpautopsy"), rules_version=self._rules.version),
            captures=self._captures,
            connections=self._connections,  # type: ignore[arg-type]  # a sequence will do for who only reads it
            findings=self._findings,  # type: ignore[arg-type]  # likewise
            incidents=self._incidents,  # type: ignore[arg-type]  # likewise
            pairs=[],
            totals=explain.totals(self._captures, self._counts, beside),
        )
        problems = [p for c in self._captures for p in c.problems if p.code not in _HARMLESS]
        return Analysis(
            result=result,
            notes=self._rules.notes,
            unreadable=tuple(self._unreadable),
            damaged=bool(problems),
            internal_errors=tuple(self._internal),
            matching=frozenset(self._matching),
            names=frozenset(self._names),
        )
