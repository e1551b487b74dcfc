"""A rule file's YAML, read strictly: a tree of maps, lists and scalars, and the line of any place in it.

A rule file may come from anybody. Aliases (which unfold to more than memory holds), tags, repeated keys (the last
would win silently) and deep nesting are refused before anything is built. A plain scalar is a boolean or a whole
number only where YAML 1.2 says so; `NO`, `012`, `22:22:22` stay the words they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tcpautopsy.errors import Place, Wrong
from tcpautopsy.resources import MAX_RULE_BYTES
from tcpautopsy.text import clean

MAX_DEPTH = 16
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader; only its events are used, so none of its constructors ever runs."""


def tree(text: str) -> Any:
    """The one document in `text` as maps, lists, words, whole numbers, booleans and None.

    Raises Wrong, with the line.
    """
    return _read(text, None)


def line_of(text: str, path: Place) -> int:
    """The line, from 1, of the deepest part of `path` that exists in a document that `tree` reads."""
    lines: dict[Place, int] = {}
    _read(text, lines)
    return next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)


def _read(text: str, lines: dict[Place, int] | None) -> Any:
    """The document; `lines` gets the line of every place in it."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_RULE_BYTES:
        raise Wrong(f"larger than {MAX_RULE_BYTES // 1024} KiB", line=1)
    reading = _Reading(lines)
    does = {
        yaml.ScalarEvent: reading.scalar,
        yaml.MappingStartEvent: reading.begin,
        yaml.SequenceStartEvent: reading.begin,
        yaml.MappingEndEvent: reading.end,
        yaml.SequenceEndEvent: reading.end,
    }
    for event in _events(text):
        do = does.get(type(event))
        if do is not None:
            do(event)
    return reading.root


class _Open:
    """A map or a list that has begun: `key` of a map waits for its value, `step` leads to it from what it is in."""

    __slots__ = ("key", "step", "value")

    def __init__(self, value: dict[str, Any] | list[Any], step: str | int) -> None:
        self.value, self.step = value, step
        self.key: str | None = None


class _Reading:
    """A document as it comes, event by event. A start of the program reads a hundred: paths are made when needed."""

    def __init__(self, lines: dict[Place, int] | None) -> None:
        self.root: Any = None
        self._lines = lines
        self._stack: list[_Open] = []

    def scalar(self, event: Any) -> None:
        """A key, or a value."""
        top = self._stack[-1] if self._stack else None
        if top is None or top.key is not None or isinstance(top.value, list):
            self._put(_word(event), event)
            return
        _refuse_tag(event)
        if event.value in top.value:
            raise Wrong(f"{clean(event.value)!r} stands twice", self._path(), _line(event))
        top.key = event.value

    def begin(self, event: Any) -> None:
        """A map or a list."""
        if len(self._stack) >= MAX_DEPTH:
            raise Wrong(f"nested more than {MAX_DEPTH} deep", line=_line(event))
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(value, self._put(value, event)))

    def end(self, _event: Any) -> None:
        """The innermost of them."""
        self._stack.pop()

    def _put(self, value: Any, event: Any) -> str | int:
        """Into what is open; returns the step that leads to it there."""
        _refuse_tag(event)
        step: str | int = ""
        if not self._stack:
            self.root = value
        else:
            top = self._stack[-1]
            if isinstance(top.value, list):
                step = len(top.value)
                top.value.append(value)
            elif top.key is None:
                raise Wrong("a key must be a word", self._path(), _line(event))
            else:
                step, top.key = top.key, None
                top.value[step] = value
        if self._lines is not None:
            self._lines[(*self._path(), step) if self._stack else ()] = _line(event)
        return step

    def _path(self) -> Place:
        """Of the innermost open map or list."""
        return tuple(each.step for each in self._stack[1:])


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


def _refuse_tag(event: Any) -> None:
    if event.tag is not None:
        raise Wrong(f"tags are not allowed: {clean(event.tag)}", line=_line(event))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _word(event: Any) -> Any:
    if not event.implicit[0]:  # quoted, or a block of text
        return event.value
    if event.value in _WORDS:
        return _WORDS[event.value]
    return int(event.value) if _WHOLE.match(event.value) else event.value
