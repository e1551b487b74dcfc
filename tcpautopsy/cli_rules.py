"""`tcpautopsy rules`: what the tool knows, shown, checked and proven."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tcpautopsy.errors import RuleError, UsageError
from tcpautopsy.text import clean, counted, nearest

if TYPE_CHECKING:
    from tcpautopsy.diagnose import RuleSet
    from tcpautopsy.diagnose.model import Rule, Test


@click.group()
def rules() -> None:
    """Show, check and test the rules by which causes are named."""


_folders = click.option("--rules", "folders", multiple=True, metavar="DIR", help="Rules of your own.")


def _loaded(folders: tuple[str, ...]) -> RuleSet:
    from tcpautopsy import pipeline

    return pipeline.rule_set([Path(folder) for folder in folders])


@rules.command(name="list")
@_folders
def list_rules(folders: tuple[str, ...]) -> None:
    """All rules: id, severity, fault, title."""
    for rule in _loaded(folders).rules:
        click.echo(f"{rule.id:38} {rule.severity:12} {rule.fault:12} {rule.title}")


@rules.command(short_help="What a rule says, whole.")
@click.argument("name", metavar="RULE")
@_folders
def show(name: str, folders: tuple[str, ...]) -> None:
    """What a rule says: what happened, why, what must hold, how to confirm it, what to do."""
    loaded = _loaded(folders)
    rule = loaded.rule(name)
    if rule is None:
        hint = nearest(name, [each.id for each in loaded.rules])
        raise UsageError(f"no rule {clean(name)!r}{hint}; `tcpautopsy rules list` has all")
    click.echo("\n".join(_told(rule)))


def _told(rule: Rule) -> list[str]:
    from tcpautopsy.diagnose.model import SIDES

    lines = [f"{rule.id}: {rule.title}", f"severity {rule.severity}, fault {rule.fault}", "", rule.what, "", rule.why]
    lines += ["", "It matches when", *(f"  {condition}" for condition in rule.when)]
    lines += ["", "It is not", *(f"  {other}: {apart}" for other, apart in rule.look_alikes.items())]
    lines += [
        "",
        "To confirm",
        *(f"  on the {SIDES.get(c.on, c.on)}: {c.command}   ({c.expect})" for c in rule.confirm),
    ]
    lines += ["", "What to do", *(f"  {SIDES.get(r.side, r.side)}: {r.text}" for r in rule.remedies)]
    return lines


@rules.command()
@click.argument("folders", nargs=-1, metavar="[DIR...]")
def lint(folders: tuple[str, ...]) -> None:
    """Check rule files: ours, and those in DIR."""
    from tcpautopsy import pipeline

    loaded = _loaded(folders)
    pipeline.check_sentences(loaded, set(loaded.files.values()))
    for rule in loaded.rules:
        for each in rule.tests:
            if each.trace is not None:
                _made(rule, each)
    click.echo(f"{counted(len(loaded.rules), 'rule')} checked, no error")


@rules.command(short_help="Run the tests that stand in the rules.")
@click.argument("names", nargs=-1, metavar="[RULE...]")
@_folders
def test(names: tuple[str, ...], folders: tuple[str, ...]) -> None:
    """Run the tests that stand in the rules: on recorded captures, and on packets that are written down there."""
    loaded = _loaded(folders)
    wrong = 0
    run = 0
    for rule in loaded.rules:
        if names and rule.id not in names:
            continue
        for each in rule.tests:
            run += 1
            found = _outcome(loaded, rule, each, folders)
            if found != each.expect:
                wrong += 1
                click.echo(f"{rule.id}: {each.name}: expected {each.expect}, found {found}")
    click.echo(f"{counted(run, 'test')} of {counted(len(names) or len(loaded.rules), 'rule')}, {wrong} failed")
    sys.exit(1 if wrong else 0)


def _outcome(loaded: RuleSet, rule: Rule, each: Test, folders: tuple[str, ...]) -> str:
    """match, unknown or no_match: the best that any connection of the capture gives."""
    from tcpautopsy import pipeline

    if each.trace is not None:
        return pipeline.outcome_of(loaded, rule.id, _made(rule, each))
    if each.fixture is None:
        raise RuleError(f"{rule.id}: test {each.name!r} names no fixture and no trace")
    return pipeline.outcome_of(loaded, rule.id, _fixture(each.fixture, folders))


def _made(rule: Rule, each: Test) -> bytes:
    """The capture that a test writes down. Raises RuleError."""
    from tcpautopsy import notation

    try:
        return notation.capture(str(each.trace))
    except notation.NotationError as error:
        raise RuleError(f"{rule.id}: test {each.name!r}: {error}") from None


def _fixture(name: str, folders: tuple[str, ...]) -> Path:
    """Fixtures stand beside the folder of the rules, or where the command is run."""
    from tcpautopsy import resources

    places = [resources.folder("rules").parent, *(Path(folder).resolve().parent for folder in folders), Path.cwd()]
    for place in places:
        if (place / "fixtures" / name).is_file():
            return place / "fixtures" / name
    raise UsageError(f"no fixture {clean(name)}: rules are tested in a checkout, which has the recorded captures")


@rules.command(short_help="What conditions may ask: every feature.")
def fields() -> None:
    """What conditions may ask: every feature, its type, its unit, its sentence."""
    from tcpautopsy.features import FEATURES

    for feature in FEATURES:
        column = feature.column
        click.echo(f"{column.name:42} {column.dtype:8} {column.unit:4} {column.sentence}")


@rules.command()
def schema() -> None:
    """The JSON schema of a rule file, for editors."""
    import msgspec

    from tcpautopsy.diagnose.model import Rule

    click.echo(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Rule)), indent=2).decode())


_SKELETON = """\
id: {id}
title: One line that says what happened
group: {group}
severity: failure            # failure, degradation, risk or note
fault: server-app            # who is to act: tcpautopsy rules schema lists all
protocols: [tcp]
needs: [both_directions]     # what the capture must show; without it the answer is unknown, never no
when:                        # all must hold; tcpautopsy rules fields lists what can be asked
  - handshake_completed == true
  - request_unanswered == true
