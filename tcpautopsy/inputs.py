"""What the user named, opened: files, the parts of one ring-buffer set together, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from tcpautopsy.capture import Input, Spool, ring_sets
from tcpautopsy.errors import CaptureError
from tcpautopsy.text import clean

STDIN = "-"


def sets(paths: Sequence[str], join: bool) -> list[list[str]]:
    """The inputs, parts of one ring-buffer set together; a path that cannot be looked at stands for itself."""
    seen = [path for path in paths if path != STDIN and Path(path).is_file()]
    joined = {str(group[0]): [str(p) for p in group] for group in ring_sets(seen, join=join)} if seen else {}
    members = {name for group in joined.values() for name in group}
    found: list[list[str]] = []
    done: set[str] = set()
    owner = {name: group for group in joined.values() for name in group}
    for path in paths:
        name = str(Path(path)) if path in seen else path
        if name in members:
            group = owner[name]
            if group[0] not in done:
                found.append(group)
                done.add(group[0])
        else:
            found.append([path])
    return found


def opened(path: str, stack: ExitStack, spool: Spool | None = None) -> Input:
    """Raises CaptureError when the file cannot be opened."""
    if path == STDIN:
        return Input("stdin", sys.stdin.buffer if spool is None else cast("BinaryIO", spool))
    name = clean(Path(path).name)
    try:
        if Path(path).is_dir():
            raise CaptureError(f"{clean(path)}: is a directory; `tcpautopsy batch` reads directories", "unreadable")
        stream: BinaryIO = stack.enter_context(open(path, "rb"))  # noqa: SIM115 # the stack closes it
    except OSError as error:
        raise CaptureError(f"{clean(path)}: {error.strerror}", "unreadable") from None
    return Input(name, stream)
