"""Bytes of a capture, whatever they are wrapped in: found by their first bytes, never by a name.

A source is read in pieces and never whole; damage ends it, and what was unpacked until then counts.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from typing import BinaryIO, Protocol

from tcpautopsy.errors import CaptureError
from tcpautopsy.tables import Problem

_PIECE = 64 * 1024
_GZIP, _XZ, _ZSTD, _LZ4 = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
#: A frame that wants a larger window than this is refused: nobody packs captures so, and it is memory.
_ZSTD_WINDOW = 128 * 2**20


class Source(Protocol):
    """Unpacked bytes."""

    compression: str | None
    problems: list[Problem]

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end."""


class Counted:
    """The raw bytes of an input, with their digest as they pass.

    Where reading fails they end, and `failure` says why; CaptureError when it fails at once.
    """

    def __init__(self, stream: BinaryIO, digest: bool) -> None:
        self._stream = stream
        self._hash = hashlib.sha256() if digest else None
        self._kept = b""
        self.begun = False
        self.failure: str | None = None

    def peek(self, count: int) -> bytes:
        """The first bytes, which stay to be read."""
        while len(self._kept) < count:
            more = self._raw(count - len(self._kept))
            if not more:
                break
            self._kept += more
        return self._kept[:count]

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end."""
        if self._kept:
            taken, self._kept = self._kept[:count], self._kept[count:]
            return taken
        return self._raw(count)

    def readinto(self, buffer: memoryview) -> int:
        """Bytes written into `buffer`; 0 at the end."""
        if self._kept or not hasattr(self._stream, "readinto"):
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        try:
            count = int(self._stream.readinto(buffer) or 0)
        except OSError as error:
            self._fail(error)
            return 0
        self.begun = True
        if self._hash is not None:
            self._hash.update(buffer[:count])
        return count

    def sha256(self) -> str | None:
        """The digest of the whole input; None when it was not asked for, or not all could be read."""
        if self._hash is None:
            return None
        while self._raw(_PIECE):
            pass
        return self._hash.hexdigest() if self.failure is None else None

    def _raw(self, count: int) -> bytes:
        if self.failure is not None:
            return b""
        try:
            data = self._stream.read(count) or b""
        except OSError as error:
            self._fail(error)
            return b""
        self.begun = True
        if self._hash is not None:
            self._hash.update(data)
        return data

    def _fail(self, error: OSError) -> None:
        self.failure = error.strerror or type(error).__name__
        if not self.begun:
            raise CaptureError(self.failure, "unreadable") from None


class Plain:
    """Bytes that are not packed."""

    compression: str | None = None

    def __init__(self, raw: Counted) -> None:
        self._raw = raw
        self.problems: list[Problem] = []

    def read(self, count: int) -> bytes:
        return self._raw.read(count)

    def readinto(self, buffer: memoryview) -> int:
        """Bytes written into `buffer`; 0 at the end."""
        return self._raw.readinto(buffer)


class Gzip:
    """Members of gzip one after the other (RFC 1952); the check is ours, so that nothing unpacked before is lost."""

    compression: str | None = "gzip"

    def __init__(self, raw: Counted) -> None:
        self._raw = raw
        self.problems: list[Problem] = []
        self._input = b""
        self._ended = False
        self._inflate: zlib._Decompress | None = None
        self._check = 0
        self._members = 0

    def read(self, count: int) -> bytes:
        while not self._ended:
            if self._inflate is None and not self._next_member():
                return b""
            assert self._inflate is not None
            if not self._input and not self._inflate.eof:
                self._input = self._raw.read(_PIECE)
                if not self._input:
                    return self._stop("compressed-cut", "compressed data ends early")
            try:
                out = self._inflate.decompress(self._input, count)
            except zlib.error:
                return self._stop("compressed-damaged", "compressed data is damaged")
            self._check = zlib.crc32(out, self._check)
            self._input = self._inflate.unconsumed_tail or self._inflate.unused_data
            if self._inflate.eof:
                self._end_of_member()
            if out:
                return out
        return b""

    def _need(self, count: int) -> bool:
        while len(self._input) < count:
            more = self._raw.read(_PIECE)
            if not more:
                return False
            self._input += more
        return True

    def _next_member(self) -> bool:
        if not self._need(1):
            self._ended = True
            return False
        self._need(2)
        if self._members and self._input[:2] != _GZIP:
            return self._trailing()
        size = self._header()
        if size is None:
            if not self._members:
                raise CaptureError("empty or damaged gzip", "compressed-damaged")
            self._stop("compressed-cut", "compressed data ends early")
            return False
        self._input = self._input[size:]
        self._members += 1
        self._inflate, self._check = zlib.decompressobj(-15), 0
        return True

    def _header(self) -> int | None:
        """Length of a member's header; None when it is cut short or no header."""
        if not self._need(10) or self._input[2] != 8:
            return None
        flags, at = self._input[3], 10
        if flags & 4:
            if not self._need(at + 2):
                return None
            at += 2 + int.from_bytes(self._input[at : at + 2], "little")
        for bit in (8, 16):
            end = self._string_end(at) if flags & bit else at
            if end is None:
                return None
            at = end
        at += 2 if flags & 2 else 0
        return at if self._need(at) else None

    def _string_end(self, at: int) -> int | None:
        found = self._input.find(b"\0", at)
        while found < 0:
            if len(self._input) > at + _PIECE or not self._need(len(self._input) + 1):
                return None
            found = self._input.find(b"\0", at)
        return found + 1

    def _end_of_member(self) -> None:
        self._inflate = None
        if not self._need(8):
            self._stop("compressed-cut", "compressed data ends early")
            return
        if int.from_bytes(self._input[:4], "little") != self._check:
            self._stop("compressed-damaged", "compressed data is damaged (CRC)")
            return
        self._input = self._input[8:]

    def _trailing(self) -> bool:
        count, zeros = len(self._input), not self._input.strip(b"\0")
        while more := self._raw.read(_PIECE):
            count += len(more)
            zeros = zeros and not more.strip(b"\0")
        if not zeros:
            self.problems.append(Problem("compressed-trailing", None, None, f"ignored {count} trailing bytes"))
        self._ended = True
        return False

    def _stop(self, code: str, detail: str) -> bytes:
        self.problems.append(Problem(code, None, None, detail))
        self._ended = True
        return b""


