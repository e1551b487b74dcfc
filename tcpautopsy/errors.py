"""The two kinds of error that are the user's to mend; anything else is a defect of ours and is let crash."""

from __future__ import annotations


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
