"""Debian's Chromium, one for each worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine: the page is not opened in a browser")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield made
        made.close()
