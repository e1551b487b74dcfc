"""What this room reads of a rule: its texts. The rules themselves live where they are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Conditional(Protocol):
    """A call that is told only where `condition` holds."""

    @property
    def at(self) -> str | None: ...
    @property
    def call(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def errno(self) -> str | None: ...
    @property
    def certain(self) -> bool: ...
    @property
    def why(self) -> str: ...
    @property
    def condition(self) -> str | None: ...


class Programs(Protocol):
    """The calls of the two programs."""

    @property
    def client(self) -> Sequence[Conditional]: ...
    @property
    def server(self) -> Sequence[Conditional]: ...


class Command(Protocol):
    """How to confirm a cause."""

    @property
    def on(self) -> str: ...
    @property
    def command(self) -> str: ...
    @property
    def expect(self) -> str: ...


class Advice(Protocol):
    """What one side can do."""

    @property
    def side(self) -> str: ...
    @property
    def text(self) -> str: ...


class Reference(Protocol):
    """Where a claim comes from."""

    @property
    def text(self) -> str: ...
    @property
    def url(self) -> str | None: ...


class Named(Protocol):
    """A step of a sequence."""

    @property
    def name(self) -> str: ...


class RuleTexts(Protocol):
    """One rule, as far as it is told."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def headline(self) -> str: ...
    @property
    def sequence(self) -> Sequence[Named]: ...
    @property
    def story(self) -> Mapping[str, str]: ...
    @property
    def applications(self) -> Programs: ...
    @property
    def confirm(self) -> Sequence[Command]: ...
    @property
    def remedies(self) -> Sequence[Advice]: ...
    @property
    def would_decide(self) -> str: ...
    @property
    def sources(self) -> Sequence[Reference]: ...


class Knowledge(NamedTuple):
    """What the teller needs beside the tables of one capture.

    `rules` by id; `features`: name -> (sentence, unit); `holds(condition, rows)` judges a condition on these rows of
    Features.
    """

    rules: Mapping[str, RuleTexts]
    features: Mapping[str, tuple[str, str]]
    holds: Callable[[str, Sequence[int]], Sequence[bool | None]]
