"""The result as Markdown, for a ticket that takes no file."""

from __future__ import annotations

from collections.abc import Iterator

from tcpautopsy.report.stories import stories, undecided, verdict
from tcpautopsy.report.templates import environment
from tcpautopsy.report.view import View
from tcpautopsy.result import Result


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The verdict, the incidents, and each cause with its story and what to do."""
    template = environment(html=False).get_template("summary.md.j2")
    told = stories(result)
    text = template.render(
        result=result, verdict=view.verdict or verdict(result), stories=told, undecided=undecided(result)
    )
    yield (text.rstrip() + "\n").encode("utf-8", "replace")
