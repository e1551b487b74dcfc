"""The page: one HTML file that needs nothing else, with the result embedded so that it can be read back."""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from collections.abc import Iterator

import msgspec

from tcpautopsy import resources
from tcpautopsy.report.json_document import chunks as json_chunks
from tcpautopsy.report.ladder import ladder
from tcpautopsy.report.read_back import ELEMENT
from tcpautopsy.report.stories import Story, stories, undecided, verdict
from tcpautopsy.report.templates import environment
from tcpautopsy.report.view import View
from tcpautopsy.report.words import RANK, first_time, utc
from tcpautopsy.result import Connection, Result

_STORIES = 30
_LISTED = 1000
_INCIDENTS = 100
_HARMFUL = re.compile(rb"[<>&]")
_CLOSING = b"</script>\n</body>\n</html>\n"


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The page, at most `view.max_size` bytes: what does not fit is left out, and said to be."""
    told, listed = stories(result)[:_STORIES], _worst_first(result)[:_LISTED]
    page = _page(result, told, listed, view)
    while len(page) > view.max_size * 0.8 and (len(told) > 1 or len(listed) > 10):
        told, listed = told[: max(len(told) // 2, 1)], listed[: max(len(listed) // 2, 10)]
        page = _page(result, told, listed, view)
    yield page
    opening = f'<script type="application/json" id="{ELEMENT}">'.encode()
    yield opening
    yield _embedded(result, told, listed, view.max_size - len(page) - len(opening) - len(_CLOSING))
    yield _CLOSING


def _worst_first(result: Result) -> list[Connection]:
    return sorted(result.connections, key=lambda c: (RANK[c.severity], c.id))


def _page(result: Result, told: list[Story], listed: list[Connection], view: View) -> bytes:
    style = (resources.folder("reports") / "assets" / "page.css").read_text(encoding="utf-8")
    text = (
        environment(html=True)
        .get_template("page.html.j2")
        .render(
            result=result,
            verdict=view.verdict or verdict(result),
            shown=view.shown,
            begin=utc(first_time(result)) if first_time(result) else "",
            stories=told,
            undecided=undecided(result),
            listed=listed,
            ladder=ladder,
            style=style,
            style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        )
    )
    return text.encode("utf-8", "replace")


def _embedded(result: Result, told: list[Story], listed: list[Connection], room: int) -> bytes:
    """The result as JSON; when it does not fit, what the page shows of it."""
    data = _harmless(result, room)
    while data is None:
        data = _harmless(_excerpt(result, told, listed), room if listed else sys.maxsize)
        listed = listed[: len(listed) // 2]
    return data


def _excerpt(result: Result, told: list[Story], listed: list[Connection]) -> Result:
    """The listed connections, with the findings that are told of them and the incidents that touch them."""
    shown = {f.id for story in told for f in story.findings[:1]}
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
