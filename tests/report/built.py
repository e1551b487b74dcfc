"""Results made by hand, as an analysis would make them: a full accept queue, a cut cable, an undecided one, healthy."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tcpautopsy.result import (
    ApplicationView,
    Bytes,
    Call,
    Capture,
    Condition,
    Confirm,
    Connection,
    Endpoint,
    Evidence,
    Finding,
    Incident,
    Ledger,
    NextCapture,
    Outcome,
    Problem,
    Quality,
    Remedy,
    Result,
    RunnerUp,
    Source,
    Step,
    Timers,
    Tool,
    Totals,
    Undecided,
    Vantage,
)

_OUTCOMES = list(Outcome.__args__)  # type: ignore[attr-defined]


def time(second: float) -> str:
    """A time `second` seconds after noon."""
    nanoseconds = round(second * 1e9)
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    return f"2026-03-14T{12 + hours}:{minutes:02d}:{rest // 1_000_000_000:02d}.{rest % 1_000_000_000:09d}Z"


def connection(number: int, start: float, end: float, **fields: Any) -> Connection:
    """A healthy connection of 10.0.0.1 to 10.0.0.2:8080, with `fields` changed."""
    values: dict[str, Any] = {
        "capture": 0,
        "id": number,
        "protocol": "tcp",
        "community_id": f"1:{hashlib.sha256(str(number).encode()).hexdigest()[:26]}+/=",
        "ordinal": 1,
        "tcp_stream": number - 1,
        "conn_state": "SF",
        "history": "ShADadFf",
        "client": Endpoint(address="10.0.0.1", port=40_000 + number, name=None),
        "server": Endpoint(address="10.0.0.2", port=8080, name="orders.example.net"),
        "client_known_by": "syn",
        "vantage": Vantage(point="client", confidence="high"),
        "first_time": time(start),
        "last_time": time(end),
        "packets": 12,
        "bytes": 2_345,
        "outcome": "completed",
        "severity": "none",
        "cause": None,
        "confidence": None,
        "fault": None,
        "consistent_with": [],
        "undecided": [],
        "limits": [],
        "findings": [],
        "ledger": None,
        "timers": None,
        "application_view": ApplicationView(client=[], server=[]),
    }
    return Connection(**(values | fields))


def overflow(number: int, start: float) -> tuple[Connection, Finding]:
    """The accept queue is full: the handshake's end and the request are ignored, then the server resets."""

    def at(second: float) -> str:
        return time(start + second)

    server = Endpoint(address="10.0.0.2", port=8080, name="orders.example.net")
    base = connection(number, start, start + 7.22)
    name = f"accept-queue-overflow-ack-drop@{base.community_id}#1"
    calls = ApplicationView(
        client=[
            Call(time=at(0.0004), call="connect", result="ok", errno=None, certain=True,
                 why="the SYN-ACK arrived and was acknowledged"),
            Call(time=at(0.0009), call="send", result="ok", errno=None, certain=True,
                 why="the bytes were on the wire, so the kernel had taken them"),
            Call(time=at(7.22), call="epoll", result="EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP", errno=None,
                 certain=True, why="a reset ends both directions"),
            Call(time=at(7.22), call="recv", result="ECONNRESET", errno="ECONNRESET", certain=True,
                 why="the reset arrived before any data"),
        ],
        server=[
            Call(time=None, call="accept", result="nothing", errno=None, certain=False,
                 why="the connection never entered the accept queue"),
        ],
    )  # fmt: skip
    told = msgspec.structs.replace(
        base,
        server=server,
        outcome="reset",
        severity="failure",
        cause="accept-queue-overflow-ack-drop",
        confidence="high",
        fault="server-app",
        findings=[name, f"missing-keepalive@{base.community_id}#1"] if number == 3 else [name],
        ledger=Ledger(
            client_to_server=Bytes(sent=78, acknowledged=0, in_doubt=0, lost=78),
            server_to_client=Bytes(sent=0, acknowledged=0, in_doubt=0, lost=0),
        ),
        timers=Timers(
            ladder="SYN-ACK repeated after 1.0, 2.0 and 4.1 s",
            os_hint="Linux",
            rto_s=0.204,
            setting="net.ipv4.tcp_synack_retries = 5",
            gave_up_at=at(7.22),
            gives_up_at=None,
        ),
        application_view=calls,
        limits=["capture-filter-excludes-icmp-arp-dns"],
    )
    rows = [
        (0.0, "client", "syn", "asks for a connection"),
        (0.0003, "server", "syn_ack", "the server's kernel agrees"),
        (0.0004, "client", "handshake_ack", "acknowledged; ignored by the server"),
        (0.0009, "client", "data", "78 bytes: the request"),
        (0.213, "client", "tail_loss_probe", "the same 78 bytes again"),
        (0.629, "client", "rto_retransmission", "the same 78 bytes again"),
        (1.02, "server", "syn_ack_retransmission", "the handshake's end has not arrived, it says"),
        (1.0201, "client", "duplicate_ack", "acknowledged once more; ignored"),
        (1.46, "client", "rto_retransmission", "the same 78 bytes again"),
        (3.04, "server", "syn_ack_retransmission", "and once more"),
        (7.2, "client", "rto_retransmission", "the same 78 bytes again"),
        (7.22, "server", "rst", "the half-open connection was dropped"),
    ]
    first = number * 20 + 1
    evidence = [
        Evidence(frame=first + n, part=None, part_frame=None, time=at(s), source=side, event=event, note=note)  # type: ignore[arg-type]
        for n, (s, side, event, note) in enumerate(rows)
    ]
    finding = Finding(
        id=name,
        fingerprint=hashlib.sha256(b"accept-queue-overflow-ack-drop tcp 10.0.0.2 8080").hexdigest()[:16],
        capture=0,
        connection=number,
        rule="accept-queue-overflow-ack-drop",
        title="The server's accept queue was full and it ignored the end of the handshake",
        severity="failure",
        confidence="high",
        fault="server-app",
        primary=True,
        summary=f"10.0.0.2:8080 ignored the end of the handshake from 10.0.0.1:{base.client.port}: 6 packets of the "
        "client in a row went unanswered until the server reset the connection.",
        story=[
            Step(time=at(0), text="10.0.0.1 asks for a connection.", frames=[first]),
            Step(time=at(0.0003), text="10.0.0.2:8080 answers the SYN: for the client the server now exists.",
                 frames=[first + 1]),
            Step(time=at(0.0004), text="The client acknowledges it. From here on the client's program is connected; "
                 "the server's kernel ignores this packet.", frames=[first + 2]),
            Step(time=at(0.0009), text="The client sends its first 78 bytes. send() succeeds.", frames=[first + 3]),
            Step(time=at(0.213), text="No acknowledgement comes, so the client's kernel sends the same bytes again.",
                 frames=[first + 4, first + 5, first + 8, first + 10]),
            Step(time=at(1.02), text="The server repeats its SYN-ACK: it still waits for the ACK that it has thrown "
                 "away.", frames=[first + 6, first + 9]),
            Step(time=at(7.22), text="The server has given up on the half-open connection and answers the next packet "
                 "with a reset.", frames=[first + 11]),
        ],
        evidence=evidence,
        conditions=[
            Condition(text="the handshake was completed, seen from the client", held=True),
            Condition(text="packets of the client ignored: 6, at least 3", held=True),
            Condition(text="the server went on repeating its SYN-ACK", held=True),
            Condition(text="the server answered other packets of this client meanwhile", held=None),
        ],
        runners_up=[
            RunnerUp(rule="one-way-loss", confidence="medium", why_not="there the way to the server breaks in the "
                     "middle of a conversation; here the server never took part in one"),
            RunnerUp(rule="handshake-ack-lost", confidence="low", why_not="there the client's next packet completes "
                     "the handshake; here six in a row do not"),
        ],
        confirm=[
            Confirm(on="server", command="nstat -az TcpExtListenOverflows TcpExtListenDrops",
                    expect="both grow by one for every SYN or ACK that is ignored"),
            Confirm(on="server", command="ss -lnt 'sport = :8080'",
                    expect="Recv-Q above Send-Q: the queue holds backlog + 1 connections, it is full"),
        ],
        remedies=[
            Remedy(side="server", text="Call accept() faster: do not do work in the thread that accepts, add workers, "
                   "or give each its own listener with SO_REUSEPORT."),
            Remedy(side="server", text="Raise the backlog in listen() and net.core.somaxconn together; the smaller of "
                   "both counts."),
            Remedy(side="client", text="Reuse connections, and repeat the request on a new one: it never reached a "
                   "program, so repeating is safe."),
        ],
        next_capture=NextCapture(where="at the server", command="tcpdump -i any -s 128 -w server.pcap "
                                 "'host 10.0.0.1 and port 8080'"),
        sources=[
            Source(text="Linux net/ipv4/tcp_minisocks.c, tcp_check_req: the ACK is dropped when the accept queue is "
                   "full", url=None),
            Source(text="listen(2)", url="https://man7.org/linux/man-pages/man2/listen.2.html"),
        ],
        wireshark_filter=f"tcp.stream == {number - 1}",
    )  # fmt: skip
    return told, finding


