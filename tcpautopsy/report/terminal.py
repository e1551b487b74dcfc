"""The summary for a terminal: the verdict sentence, the worst first, at most 25 lines of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from tcpautopsy.report.stories import Story, stories, undecided, verdict
from tcpautopsy.report.view import View
from tcpautopsy.report.words import FAULTS, place, since, utc
from tcpautopsy.result import Connection, Result
from tcpautopsy.text import clean, counted

LINES = 25
_COLUMNS = 80
_BLOCK_LINES = 5  # at most, with the blank line before it
_STYLES = {"failure": "bold red", "degradation": "yellow", "risk": "magenta", "note": "cyan"}


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The summary as text."""
    yield ("\n".join(lines(result, view)) + "\n").encode("utf-8", "replace")


def lines(result: Result, view: View) -> list[str]:
    """The lines of the summary; only the first may be wider than 80 columns."""
    head = [_emphasis(view.verdict or verdict(result), result, view)]
    if view.shown:
        head += _wrapped(f"Shown: {counted(result.totals.connections_listed, 'connection')}, {view.shown}.", "")
    foot = [*_cannot_see(result), *_next_capture(result), *_page(view)]
    room = LINES - len(head) - len(foot) - (1 if foot else 0)
    body = _body(result, view, room)
    return head + body + ([""] if foot and body else []) + foot


def _emphasis(words: str, result: Result, view: View) -> str:
    return _styled(words, "bold red" if result.totals.failed else "bold", view)


def _styled(words: str, style: str, view: View) -> str:
    if not view.colour:
        return words
    from rich.style import Style  # only where a terminal shows colour

    return Style.parse(style).render(words)


def _body(result: Result, view: View, room: int) -> list[str]:
    """Blocks while they fit, then one line that says how many were left out."""
    blocks = [_told(story, view) for story in stories(result) if story.connections[0].severity != "none"]
    blocks += [_unknown(connections, view) for connections in [undecided(result)] if connections]
    body: list[str] = []
    for number, block in enumerate(blocks):
        rest = len(blocks) - number
        if len(body) + len(block) + (0 if rest == 1 else 2) > room:
            return [*body, "", f"and {counted(rest, 'more cause')}; the page or -f json has all."]
        body += block
    return body


def _told(story: Story, view: View) -> list[str]:
    lead, connection = story.lead, story.connections[0]
    head = f"{_styled(lead.severity.upper(), _STYLES[lead.severity], view)}  {clean(lead.rule)}"
    sure = f"{lead.confidence} confidence, fault: {FAULTS[lead.fault].split(' (')[0]}"
    return [
        "",
        *_fitting(head, f"{lead.severity.upper()}  {clean(lead.rule)}", sure),
        *_wrapped(_where(story), "  ")[:1],
        *_wrapped(clean(lead.summary, 400), "  ", 2),
        *_wrapped(_evidence(story, connection), "  ")[:1],
    ][:_BLOCK_LINES]


def _fitting(head: str, plain: str, rest: str) -> list[str]:
    return [f"{head}  ({rest})"] if len(plain) + len(rest) + 4 <= _COLUMNS else [f"{head}"]


def _where(story: Story) -> str:
    first = story.connections[0]
    more = f" and {counted(len(story.connections) - 1, 'more')}" if len(story.connections) > 1 else ""
    more = more.replace("mores", "more")
    return f"#{first.id} {place(first.client)} -> {place(first.server)} at {utc(first.first_time)} UTC{more}"


def _evidence(story: Story, connection: Connection) -> str:
    moments = [
        f"{since(connection.first_time, e.time)} {clean(e.event).replace('_', ' ')} (frame {e.frame})"
        for e in story.lead.evidence
    ]
    return "; ".join([moments[0], moments[-1]] if len(moments) > 1 else moments)


def _unknown(connections: Sequence[Connection], view: View) -> list[str]:
    first = connections[0]
    more = f" and {len(connections) - 1:,} more" if len(connections) > 1 else ""
    where = f"#{first.id} {place(first.client)} -> {place(first.server)} {first.outcome} at {utc(first.first_time)} UTC"
    named = ", ".join(u.rule for u in first.undecided[:3])
    return [
        "",
        _styled("FAILURE", _STYLES["failure"], view) + "  no cause can be named from this capture",
        *_wrapped(where + more, "  ")[:1],
        *(_wrapped(f"undecided between: {clean(named)}", "  ", 2) if named else []),
    ]


def _cannot_see(result: Result) -> list[str]:
    flags = list(dict.fromkeys(q.flag for c in result.captures for q in c.quality))
    problems = sum(len(c.problems) for c in result.captures)
    said = [f"Limits of this capture: {', '.join(flags)}."] if flags else []
    if problems:
        said.append(f"{counted(problems, 'problem')} in the input: see the page or -f json.")
    return _wrapped(" ".join(said), "", 2) if said else []


def _next_capture(result: Result) -> list[str]:
    """What to capture next where a connection is undecided."""
    waiting = [c for c in result.connections if c.undecided and c.severity == "failure"]
    if not waiting:
        return []
    ids = {name for c in waiting for name in c.findings}
    asked = [f.next_capture for f in result.findings if f.next_capture and (f.id in ids or not ids)]
    if asked:
        return [*_wrapped(f"Next capture, {clean(asked[0].where)}:", ""), "  " + clean(asked[0].command, 400)]
    return _wrapped(f"Next: {clean(waiting[0].undecided[0].would_decide, 400)}", "", 2)


def _page(view: View) -> list[str]:
    return [f"Report: {clean(view.page)}"] if view.page else []


def _wrapped(words: str, indent: str, most: int = 3) -> list[str]:
    """Words in lines of 80 columns, cut after `most` lines."""
    wrapped = textwrap.wrap(
        words,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
    )
    return wrapped or []
