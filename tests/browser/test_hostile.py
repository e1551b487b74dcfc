"""Texts from packets that want to be markup, script or formula: shown, never run, with the policy and without it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from tcpautopsy import report
from tcpautopsy.report.view import View
from tests.browser.test_pages import opened
from tests.report import built


@pytest.mark.parametrize("policy", [True, False], ids=["with the policy", "without the policy"])
def test_nothing_of_a_hostile_result_runs(browser: Browser, policy: bool, tmp_path: Path) -> None:
    page_text = b"".join(report.written(built.hostile(), report.FORMATS["html"], View())).decode()
    if not policy:
        page_text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page_text)
    path = tmp_path / "hostile.html"
    path.write_text(page_text)
    with opened(browser, path.as_uri()) as page:
        scripts = page.evaluate("[...document.scripts].map((s) => s.type)")
        assert scripts == ["", "application/json"]
        foreign = "[onerror],[onload],[onclick],iframe,object,embed,form,base,[href^='javascript:'],img,svg script"
        assert page.locator(foreign).count() == 0
        assert page.evaluate("document.title.length > 0")
        assert page.get_by_text("<script>alert", exact=False).count() > 0, "the text is not shown either"


def test_a_hundred_thousand_connections_open_and_filter(browser: Browser, tmp_path: Path) -> None:
    few = built.result(healthy=50, overflows=3)
    pattern = [c for c in few.connections if c.severity == "none"]
    many = [msgspec.structs.replace(pattern[n % len(pattern)], id=1_000 + n) for n in range(100_000)]
    result = msgspec.structs.replace(
        few,
        connections=few.connections + many,
        totals=msgspec.structs.replace(few.totals, connections=len(few.connections) + len(many)),
    )
    path = tmp_path / "many.html"
    path.write_bytes(b"".join(report.written(result, report.FORMATS["html"], View())))
    assert path.stat().st_size <= View().max_size
    with opened(browser, path.as_uri()) as page:
        assert "more connections are not in this table" in page.inner_text("main")
        page.get_by_label("Show rows with").fill("accept-queue")
        assert page.locator("table.sortable tbody tr:visible").count() == 3
