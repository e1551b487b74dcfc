"""The result as JSON: the product itself, written object by object."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tcpautopsy.report.view import View
from tcpautopsy.result import Result

#: The id of the script element of a page that holds the document.
ELEMENT = "tcpautopsy-result"
#: The members of Result that are lists, each object on a line of its own so that two results can be compared by line.
_LISTS = ("captures", "connections", "findings", "incidents", "pairs")


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The JSON document in pieces."""
    encode = msgspec.json.Encoder().encode
    yield b'{"schema_version":' + encode(result.schema_version) + b',\n"tool":' + encode(result.tool)
    for name in _LISTS:
        yield b',\n"' + name.encode() + b'":['
        for number, item in enumerate(getattr(result, name)):
            yield (b",\n" if number else b"\n") + encode(item)
        yield b"]"
    yield b',\n"totals":' + encode(result.totals) + b"}\n"
