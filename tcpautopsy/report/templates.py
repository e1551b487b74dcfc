"""The templates of this room, with everything escaped that goes into them; only numbers reach style and SVG."""

from __future__ import annotations

from functools import cache

import jinja2

from tcpautopsy import resources
from tcpautopsy.report import words
from tcpautopsy.text import clean

#: Characters with a meaning in Markdown, written so that they have none.
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#~"})


def markdown_escaped(text: object) -> str:
    """Text as Markdown that shows it literally.

    >>> markdown_escaped("<b>_x_")
    '\\\\<b\\\\>\\\\_x\\\\_'
    """
    return clean(str(text), 2000).translate(_MARKDOWN)


def markdown_code(text: object) -> str:
    """Text between backticks: as many as it takes."""
    shown = clean(str(text), 2000)
    fence = "`" * (max((len(run) for run in shown.split() if set(run) == {"`"}), default=0) + 1)
    return f"{fence}{shown.replace('`', chr(39))}{fence}"


def web_address(url: str | None) -> bool:
    """Whether a link may lead there: a result can come from anybody, and `javascript:` is an address, too.

    >>> web_address("https://www.rfc-editor.org/"), web_address("javascript:alert(1)"), web_address(None)
    (True, False, False)
    """
    return url is not None and url.startswith(("https://", "http://"))


@cache
def environment(html: bool) -> jinja2.Environment:
    """Jinja for our own templates; results are context, never template."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([resources.folder("reports") / each for each in ("templates", "assets")]),
        autoescape=html,  # noqa: S701 # Markdown has an escape of its own, the filter `md`
        undefined=jinja2.StrictUndefined,
    )
    made.globals |= {
        "place": words.place,
        "web_address": web_address,
        "since": words.since,
        "utc": words.utc,
        "size": words.size,
        "severities": words.SEVERITY_NAMES,
        "faults": words.FAULTS,
        "confidences": words.CONFIDENCES,
        "outcomes": words.OUTCOMES,
        "points": words.POINTS,
    }
    made.filters |= {"md": markdown_escaped, "code": markdown_code}
    return made
