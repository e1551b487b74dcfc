"""The output folder of a batch, for one run at a time."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tcpautopsy import output, places
from tcpautopsy.errors import UsageError
from tcpautopsy.text import clean

_MARK = ".tcpautopsy-batch"
_FOLDERS = ("work", "captures")


@contextmanager
def claimed(out: Path, resume: bool, force: bool) -> Iterator[Callable[[], None]]:
    """The folder for ourselves; what is given raises UsageError once another run has taken it.

    Raises UsageError when it is somebody else's, in use, or holds an earlier run.
    """
    with _stored(out, resume, force) if places.remote(out) else _here(out, resume, force) as check:
        yield check


@contextmanager
def _here(out: Path, resume: bool, force: bool) -> Iterator[Callable[[], None]]:
    """A folder of this machine: nobody can take it while we hold the lock."""
    mark = out / _MARK
    if out.exists() and not out.is_dir():
        raise UsageError(f"{clean(str(out))} is no folder")
    if out.is_dir() and any(out.iterdir()) and not mark.exists():
        raise _foreign(out)
    try:
        for name in _FOLDERS:
            (out / name).mkdir(parents=True, exist_ok=True)
        handle = mark.open("a")
    except OSError as error:
        raise _unwritable(out, error) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{clean(str(out))} is in use by another run") from None
        _sweep(out)
        earlier = list((out / "work").glob("*.json"))
        _refuse_earlier(out, bool(earlier), resume or force)
        if force:
            for path in earlier:
                path.unlink()
        yield lambda: None
        _sweep(out)


def _sweep(out: Path) -> None:
    """Whose process is gone cannot always be told (another machine, a process that nobody buried): we hold the lock."""
    for folder in (out, *(out / name for name in _FOLDERS)):
        output.sweep(folder)


@contextmanager
def _stored(out: Path, resume: bool, force: bool) -> Iterator[Callable[[], None]]:
    """A folder of a store, which has no locks that end with their process: the run that began last has it."""
    mark, token = out / _MARK, secrets.token_hex(8).encode()
    try:
        names = list(places.files(out))
        if names and not places.is_file(mark):
            raise _foreign(out)
        earlier = [path for path in names if path.parent.name == "work"]
        _refuse_earlier(out, bool(earlier), resume or force)
        places.send(mark, [token])
        if force:
            places.remove(earlier)
    except OSError as error:
        raise _unwritable(out, error) from None

    def check() -> None:
        try:
            ours = places.contents(mark) == token
        except OSError as error:
            raise _unwritable(out, error) from None
        if not ours:
            raise UsageError(f"{clean(str(out))} was taken by another run")

    yield check
    check()


def _foreign(out: Path) -> UsageError:
    return UsageError(f"{clean(str(out))} holds other files: name an empty or a new folder with --out")


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {clean(str(out))}: {error.strerror}")


def _refuse_earlier(out: Path, earlier: bool, allowed: bool) -> None:
    if earlier and not allowed:
        raise UsageError(f"{clean(str(out))} holds an earlier run: --resume goes on with it, --force begins anew")
