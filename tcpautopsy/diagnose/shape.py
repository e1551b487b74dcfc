"""From the tree of a rule file to a Rule: the shorthand of steps is spelled out, then msgspec enforces the types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec

from tcpautopsy.diagnose.model import Rule, Side
from tcpautopsy.errors import Place, Wrong
from tcpautopsy.tables import EVENT_NUMBER
from tcpautopsy.text import clean, nearest

#: A finding carries what held as the bits of one integer.
MAX_LINES = 60
MAX_STEPS = 16
#: Names that `between:` may use beside those of the steps.
FLOW_ENDS = ("begin", "finish")
_COUNT = re.compile(r"([0-9]{1,6})(?:(\.\.)([0-9]{1,6})?)?\Z")
_STEP_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_STEP_KEYS = ("event", "from", "count", "optional")
_NEVER_KEYS = ("event", "from", "between")
_PLACE = re.compile(r" - at `(?P<path>.*)`\Z")
_PLACE_PART = re.compile(r"\.(?P<key>[A-Za-z_]+)|\[(?P<index>[0-9]+)\]")


def rule(tree: Any) -> Rule:
    """The Rule that the tree of a rule file says.

    Raises Wrong, with the path of what is not as it should be.
    """
    if not isinstance(tree, dict):
        raise Wrong("a rule file is a map of fields")
    spelled = dict(tree)
    if "sequence" in spelled:
        spelled["sequence"] = list(_steps(_list(spelled["sequence"], ("sequence",))))
    if "never" in spelled:
        spelled["never"] = [
            _never(entry, ("never", place)) for place, entry in enumerate(_list(spelled["never"], ("never",)))
        ]
    try:
        found = msgspec.convert(spelled, Rule)
    except msgspec.ValidationError as error:
        raise _translated(str(error), tree) from None
    _coherent(found)
    return found


# ---------------------------------------------------------------------------------------- the shorthand of steps


def _list(value: Any, path: Place) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong("a list expected", path)
    return value


def _map(value: Any, keys: tuple[str, ...], path: Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"a map of {', '.join(keys)} expected", path)
    for key in value:
        if key not in keys:
            raise Wrong(f"no field named {clean(key)!r}{nearest(key, keys)}", (*path, key))
    return value


def _steps(entries: list[Any]) -> Iterator[dict[str, Any]]:
    if len(entries) > MAX_STEPS:
        raise Wrong(f"more than {MAX_STEPS} steps", ("sequence", MAX_STEPS))
    seen: set[str] = set()
    for place, entry in enumerate(entries):
        path: Place = ("sequence", place)
        if not isinstance(entry, dict) or len(entry) != 1:
            raise Wrong("a step is written `- name: {event: ..., from: ..., count: ..., optional: true}`", path)
        name, fields = next(iter(entry.items()))
        if name in seen or name in FLOW_ENDS or not _STEP_NAME.match(name):
            raise Wrong(f"{clean(name)!r} cannot name this step: a-z, 0-9 and _, once, not begin or finish", path)
        seen.add(name)
        yield {"name": name, **_step(_map(fields, _STEP_KEYS, (*path, name)), (*path, name))}


def _step(fields: Mapping[str, Any], path: Place) -> dict[str, Any]:
    return {
        "events": _events(fields, path),
        **_side(fields, path),
        **(_count(fields["count"], (*path, "count")) if "count" in fields else {}),
        **({"optional": _truth(fields["optional"], (*path, "optional"))} if "optional" in fields else {}),
    }


def _never(entry: Any, path: Place) -> dict[str, Any]:
    fields = _map(entry, _NEVER_KEYS, path)
    between = fields.get("between", list(FLOW_ENDS))
    if not isinstance(between, list) or len(between) != 2 or not all(isinstance(b, str) for b in between):
        raise Wrong("`between: [step, step]` expected; `begin` and `finish` are the flow's ends", (*path, "between"))
    return {"events": _events(fields, path), **_side(fields, path), "start": between[0], "end": between[1]}


def _events(fields: Mapping[str, Any], path: Place) -> list[str]:
    if "event" not in fields:
        raise Wrong("`event` is missing", path)
    value = fields["event"]
    found = value if isinstance(value, list) else [value]
    for event in found:
        if not isinstance(event, str) or event not in EVENT_NUMBER:
            raise Wrong(f"no event named {clean(str(event))!r}{nearest(str(event), EVENT_NUMBER)}", (*path, "event"))
    if not found:
        raise Wrong("at least one event expected", (*path, "event"))
    return found


def _side(fields: Mapping[str, Any], path: Place) -> dict[str, Any]:
    side = fields.get("from")
    if side is not None and side not in get_args(Side):
        raise Wrong(f"{', '.join(get_args(Side))} expected{nearest(str(side), get_args(Side))}", (*path, "from"))
    return {"side": side}


def _truth(value: Any, path: Place) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false expected", path)
    return value


def _count(value: Any, path: Place) -> dict[str, Any]:
    match = _COUNT.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if match is None:
        raise Wrong("a count is `2`, `2..` or `2..5`", path)
    least, dots, most = match.groups()
    at_most = int(most) if most else None if dots else int(least)
    if int(least) < 1 or (at_most is not None and at_most < int(least)):
        raise Wrong("a count begins at 1 and does not run backwards", path)
    return {"run": True, "at_least": int(least), "at_most": at_most}


# --------------------------------------------------------------------------------------------- what msgspec found


def _translated(message: str, tree: Any) -> Wrong:
    """The validator's message in our words, with the path of its place and the nearest valid name."""
    place = _PLACE.search(message)
    path = _path(place["path"]) if place else ()
    text = message[: place.start()] if place else message
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        valid = _fields_at(path)
        return Wrong(f"no field named {clean(unknown[1])!r}{nearest(unknown[1], valid)}", (*path, unknown[1]))
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if missing:
        return Wrong(f"the field {missing[1]!r} is missing", path)
    invalid = re.fullmatch(r"Invalid enum value '(.*)'", text, re.DOTALL)
    if invalid:
        words = _words_at(path)
        return Wrong(f"{clean(invalid[1])!r} is none of {', '.join(words)}{nearest(invalid[1], words)}", path)
    return Wrong(clean(text.replace("`", "'")), path)


