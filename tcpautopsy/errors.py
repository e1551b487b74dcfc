"""The two kinds of error that are the user's to mend; anything else is a defect of ours and is let crash."""

from __future__ import annotations

from typing import TypeAlias

#: From the top of a rule file to a place in it: keys of maps and positions in lists.
Place: TypeAlias = tuple[str | int, ...]


class TcpautopsyError(Exception):
    """Something outside is wrong: the message says what, where and what was expected."""


class CaptureError(TcpautopsyError):
    """A capture that cannot be read at all; `code` is the one shown in `problems`."""

    def __init__(self, message: str, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code


class RuleError(TcpautopsyError):
    """A rule file that is wrong: `file:line: what (did you mean ...?)`."""


class UsageError(TcpautopsyError):
    """An option, a name or a path that the command line cannot use."""


class Wrong(Exception):  # noqa: N818  # it becomes a RuleError once the file's name is known
    """Something at `path` in a rule file is not as it should be; `line` where the reader knows it."""

    def __init__(self, message: str, path: Place = (), line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
