"""The sample pages as people meet them: wide and narrow, light and dark, without scripts, without style, printed."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from docs.generate import SAMPLES
from fixtures.judged import ROOT
from tcpautopsy.report import read_back

FOLDER = ROOT.parent / "reports" / "samples"
PAGES = [FOLDER / f"{sample.replace('/', '-')}.html" for sample in SAMPLES]
BACKLOG = FOLDER / "accept-queue-ack-drop-client.html"


@contextmanager
def opened(browser: Browser, address: str, **settings: object) -> Iterator[Page]:
    """A page that may neither complain nor ask for anything beside itself."""
    context = browser.new_context(**settings)  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if asked.url.split("#")[0] != address else None)
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.goto(address)
    yield page
    context.close()
    assert complaints == []


def sized(width: int) -> dict[str, int]:
    return {"width": width, "height": 900}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")])
def test_every_size_and_scheme_is_accessible(browser: Browser, path: Path, width: int, scheme: str) -> None:
    with opened(browser, path.as_uri(), viewport=sized(width), color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        told = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]
        assert told == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, "the page is wider than the screen"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_without_scripts_everything_is_there(browser: Browser, path: Path) -> None:
    with opened(browser, path.as_uri(), java_script_enabled=False) as page:
        assert page.locator("h1").is_visible()
        assert page.locator("table.sortable tbody tr").first.is_visible()
        assert page.locator("input, select, button").count() == 0, "a control that does nothing"
        assert page.locator("details.markdown pre").count() >= 1


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_anchor_leads_somewhere_and_ids_are_unique(browser: Browser, path: Path) -> None:
    with opened(browser, path.as_uri()) as page:
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
        assert len(ids) == len(set(ids))
        targets = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.getAttribute('href'))")
        assert [t for t in targets if t[1:] not in ids] == []


def test_without_style_the_drawings_keep_their_colours(browser: Browser, tmp_path: Path) -> None:
    plain = tmp_path / "plain.html"
    plain.write_text(re.sub(r"<style>.*?</style>", "", BACKLOG.read_text(), flags=re.DOTALL))
    with opened(browser, plain.as_uri()) as page:
        assert page.locator("svg path[stroke='#b42318']").count() > 3
        assert page.evaluate("[...document.querySelectorAll('svg path')].every((p) => p.getAttribute('fill'))")


@pytest.mark.parametrize("path", PAGES[:4], ids=lambda p: p.stem)
def test_printed_the_evidence_is_open_and_no_control_is_left(browser: Browser, path: Path, tmp_path: Path) -> None:
    with opened(browser, path.as_uri()) as page:
        page.emulate_media(media="print")
        assert page.locator(".controls:visible, .reading:visible").count() == 0
        assert page.get_by_role("region", name=re.compile("^Evidence of")).first.is_visible()
        document = page.pdf(path=tmp_path / "page.pdf")
        assert document.startswith(b"%PDF")


def test_filter_and_sort_by_keyboard(browser: Browser) -> None:
    with opened(browser, BACKLOG.as_uri()) as page:
        page.get_by_label("Show rows with").focus()
        page.keyboard.type("accept-queue")
        shown = page.locator("table.sortable tbody tr:visible")
        assert shown.count() == 4
        assert "4 of" in page.get_by_role("status").filter(has_text="connections").inner_text()
        page.get_by_label("Show rows with").fill("")
        page.get_by_label("verdict").select_option("none")
        assert set(shown.locator("td:nth-child(6)").all_inner_texts()) == {"h healthy"}
        page.get_by_label("verdict").select_option("")
        page.get_by_role("button", name="id", exact=True).focus()
        page.keyboard.press("Enter")
        numbers = [int(text) for text in shown.locator("td:first-child").all_inner_texts()]
        assert numbers == sorted(numbers)
        page.keyboard.press("Enter")
        numbers = [int(text) for text in shown.locator("td:first-child").all_inner_texts()]
        assert numbers == sorted(numbers, reverse=True)
        assert page.get_by_role("columnheader", name="id").get_attribute("aria-sort") == "descending"


def test_a_graph_is_looked_at_closer_by_keyboard(browser: Browser) -> None:
    with opened(browser, FOLDER.joinpath("pmtud-blackhole-server.html").as_uri()) as page:
        graph = page.locator("svg[data-y]").first
        figure = page.locator("figure").filter(has=graph).first
        whole = graph.locator("path.ack").get_attribute("d")
        seconds = [float(text.removesuffix(" s")) for text in graph.locator("text.x").all_text_contents()]
        figure.get_by_role("button", name="closer").focus()
        for _ in range(3):
            page.keyboard.press("Enter")
        closer = [float(text.removesuffix(" s")) for text in graph.locator("text.x").all_text_contents()]
        assert max(closer) - min(closer) < (max(seconds) - min(seconds)) / 4
        assert graph.locator("path.ack").get_attribute("d") != whole
        figure.get_by_role("button", name="later").press("Enter")
        later = [float(text.removesuffix(" s")) for text in graph.locator("text.x").all_text_contents()]
        assert min(later) > min(closer)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found] == []
        figure.get_by_role("button", name="whole").press("Enter")
        assert graph.locator("path.ack").get_attribute("d") == whole


def test_the_pointer_reads_a_graph_and_chooses_a_part_of_it(browser: Browser) -> None:
    path = FOLDER / "pmtud-blackhole-server.html"
    with opened(browser, path.as_uri()) as page:
        graph = page.locator("svg[data-y]").first
        figure = page.locator("figure").filter(has=graph).first
        graph.scroll_into_view_if_needed()
        low, high, start, end = map(float, (graph.get_attribute("data-x") or "").split())
        box = graph.bounding_box()
        assert box is not None

        def point(share: float) -> tuple[float, float]:
            return box["x"] + (start + (end - start) * share) / 720 * box["width"], box["y"] + box["height"] / 2

        page.mouse.move(*point(0.5))
        said = figure.locator(".reading").inner_text()
        middle = low + (high - low) / 2
        time, sent, acknowledged = re.findall(r"[\d.]+", said)[:3]
        assert float(time) == pytest.approx(middle, rel=0.02)
        # The table beside it says what was sent and acknowledged in the end; by then nothing more was.
        rows = dict(
            figure.locator("table tr").evaluate_all("all => all.map(r => [...r.cells].map(c => c.textContent))")
        )
        assert float(sent) == pytest.approx(float(rows["bytes reached"].split()[0]), rel=0.01)
        assert float(acknowledged) == pytest.approx(float(rows["acknowledged by the client"].split()[0]), abs=10)
        page.mouse.down()
        page.mouse.move(*point(0.6), steps=3)
        page.mouse.up()
        shown = [float(text.removesuffix(" s")) for text in graph.locator("text.x").all_text_contents()]
        assert middle - 0.01 <= min(shown)
        assert max(shown) <= low + (high - low) * 0.61
        graph.dblclick()
        assert float((graph.locator("text.x").last.text_content() or "").removesuffix(" s")) > high * 0.6


def test_copy_as_markdown(browser: Browser) -> None:
    settings = {"permissions": ["clipboard-read", "clipboard-write"]}
    with opened(browser, BACKLOG.as_uri(), **settings) as page:
        page.get_by_role("button", name="Copy as Markdown").first.click()
        page.get_by_text("copied", exact=False).first.wait_for()
        assert page.evaluate("navigator.clipboard.readText()").startswith("## ")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.replace("/", "-"))
def test_the_evidence_file_holds_exactly_the_frames_of_the_evidence(
    browser: Browser, sample: str, tmp_path: Path
) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("no tshark on this machine: the evidence file is not opened")
    path = FOLDER / f"{sample.replace('/', '-')}.html"
    findings = {f.rule + f"-{f.connection}.pcapng": f for f in read_back.result(path.read_bytes(), path.name).findings}
    with opened(browser, path.as_uri()) as page:
        links = page.evaluate("[...document.querySelectorAll('a[download]')].map((a) => [a.download, a.href])")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        for name, _ in links:
            with page.expect_download() as download:
                page.locator(f"a[download='{name}']").click()
            download.value.save_as(tmp_path / name)
    assert links or not findings
    for name, _ in links:
        wanted = sorted({e.frame for e in findings[name].evidence})
        times = _times(ROOT / f"{sample}.pcap")
        assert _times(tmp_path / name) == [times[frame - 1] for frame in wanted]


def _times(capture: Path) -> list[str]:
    fields = ["tshark", "-r", str(capture), "-T", "fields", "-e", "frame.time_epoch"]
    shown = subprocess.run(fields, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    return [f"{float(time):.6f}" for time in shown]


#: Samples whose programs say something that can be looked for: the others send a few bytes, or zeros.
TALKING = [sample for sample in SAMPLES if not sample.startswith(("udp-", "dns-"))]


@pytest.mark.parametrize("sample", TALKING, ids=lambda s: s.replace("/", "-"))
def test_no_payload(sample: str) -> None:
    data = (FOLDER / f"{sample.replace('/', '-')}.html").read_bytes()
    capture = (ROOT / f"{sample}.pcap").read_bytes()
    result = read_back.result(data, sample)
    names = {(end.name or "").encode() for c in result.connections for end in (c.client, c.server)}
    # Names that lookups and TLS tell are shown on purpose; nothing else that a program said is.
    spoken = {line for line in re.findall(rb"[ -~]{12,}", capture) if line not in names}
    assert spoken
    assert sorted(line for line in spoken if line in data) == []
    proofs = [b64decode(text) for text in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)]
    assert sorted(line for line in spoken for proof in proofs if line in proof) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_size(path: Path) -> None:
    assert path.stat().st_size <= 950_000
