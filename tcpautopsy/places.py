"""Where files are: on this machine, or in a store that fsspec reaches (`s3://bucket/name`, `gs://`, `https://`, ...).

What a store's library raises becomes OSError here, whatever it was: its errors have no common base.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from tcpautopsy.errors import UsageError
from tcpautopsy.text import clean

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_LOCAL = "file://"
#: Stores in which a name shows an upload only when it is complete. Elsewhere a finished file is renamed.
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "memory"})


def remote(name: str | Path) -> bool:
    """Whether it is a name of a store.

    >>> remote("s3://bucket/dump.pcap"), remote("dumps/web:80.pcap"), remote("file:///dumps/web.pcap")
    (True, False, False)
    """
    text = str(name)
    return _SCHEME.match(text) is not None and not text.startswith(_LOCAL)


def place(name: str | Path) -> Path:
    """The path of this name: what `pathlib` offers for reading works in a store, too.

    Raises UsageError when the library that reaches the store is not there.
    """
    if not remote(name):
        return Path(str(name).removeprefix(_LOCAL))
    try:
        from upath import UPath  # an extra

        found = UPath(str(name))
        _ = found.fs
    except (ImportError, ValueError) as error:
        why = clean(str(error), 200)
        raise UsageError(
            f"{clean(str(name))}: {why} (pip install tcpautopsy[remote], and the store's library)"
        ) from None
    return cast("Path", found)


def is_file(path: Path) -> bool:
    """Whether there is a file; False where that cannot be told."""
    try:
        with _reaching():
            return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder. Raises OSError where that cannot be told."""
    with _reaching():
        return path.is_dir()


def opened(path: Path) -> BinaryIO:
    """The file's bytes, to be read from the beginning. Raises OSError, while reading, too."""
    if not remote(path):
        return path.open("rb")
    with _reaching():
        return cast("BinaryIO", _Stream(path.open("rb")))


def contents(path: Path) -> bytes:
    """All bytes of a file. Raises OSError."""
    with opened(path) as stream:
        return stream.read()


def size(path: Path) -> int:
    """Bytes of a file; 0 for one that is not there."""
    try:
        with _reaching():
            return int(path.stat().st_size)
    except OSError:
        return 0


def fingerprint(path: Path) -> str:
    """What changes with the content: a digest of it here, what the store itself tells apart by elsewhere.

    Raises OSError.
    """
    if not remote(path):
        import hashlib

        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    with _reaching():
        store = _store(path)
        store.invalidate_cache()
        return f"{store.checksum(_inside(path))}"


def files(folder: Path) -> Iterator[Path]:
    """Every file under a folder of a store, in the order of their names. Raises OSError."""
    with _reaching():
        store = _store(folder)
        store.invalidate_cache()
        names = sorted(store.find(_inside(folder)))
        return iter([place(store.unstrip_protocol(name)) for name in names])


def send(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file of a store as a whole or not at all. Raises OSError."""
    import tempfile

    with tempfile.NamedTemporaryFile() as whole:  # a disk that is full is known before anything is sent
        whole.writelines(pieces)
        whole.flush()
        with _reaching():
            store, name = _store(path), _inside(path)
            if _protocols(store) & _WHOLE:
                store.put_file(whole.name, name)
            else:
                _rename(store, whole.name, name, _inside(path.parent))
            store.invalidate_cache()


def _rename(store: Any, source: str, name: str, folder: str) -> None:
    """Send under another name first; a file that did not arrive whole is removed."""
    unfinished = f"{name}.tmp-{os.getpid()}"
    store.makedirs(folder, exist_ok=True)
    try:
        store.put_file(source, unfinished)
        store.mv(unfinished, name)
    except Exception:
        if store.exists(unfinished):
            store.rm_file(unfinished)
        raise


def remove(paths: Iterable[Path]) -> None:
    """Remove files of a store. Raises OSError."""
    with _reaching():
        for path in paths:
            path.unlink(missing_ok=True)


class _Stream:
    """Bytes out of a store."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, count: int = -1) -> bytes:
        with _reaching():
            return bytes(self._stream.read(count))

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.strerror:
            raise
        raise type(error)(error.errno or _number(error), _words(error)) from None
    except Exception as error:  # of the store's library
        raise OSError(errno.EIO, f"{type(error).__name__}: {clean(str(error), 200)}") from None


def _number(error: OSError) -> int:
    return errno.ENOENT if isinstance(error, FileNotFoundError) else errno.EIO


def _words(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return os.strerror(errno.ENOENT)
    return clean(str(error), 200) or type(error).__name__


def _store(path: Path) -> Any:
    return cast("Any", path).fs


def _inside(path: Path) -> str:
    """The name of the file as the store itself has it."""
    return str(cast("Any", path).path)


def _protocols(store: Any) -> frozenset[str]:
    return frozenset([store.protocol] if isinstance(store.protocol, str) else store.protocol)
