"""Options that several commands share, each with its help in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpautopsy.errors import UsageError
from tcpautopsy.text import clean

if TYPE_CHECKING:
    from tcpautopsy.pipeline import Options
    from tcpautopsy.showing import Wish

WHEN = ("auto", "always", "never")
_UNITS = {"": 1, "k": 1000, "K": 1024, "M": 2**20, "G": 2**30, "T": 2**40}


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 950k, 64G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removesuffix("B")
        number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS and text[-1:] else (text, "")
        try:
            return int(float(number) * _UNITS[unit])
        except (ValueError, OverflowError):
            return self.fail(f"{value!r} is no size; write 950k, 64M or 2G", param, ctx)


def reading(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that reads captures."""
    for option in reversed(
        (
            click.option(
                "--max-bytes", type=Size(), default="64G", show_default=True, help="Stop after so many bytes."
            ),
            click.option("--max-flows", type=int, default=2_000_000, show_default=True, help="Connections followed."),
            click.option("--timeout", type=float, help="Stop reading after so many seconds; analyse what was read."),
            click.option("--resync", is_flag=True, help="After damage look for the next plausible record."),
            click.option("--no-sha256", is_flag=True, help="Do not hash the capture."),
            click.option("--profile", is_flag=True, help="Say what each stage cost, on standard error."),
            click.option("--debug", is_flag=True, help="Let a defect of tcpautopsy crash with its traceback."),
        )
    ):
        command = option(command)
    return command


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Options that choose what of a result is shown, and hide who it is about."""
    for option in reversed(
        (
            click.option("--host", "hosts", multiple=True, metavar="ADDR|NET", help="Show connections of this host."),
            click.option(
                "--port", "ports", type=click.IntRange(0, 65535), multiple=True, metavar="N", help="... port."
            ),
            click.option("--flow", "flows", type=int, multiple=True, metavar="ID", help="... number."),
            click.option("--since", metavar="T", help="... with packets at or after T (a UTC time, or +seconds)."),
            click.option("--until", metavar="T", help="... begun at or before T."),
            click.option("--where", metavar="EXPR", help="... for which EXPR over features holds (rules fields)."),
            click.option("--select", "chosen_rules", multiple=True, metavar="RULE", help="... with this finding."),
            click.option("--redact", is_flag=True, help="Pseudonyms for addresses, no names, relative times."),
            click.option("--redact-key-file", metavar="F", help="The key of the pseudonyms; without it a random one."),
        )
    ):
        command = option(command)
    return command


def judging(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that judges captures and reports what it found."""
    for option in reversed(
        (
            click.option("--no-join", is_flag=True, help="Take every file alone, even parts of one ring-buffer set."),
            click.option("--rules", "folders", multiple=True, metavar="DIR", help="Rules of your own, beside ours."),
            click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out."),
            click.option(
                "--fail-on", type=click.Choice(("failure", "degradation", "risk")), help="Exit 1 when it is that bad."
            ),
            click.option("--baseline", metavar="OLD.json", help="With --fail-on: only what OLD does not hold counts."),
            click.option("--strict", is_flag=True, help="Exit 3 when anything of a capture was damaged or skipped."),
            click.option("--max-report-size", type=Size(), default="950k", show_default=True, help="Of a page."),
            click.option("-q", "--quiet", is_flag=True, help="No summary, no notes, no progress."),
            click.option("-v", "--verbose", is_flag=True, help="Say what each capture is, and where it was taken."),
            click.option("--color", type=click.Choice(WHEN), default="auto", show_default=True),
            click.option("--progress", type=click.Choice(WHEN), default="auto", show_default=True),
        )
    ):
        command = option(command)
    return command


def wanted(choice: str) -> bool:
    """Whether something for a terminal (`--progress`) is to be shown on standard error."""
    quiet = os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return choice == "always" or (choice == "auto" and sys.stderr.isatty() and not quiet)


def options(given: dict[str, Any]) -> Options:
    """How to read and judge, from what was given on the command line."""
    from tcpautopsy import pipeline

    if given.get("where") is not None:
        pipeline.check_where(given["where"])
    return pipeline.Options(
        join=not given.get("no_join", False),
        digest=not given["no_sha256"],
        resync=given["resync"],
        max_bytes=given["max_bytes"],
        max_flows=given["max_flows"],
        rule_folders=tuple(Path(folder) for folder in given.get("folders", ())),
        ignore=given.get("ignore", ()),
        timeout_s=given["timeout"],
        where=given.get("where"),
        asked=frozenset(given.get("flows", ())),
        debug=given["debug"],
    )


def wish(given: dict[str, Any]) -> Wish:
    """What is to be shown, from what was given on the command line. Raises UsageError."""
    from tcpautopsy.report.select import Selection
    from tcpautopsy.showing import Wish

    names = ("hosts", "ports", "flows", "since", "until", "chosen_rules", "where")
    return Wish(Selection(*(given[name] for name in names)), redaction_key(given), given["max_report_size"])


def redaction_key(given: dict[str, Any]) -> bytes | None:
    """The key of the pseudonyms, None without --redact. Raises UsageError when its file cannot be read."""
    import hashlib
    import secrets

    if given["redact_key_file"] and not given["redact"]:
        raise UsageError("--redact-key-file needs --redact")
    if not given["redact"]:
        return None
    if not given["redact_key_file"]:
        return secrets.token_bytes(32)
    try:
        content = Path(given["redact_key_file"]).read_bytes()
    except OSError as error:
        raise UsageError(f"{clean(given['redact_key_file'])}: {error.strerror}") from None
    if not content.strip():
        raise UsageError(f"{clean(given['redact_key_file'])}: the key file is empty")
    return hashlib.sha256(content).digest()
