"""A finding's story: the rule's sentences at the moments they speak of, and what else happened, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tcpautopsy.explain.narrator import runs, sentence
from tcpautopsy.explain.ruletexts import RuleTexts
from tcpautopsy.explain.sayings import Names, say
from tcpautopsy.explain.told import Event, Told
from tcpautopsy.explain.words import utc
from tcpautopsy.result import Step
from tcpautopsy.text import counted

#: Sentences of a story beyond the rule's own: this many from the start and from the end, the middle is counted.
_HEAD, _TAIL = 10, 14
_FRAMES = 16


class _Sentence(NamedTuple):
    time_ns: int
    frame: int
    text: str
    frames: list[int]


def story(told: Told, rule: RuleTexts, steps: Sequence[Sequence[Event]], names: Names) -> list[Step]:
    """The sentences in order of time; `steps` are the events that each step of the rule took."""
    own = [
        _Sentence(run[0].time_ns, run[0].frame, say(rule.story[step.name], names), _frames(run))
        for step, run in zip(rule.sequence, steps, strict=True)
        if run and step.name in rule.story
    ]
    spoken_for = {
        event for step, run in zip(rule.sequence, steps, strict=True) if step.name in rule.story for event in run
    }
    sentences = sorted(own + _folded(runs(told.events, spoken_for)), key=lambda s: (s.time_ns, s.frame))
    return [Step(time=utc(s.time_ns), text=s.text, frames=s.frames) for s in sentences]


def _folded(found: list[Sequence[Event]]) -> list[_Sentence]:
    """A sentence for each run; of a long story the middle is counted."""
    if len(found) <= _HEAD + _TAIL + 1:
        return [_said(run) for run in found]
    hidden = found[_HEAD:-_TAIL]
    line = f"({counted(len(hidden), 'further step')} up to frame {hidden[-1][0].frame} left out here.)"
    between = _Sentence(hidden[0][0].time_ns, hidden[0][0].frame, line, [])
    return [*map(_said, found[:_HEAD]), between, *map(_said, found[-_TAIL:])]


def _said(run: Sequence[Event]) -> _Sentence:
    return _Sentence(run[0].time_ns, run[0].frame, sentence(run), _frames(run))


def _frames(run: Sequence[Event]) -> list[int]:
    """The frames to look at; the ends of a run only, and nothing for what no frame shows."""
    seen = [frame for event in run if event.kind not in ("silence", "capture_end") for frame in _ends(event)]
    unique = list(dict.fromkeys(seen))
    return unique if len(unique) <= _FRAMES else [*unique[: _FRAMES - 1], unique[-1]]


def _ends(event: Event) -> tuple[int, ...]:
    return (event.frame,) if event.frame == event.last_frame else (event.frame, event.last_frame)
