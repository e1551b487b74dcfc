"""Many captures: analysed one process each, merged into one story.

Every finished capture leaves one file in `OUT/work/`, written as a whole; what stands at the top of OUT is made from
these files in the order of the inputs, so that a run that was killed and resumed ends with the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from tcpautopsy import closer, output, pipeline, places, report
from tcpautopsy.errors import UsageError
from tcpautopsy.inputs import saved
from tcpautopsy.places import place
from tcpautopsy.report import batch_parquet, words
from tcpautopsy.report.differences import news
from tcpautopsy.report.view import Material
from tcpautopsy.result import Result
from tcpautopsy.showing import Wish, shown
from tcpautopsy.text import clean

#: A capture that ended its process so often is told as such and left.
TRIES = 2
_RANKED = 100


class Work(NamedTuple):
    """One set of files to analyse, and where its results go."""

    number: int
    paths: list[str]
    name: str  # as it is shown: the path under the input folder
    out: str
    options: pipeline.Options
    settings: str  # all that a result depends on beside the files: `settings_of`
    wish: Wish = Wish()
    baseline: str | None = None  # a result; what it does not hold counts


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one analysed capture; one line of manifest.jsonl."""

    name: str
    key: str
    sha256: list[str | None]
    page: str | None
    first_time: str | None
    last_time: str | None
    packets: int
    bytes: int
    connections: int
    failed: int
    by_severity: dict[str, int]
    new_by_severity: dict[str, int] | None  # beside a baseline only
    causes: dict[str, int]  # failed connections by cause, and by server: those with the most
    servers: dict[str, int]
    worst: str | None
    worst_severity: str
    problems: list[str]
    damaged: bool
    unreadable: str | None
    internal_error: str | None


class _Kept(msgspec.Struct, frozen=True):
    """A file of OUT/work: the summary, and the lines that go into findings.jsonl and incidents.jsonl."""

    summary: Summary
    findings: list[msgspec.Raw]
    incidents: list[msgspec.Raw]


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """One incident over all captures; one line of incidents.jsonl."""

    type: str
    rule: str
    scope: str
    subject: str
    first_time: str | None
    last_time: str | None
    captures: list[str]
    connections: int
    summaries: list[str]


class Outcome(NamedTuple):
    """All summaries in the order of the inputs, the incidents, and the number of files that are no captures."""

    summaries: list[Summary]
    incidents: list[Joined]
    others: int


# ------------------------------------------------------------------------------------------------------ analysing


def analyse_one(work: Work) -> None:
    """Analyse one set, write its page and its file of OUT/work. Runs in a process of its own."""
    analysis = pipeline.analyse(work.paths, work.options)
    try:
        deliver(work, analysis, lambda result: closer.material(work.paths, work.options, analysis.result, result))
    except UsageError:  # OUT cannot be written
        raise
    except Exception as defect:  # a defect of ours in the telling: one line, and the other captures still count
        if work.options.debug:
            raise
        give_up(work, f"internal error: {type(defect).__name__}: {clean(str(defect), 200)}")


def deliver(work: Work, analysis: pipeline.Analysis, look: Callable[[Result], Material]) -> None:
    """Write what came of one set: its page and its file of OUT/work; `look` finds what the page shows beside it."""
    readable = not analysis.unreadable and not analysis.internal_errors
    result, view, _ = shown(analysis, work.wish, look if readable else None)
    page = None
    if readable:
        page = f"captures/{page_name(work.name)}"
        output.write(str(place(work.out) / page), report.written(result, report.FORMATS["html"], view))
    encode = msgspec.json.Encoder().encode
    opening = b'{"capture_name":' + encode(work.name) + b","
    kept = _Kept(
        _summary(work, analysis, result, page),
        [msgspec.Raw(opening + encode(f)[1:]) for f in result.findings],
        [msgspec.Raw(encode(i)) for i in result.incidents],
    )
    output.write(str(_kept_path(work)), [encode(kept)])


