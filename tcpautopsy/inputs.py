"""What the user named, found and opened: files, folders of captures, ring-buffer sets, standard input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tcpautopsy import places
from tcpautopsy.capture import Input, Spools, ring_sets
from tcpautopsy.errors import CaptureError, UsageError
from tcpautopsy.places import place
from tcpautopsy.result import Result
from tcpautopsy.text import clean

STDIN = "-"

#: First bytes of what holds a capture: pcap in its variants, and pcapng.
_MAGIC = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1",
    b"\xa1\xb2\xcd\x34",
    b"\x0a\x0d\x0d\x0a",
)
_PACKED = (".gz", ".xz", ".zst", ".lz4")
_NAMED = (".pcap", ".pcapng", ".cap")


class Found(NamedTuple):
    """What a walk over the inputs gave: sets of files, and how many other files there are."""

    sets: list[list[Path]]
    others: int


def sets(paths: Sequence[str], join: bool) -> list[list[str]]:
    """The inputs, parts of one ring-buffer set together; a path that cannot be looked at stands for itself."""
    seen = [path for path in paths if repeatable(path)]
    joined = {str(group[0]): [str(p) for p in group] for group in ring_sets(seen, join=join)} if seen else {}
    members = {name for group in joined.values() for name in group}
    found: list[list[str]] = []
    done: set[str] = set()
    owner = {name: group for group in joined.values() for name in group}
    for path in paths:
        name = str(place(path)) if path in seen else path
        if name in members:
            group = owner[name]
            if group[0] not in done:
                found.append(group)
                done.add(group[0])
        else:
            found.append([path])
    return found


def again(path: str, stack: ExitStack, spools: Spools | None) -> Input:
    """An input a second time. Raises CaptureError when it can be read only once and was not kept."""
    if repeatable(path):
        return opened(path, stack)
    kept = spools.again(path) if spools is not None else None
    if kept is None:
        raise CaptureError(f"{clean(path)}: can be read only once", "unreadable")
    return Input(_name(path), kept)


def repeatable(path: str) -> bool:
    """Whether it can be read twice: a file can, standard input and a pipe cannot."""
    return path != STDIN and places.is_file(place(path))


def opened(path: str, stack: ExitStack, spools: Spools | None = None) -> Input:
    """An input to be read; what can be read only once is kept in `spools`. Raises CaptureError when it cannot be."""
    stream = sys.stdin.buffer if path == STDIN else _file(path, stack)
    if spools is not None and not repeatable(path):
        stream = cast("BinaryIO", spools.through(path, stream))
    return Input(_name(path), stream)


def _name(path: str) -> str:
    return "stdin" if path == STDIN else clean(place(path).name)


def _file(path: str, stack: ExitStack) -> BinaryIO:
    try:
        if places.is_folder(place(path)):
            raise CaptureError(f"{clean(path)}: is a directory; `tcpautopsy batch` reads directories", "unreadable")
        return stack.enter_context(places.opened(place(path)))
    except OSError as error:
        raise CaptureError(f"{clean(path)}: {error.strerror}", "unreadable") from None


def saved(path: str) -> Result:
    """A result that was written before, from its JSON or its page.

    Raises CaptureError when the file cannot be read, UsageError when it holds no result.
    """
    from tcpautopsy.report import read_back  # a page's parser, which an analysis does not need

    try:
        return read_back.result(places.contents(place(path)), clean(path))
    except OSError as error:
        raise CaptureError(f"{clean(path)}: {error.strerror}") from None


# ------------------------------------------------------------------------------------------------------- folders


def find(inputs: Sequence[str], join: bool, follow_symlinks: bool) -> Found:
    """Every capture under these folders (or files), in the order of their paths. Raises UsageError."""
    files: list[Path] = []
    others = 0
    for path in listed(inputs, follow_symlinks):
        if _is_capture(path):
            files.append(path)
        else:
            others += 1
    return Found(ring_sets(files, join=join) if files else [], others)


def captures(inputs: Sequence[str], follow_symlinks: bool) -> list[Path]:
    """The files of `find`, each for itself; nothing but their first bytes is read. Raises UsageError."""
    return [path for path in listed(inputs, follow_symlinks) if _is_capture(path)]


def listed(inputs: Sequence[str], follow_symlinks: bool) -> Iterator[Path]:
    """Every regular file under these folders (or files), once. Raises UsageError."""
    seen: set[tuple[int, int] | str] = set()
    for name in inputs:
        for path, identity in _stored(name) if places.remote(name) else _here(Path(name), follow_symlinks):
            if identity not in seen:
                seen.add(identity)
                yield path


def _stored(name: str) -> Iterator[tuple[Path, str]]:
    """The files of a store with their names in it."""
    try:
        root = place(name)
        # Over HTTP every name can be read: what ends with a slash is taken for a folder.
        alone = not str(root).endswith("/") and places.is_file(root)
        found = [root] if alone else list(places.files(root))
    except OSError as error:
        raise UsageError(f"{clean(name)}: {error.strerror}") from None
    if not found:
        raise UsageError(f"{clean(name)}: no such file or folder")
    return ((path, str(path)) for path in found)


def _here(root: Path, follow_symlinks: bool) -> Iterator[tuple[Path, tuple[int, int]]]:
    """The regular files of this machine with device and inode."""
    if not root.exists():
        raise UsageError(f"{clean(str(root))}: no such file or folder")
    for path in [root] if root.is_file() else _walk(root, follow_symlinks):
        identity = _regular(path, follow_symlinks or root.is_file())
        if identity is not None:
            yield path, identity


def _walk(root: Path, follow_symlinks: bool) -> Iterator[Path]:
    entered: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=follow_symlinks):
        known = os.stat(folder)
        if (known.st_dev, known.st_ino) in entered:  # a loop of links
            folders.clear()
            continue
        entered.add((known.st_dev, known.st_ino))
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))


def _regular(path: Path, follow_symlinks: bool) -> tuple[int, int] | None:
    """Device and inode of a regular file; None for everything else."""
    try:
        known = path.stat() if follow_symlinks else path.lstat()
    except OSError:
        return None
    return (known.st_dev, known.st_ino) if stat.S_ISREG(known.st_mode) else None


def _is_capture(path: Path) -> bool:
    """By its first bytes; or its name says so, and then the reader tells what is wrong with it."""
    name = path.name.lower()
    for ending in _PACKED:
        name = name.removesuffix(ending)
    if name.rstrip("0123456789").endswith(_NAMED):
        return True
    try:
        with places.opened(path) as stream:
            head = stream.read(8)
    except OSError:
        return False
    # A compressed file that is not named like a capture is one of the many other things that are compressed.
    return head.startswith(_MAGIC)