def _path(text: str) -> Place:
    """`$.confidence.raise[0].if` as a path; what stands for any key of a map ends it."""
    found: list[str | int] = []
    at = 1
    while match := _PLACE_PART.match(text, at):
        found.append(match["key"] or int(match["index"]))
        at = match.end()
    return tuple(found)


def _type_at(path: Place) -> msgspec.inspect.Type:
    """The type of the rule file at a path: unions give the part that is an object."""
    here: msgspec.inspect.Type = msgspec.inspect.type_info(Rule)
    for part in path:
        if isinstance(here, msgspec.inspect.StructType):
            here = next((f.type for f in here.fields if f.encode_name == part), here)
        elif isinstance(here, msgspec.inspect.VarTupleType):
            here = here.item_type
        if isinstance(here, msgspec.inspect.UnionType):
            objects = [t for t in here.types if isinstance(t, msgspec.inspect.StructType | msgspec.inspect.LiteralType)]
            here = objects[0] if objects else here
    return here


def _fields_at(path: Place) -> list[str]:
    found = _type_at(path)
    return [f.encode_name for f in found.fields] if isinstance(found, msgspec.inspect.StructType) else []


def _words_at(path: Place) -> list[str]:
    found = _type_at(path)
    return [str(v) for v in found.values] if isinstance(found, msgspec.inspect.LiteralType) else []


# ------------------------------------------------------------------------------------------------------ coherence


def _coherent(found: Rule) -> None:
    """What no type can say: the limits, and that steps named elsewhere exist."""
    if len(found.when) + len(found.where) + len(found.never) > MAX_LINES:
        raise Wrong(f"more than {MAX_LINES} conditions", ("when",))
    if not found.when and not found.sequence:
        raise Wrong("a rule needs `when` or `sequence`")
    if found.sequence and all(step.optional for step in found.sequence):
        raise Wrong("at least one step must not be optional", ("sequence",))
    steps = [step.name for step in found.sequence]
    for path, name in _steps_named(found):
        valid = [*steps, *FLOW_ENDS] if path[0] == "never" else steps
        if name not in valid:
            raise Wrong(f"no step named {clean(name)!r}{nearest(name, valid)}", path)


def _steps_named(found: Rule) -> Iterator[tuple[Place, str]]:
    for place, never in enumerate(found.never):
        yield ("never", place, "between", 0), never.start
        yield ("never", place, "between", 1), never.end
    if found.fault_side is not None:
        yield ("fault_side", "step"), found.fault_side.step
    for name in found.story:
        yield ("story", name), name
    for side in ("client", "server"):
        for place, call in enumerate(getattr(found.applications, side)):
            if call.at not in (None, "gives_up"):
                yield ("applications", side, place, "at"), call.at