def _summary(work: Work, analysis: pipeline.Analysis, result: Result, page: str | None) -> Summary:
    capture = result.captures[0]
    order = {"failure": 0, "degradation": 1, "risk": 2, "note": 3}
    worst = min(
        (f for f in result.findings if f.primary), key=lambda f: (order[f.severity], f.connection), default=None
    )
    counts = result.totals.by_severity
    failed = [c for c in result.connections if c.severity == "failure"]
    secret = work.wish.key is not None
    unreadable = [_without_name(each) if secret else each for each in analysis.unreadable]
    broken = [_without_name(each) if secret else each for each in analysis.internal_errors]
    return Summary(
        name=work.name,
        key=key_of(work),
        sha256=[p.sha256 for p in capture.parts] or [capture.sha256],
        page=page,
        first_time=capture.first_time,
        last_time=capture.last_time,
        packets=capture.packets,
        bytes=capture.bytes,
        connections=result.totals.connections,
        failed=result.totals.failed,
        by_severity=counts,
        new_by_severity=_new(work.baseline, analysis.result),
        causes=dict(Counter(c.cause or "undecided" for c in failed).most_common(_RANKED)),
        servers=dict(Counter(words.place(c.server) for c in failed).most_common(_RANKED)),
        worst=worst.summary if worst else None,
        worst_severity=min((n for n, count in counts.items() if count), key=lambda n: order.get(n, 4), default="none"),
        problems=[p.detail for p in capture.problems if capture.format is not None],
        damaged=analysis.damaged,
        unreadable=unreadable[0] if unreadable else None,
        internal_error=broken[0] if broken else None,
    )


def _without_name(line: str) -> str:
    """What is wrong with a file, without the name that stands before it."""
    return line.partition(": ")[2]


def _new(baseline: str | None, result: Result) -> dict[str, int] | None:
    """How many connections of each severity the baseline does not hold."""
    if baseline is None:
        return None
    ids = news(saved(baseline), result)
    return dict(Counter(c.severity for c in result.connections if c.id in ids))


def settings_of(options: pipeline.Options, wish: Wish = Wish(), baseline: str | None = None) -> str:  # noqa: B008
    """All that a result depends on beside the files: our version, the rules, the options. Raises RuleError."""
    rules = pipeline.rule_set(options.rule_folders).version
    wanted = wish._replace(key=hashlib.sha256(wish.key).digest() if wish.key else None)
    compared = _content(baseline) if baseline else ""
    return f"{version('tcpautopsy')} {rules} {options._replace(debug=False)!r} {wanted!r} {compared}"


def key_of(work: Work) -> str:
    """What makes a result stale: another content of the files, or other settings."""
    digest = hashlib.sha256()
    for path in work.paths:
        digest.update(_content(path).encode())
    digest.update(f"{work.settings} {work.name}".encode())
    return digest.hexdigest()[:32]


def _content(path: str) -> str:
    try:
        return places.fingerprint(place(path))
    except OSError as error:
        return f"unreadable: {error.strerror}"


def page_name(name: str) -> str:
    """The page of a capture: its path without endings. Two captures of one name differ by a hash of the whole path."""
    stem = output.page_name(name).removesuffix(".html")
    folder = "/".join(part for part in Path(name).parts[:-1] if part not in ("/", "..", "."))
    tag = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in f"{folder}/{stem}".replace("/", "__").strip("_"))
    return f"{safe[:120]}-{tag}.html"


