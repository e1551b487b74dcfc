"""A result read back from its JSON document, or from a page that holds one."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec

from tcpautopsy.errors import UsageError
from tcpautopsy.report.json_document import ELEMENT
from tcpautopsy.result import SCHEMA_VERSION, Result
from tcpautopsy.text import clean


class _Excerpt(HTMLParser):
    """Collects the text of the one script element."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.inside = False
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script" and ("id", ELEMENT) in attrs

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.pieces.append(data)


def result(content: bytes, name: str) -> Result:
    """The result in a JSON document or a page; `name` is the file's, for messages.

    Raises UsageError when it holds none, or one of another schema version.
    """
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    document = text if text.startswith(b"{") else _embedded(text, name)
    _refuse_other_version(document, name)
    try:
        return msgspec.json.decode(document, type=Result)
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise UsageError(f"{name}: not a result of tcpautopsy: {clean(str(wrong))}") from wrong


def _embedded(page: bytes, name: str) -> bytes:
    parser = _Excerpt()
    parser.feed(page.decode("utf-8", "replace"))
    parser.close()
    if not parser.pieces:
        raise UsageError(f"{name}: neither a JSON result nor a page of tcpautopsy")
    return "".join(parser.pieces).encode("utf-8", "replace")


class _Version(msgspec.Struct):
    schema_version: int


def _refuse_other_version(document: bytes, name: str) -> None:
    try:
        found = msgspec.json.decode(document, type=_Version).schema_version
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise UsageError(f"{name}: not a result of tcpautopsy: {clean(str(wrong))}") from wrong
    if found != SCHEMA_VERSION:
        raise UsageError(f"{name}: schema version {found}; this program reads version {SCHEMA_VERSION}")