sequence:                    # events in order; `optional: true` and `count: 2..` as needed
  - asked: {{event: data, from: originator}}
confidence:
  base: low                  # certain, high, medium or low
  raise:
    - {{to: medium, if: "request_wait_s >= 30", because: "say why this makes it surer"}}
look_alikes:
  no-application-response: say what tells the two apart
supersedes: []               # rules that this one replaces where both match
what: "What happened, in one or two sentences."
why: "Why it happens, for somebody who knows sockets and not the kernel."
headline: >-
  {{{{ client }}}} got no answer from {{{{ server }}}} for {{{{ duration(request_wait_s) }}}}.
story:
  asked: "The client asks."
applications:
  client:
    - {{call: recv, result: "nothing", certain: true, why: "no byte came"}}
confirm:
  - {{on: server, command: "ss -nt 'sport = :{{{{ server_port }}}}'", expect: "what proves it"}}
remedies:
  - {{side: server, text: "What to do."}}
would_decide: "The one observation that would settle it."
sources:
  - {{text: "where this is known from"}}
tests:                       # or `fixture: scenario/client.pcap`; add a look-alike that must not match, too
  - name: a request without an answer
    expect: match
    trace: |
      +0   > S 0:0(0) <mss 1460,sackOK,wscale 7>
      +.02 < S. 0:0(0) ack 1
      +0   > . 1:1(0) ack 1
      +0   > P. 1:33(32) ack 1
      +.02 < . 1:1(0) ack 33
      +60  ~
"""


@rules.command(name="new")
@click.argument("name", metavar="ID")
@click.option("--dir", "folder", default=".", show_default=True, metavar="DIR", help="The folder to write ID.yaml in.")
@click.option("--group", default="own", show_default=True, help="The group it stands in.")
def new_rule(name: str, folder: str, group: str) -> None:
    """Write a rule to begin with: ID.yaml, which passes `rules lint`."""
    from tcpautopsy import output

    for word in (name, group):
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", word):
            raise UsageError(f"{clean(word)!r}: small letters, digits and hyphens, as in no-application-response")
    if _loaded(()).rule(name) is not None:
        click.echo(f"tcpautopsy: {name} is a built-in rule; yours will replace it", err=True)
    path = Path(folder) / f"{name}.yaml"
    if path.exists():
        raise UsageError(f"{clean(str(path))} exists")
    output.write(str(path), [_SKELETON.format(id=name, group=group).encode()])
    click.echo(f"{clean(str(path))}; check it with: tcpautopsy rules lint {clean(folder)}")