def keepalive_risk(of: Connection) -> Finding:
    """A finding that contributes: nothing would have told the idle side."""
    return Finding(
        id=f"missing-keepalive@{of.community_id}#1",
        fingerprint="0123456789abcdef",
        capture=0,
        connection=of.id,
        rule="missing-keepalive",
        title="Nothing would have told the idle side that its peer was gone",
        severity="risk",
        confidence="medium",
        fault="config",
        primary=False,
        summary="Keepalive is off on the connection of 10.0.0.1.",
        story=[],
        evidence=[],
        conditions=[Condition(text="no keepalive probe was seen in 3 hours", held=True)],
        runners_up=[],
        confirm=[Confirm(on="client", command="ss -nto", expect="no timer:(keepalive,...)")],
        remedies=[Remedy(side="client", text="Turn SO_KEEPALIVE on and set TCP_KEEPIDLE below 350 s.")],
        next_capture=None,
        sources=[],
        wireshark_filter=f"tcp.stream == {of.id - 1}",
    )


def vanished(number: int, start: float) -> tuple[Connection, Finding]:
    """The cable was cut: data goes unanswered, and the kernel is still trying when the capture ends."""

    def at(second: float) -> str:
        return time(start + second)

    base = connection(number, start, start + 160.0)
    name = f"peer-vanished-data-outstanding@{base.community_id}#1"
    seconds = (2.5, 2.71, 3.12, 3.95, 5.61, 8.93, 15.6, 28.9, 55.5, 108.7)
    evidence = [
        Evidence(frame=900, part=None, part_frame=None, time=at(2.1), source="server", event="ack",
                 note="the last packet of the server"),
        *(
            Evidence(frame=903 + 2 * n, part=None, part_frame=None, time=at(s), source="client",
                     event="rto_retransmission" if n else "data",
                     note="the same 12 bytes again" if n else "12 bytes")
            for n, s in enumerate(seconds)
        ),
        Evidence(frame=940, part=None, part_frame=None, time=at(116), source="other", event="icmp_unreachable",
                 note="10.0.0.254 says: host unreachable"),
    ]  # fmt: skip
    told = msgspec.structs.replace(
        base,
        server=Endpoint(address="10.0.0.9", port=5432, name=None),
        conn_state="S1",
        history="ShADad",
        outcome="silent",
        severity="failure",
        cause="peer-vanished-data-outstanding",
        confidence="medium",
        fault="path",
        consistent_with=["one-way-loss"],
        findings=[name],
        ledger=Ledger(
            client_to_server=Bytes(sent=5_012, acknowledged=3_800, in_doubt=1_212, lost=0),
            server_to_client=Bytes(sent=48_200, acknowledged=48_200, in_doubt=0, lost=0),
        ),
        timers=Timers(
            ladder="9 repeats, doubling from 0.21 s",
            os_hint="Linux",
            rto_s=0.208,
            setting="net.ipv4.tcp_retries2 = 15 (default)",
            gave_up_at=None,
            gives_up_at=at(938.4),
        ),
        application_view=ApplicationView(
            client=[
                Call(time=at(2.5), call="send", result="ok", errno=None, certain=True,
                     why="send() only copies into the socket's buffer"),
                Call(time=at(60), call="epoll", result="nothing", errno=None, certain=False,
                     why="nothing arrives, so nothing is reported"),
                Call(time=at(938.4), call="recv", result="ETIMEDOUT", errno="ETIMEDOUT", certain=False,
                     why="the kernel gives up after tcp_retries2 repeats"),
            ],
            server=[],
        ),
    )  # fmt: skip
    finding = Finding(
        id=name,
        fingerprint="fedcba9876543210",
        capture=0,
        connection=number,
        rule="peer-vanished-data-outstanding",
        title="The other side vanished while data was on the way to it",
        severity="failure",
        confidence="medium",
        fault="path",
        primary=True,
        summary="10.0.0.9:5432 fell silent at 12:01:12.100; 12 bytes sent 0.4 s later were repeated 9 times in 106 s "
        "and never acknowledged.",
        story=[
            Step(time=at(2.1), text="The last packet of the server.", frames=[900]),
            Step(time=at(2.5), text="The client sends 12 bytes; send() succeeds.", frames=[903]),
            Step(time=at(2.71), text="No acknowledgement: the same bytes go out again, each time after twice the wait.",
                 frames=[905, 907, 909, 911, 913, 915, 917, 919, 921]),
            Step(time=None, text="The capture ends while the client's kernel is still trying.", frames=[]),
        ],
        evidence=evidence,
        conditions=[
            Condition(text="bytes unacknowledged at the end: 1,212", held=True),
            Condition(text="the address was still resolved (ARP)", held=None),
        ],
        runners_up=[
            RunnerUp(rule="one-way-loss", confidence="medium",
                     why_not="both leave the same frames at the client; a capture at the server tells them apart"),
        ],
        confirm=[
            Confirm(on="client", command="ss -nto dst 10.0.0.9", expect="timer:(on,...) with a growing retransmit count"),
            Confirm(on="path", command="ip neigh show 10.0.0.9", expect="FAILED or INCOMPLETE"),
        ],
        remedies=[
            Remedy(side="client", text="Set TCP_USER_TIMEOUT: the default of tcp_retries2 takes over 15 minutes."),
            Remedy(side="path", text="Look for the link that went down at 12:01:12."),
        ],
        next_capture=NextCapture(where="at the server, at the same time",
                                 command="tcpdump -i any -s 128 -w server.pcap 'host 10.0.0.1 and port 5432'"),
        sources=[Source(text="RFC 6298, section 5", url="https://www.rfc-editor.org/rfc/rfc6298#section-5")],
        wireshark_filter=f"tcp.stream == {number - 1} && frame.number >= 900",
    )  # fmt: skip
    return told, finding


