"""tcpautopsy says why each connection in a packet capture failed, who is at fault, and which frames prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpautopsy.api import Capture, read

__version__ = "0.1.0"
__all__ = ["Capture", "__version__", "read"]


def __getattr__(name: str) -> Any:
    """The package's API is imported when it is first used: `--help` needs no pandas."""
    if name in ("Capture", "read"):
        from tcpautopsy import api

        return getattr(api, name)
    raise AttributeError(name)