class _Library:
    """A format that a library unpacks as a stream; its errors end the data."""

    def __init__(self, compression: str, stream: BinaryIO, errors: tuple[type[Exception], ...]) -> None:
        self.compression: str | None = compression
        self.problems: list[Problem] = []
        self._stream = stream
        self._errors = errors
        self._begun = False
        self._ended = False

    def read(self, count: int) -> bytes:
        if self._ended:
            return b""
        try:
            data = self._stream.read(min(count, _PIECE))
        except EOFError:
            return self._stop("compressed-cut", "compressed data ends early")
        except self._errors:
            if not self._begun:
                raise CaptureError(f"{self.compression} data is damaged", "compressed-damaged") from None
            return self._stop("compressed-damaged", f"{self.compression} data is damaged")
        self._begun = True
        return data

    def _stop(self, code: str, detail: str) -> bytes:
        self.problems.append(Problem(code, None, None, detail))
        self._ended = True
        return b""


def unpacked(raw: Counted) -> Source:
    """The bytes inside. Raises CaptureError for what is no capture, or packed in a way that is not supported."""
    head = raw.peek(6)
    if head.startswith(_GZIP):
        return Gzip(raw)
    if head.startswith(_XZ):
        return _Library("xz", lzma.LZMAFile(raw), (lzma.LZMAError,))  # type: ignore[arg-type]
    if head.startswith(_ZSTD):
        return _zstd(raw)
    if head.startswith(_LZ4):
        return _lz4(raw)
    return Plain(raw)


def _zstd(raw: Counted) -> Source:
    try:
        import zstandard  # noqa: PLC0415 # an extra
    except ImportError:
        raise CaptureError(_missing("zstd"), "compression-unsupported") from None
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    stream = unpacker.stream_reader(raw, read_across_frames=True)  # type: ignore[arg-type]
    return _Library("zstd", stream, (zstandard.ZstdError,))


def _lz4(raw: Counted) -> Source:
    try:
        import lz4.frame  # noqa: PLC0415 # an extra
    except ImportError:
        raise CaptureError(_missing("lz4"), "compression-unsupported") from None
    return _Library("lz4", lz4.frame.LZ4FrameFile(raw), (RuntimeError,))


def _missing(name: str) -> str:
    return f"{name} support is not installed (pip install tcpautopsy[compression])"
