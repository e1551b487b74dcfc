"""The JSON Schema of a result, made from its types."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tcpautopsy.result import SCHEMA_VERSION, Result

NAME = f"tcpautopsy-{SCHEMA_VERSION}.schema.json"


def document() -> bytes:
    """The schema as it is shipped."""
    schemas, components = msgspec.json.schema_components([Result], ref_template="#/$defs/{name}")
    whole: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tcpautopsy result",
        **schemas[0],
        "$defs": dict(sorted(components.items())),
    }
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()
