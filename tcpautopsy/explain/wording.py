"""The sentences of a rule, checked before any capture is read: they can be filled in, and ask for nothing unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jinja2 import TemplateError, nodes

from tcpautopsy.errors import Place
from tcpautopsy.explain.ruletexts import RuleTexts
from tcpautopsy.explain.sayings import ENVIRONMENT, OF_FLOW, TOOLS
from tcpautopsy.text import clean, nearest

#: What a template here may hold beside names, constants, comparisons and calls of our tools.
_REFUSED = (nodes.Getattr, nodes.Getitem, nodes.For, nodes.Macro, nodes.Import, nodes.FromImport, nodes.Include)


def faults(rule: RuleTexts, features: Collection[str]) -> Iterator[tuple[Place, str]]:
    """(place, what is wrong) of each sentence of a rule that could not be said."""
    known = {*features, *OF_FLOW, *TOOLS}
    for place, text in _filled_in(rule):
        wrong = _fault(text, known)
        if wrong is not None:
            yield place, wrong
    for place, text in _as_they_stand(rule):
        if "{{" in text or "{%" in text:
            yield place, "nothing is filled in here: the sentence must stand as it is"


def _filled_in(rule: RuleTexts) -> Iterator[tuple[Place, str]]:
    yield ("headline",), rule.headline
    for step, text in rule.story.items():
        yield ("story", step), text
    for number, check in enumerate(rule.confirm):
        yield ("confirm", number, "command"), check.command
        yield ("confirm", number, "expect"), check.expect
    for number, advice in enumerate(rule.remedies):
        yield ("remedies", number, "text"), advice.text


def _as_they_stand(rule: RuleTexts) -> Iterator[tuple[Place, str]]:
    for name in ("title", "what", "why", "would_decide"):
        yield (name,), getattr(rule, name)
    for side in ("client", "server"):
        for number, call in enumerate(getattr(rule.applications, side)):
            yield ("applications", side, number, "result"), call.result
            yield ("applications", side, number, "why"), call.why


def _fault(text: str, known: Collection[str]) -> str | None:
    if "{" not in text:
        return None
    try:
        tree = ENVIRONMENT.parse(text)
        ENVIRONMENT.compile(text)  # finds filters and tests that do not exist
    except TemplateError as error:
        return f"not a template: {clean(str(error.message))}"
    refused = next((node for node in tree.find_all(_REFUSED) if not _looked_up(node)), None)
    if refused is not None:
        return f"a sentence names values and compares them; no {type(refused).__name__.lower()}"
    for node in tree.find_all(nodes.Name):
        if node.name not in known:
            return f"no feature or name {clean(node.name)}{nearest(node.name, sorted(known))}"
    return None


def _looked_up(node: nodes.Node) -> bool:
    """`{1: 'one', 2: 'two'}.get(...)` and `'{:,}'.format(...)`: what a rule wrote down itself may be asked for."""
    if not isinstance(node, nodes.Getattr):
        return False
    return isinstance(node.node, nodes.Dict | nodes.Const) and node.attr in ("get", "format")