def unknown(number: int, start: float) -> Connection:
    """Failed for a reason that this capture cannot show."""
    return connection(
        number,
        start,
        start + 7,
        server=Endpoint(address="2001:db8::5", port=443, name="evil.example"),
        client=Endpoint(address="2001:db8::1", port=50_000, name=None),
        outcome="unanswered",
        severity="failure",
        conn_state="S0",
        history="S",
        undecided=[
            Undecided(rule="syn-no-answer", missing=["host_siblings"],
                      would_decide="a capture at the server shows whether the SYN arrives"),
            Undecided(rule="synack-lost", missing=["resp_direction"],
                      would_decide="a capture at the server shows whether it answers"),
        ],
        limits=["capture-one-sided"],
    )  # fmt: skip


def capture(packets: int = 4_210) -> Capture:
    """The capture that all of it comes from."""
    return Capture(
        name="orders.pcapng",
        sha256=hashlib.sha256(b"orders").hexdigest(),
        format="pcapng",
        compression=None,
        link_types=["EN10MB"],
        packets=packets,
        bytes=1_834_220,
        first_time=time(0),
        last_time=time(231.5),
        snaplen=262_144,
        parts=[],
        vantage=Vantage(point="client", confidence="high"),
        quality=[
            Quality(flag="capture-one-sided", detail="4 connections show one direction only", frames=[12, 97],
                    effect="their causes are not named where the other direction would decide"),
            Quality(flag="capture-filter-excludes-icmp-arp-dns", detail="no ARP, DNS or ICMP in 4,210 packets",
                    frames=[], effect="a router's or name server's answer would not be seen"),
        ],
        problems=[Problem(code="cut-short", offset=1_834_000, frame=4_211,
                          detail="capture ends in the middle of packet 4211 (12 of 74 bytes)")],
    )  # fmt: skip


