"""What the page shows of one cause beside its story: pictures, the evidence as a file, command lines, Markdown."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Iterator
from typing import NamedTuple

from tcpautopsy.report import markdown
from tcpautopsy.report.around import alike, bursts, handshakes
from tcpautopsy.report.drawing import Label, Picture, Stroke, box
from tcpautopsy.report.ladder import Ladder, ladder
from tcpautopsy.report.stories import Story
from tcpautopsy.report.time_sequence import pictures
from tcpautopsy.report.view import Material
from tcpautopsy.report.words import size
from tcpautopsy.result import Bytes, Connection, Result

_LISTED = 100
#: How a part of the ledger is drawn, with a letter for who sees no colour.
_PARTS = (("acknowledged", "none stack", "A"), ("in_doubt", "degradation stack", "?"), ("lost", "failure stack", "L"))


class Richness(NamedTuple):
    """How many of the causes get pictures, and how many their evidence as a file and as Markdown."""

    pictures: int = 1_000
    files: int = 1_000


class Card(NamedTuple):
    """One cause on the page; `anchor` is its id there, `proof` is base64, empty where there is none."""

    anchor: str
    story: Story
    ladder: Ladder
    pictures: list[Picture]
    ledgers: list[Picture]
    without: str
    proof: str
    proof_name: str
    commands: list[str]
    markdown: str


def cards(result: Result, told: list[Story], material: Material, rich: Richness) -> list[Card]:
    """One card a story, in their order."""
    made = []
    seen: set[str] = set()
    for number, story in enumerate(told):
        card = _card(result, story, material, number < rich.pictures, number < rich.files)
        if card.anchor in seen:  # the same cause at the same server, worse for some than for others
            card = card._replace(anchor=f"{card.anchor}-{number}")
        seen.add(card.anchor)
        made.append(card)
    return made


def _card(result: Result, story: Story, material: Material, drawn: bool, filed: bool) -> Card:
    finding, connection = story.lead, story.connections[0]
    packets = material.close_ups.get(connection.id)
    without = ""
    if packets is None and connection.protocol == "tcp":
        without = "The graphs of packets over time need the capture: they are drawn when it is analysed."
    proof = material.proofs.get(finding.id, b"") if filed else b""
    return Card(
        anchor=f"finding-{finding.fingerprint}",
        story=story,
        ladder=ladder(finding, connection, packets),
        pictures=list(_pictures(result, story, material)) if drawn else [],
        ledgers=list(_ledger(connection)) if drawn else [],
        without=without if drawn else "The pictures were left out to keep this file small.",
        proof=b64encode(proof).decode(),
        proof_name=f"{finding.rule}-{connection.id}.pcapng",
        commands=_commands(result, story),
        markdown=markdown.of(story) if filed else "Left out to keep this file small: -f md writes it.",
    )


def _pictures(result: Result, story: Story, material: Material) -> Iterator[Picture]:
    connection = story.connections[0]
    if connection.id in material.close_ups:
        yield from pictures(material.close_ups[connection.id], connection)
    found = (
        handshakes(story, result, material.handshakes) if material.handshakes else None,
        bursts(story, material.bursts[connection.id]) if connection.id in material.bursts else None,
        alike(story),
    )
    yield from (picture for picture in found if picture is not None)


def _commands(result: Result, story: Story) -> list[str]:
    """Lines for a shell that show the evidence in other tools."""
    finding = story.lead
    capture = result.captures[finding.capture]
    name = shlex.quote(capture.name)
    frames = " ".join(str(e.part_frame or e.frame) for e in finding.evidence[:_LISTED] if len(capture.parts) < 2)
    lines = [f"tshark -r {name} -Y {shlex.quote(finding.wireshark_filter)}"]
    if frames:
        lines.append(f"editcap -r {name} evidence.pcapng {frames}")
    lines.append(f"tcpautopsy extract {name} --finding {shlex.quote(finding.id)} -o evidence.pcapng")
    return lines


def _ledger(connection: Connection) -> Iterator[Picture]:
    """The ledger as a bar for each direction that sent something, where its parts differ."""
    books = connection.ledger
    if books is None:
        return
    for name, part in (("client to server", books.client_to_server), ("server to client", books.server_to_client)):
        if part.sent and sum(bool(count) for count in (part.acknowledged, part.in_doubt, part.lost)) > 1:
            yield _bar(name, part)


def _bar(name: str, part: Bytes) -> Picture:
    sent = part.sent or 1
    at, strokes, rows = 20, [], []
    labels: list[Label] = []
    for field, style, letter in _PARTS:
        count = getattr(part, field) or 0
        width = round(680 * count / sent)
        if count:
            width = max(width, 2)
            strokes.append(Stroke(style, box(at, 12, at + width, 34)))
            words = f"{letter} {field.replace('_', ' ')} {size(count)}"
            middle = at + width // 2
            labels.append(Label(min(max(middle, 110), 610), 52 + 16 * len(labels), "middle", words))
            rows.append((field.replace("_", " "), size(count)))
            at += width
    return Picture(
        f"Bytes sent, {name}",
        f"Of {size(sent)} sent, what the other kernel acknowledged (A), what may or may not have arrived (?), "
        "and what was lost for sure (L).",
        720,
        56 + 16 * len(labels),
        strokes,
        labels,
        ("part", "bytes"),
        rows,
    )
