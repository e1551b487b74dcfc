"""The page over many captures, in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.cli.test_command_line import FIXTURES, run

SCENARIOS = ("refused", "accept-queue-ack-drop", "healthy-http", "zero-window-recovered", "mixed")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch over captures of several days, one of them broken and one with a hostile name."""
    root = tmp_path_factory.mktemp("index")
    for scenario in SCENARIOS:
        (root / "in" / scenario).mkdir(parents=True)
        shutil.copy(FIXTURES / scenario / "client.pcap", root / "in" / scenario)
    (root / "in" / "<img src=x onerror=alert(1)>.pcap").write_bytes(b"no capture")
    run("batch", "in", "--out", "out", "-q", cwd=root)
    return root / "out" / "index.html"


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_asks_for_nothing(browser: Browser, index: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on("request", lambda request: heard.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(index.as_uri())
    assert heard == []
    found = Axe().run(page).response["violations"]
    assert [f"{each['id']}: {each['nodes'][0]['html']}" for each in found] == []
    page.close()


def test_every_link_leads_to_a_page(browser: Browser, index: Path) -> None:
    page = browser.new_page()
    page.goto(index.as_uri())
    links = page.eval_on_selector_all(
        "a[href]", "all => all.map(each => decodeURIComponent(each.getAttribute('href')))"
    )
    assert len(set(links)) == len(SCENARIOS)
    assert all((index.parent / link).is_file() for link in links)
    page.close()


def test_captures_are_filtered_and_sorted(browser: Browser, index: Path) -> None:
    page = browser.new_page()
    page.goto(index.as_uri())
    rows = page.locator("table.sortable tbody tr:visible")
    assert rows.count() == len(SCENARIOS) + 1
    page.fill("#filter-text", "mixed")
    assert rows.count() == 1
    assert "36" in rows.first.inner_text()
    page.fill("#filter-text", "")
    page.select_option("#filter-verdict", label="not read")
    assert rows.count() == 1
    page.select_option("#filter-verdict", label="all")
    page.get_by_role("button", name="packets").click()
    page.get_by_role("button", name="packets").click()
    assert rows.first.inner_text().startswith("mixed/client.pcap")
    page.close()


def test_it_says_when_each_cause_was_there(browser: Browser, index: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(index.as_uri())
    table = page.get_by_role("region", name="Failed connections by cause")
    assert "accept-queue-overflow-ack-drop" in table.inner_text()
    assert table.locator("svg.spark").count() == table.locator("tbody tr").count() > 3
    assert page.get_by_role("region", name="Failed connections by server").locator("tbody tr").count() > 3
    page.close()
