"""`make bench`: our analysis against other tools on the same captures in the same run, into docs/performance.md.

Each command is run as a whole process, in turn with the others; CPU seconds are user plus system of the process and its
children. The cost of a packet is marginal: of a large capture less that of a small one, over the packets between.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from benchmarks import growth

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
GRAPH = ROOT / "docs" / "performance.svg"
_MANY = 900  # seconds after which a command is given up


class Peer(NamedTuple):
    """A command with CAPTURE in it; `most` packets are given to it at most, for it is slow."""

    name: str
    command: tuple[str, ...]
    most: int = 10**9


class Case(NamedTuple):
    """Two captures of one kind: their packets, and the peers that are asked."""

    title: str
    kind: str
    small: int
    large: int
    peers: tuple[str, ...]


class Cost(NamedTuple):
    """Medians over the runs of one command on one capture."""

    cpu_s: float
    wall_s: float
    peak_mb: float


OURS = "tcpautopsy analyze -f json --no-sha256"
_SELF = (sys.executable, "-m", "tcpautopsy", "analyze", "CAPTURE")
PEERS = {
    peer.name: peer
    for peer in (
        Peer(OURS, (*_SELF, "-f", "json", "--no-sha256")),
        Peer("tcpautopsy analyze -f json", (*_SELF, "-f", "json")),
        Peer("tcpautopsy analyze (page)", (*_SELF, "-o", "OUT.html", "-q")),
        Peer("capinfos -c", ("capinfos", "-c", "CAPTURE")),
        Peer("argus", ("argus", "-r", "CAPTURE", "-w", "OUT.argus")),
        Peer("tcptrace -l", ("tcptrace", "-n", "-l", "CAPTURE")),
        Peer("tshark -q -z conv,tcp", ("tshark", "-r", "CAPTURE", "-q", "-z", "conv,tcp"), 1_000_000),
        Peer("a dpkt loop", (sys.executable, "-m", "benchmarks.dpkt_loop", "CAPTURE"), 1_000_000),
    )
}
_ALL = tuple(PEERS)
CASES = (
    Case("Internet mix, 530 bytes a packet, 28 packets a connection", "mix", 250_000, 1_000_000, _ALL),
    Case("Headers only (96 bytes kept)", "headers", 500_000, 2_000_000, (OURS, "capinfos -c", "argus", "tcptrace -l")),
    Case("Short connections, 10 packets each", "many", 250_000, 1_000_000, (OURS, "capinfos -c", "argus")),
    Case("One connection", "elephant", 250_000, 1_000_000, (OURS, "capinfos -c", "argus", "tcptrace -l")),
    Case("SYN flood, every packet a connection of its own", "flood", 10_000, 40_000, (OURS, "capinfos -c", "argus")),
)


#: As a user's, for whom Python keeps the bytecode of the first run.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class _TooLongError(Exception):
    pass


def measured(command: Sequence[str], folder: Path) -> Cost | None:
    """One run; None when it failed or took too long."""
    started = time.monotonic()
    with (folder / "stdout").open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=ROOT, env=_ENVIRONMENT
        )
        signal.signal(signal.SIGALRM, _over)
        signal.alarm(_MANY)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except _TooLongError:
            process.kill()
            process.wait()
            return None
        finally:
            signal.alarm(0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return None
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss * 1024 / 1e6)


def _over(_number: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def compared(case: Case, folder: Path, runs: int) -> dict[tuple[str, int], Cost]:
    """The medians of each peer on both captures, all commands in turn."""
    found: dict[tuple[str, int], list[Cost]] = {}
    files = {packets: made(case.kind, packets, folder) for packets in (case.small, case.large)}
    for turn in range(runs + 1):
        for packets, path in files.items():
            for name in case.peers:
                command = [_filled(word, path, folder) for word in PEERS[name].command]
                if shutil.which(command[0]) is None or packets > PEERS[name].most:
                    continue
                cost = measured(command, folder)
                if cost is not None and turn:  # the first turn warms the cache
                    found.setdefault((name, packets), []).append(cost)
        print(f"{case.title}: turn {turn} of {runs}", file=sys.stderr, flush=True)
    for path in files.values():
        path.unlink()
    return {
        key: Cost(*(statistics.median(values) for values in zip(*costs, strict=True))) for key, costs in found.items()
    }


def made(kind: str, packets: int, folder: Path) -> Path:
    """A capture of this kind."""
    path = folder / f"{kind}-{packets}.pcap"
    # In a process of its own: a child's peak memory is never below what its parent held when it was made.
    command = (sys.executable, "-m", "benchmarks.captures", str(path), "--kind", kind, "--packets", str(packets))
    subprocess.run(command, check=True, cwd=ROOT)
    return path


def grown(folder: Path, runs: int) -> tuple[list[str], str]:
    """The section on how the cost grows, and its drawing."""

    def cpu_s(kind: str, packets: int) -> float | None:
        path = made(kind, packets, folder)
        command = [_filled(word, path, folder) for word in PEERS[OURS].command]
        costs = [cost.cpu_s for cost in (measured(command, folder) for _ in range(runs)) if cost is not None]
        path.unlink()
        print(f"growth: {kind}, {packets:,} packets", file=sys.stderr, flush=True)
        return statistics.median(costs) if costs else None

    return growth.section(cpu_s, GRAPH.name)


def stages(folder: Path) -> Iterator[str]:
    """Where the time goes: what each stage costs on the larger capture of each case."""
    found: dict[str, dict[str, float]] = {}
    for case in CASES:
        path = made(case.kind, case.large, folder)
        command = [_filled(word, path, folder) for word in (*PEERS[OURS].command, "--profile")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=_ENVIRONMENT)
        told = (line.split() for line in done.stderr.splitlines() if line.endswith(" s"))
        found[case.kind] = {stage: float(seconds) / case.large * 1e9 for _, stage, seconds, _ in told}
        path.unlink()
    yield "## Where the time goes\n"
    yield "Nanoseconds a packet that `--profile` tells of one run on the larger capture of each kind, start left out."
    yield "Up to the events the cost is that of packets; from the features on it is that of connections.\n"
    yield f"| stage | {' | '.join(found)} |"
    yield "|---|" + "---:|" * len(found)
    for stage in next(iter(found.values())):
        yield f"| {stage} | " + " | ".join(f"{costs[stage]:,.0f}" for costs in found.values()) + " |"
    yield ""


def rules(folder: Path) -> Iterator[str]:
    """What all rules cost over 100,000 connections, once the features are there."""
    yield "## Rules\n"
    yield "CPU of all rules beside that of the features that they ask for: short connections, most of them healthy, and"
    yield "connections that all fail alike.\n"
    yield "| capture | connections | features, ms | rules, ms | ratio |"
    yield "|---|---:|---:|---:|---:|"
    for title, kind, packets in (("short connections", "many", 1_000_000), ("SYN flood", "flood", 100_000)):
        path = made(kind, packets, folder)
        command = [sys.executable, "-m", "benchmarks.rules_alone", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=_ENVIRONMENT)
        yield f"| {title} | {done.stdout.strip()} |"
        path.unlink()
    yield ""


#: Kind, packets a connection, connections.
_LARGE = (("many", 10, (100_000, 300_000, 1_000_000)), ("flood", 1, (100_000, 300_000, 1_000_000)))


def large(folder: Path) -> Iterator[str]:
    """What a million connections cost."""
    yield "## A million connections\n"
    yield "Short connections, and a flood of SYNs of which each is a finding; one run each. The last two columns are"
    yield (
        "marginal: of a capture less the one before. Up to 131,072 connections are judged at once, which takes "
        "more than"
    )
    yield "their share of memory.\n"
    yield "| capture | connections | CPU s | peak MB | us a packet | bytes a connection |"
    yield "|---|---:|---:|---:|---:|---:|"
    for kind, packets, sizes in _LARGE:
        costs: list[Cost] = []
        for connections in sizes:
            path = made(kind, connections * packets, folder)
            cost = measured([_filled(word, path, folder) for word in PEERS[OURS].command], folder)
            path.unlink()
            assert cost is not None
            costs.append(cost)
            marginal = " | "
            if len(costs) > 1:
                more, less = connections - sizes[len(costs) - 2], costs[-2]
                us, size = (cost.cpu_s - less.cpu_s) / more / packets, (cost.peak_mb - less.peak_mb) / more
                marginal = f"{us * 1e6:.1f} | {size * 1e6:,.0f}"
            yield f"| {kind} | {connections:,} | {cost.cpu_s:.1f} | {cost.peak_mb:,.0f} | {marginal} |"
            print(f"large: {kind}, {connections:,} connections", file=sys.stderr, flush=True)
    yield ""


def _filled(word: str, capture: Path, folder: Path) -> str:
    return word.replace("CAPTURE", str(capture)).replace("OUT", str(folder / "out"))


def table(case: Case, costs: dict[tuple[str, int], Cost]) -> Iterator[str]:
    """Markdown of one case."""
    yield f"## {case.title}\n"
    yield f"{case.small:,} and {case.large:,} packets.\n"
    yield "| command | CPU s, small | CPU s, large | wall s, large | peak MB, large | ns a packet, marginal | ratio |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    ours = _marginal(case, costs, OURS)
    for name in case.peers:
        small, large = costs.get((name, case.small)), costs.get((name, case.large))
        if small is None or large is None:
            yield f"| {name} | not run here | | | | | |"
            continue
        marginal = _marginal(case, costs, name)
        ratio = f"{marginal / ours:.2f}" if ours > 0 else ""
        yield (
            f"| {name} | {small.cpu_s:.2f} | {large.cpu_s:.2f} | {large.wall_s:.2f} | {large.peak_mb:.0f} | "
            f"{marginal:.0f} | {ratio} |"
        )
    yield ""


def _marginal(case: Case, costs: dict[tuple[str, int], Cost], name: str) -> float:
    small, large = costs.get((name, case.small)), costs.get((name, case.large))
    if small is None or large is None:
        return 0.0
    return (large.cpu_s - small.cpu_s) / (case.large - case.small) * 1e9


def start(folder: Path, runs: int) -> Iterator[str]:
    """What a run costs before the first packet."""
    fixture = ROOT / "fixtures" / "accept-queue-ack-drop" / "client.pcap"
    commands = {
        "python -c 'import pandas'": (sys.executable, "-c", "import pandas"),
        "python -c 'import pandas, jinja2'": (sys.executable, "-c", "import pandas, jinja2"),
        "tcpautopsy --help": (sys.executable, "-m", "tcpautopsy", "--help"),
        f"tcpautopsy analyze, {fixture.stat().st_size:,} bytes, JSON": (*_SELF[:4], str(fixture), "-f", "json"),
        "the same, page": (*_SELF[:4], str(fixture), "-o", str(folder / "out.html"), "-q"),
    }
    yield "## Before the first packet\n"
    yield "| command | CPU s | wall s | peak MB |"
    yield "|---|---:|---:|---:|"
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = measured(command, folder)
            if cost is not None and turn:
                found[name].append(cost)
    for name, costs in found.items():
        cpu, wall, peak = (statistics.median(values) for values in zip(*costs, strict=True))
        yield f"| {name} | {cpu:.2f} | {wall:.2f} | {peak:.0f} |"
    yield ""


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=[case.kind for case in CASES])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-bench-") as name:
        folder = Path(name)
        lines = list(_opening(given.runs))
        lines += start(folder, given.runs)
        for case in CASES:
            if given.only in (None, case.kind):
                lines += table(case, compared(case, folder, given.runs))
        lines += stages(folder)
        lines += rules(folder)
        lines += large(folder) if given.only is None else []
        section, drawing = grown(folder, given.runs) if given.only is None else ([], "")
        lines += section
    text = "\n".join(lines)
    if given.only is None:
        GRAPH.write_text(drawing)
        PAGE.write_text(text.rstrip() + "\n")
    print(text)


def _opening(runs: int) -> Iterator[str]:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    yield "# Performance\n"
    yield f"Written by `make bench` on {date.today().isoformat()}: {machine}, Python {platform.python_version()}.\n"
    yield f"Captures are made for it (`benchmarks/captures.py`). Whole processes, medians of {runs} runs after one that"
    yield "warms the cache, the commands in turn; CPU is user plus system time of the process. The marginal cost of a"
    yield "packet is that of the larger capture less that of the smaller one, over the packets between; the ratio is"
    yield "that cost over ours. The other tools do less: none of them names a cause.\n"


if __name__ == "__main__":
    main()
