"""Words from outside (packets, files, rules) made safe to show: nothing here reaches a terminal or a page raw."""

from __future__ import annotations

from collections.abc import Iterable

#: Characters that move a cursor, hide or reorder text: C0, DEL, C1, bidi controls and marks, line separators,
#: lone surrogates.
_HIDDEN = frozenset(
    code
    for first, last in (
        (0x00, 0x1F),
        (0x7F, 0x9F),
        (0x200B, 0x200F),
        (0x2028, 0x202E),
        (0x2066, 0x2069),
        (0xFEFF, 0xFEFF),
        (0xD800, 0xDFFF),
    )
    for code in range(first, last + 1)
)
_LIMIT = 256


def clean(words: str, limit: int = _LIMIT) -> str:
    r"""`words` with hidden characters written as `\xNN` or `\uNNNN`, at most `limit` characters.

    >>> clean("evil\x1b[2J")
    'evil\\x1b[2J'
    """
    if len(words) <= limit and words.isascii() and words.isprintable():
        return words
    shown = "".join(_visible(c) for c in words[:limit])
    return shown if len(words) <= limit and len(shown) <= limit else shown[: limit - 1] + "…"


def _visible(character: str) -> str:
    code = ord(character)
    if code not in _HIDDEN:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the valid name closest to `name`, or the empty string."""
    import difflib

    close = difflib.get_close_matches(name, sorted(valid), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "frame"), counted(1200, "frame")
    ('1 frame', '1,200 frames')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
