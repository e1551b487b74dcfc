"""A diagnosis told: what happened, what the programs saw, what was delivered, what to check and do."""

from __future__ import annotations

from tcpautopsy.explain.captures import capture, unreadable
from tcpautopsy.explain.chapters import Case, Chapter, Shelf, chapter
from tcpautopsy.explain.ruletexts import Knowledge
from tcpautopsy.explain.totals import totals

__all__ = ["Case", "Chapter", "Knowledge", "Shelf", "capture", "chapter", "totals", "unreadable"]