def totals(connections: list[Connection], findings: list[Finding], **fields: Any) -> Totals:
    """Counted from what is given, with every key present."""
    values: dict[str, Any] = {
        "packets": 4_210,
        "bytes": 1_834_220,
        "duplicates_removed": 0,
        "connections": len(connections),
        "connections_listed": len(connections),
        "failed": sum(c.severity == "failure" for c in connections),
        "undecided": sum(c.severity == "failure" and c.cause is None for c in connections),
        "not_judged": 2,
        "findings": len(findings),
        "incidents": 1,
        "by_protocol": {p: sum(c.protocol == p for c in connections) for p in ("tcp", "udp", "icmp", "dns", "arp", "ndp")},
        "by_outcome": {o: sum(c.outcome == o for c in connections) for o in _OUTCOMES},
        "by_severity": {
            s: sum(c.severity == s for c in connections) for s in ("failure", "degradation", "risk", "note", "none")
        },
    }  # fmt: skip
    return Totals(**(values | fields))


def result(healthy: int = 24, overflows: int = 3) -> Result:
    """Everything together, in order of first frame."""
    told = [overflow(2 + n, 1.0 + 0.3 * n) for n in range(overflows)]
    first = 3 + overflows
    gone, gone_finding = vanished(first, 70.0)
    lost = unknown(first + 1, 80.0)
    fine = [connection(1, 0.2, 0.9)]
    fine += [connection(first + 2 + n, 81 + n * 3, 83.5 + n * 5) for n in range(healthy - 1)]
    connections = sorted([*fine, *(c for c, _ in told), gone, lost], key=lambda c: c.id)
    findings = [f for _, f in told] + [gone_finding]
    if overflows > 1:
        findings.insert(2, keepalive_risk(told[1][0]))
    incident = Incident(
        id="incident-1",
        rule="accept-queue-overflow-ack-drop",
        scope="listener",
        subject="10.0.0.2:8080",
        captures=[0],
        first_time=time(1.0),
        last_time=time(9.0),
        connections=[c.id for c, _ in told],
        summary=f"{len(told)} of {len(connections)} connections to 10.0.0.2:8080 hit a full accept queue between "
        "12:00:01 and 12:00:09.",
    )
    return Result(
        schema_version=1,
        tool=Tool(name="tcpautopsy", version="0.1.0", rules_version="2026-03-14"),
        captures=[capture()],
        connections=connections,
        findings=findings,
        incidents=[incident] if told else [],
        pairs=[],
        totals=totals(connections, findings),
    )


