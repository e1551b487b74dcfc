"""`python -m benchmarks.page`: how long a page takes to open and to filter in Chromium, as a table.

The recording of 202 connections, and a made capture of 100,000 short ones. Medians of five.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.captures import KINDS, write

ROOT = Path(__file__).resolve().parent.parent
_RUNS = 5
_SHORT_PACKETS = 1_000_000  # about ten to a connection


def _page(capture: Path, folder: Path) -> Path:
    page = folder / f"{capture.parent.name}.html"
    command = [sys.executable, "-m", "tcpautopsy", "analyze", str(capture), "-o", str(page), "-q"]
    subprocess.run(command, check=True)
    return page


def _times(browser: Browser, page: Path) -> tuple[float, float]:
    """Seconds until the page is loaded, and until the table is filtered."""
    opening, filtering = [], []
    for _ in range(_RUNS):
        tab = browser.new_page()
        begin = time.perf_counter()
        tab.goto(page.as_uri())
        opening.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        tab.get_by_label("Show rows with").fill("refused")
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        filtering.append(time.perf_counter() - begin)
        tab.close()
    return statistics.median(opening), statistics.median(filtering)


def lines(folder: Path) -> Iterator[str]:
    """The table."""
    many = folder / "many" / "many.pcap"
    many.parent.mkdir()
    write(many, KINDS["many"], _SHORT_PACKETS)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium on this machine")
    yield "| page | kB | opens, s | filters, s |"
    yield "|---|---:|---:|---:|"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for capture in (ROOT / "fixtures" / "mixed" / "client.pcap", many):
            page = _page(capture, folder)
            opens, filters = _times(browser, page)
            yield f"| {capture.parent.name} | {page.stat().st_size // 1000} | {opens:.2f} | {filters:.2f} |"
        browser.close()


def main() -> None:
    """The command line."""
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
