"""Rule files whose trees were made when the package was built: the same as read now, and only for the same content."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpautopsy import resources
from tcpautopsy.diagnose import document, prepared
from tcpautopsy.errors import Wrong

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "rules").rglob("*.yaml"))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Trees as the build makes them, of the rules as they are now, in place of those of this installation."""
    spec = importlib.util.spec_from_file_location("kernels", ROOT / "build_hooks" / "kernels.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    for name in ("rules", "tcpautopsy"):
        (tmp_path / name).symlink_to(ROOT / name)
    ((built, inside),) = hook.prepare_rules(str(tmp_path), in_place=False).items()
    assert Path(inside).parts == ("tcpautopsy", "_data", "rules.json")
    monkeypatch.setattr(resources, "prepared_rules", lambda: Path(built))
    prepared._trees.cache_clear()
    yield Path(built)
    prepared._trees.cache_clear()


def test_every_rule_file_is_found_and_says_what_it_says(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [file.read_text("utf-8") for file in FILES]
    assert len(json.loads(made.read_bytes())) == len(texts)
    read = [document.tree(text) for text in texts]
    monkeypatch.setattr(prepared, "_document", lambda: pytest.fail("it was read again"))
    assert [prepared.tree(text) for text in texts] == read


def test_a_file_that_was_changed_is_read(made: Path) -> None:
    text = FILES[0].read_text("utf-8").replace("severity: ", "severity: not-", 1)
    assert prepared.tree(text)["severity"].startswith("not-")
    with pytest.raises(Wrong, match="stands twice"):
        prepared.tree(text + "\nid: again\n")


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe"])
def test_trees_that_cannot_be_read_are_none(made: Path, content: bytes) -> None:
    made.write_bytes(content)
    text = FILES[0].read_text("utf-8")
    assert prepared.tree(text) == document.tree(text)
    made.unlink()
    prepared._trees.cache_clear()
    assert prepared.tree(text) == document.tree(text)
