"""Writes the documents that are made from the code: `python -m docs.generate [--check]`.

`--check` writes nothing and fails when a document is not what it would write.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fixtures import scoreboard as scores
from fixtures.judged import ROOT, Recording, Row
from tcpautopsy import closer, pipeline, report
from tcpautopsy.cli_look import shown
from tcpautopsy.diagnose.model import SIDES, Rule
from tcpautopsy.features import FEATURES_TABLE
from tcpautopsy.report import schema
from tcpautopsy.report.view import View
from tcpautopsy.report.why import connection_told
from tcpautopsy.report.words import place
from tcpautopsy.schema import Table
from tcpautopsy.tables import (
    ARRIVALS,
    CLOSE_UP,
    DIRECTIONS,
    EVENT_KINDS,
    EVENTS,
    EVIDENCE,
    FINDINGS,
    FLOWS,
    NOTES,
    NOTES_TABLE,
    RUNNERS_UP,
    UNDECIDED,
    VERDICTS,
)

DOCS = Path(__file__).resolve().parent
_MADE = "<!-- Made by `python -m docs.generate`; edit what it is made from. -->"


# ------------------------------------------------------------------------------------------------------- tables


def tables() -> Iterator[str]:
    """Every table of the house."""
    yield "# Tables\n"
    yield f"{_MADE}\n"
    yield "What the stages hand to each other. Unknown is NA; times are nanoseconds since 1970 UTC.\n"
    for table in (
        FLOWS,
        EVENTS,
        DIRECTIONS,
        ARRIVALS,
        CLOSE_UP,
        NOTES_TABLE,
        FEATURES_TABLE,
        FINDINGS,
        EVIDENCE,
        RUNNERS_UP,
        VERDICTS,
    ):
        yield from _table(table)
    yield from _table(UNDECIDED)
    yield "## Kinds of events\n"
    yield "`value` is what the fourth column says.\n"
    yield from _grid(
        ("kind", "letter", "what it says", "value", "source"),
        ((f"`{k.name}`", f"`{k.letter}`", k.sentence, k.value, k.source) for k in EVENT_KINDS),
    )
    yield "## Kinds of notes\n"
    yield from _grid(("kind", "number; text"), ((f"`{name}`", what) for name, what in NOTES.items()))


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    yield f"{table.row}\n"
    yield from _grid(
        ("column", "dtype", "unit", "what it is"),
        ((f"`{c.name}`", c.dtype, c.unit, c.sentence) for c in table.columns),
    )


def _grid(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
    yield ""


# -------------------------------------------------------------------------------------------------------- rules


def catalogue() -> Iterator[str]:
    """Every built-in rule."""
    rules = sorted(pipeline.rule_set().rules, key=lambda rule: (rule.group, rule.id))
    yield "# Causes\n"
    yield f"{_MADE}\n"
    yield f"The {len(rules)} causes that the built-in rules know. A rule that explains healthy traffic is a baseline.\n"
    yield from _grid(
        ("rule", "group", "severity", "fault", "title"),
        (
            (f"[`{r.id}`](#{r.id})", r.group, "baseline" if r.baseline else r.severity, _fault(r), r.title)
            for r in rules
        ),
    )
    for rule in rules:
        yield from _rule(rule)


def _fault(rule: Rule) -> str:
    return "by side" if rule.fault_side else rule.fault


def _rule(rule: Rule) -> Iterator[str]:
    yield f"## {rule.id}\n"
    yield f"**{rule.title}.** {_line(rule.what)}\n"
    if rule.why:
        yield f"{_line(rule.why)}\n"
    if rule.look_alikes:
        yield "Told apart from:\n"
        yield from (f"- `{other}`: {_line(words)}" for other, words in sorted(rule.look_alikes.items()))
        yield ""
    if rule.confirm:
        yield "To confirm:\n"
        yield from (f"- on the {SIDES.get(c.on, c.on)}: `{_line(c.command)}`: {_line(c.expect)}" for c in rule.confirm)
        yield ""
    if rule.remedies:
        yield "What to do:\n"
        yield from (f"- {SIDES.get(r.side, r.side)}: {_line(r.text)}" for r in rule.remedies)
        yield ""
    if rule.sources:
        yield "Sources: " + "; ".join(f"[{s.text}]({s.url})" if s.url else s.text for s in rule.sources) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


# ----------------------------------------------------------------------------------------------------- verdicts


def verdicts() -> Iterator[str]:
    """What is said of every recording, beside what is true."""
    judged = _everything()
    everything = [row for _, found in judged for row in found]
    failing = [row for row in everything if row.failure and row.accepted]
    wrong = [row for row in everything if row.wrong]
    yield "# Verdicts on the recorded captures\n"
    yield f"{_MADE}\n"
    yield (
        "Each recording of `fixtures/` analysed from the client's capture alone and from the server's alone. "
        "*Accepted* is what an honest answer may be at that place (`truth.json`): where two causes leave the same "
        "packets, both; `none` where the capture cannot tell, or nothing failed.\n"
    )
    yield (
        f"{len(judged)} captures, {len(everything)} connections, {len(failing)} of them failed: "
        f"{len(wrong)} wrong {'answer' if len(wrong) == 1 else 'answers'}.\n"
    )
    yield from _grid(
        ("capture", "connections", "true cause", "accepted", "said", "right"),
        (line for recording, found in judged for line in _lines(recording, found)),
    )


def _lines(recording: Recording, found: list[Row]) -> Iterator[tuple[str, ...]]:
    counts = Counter(_cells(row) for row in found if row.said is not None or row.accepted)
    for (protocol, truth, accepted, said, right), count in counts.items():
        yield recording.name, f"{count} {protocol}", truth, accepted, said, right


def _cells(row: Row) -> tuple[str, ...]:
    said = row.said
    answer = "not found" if said is None else f"{said.cause or 'none'}{_how(row)}"
    truth = row.rule or ("failed" if row.failure else "healthy")
    accepted = ", ".join(each or "none" for each in row.accepted) or "any"
    return row.protocol, truth, accepted, answer, row.wrong or "yes"


def _how(row: Row) -> str:
    said = row.said
    if said is None or said.cause is None:
        return ""
    also = f", consistent with {', '.join(said.consistent_with)}" if said.consistent_with else ""
    return f" ({said.severity}, {said.confidence}{also})"


def scoreboard() -> Iterator[str]:
    """How often the product is right, by group and by cause."""
    yield "# Scoreboard\n"
    yield f"{_MADE}\n"
    yield "`make score` prints this: each recording of `fixtures/`, analysed from either end alone.\n"
    yield from scores.lines(_everything())


@cache
def _everything() -> list[scores.Judged]:
    return scores.judged()


# ---------------------------------------------------------------------------------------------------- questions


class Example(NamedTuple):
    """A connection of a recording that answers a question."""

    capture: str
    client: str
    says: str


QUESTIONS: tuple[tuple[str, tuple[Example, ...]], ...] = (
    (
        "I unplugged the cable, and `send()` still returned the full length; netstat says ESTABLISHED. How?",
        (
            Example(
                "cable-cut-defaults/client.pcap", "10.0.0.1:40001", "The cable stays out, all timers at their defaults:"
            ),
            Example("cable-cut-restored/client.pcap", "10.0.0.1:40001", "The cable is put back after six seconds:"),
        ),
    ),
    (
        "A single UDP flow of 600,000 datagrams/s: SO_REUSEPORT does not spread it. (Recorded at 3,000 a second.)",
        (Example("udp-one-flow/server.pcap", "10.0.0.1:40001", "One flow to four sockets of one port:"),),
    ),
    (
        "I reconnect when send fails, yet messages are lost. Can I just raise the timeouts?",
        (
            Example("cable-cut-etimedout/client.pcap", "10.0.0.1:40001", "The connection broke; its ledger:"),
            Example("idle-box-drop/client.pcap", "10.0.1.1:40002", "What else kills a connection that waits:"),
        ),
    ),
    (
        "An SNMP trap endpoint: with 400 to 600 traps/s Recv-Q fills to the limit, whatever buffer I set.",
        (
            Example(
                "udp-traps-overrun/server.pcap",
                "10.0.0.1:40001",
                "500 traps a second to a program that needs 10 ms for each:",
            ),
            Example("udp-receiver-stuck/server.pcap", "10.0.0.1:40001", "A service whose answers stop at one instant:"),
        ),
    ),
    (
        "When the peer dies, does epoll (kqueue, poll) tell me?",
        (
            Example(
                "idle-peer-gone-no-keepalive/client.pcap",
                "10.0.0.1:40001",
                "The peer vanished while idle, without keepalive:",
            ),
            Example("idle-peer-gone-keepalive/client.pcap", "10.0.0.1:40001", "The same with keepalive:"),
            Example("rst-after-fin/client.pcap", "10.0.0.1:40001", "The peer closed, and later reset:"),
        ),
    ),
    (
        "Under `ab -n 50000 -c 1000` connections are accepted late, the GET is retransmitted four times, then the "
        "server resets. Why not a timeout, and why does the kernel not acknowledge the data?",
        (
            Example("accept-queue-ack-drop/client.pcap", "10.0.0.1:40012", "From the client's side:"),
            Example(
                "accept-queue-ack-drop/server.pcap", "10.0.0.1:40012", "The same connection from the server's side:"
            ),
        ),
    ),
)


def questions() -> Iterator[str]:
    """The questions the product exists for, and what it answers."""
    yield "# Six questions, answered from recorded captures\n"
    yield f"{_MADE}\n"
    yield "Each answer is what the command above it prints.\n"
    for number, (question, examples) in enumerate(QUESTIONS, start=1):
        yield f"## {number}. {question}\n"
        for example in examples:
            yield from _answer(example)


def _answer(example: Example) -> Iterator[str]:
    path = ROOT / example.capture
    known, _, result = pipeline.read(str(path))
    connection = next(c for c in result.connections if place(c.client) == example.client)
    yield f"{example.says}\n"
    yield f"```\n$ tcpautopsy why fixtures/{example.capture} --flow {connection.id}"
    yield from connection_told(result, connection, list(shown(known)))
    yield "```\n"


# ------------------------------------------------------------------------------------------------------ writing

DOCUMENTS = {
    "tables.md": tables,
    "causes.md": catalogue,
    "verdicts.md": verdicts,
    "scoreboard.md": scoreboard,
    "questions.md": questions,
}


#: Gallery: scenario and side whose page stands in reports/samples.
SAMPLES = (
    "accept-queue-ack-drop/client",
    "accept-queue-syn-drop/server",
    "cable-cut-defaults/client",
    "cable-cut-restored/client",
    "idle-peer-gone-no-keepalive/client",
    "idle-box-drop/client",
    "pmtud-blackhole/server",
    "close-unread-data/client",
    "zero-window-forever/client",
    "tls-clienthello/client",
    "udp-traps-overrun/server",
    "udp-one-flow/server",
    "dns-lookups/client",
    "healthy-http/client",
)


def _page(sample: str) -> str:
    paths, options = [str(ROOT / f"{sample}.pcap")], pipeline.Options()
    result = pipeline.analyse(paths, options).result
    view = View(material=closer.material(paths, options, result, result))
    return b"".join(report.written(result, report.FORMATS["html"], view)).decode()


def files() -> Iterator[tuple[Path, str]]:
    """Every file that is made, with what stands in it."""
    for name, document in DOCUMENTS.items():
        yield DOCS / name, "\n".join(document()).rstrip() + "\n"
    yield DOCS.parent / "reports" / "schema" / schema.NAME, schema.document().decode()
    for sample in SAMPLES:
        yield DOCS.parent / "reports" / "samples" / f"{sample.replace('/', '-')}.html", _page(sample)


def main(arguments: list[str]) -> int:
    """Write the documents, or say which are out of date."""
    stale = []
    for path, text in files():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(DOCS.parent)))
        if "--check" not in arguments:
            path.write_text(text)
    if "--check" in arguments and stale:
        print(f"out of date: {', '.join(stale)}; run python -m docs.generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
