"""The result as JSON: the product itself, written object by object."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tcpautopsy.report.json_lines import some
from tcpautopsy.report.view import View
from tcpautopsy.result import Result

#: The id of the script element of a page that holds the document.
ELEMENT = "tcpautopsy-result"
#: The members of Result that are lists, each object on a line of its own so that two results can be compared by line.
_LISTS = ("captures", "connections", "findings", "incidents", "pairs")


def chunks(result: Result, view: View) -> Iterator[bytes]:
    """The JSON document in pieces."""
    encoder = msgspec.json.Encoder()
    encode = encoder.encode
    yield b'{"schema_version":' + encode(result.schema_version) + b',\n"tool":' + encode(result.tool)
    for name in _LISTS:
        yield b',\n"' + name.encode() + b'":['
        between = b"\n"
        for items in some(getattr(result, name)):
            # Each on a line of its own; within JSON a line end would be written as \n.
            yield between + encoder.encode_lines(items)[:-1].replace(b"\n", b",\n")
            between = b",\n"
        yield b"]"
    yield b',\n"totals":' + encode(result.totals) + b"}\n"
