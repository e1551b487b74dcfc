"""The result as Markdown, for a ticket that takes no file: it fits a comment of 65,536 characters."""

from __future__ import annotations

from collections.abc import Iterator

from tcpautopsy.report.stories import Story, stories, undecided, verdict
from tcpautopsy.report.templates import environment
from tcpautopsy.report.view import View
from tcpautopsy.result import Result

_ROOM = 60_000
_INCIDENTS, _UNDECIDED = 20, 50


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The verdict, the incidents, and each cause with its story and what to do."""
    yield text(result, view).encode("utf-8", "replace")


def text(result: Result, view: View) -> str:
    """The same as one text; causes that do not fit are counted."""
    told: list[str] = []
    left = _ROOM
    everything = stories(result)
    for story in everything:
        piece = of(story)
        left -= len(piece)
        if left < 0 and told:
            break
        told.append(piece)
    template = environment(html=False).get_template("summary.md.j2")
    whole = template.render(
        incidents=result.incidents[:_INCIDENTS],
        more_incidents=len(result.incidents[_INCIDENTS:]),
        verdict=view.verdict or verdict(result),
        told=told,
        more=len(everything) - len(told),
        undecided=undecided(result)[:_UNDECIDED],
        more_undecided=len(undecided(result)[_UNDECIDED:]),
        captures=result.captures,
        tool=result.tool,
    )
    return whole.rstrip() + "\n"


def of(story: Story) -> str:
    """One cause."""
    template = environment(html=False).get_template("story.md.j2")
    return template.render(story=story, f=story.lead, c=story.connections[0]).strip()
