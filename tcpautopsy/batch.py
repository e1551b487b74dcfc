"""Many captures: analysed one process each, merged into one story.

Every finished capture leaves one file in `OUT/work/`, written as a whole; what stands at the top of OUT is made from
these files in the order of the inputs, so that a run that was killed and resumed ends with the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from tcpautopsy import closer, output, pipeline, report
from tcpautopsy.errors import UsageError
from tcpautopsy.report.view import View
from tcpautopsy.text import clean

#: A capture that ended its process twice is told as such and left.
_TRIES = 2
_MARK = ".tcpautopsy-batch"


class Work(NamedTuple):
    """One set of files to analyse, and where its results go."""

    number: int
    paths: list[str]
    name: str  # as it is shown: the path under the input folder
    out: str
    options: pipeline.Options
    settings: str  # all that a result depends on beside the files: `settings_of`


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
    worst: str | None
    worst_severity: str
    problems: list[str]
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
    result = analysis.result
    page = None
    if not analysis.unreadable and not analysis.internal_errors:
        page = f"captures/{page_name(work.name)}"
        target = Path(work.out, page)
        target.parent.mkdir(parents=True, exist_ok=True)
        view = View(material=closer.material(work.paths, work.options, result, result))
        output.write(str(target), report.written(result, report.FORMATS["html"], view))
    capture = result.captures[0]
    primaries = [f for f in result.findings if f.primary]
    order = {"failure": 0, "degradation": 1, "risk": 2, "note": 3}
    worst = min(primaries, key=lambda f: (order[f.severity], f.connection), default=None)
    severities = [name for name, count in result.totals.by_severity.items() if count]
    summary = Summary(
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
        by_severity=result.totals.by_severity,
        worst=worst.summary if worst else None,
        worst_severity=min(severities, key=lambda name: order.get(name, 4), default="none"),
        problems=[p.detail for p in capture.problems if capture.format is not None],
        unreadable=analysis.unreadable[0] if analysis.unreadable else None,
        internal_error=analysis.internal_errors[0] if analysis.internal_errors else None,
    )
    encode = msgspec.json.Encoder().encode
    opening = b'{"capture_name":' + encode(work.name) + b","
    kept = _Kept(
        summary,
        [msgspec.Raw(opening + encode(f)[1:]) for f in result.findings],
        [msgspec.Raw(encode(i)) for i in result.incidents],
    )
    output.write(str(_kept_path(work)), [encode(kept)])


def settings_of(options: pipeline.Options) -> str:
    """All that a result depends on beside the files: our version, the rules, the options. Raises RuleError."""
    rules = pipeline.rule_set(options.rule_folders).version
    return f"{version('tcpautopsy')} {rules} {options._replace(debug=False)!r}"


def key_of(work: Work) -> str:
    """What makes a result stale: another content of the files, or other settings."""
    digest = hashlib.sha256()
    for path in work.paths:
        digest.update(_content(path).encode())
    digest.update(f"{work.settings} {work.name}".encode())
    return digest.hexdigest()[:32]


def _content(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
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
    return Path(work.out, "work", f"{name}.json")


def _finished(work: Work) -> bool:
    """The capture was analysed before, from the same content with the same settings."""
    try:
        kept = msgspec.json.decode(_kept_path(work).read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return False
    page = kept.summary.page
    return kept.summary.key == key_of(work) and (page is None or Path(work.out, page).is_file())


def run(works: Sequence[Work], jobs: int, told: Callable[[int, Work], None]) -> None:
    """Analyse all that is not finished, the largest first; `told(done, work)` hears of each as it ends."""
    waiting = sorted((w for w in works if not _finished(w)), key=lambda w: (-_size(w), w.number))
    done = len(works) - len(waiting)
    if jobs == 1:
        for work in waiting:
            analyse_one(work)
            done += 1
            told(done, work)
        return
    tries: dict[int, int] = {}
    left = {work.number: work for work in waiting}

    def ended(work: Work) -> None:
        del left[work.number]
        told(len(works) - len(left), work)

    while left:
        _in_processes(list(left.values()), jobs, tries, ended)


def _in_processes(waiting: list[Work], jobs: int, tries: dict[int, int], ended: Callable[[Work], None]) -> None:
    """Analyse in one pool, until all are done or a process of it died."""
    queue = iter(waiting)
    running: dict[Future[None], Work] = {}
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        while True:
            while len(running) < jobs and (work := next(queue, None)) is not None:
                running[pool.submit(analyse_one, work)] = work
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                future.result()
                ended(running.pop(future))
    except BrokenProcessPool:
        # Which of those at work killed its process is not known: each is tried again once.
        for work in running.values():
            tries[work.number] = tries.get(work.number, 0) + 1
            if tries[work.number] >= _TRIES:
                _given_up(work)
                ended(work)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _given_up(work: Work) -> None:
    """Note a capture whose process died, as when memory runs out."""
    words = f"{clean(work.name)}: its process ended {_TRIES} times (killed, or out of memory)"
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
        worst=None,
        worst_severity="none",
        problems=[],
        unreadable=None,
        internal_error=words,
    )
    output.write(str(_kept_path(work)), [msgspec.json.encode(_Kept(summary, [], []))])


def _size(work: Work) -> int:
    return sum(os.path.getsize(path) for path in work.paths if os.path.exists(path))


# --------------------------------------------------------------------------------------------------------- merging


def merge(works: Sequence[Work], out: Path, others: int) -> Outcome:
    """Write manifest.jsonl, findings.jsonl and incidents.jsonl in the order of the inputs."""
    kept = [msgspec.json.decode(_kept_path(work).read_bytes(), type=_Kept) for work in works]
    encode = msgspec.json.Encoder().encode
    output.write(str(out / "manifest.jsonl"), (encode(each.summary) + b"\n" for each in kept))
    output.write(str(out / "findings.jsonl"), (bytes(f) + b"\n" for each in kept for f in each.findings))
    incidents = _joined(kept)
    output.write(str(out / "incidents.jsonl"), (encode(each) + b"\n" for each in incidents))
    return Outcome([each.summary for each in kept], incidents, others)


class _Incident(msgspec.Struct, frozen=True):
    rule: str
    scope: str
    subject: str
    first_time: str | None
    last_time: str | None
    connections: list[int]
    summary: str


def _joined(kept: Iterable[_Kept]) -> list[Joined]:
    """One incident for the same cause at the same place, over all captures that show it."""
    groups: dict[tuple[str, str, str], list[tuple[str, _Incident]]] = {}
    for each in kept:
        for raw in each.incidents:
            incident = msgspec.json.decode(bytes(raw), type=_Incident)
            groups.setdefault((incident.rule, incident.scope, incident.subject), []).append(
                (each.summary.name, incident)
            )
    found = []
    for (rule, scope, subject), members in groups.items():
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


# --------------------------------------------------------------------------------------------------------- the folder


@contextmanager
def locked(out: Path, resume: bool, force: bool) -> Iterator[None]:
    """The folder for ourselves. Raises UsageError when it is somebody else's, in use, or holds an earlier run."""
    mark = out / _MARK
    if out.exists() and not out.is_dir():
        raise UsageError(f"{clean(str(out))} is no folder")
    if out.is_dir() and any(out.iterdir()) and not mark.exists():
        raise UsageError(f"{clean(str(out))} holds other files: name an empty or a new folder with --out")
    try:
        (out / "work").mkdir(parents=True, exist_ok=True)
        handle = mark.open("a")
    except OSError as error:
        raise UsageError(f"cannot write {clean(str(out))}: {error.strerror}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{clean(str(out))} is in use by another run") from None
        earlier = any((out / "work").iterdir())
        if earlier and not (resume or force):
            raise UsageError(f"{clean(str(out))} holds an earlier run: --resume goes on with it, --force begins anew")
        if force:
            for path in (out / "work").glob("*.json"):
                path.unlink()
        yield