def healthy() -> Result:
    """Nothing failed."""
    connections = [connection(n, n, n + 2.5) for n in range(1, 6)]
    whole = msgspec.structs.replace(capture(), quality=[], problems=[])
    return msgspec.structs.replace(
        result(), captures=[whole], connections=connections, findings=[], incidents=[],
        totals=totals(connections, [], incidents=0, not_judged=0),
    )  # fmt: skip


def empty() -> Result:
    """A capture without packets."""
    none = msgspec.structs.replace(
        capture(0), bytes=0, first_time=None, last_time=None, quality=[], problems=[],
        vantage=Vantage(point="unknown", confidence="low"),
    )  # fmt: skip
    return msgspec.structs.replace(
        result(), captures=[none], connections=[], findings=[], incidents=[],
        totals=totals([], [], packets=0, bytes=0, incidents=0, not_judged=0),
    )  # fmt: skip


#: What a hostile capture would like to run, hide or write.
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</script><script>alert(1)</script>",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egpj.exe\u2066",
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "`|[x](javascript:alert(1))@everyone",
    "<!-- --><svg onload=alert(1)>",
    "a\u2028b\ufeff\u0085",
)


def hostile(number: int = 0) -> Result:
    """The result with a hostile text in every string that comes from packets, files or rules."""
    whole = result(healthy=2)
    tree = msgspec.to_builtins(whole)
    evil = iter(EVIL * 1000)

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: poisoned(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(v, key) for v in value]
        if isinstance(value, str) and key in _FREE:
            return f"{next(evil)} {value}"
        return value

    return msgspec.convert(poisoned(tree), Result)


#: Fields whose text is not an enumeration, a time or an id that others refer to.
_FREE = frozenset(
    "name detail effect address title summary text event note why_not command expect where would_decide why result"
    " missing ladder os_hint setting errno subject history conn_state link_types wireshark_filter url part".split()
)
