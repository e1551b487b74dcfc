"""A diagnosis told: what happened, what the programs saw, what was delivered, what to check and do."""

from __future__ import annotations

from tcpautopsy.explain.captures import capture, unreadable
from tcpautopsy.explain.case import Case, Shelf
from tcpautopsy.explain.chapters import Chapter, chapter
from tcpautopsy.explain.ruletexts import Knowledge
from tcpautopsy.explain.totals import Beside, Counts, totals

__all__ = ["Beside", "Case", "Chapter", "Counts", "Knowledge", "Shelf", "capture", "chapter", "totals", "unreadable"]
