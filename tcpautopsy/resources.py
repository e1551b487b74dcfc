"""Packaged data: the built-in rules and the report's templates, assets and schema.

A wheel carries them in `tcpautopsy/_data`; a checkout (and so an editable install) has them at its top level.
"""

from __future__ import annotations

from pathlib import Path

#: No rule file is larger.
MAX_RULE_BYTES = 256 * 1024
_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `rules` or `reports`.

    Raises FileNotFoundError when the installation is incomplete.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"tcpautopsy is installed without its {name} folder")


def prepared_rules() -> Path:
    """Where the build puts the trees of the built-in rule files; it may not exist."""
    return _PACKAGE / "_data" / "rules.json"
