"""The rules in force: read from folders, checked against the features and events that exist, compiled.

Three layers, each over the one before: the built-in rules, packs that are installed (entry point group
`tcpautopsy.rules`), and the user's folders. A rule of a later layer replaces the one of the same id, with a note;
two of one layer are an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import msgspec

from tcpautopsy import resources
from tcpautopsy.diagnose import prepared, shape
from tcpautopsy.diagnose.compiled import Compiled, compiled
from tcpautopsy.diagnose.model import Rule
from tcpautopsy.errors import RuleError, Wrong
from tcpautopsy.text import clean

MAX_RULES = 200
PACKS = "tcpautopsy.rules"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order of their ids; `files` says where each came from, `notes` what replaced what."""

    compiled: tuple[Compiled, ...]
    files: Mapping[str, Path]
    notes: tuple[str, ...]
    version: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules alone."""
        return tuple(c.rule for c in self.compiled)

    def rule(self, name: str) -> Rule | None:
        """The rule of that id."""
        return next((c.rule for c in self.compiled if c.rule.id == name), None)


def load(
    folders: Sequence[Path | str] = (),
    feature_names: Mapping[str, str] | Collection[str] | None = None,
) -> RuleSet:
    """The built-in rules, installed packs, and those of `folders` over them.

    `feature_names` are the features that conditions may name, with their dtypes if it is a map; without it every
    name passes. Raises RuleError (`file:line: what`).
    """
    return layered(([resources.folder("rules")], packs(), [Path(f) for f in folders]), feature_names)


def layered(
    layers: Iterable[Sequence[Path]], feature_names: Mapping[str, str] | Collection[str] | None = None
) -> RuleSet:
    """The rules of these folders and no others, layer over layer; see `load`."""
    kinds = feature_kinds(feature_names)
    found: dict[str, tuple[Path, Compiled]] = {}
    notes: list[str] = []
    for layer in layers:
        mine = _layer(layer, kinds)
        notes += [
            f"rule {name} of {path} replaces {found[name][0]}" for name, (path, _) in mine.items() if name in found
        ]
        found |= mine
    if len(found) > MAX_RULES:
        raise RuleError(f"{len(found)} rules; at most {MAX_RULES} are allowed")
    order = sorted(found)
    return RuleSet(
        compiled=tuple(found[name][1] for name in order),
        files={name: found[name][0] for name in order},
        notes=tuple(notes),
        version=_version(found[name][1].rule for name in order),
    )


def read_file(path: Path, kinds: Mapping[str, str | None] | None = None) -> Compiled:
    """The rule that one file holds.

    Raises RuleError.
    """
    return _compiled(path, _text(path), kinds)


def rule_files(folder: Path) -> Iterator[Path]:
    """The rule files under a folder, in the order of their names; a file stands for itself.

    Raises RuleError when there is none.
    """
    if folder.is_file():
        yield folder
        return
    if not folder.is_dir():
        raise RuleError(f"{clean(str(folder))}: no such folder")
    found = sorted(p for p in folder.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
    if not found:
        raise RuleError(f"{clean(str(folder))}: no rule file (*.yaml) in it")
    if len(found) > MAX_RULES:
        raise RuleError(f"{clean(str(folder))}: {len(found)} rule files; at most {MAX_RULES} are allowed")
    yield from found


def packs() -> list[Path]:
    """The folders of installed rule packs: an entry point names a path, or a package whose folder holds the rules."""
    found = []
    for point in sorted(entry_points(group=PACKS), key=lambda p: p.name):
        pack = point.load()
        found.append(Path(next(iter(pack.__path__))) if isinstance(pack, ModuleType) else Path(pack))
    return found


def feature_kinds(names: Mapping[str, str] | Collection[str] | None) -> dict[str, str | None] | None:
    """name -> number, text, truth, or None where the dtype is not given; None when any name passes."""
    if names is None:
        return None
    if not isinstance(names, Mapping):
        return dict.fromkeys(names)
    return {
        name: {"str": "text", "category": "text", "boolean": "truth", "bool": "truth"}.get(dtype, "number")
        for name, dtype in names.items()
    }


def _layer(folders: Sequence[Path], kinds: Mapping[str, str | None] | None) -> dict[str, tuple[Path, Compiled]]:
    mine: dict[str, tuple[Path, Compiled]] = {}
    for folder in folders:
        for path in rule_files(folder):
            one = read_file(path, kinds)
            name = one.rule.id
            if name in mine:
                raise RuleError(
                    f"{clean(str(path))}:1: the rule {clean(name)!r} is also in {clean(str(mine[name][0]))}"
                )
            mine[name] = (path, one)
    return mine


def _text(path: Path) -> str:
    shown = clean(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(resources.MAX_RULE_BYTES + 1)
    except OSError as error:
        raise RuleError(f"{shown}: {error.strerror}") from None
    if len(content) > resources.MAX_RULE_BYTES:
        raise RuleError(f"{shown}:1: larger than {resources.MAX_RULE_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RuleError(f"{shown}:{line}: not UTF-8") from None


def _compiled(path: Path, text: str, kinds: Mapping[str, str | None] | None) -> Compiled:
    try:
        return compiled(shape.rule(prepared.tree(text)), kinds)
    except Wrong as wrong:
        line = wrong.line or prepared.line_of(text, wrong.path)
        raise RuleError(f"{clean(str(path))}:{line}: {wrong.message}") from None
    except RecursionError:
        raise RuleError(f"{clean(str(path))}:1: nested too deep") from None


def _version(rules: Iterable[Rule]) -> str:
    """A short hash of what the rules say; comments and layout do not count."""
    return hashlib.sha256(msgspec.json.encode(list(rules), order="deterministic")).hexdigest()[:12]
