"""The page: one HTML file that needs nothing else, with the result embedded so that it can be read back."""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tcpautopsy.report import markdown
from tcpautopsy.report.cards import Richness, cards
from tcpautopsy.report.drawing import Picture
from tcpautopsy.report.json_document import ELEMENT
from tcpautopsy.report.json_document import chunks as json_chunks
from tcpautopsy.report.servers import Server, servers
from tcpautopsy.report.stories import Story, told, undecided, verdict
from tcpautopsy.report.stories import stories as all_stories
from tcpautopsy.report.templates import environment
from tcpautopsy.report.timeline import LETTERS, timeline
from tcpautopsy.report.view import View
from tcpautopsy.report.words import RANK, first_time, utc
from tcpautopsy.result import Connection, Result

_LISTED = 1000
_INCIDENTS = 100
#: What is left out first when the page is too large: pictures and files of the causes that come last.
_LESS_AND_LESS = (Richness(), Richness(10, 30), Richness(5, 10), Richness(2, 3), Richness(0, 0))
_HARMFUL = re.compile(rb"[<>&]")
_CLOSING = b"</script>\n</body>\n</html>\n"


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The page, at most `view.max_size` bytes: what does not fit is left out, and said to be."""
    stories, listed = told(result), _worst_first(result)[:_LISTED]
    always = _always(result, view)
    for rich in _LESS_AND_LESS:
        page = _page(always, stories, listed, rich)
        if len(page) <= view.max_size * 0.8:
            break
    while len(page) > view.max_size * 0.8 and (len(stories) > 1 or len(listed) > 10):
        stories, listed = stories[: max(len(stories) // 2, 1)], listed[: max(len(listed) // 2, 10)]
        page = _page(always, stories, listed, _LESS_AND_LESS[-1])
    yield page
    opening = f'<script type="application/json" id="{ELEMENT}">'.encode()
    yield opening
    yield _embedded(result, stories, listed, view.max_size - len(page) - len(opening) - len(_CLOSING))
    yield _CLOSING


def _worst_first(result: Result) -> list[Connection]:
    return sorted(result.connections, key=lambda c: (RANK[c.severity], c.id))


class _Always(NamedTuple):
    """What is the same on a rich page and on a poor one."""

    result: Result
    view: View
    verdict: str
    causes: int
    undecided: list[Connection]
    timeline: Picture | None
    servers: list[Server]
    servers_left: int
    markdown: str


def _always(result: Result, view: View) -> _Always:
    listed, left = servers(result)
    return _Always(
        result=result,
        view=view,
        verdict=view.verdict or verdict(result),
        causes=len(all_stories(result)),
        undecided=undecided(result),
        timeline=timeline(result),
        servers=listed,
        servers_left=left,
        markdown=markdown.text(result, view),
    )


def _page(always: _Always, stories: list[Story], listed: list[Connection], rich: Richness) -> bytes:
    templates = environment(html=True)
    style, script = (templates.get_template(name).render() for name in ("page.css", "page.js"))
    result = always.result
    told_here = {c.id for s in stories for c in s.connections[:12]}
    text = templates.get_template("page.html.j2").render(
        {
            **always._asdict(),
            "markdown": always.markdown if rich.files else "",
            "shown": always.view.shown,
            "start": first_time(result),
            "begin": utc(first_time(result)) if first_time(result) else "",
            "incidents": result.incidents[:_INCIDENTS],
            "cards": cards(result, stories, always.view.material, rich),
            "listed": listed,
            "letters": LETTERS,
            "anchored": told_here | {c.id for c in always.undecided[:50]},
            "style_hash": _hash(style),
            "script_hash": _hash(script),
        }
    )
    return text.encode("utf-8", "replace")


def _hash(text: str) -> str:
    """As the content security policy names a style or a script."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(result: Result, stories: list[Story], listed: list[Connection], room: int) -> bytes:
    """The result as JSON; when it does not fit, what the page shows of it."""
    data = _harmless(result, room)
    while data is None:
        data = _harmless(_excerpt(result, stories, listed), room if listed else sys.maxsize)
        listed = listed[: len(listed) // 2]
    return data


def _excerpt(result: Result, stories: list[Story], listed: list[Connection]) -> Result:
    """The listed connections, with the findings that are told of them and the incidents that touch them."""
    shown = {f.id for story in stories for f in story.findings[:1]}
    kept = {c.id for c in listed}
    return msgspec.structs.replace(
        result,
        connections=[c for c in result.connections if c.id in kept],
        findings=[f for f in result.findings if f.id in shown and f.connection in kept],
        incidents=[
            msgspec.structs.replace(incident, connections=[i for i in incident.connections if i in kept])
            for incident in result.incidents[:_INCIDENTS]
        ],
        totals=msgspec.structs.replace(result.totals, connections_listed=len(kept)),
    )


def _harmless(result: Result, room: int) -> bytes | None:
    """JSON in which nothing can end the script element; None when it is larger than `room` bytes."""
    document = bytearray()
    for piece in json_chunks(result, View()):
        document += _HARMFUL.sub(lambda found: b"\\u%04x" % found[0][0], piece)
        if len(document) > room:
            return None
    return bytes(document)