def _kept_path(work: Work) -> Path:
    name = hashlib.sha256(work.name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return place(work.out) / "work" / f"{name}.json"


def summary_of(work: Work) -> Summary:
    """What is kept of a set that was analysed."""
    return msgspec.json.decode(places.contents(_kept_path(work)), type=_Kept).summary


def _finished(work: Work) -> bool:
    """The capture was analysed before, from the same content with the same settings."""
    try:
        kept = msgspec.json.decode(places.contents(_kept_path(work)), type=_Kept)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return False
    page = kept.summary.page
    return kept.summary.key == key_of(work) and (page is None or places.is_file(place(work.out) / page))


class Crew(Protocol):
    """Who does the work: this process, processes of this machine, or a cluster."""

    def work(self, waiting: Sequence[Work], ended: Callable[[Work], None]) -> None:
        """Analyse all of these; `ended` hears of each, and `give_up` was called for one that cannot be done."""


def run(works: Sequence[Work], crew: Crew, told: Callable[[int, Work], None]) -> None:
    """Analyse all that is not finished, the largest first; `told(done, work)` hears of each as it ends."""
    waiting = sorted((w for w in works if not _finished(w)), key=lambda w: (-size(w), w.number))
    done = len(works) - len(waiting)

    def ended(work: Work) -> None:
        nonlocal done
        done += 1
        told(done, work)

    crew.work(waiting, ended)


def give_up(work: Work, why: str = f"its process ended {TRIES} times (killed, or out of memory)") -> None:
    """Note a capture of which nothing can be told."""
    told = f"{clean(work.name)}: {why}"
    summary = Summary(
        name=work.name,
        key=key_of(work),
        sha256=[],
        page=None,
        first_time=None,
        last_time=None,
        packets=0,
        bytes=0,
        connections=0,
        failed=0,
        by_severity={},
        new_by_severity=None,
        causes={},
        servers={},
        worst=None,
        worst_severity="none",
        problems=[],
        damaged=False,
        unreadable=None,
        internal_error=told,
    )
    output.write(str(_kept_path(work)), [msgspec.json.encode(_Kept(summary, [], []))])


def size(work: Work) -> int:
    """Bytes of its files."""
    return sum(places.size(place(path)) for path in work.paths)


# --------------------------------------------------------------------------------------------------------- merging


def merge(works: Sequence[Work], out: Path, others: int) -> Outcome:
    """Write manifest.jsonl, findings.jsonl and incidents.jsonl in the order of the inputs, and as Parquet."""
    encode = msgspec.json.Encoder().encode
    summaries, incidents = [], _Joining()
    for each in _kept(works):
        summaries.append(each.summary)
        incidents.add(each)
    output.write(str(out / "manifest.jsonl"), (encode(each) + b"\n" for each in summaries))
    joined = incidents.joined()
    lines = [encode(each) for each in joined]
    # Findings of all captures need not fit into memory: they are read again.
    output.write(str(out / "findings.jsonl"), (line + b"\n" for line in _findings(works)))
    output.write(str(out / "incidents.jsonl"), (line + b"\n" for line in lines))
    if batch_parquet.installed():
        output.write(str(out / "findings.parquet"), batch_parquet.finding_chunks(_findings(works)))
        output.write(str(out / "incidents.parquet"), batch_parquet.incident_chunks(lines))
    return Outcome(summaries, joined, others)


def _kept(works: Iterable[Work]) -> Iterator[_Kept]:
    """The files of OUT/work, one at a time."""
    return (msgspec.json.decode(places.contents(_kept_path(work)), type=_Kept) for work in works)


def _findings(works: Iterable[Work]) -> Iterator[bytes]:
    return (bytes(finding) for each in _kept(works) for finding in each.findings)


class _Incident(msgspec.Struct, frozen=True):
    rule: str
    scope: str
    subject: str
    first_time: str | None
    last_time: str | None
    connections: list[int]
    summary: str


class _Joining:
    """One incident for the same cause at the same place, over all captures that show it."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], list[tuple[str, _Incident]]] = {}

    def add(self, kept: _Kept) -> None:
        """The incidents of one capture."""
        for raw in kept.incidents:
            incident = msgspec.json.decode(bytes(raw), type=_Incident)
            spot = (incident.rule, incident.scope, incident.subject)
            self._groups.setdefault(spot, []).append((kept.summary.name, incident))

    def joined(self) -> list[Joined]:
        """All of them, in the order in which they began."""
        found = []
        for (rule, scope, subject), members in self._groups.items():
            starts = [i.first_time for _, i in members if i.first_time]
            ends = [i.last_time for _, i in members if i.last_time]
            found.append(
                Joined(
                    type="incident",
                    rule=rule,
                    scope=scope,
                    subject=subject,
                    first_time=min(starts, default=None),
                    last_time=max(ends, default=None),
                    captures=list(dict.fromkeys(name for name, _ in members)),
                    connections=sum(len(i.connections) for _, i in members),
                    summaries=[i.summary for _, i in members][:5],
                )
            )
        return sorted(found, key=lambda i: (i.first_time or "", i.rule, i.subject))
