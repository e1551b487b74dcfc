"""Where a result is written: files whole or not at all, devices and standard output straight through."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tcpautopsy import places
from tcpautopsy.errors import UsageError
from tcpautopsy.places import place
from tcpautopsy.text import clean

#: Endings that a capture's name loses when a page is named after it.
_ENDINGS = re.compile(r"(\.(pcapng|pcap|cap)\d*)?(\.(gz|zst|xz|lz4))?$", re.IGNORECASE)
#: By this a page of ours is known; pages of others are not written over.
MARK = b'<meta name="generator" content="tcpautopsy'


def page_name(capture: str) -> str:
    """The page's name in the current directory: that of the capture without its endings.

    >>> page_name("dumps/web.pcap.gz"), page_name("-")
    ('web.html', 'stdin.html')
    """
    if capture == "-":
        return "stdin.html"
    name = place(capture).name
    return (_ENDINGS.sub("", name) or name) + ".html"


def refuse_foreign(path: Path) -> None:
    """Raises UsageError when there is a file at `path` that is no page of ours."""
    try:
        with places.opened(path) as file:
            if MARK in file.read(4096):
                return
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot write {clean(str(path))}: {error.strerror}") from None
    raise UsageError(f"{clean(str(path))} exists and is no report of ours: move it, or name another with -o")


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Write the pieces to a file (replacing it as a whole), a device or, for `-`, standard output.

    Raises UsageError when that is not possible; then nothing of a file is left behind.
    """
    try:
        if path == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        elif places.remote(path):
            places.send(place(path), pieces)
        elif _is_special(path):
            with open(path, "wb") as device:
                device.writelines(pieces)
        else:
            _replace(place(path), pieces)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write {clean(path)}: {error.strerror}") from None


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    """A temporary file beside the target takes its place once it is complete and on the disk."""
    _sweep(path)
    unfinished = path.with_name(f".{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove every unfinished file of a folder in which nobody writes any more, whoever began it."""
    for stale in folder.glob(".*.tmp-*-*"):
        stale.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what a run that was killed left behind."""
    for stale in _stale(path):
        stale.unlink(missing_ok=True)


def _stale(path: Path) -> Iterator[Path]:
    for each in path.parent.glob(f".{path.name}.tmp-*"):
        owner = each.name.rsplit("-", 2)[-2]
        if owner.isdigit() and not Path("/proc", owner).exists():
            yield each
