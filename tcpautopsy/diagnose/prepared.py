"""Rule files, read before if they are those that the package was built with.

Reading YAML is a third of a start. The trees of the built-in files are made once, when the package is built, and found
again by a hash of what a file holds: a file that was changed since is read as it is.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import msgspec

from tcpautopsy import resources
from tcpautopsy.errors import Place


def tree(text: str) -> Any:
    """The one document in `text`, see `document.tree`. Raises Wrong."""
    known = _trees().get(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    return _document().tree(text) if known is None else known


def line_of(text: str, path: Place) -> int:
    """The line, from 1, of the deepest part of `path` that exists in a document that `tree` reads."""
    return int(_document().line_of(text, path))


def _document() -> Any:
    from tcpautopsy.diagnose import document  # it imports the YAML library

    return document


@cache
def _trees() -> dict[str, Any]:
    """SHA-256 of a file's content -> its tree; empty where nothing was made, as in a checkout without a build."""
    try:
        return dict(msgspec.json.decode(resources.prepared_rules().read_bytes()))
    except (OSError, msgspec.DecodeError):
        return {}
