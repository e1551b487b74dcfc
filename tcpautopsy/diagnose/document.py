"""A rule file's YAML, read strictly: a tree of maps, lists and scalars, and the line of any place in it.

A rule file may come from anybody. Aliases (which unfold to more than memory holds), tags, repeated keys (the last
would win silently) and deep nesting are refused before anything is built. A plain scalar is a boolean or a whole
number only where YAML 1.2 says so; `NO`, `012`, `22:22:22` stay the words they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import yaml

from tcpautopsy.text import clean

#: From the top of a file to a place in it: keys of maps and positions in lists.
Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader; only its events are used, so none of its constructors ever runs."""


class Wrong(Exception):  # noqa: N818  # it becomes a RuleError once the file's name is known
    """Something at `path` in the file is not as it should be; `line` where the reader knows it."""

    def __init__(self, message: str, path: Path = (), line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line


class _Open(NamedTuple):
    """A map or a list that has begun; `key` holds a map's key that waits for its value."""

    value: dict[str, Any] | list[Any]
    path: Path
    line: int
    key: list[str]


def tree(text: str) -> Any:
    """The one document in `text` as maps, lists, words, whole numbers, booleans and None.

    Raises Wrong, with the line.
    """
    return next((value for path, _, value in _places(text) if path == ()), None)


def line_of(text: str, path: Path) -> int:
    """The line, from 1, of the deepest part of `path` that exists in a document that `tree` reads."""
    lines = {place: line for place, line, _ in _places(text)}
    return next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)


def _places(text: str) -> Iterator[tuple[Path, int, Any]]:
    """Every place of the document with its line and value, a map or a list after what it holds."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Wrong(f"larger than {MAX_BYTES // 1024} KiB", line=1)
    stack: list[_Open] = []
    for event in _events(text):
        line = _line(event)
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            _refuse_tag(event, line)
            stack.append(_opened(event, stack, line))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = stack.pop()
            _put(stack, done.value)
            yield done.path, done.line, done.value
        elif isinstance(event, yaml.ScalarEvent):
            yield from _scalar(event, stack, line)


def _opened(event: Any, stack: list[_Open], line: int) -> _Open:
    if len(stack) >= MAX_DEPTH:
        raise Wrong(f"nested more than {MAX_DEPTH} deep", line=line)
    path = _here(stack, line)
    return _Open({} if isinstance(event, yaml.MappingStartEvent) else [], path, line, [])


def _events(text: str) -> Iterator[Any]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=StrictLoader):
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise Wrong("a rule file holds one document", line=_line(event))
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise Wrong("anchors and aliases are not allowed", line=_line(event))
            yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Wrong(f"not YAML: {clean(str(error.problem))}", line=mark.line + 1 if mark else 1) from None
    except yaml.YAMLError as error:
        raise Wrong(f"not YAML: {clean(str(error))}", line=1) from None
    except RecursionError:
        raise Wrong(f"nested more than {MAX_DEPTH} deep", line=1) from None


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _refuse_tag(event: Any, line: int) -> None:
    if event.tag is not None:
        raise Wrong(f"tags are not allowed: {clean(event.tag)}", line=line)


def _scalar(event: Any, stack: list[_Open], line: int) -> Iterator[tuple[Path, int, Any]]:
    _refuse_tag(event, line)
    top = stack[-1] if stack else None
    if top is not None and isinstance(top.value, dict) and not top.key:
        if event.value in top.value:
            raise Wrong(f"{clean(event.value)!r} stands twice", top.path, line)
        top.key.append(event.value)
        return
    path = _here(stack, line)
    value = _word(event)
    _put(stack, value)
    yield path, line, value


def _word(event: Any) -> Any:
    if not event.implicit[0]:  # quoted, or a block of text
        return event.value
    if event.value in _WORDS:
        return _WORDS[event.value]
    return int(event.value) if _WHOLE.match(event.value) else event.value


def _here(stack: list[_Open], line: int) -> Path:
    """The path of the value that begins now."""
    if not stack:
        return ()
    top = stack[-1]
    if isinstance(top.value, list):
        return (*top.path, len(top.value))
    if not top.key:
        raise Wrong("a key must be a word", top.path, line)
    return (*top.path, top.key[0])


def _put(stack: list[_Open], value: Any) -> None:
    if not stack:
        return
    top = stack[-1]
    if isinstance(top.value, list):
        top.value.append(value)
    else:
        top.value[top.key.pop()] = value
