"""Every table of the house: columns, dtypes, units, one sentence each. The manual's table pages are made from it.

Two families. *Records* are the rows that stream through the kernels in batches (frames, packets, events): NumPy
structured arrays. *Tables* are what the stages hand over once a capture has been read: pandas DataFrames with
nullable dtypes, where unknown is NA. Times are int64 nanoseconds since 1970 UTC; `NO_TIME` marks an invalid
one in records and becomes NA in tables.

Longer than other modules because it is a list: one place to look a column up.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple, NewType, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from tcpautopsy.records import Record, Rows
from tcpautopsy.schema import Column, LazyTable, RowChoice, Table, ranges, rows_of

NO_TIME = -(2**63)

# ------------------------------------------------------------------------------------------------- Frames

#: One captured record. `position` is where its bytes start in the chunk's buffer, `file_offset` where they start
#: in the (decompressed) part `part`; `link` is a LINKTYPE number without FCS bits, `fcs_len` bytes of trailer are
#: not counted in `caplen`/`wirelen`. `direction`: 0 unknown, 1 incoming, 2 outgoing (pcapng flags).
FRAME = Record("Frame", "q:time_ns file_offset;I:frame position caplen wirelen interface part;H:link;B:direction pad")


class Frames(NamedTuple):
    """The frames whose bytes lie in one recycled buffer: valid until the next chunk is asked for."""

    buffer: bytearray
    rows: Rows  # FRAME


class Problem(NamedTuple):
    """Something damaged, skipped or odd in the input; `count` frames share it, the first is named."""

    code: str
    offset: int | None
    frame: int | None
    detail: str
    count: int = 1  # type: ignore[assignment]  # shadows tuple.count, which nobody asks a problem for


class Interface(NamedTuple):
    """A capture interface as the file describes it; unknown numbers are None."""

    name: str | None
    link: int
    snaplen: int
    filter: str | None
    received: int | None
    dropped: int | None
    ns_per_tick: float


class Part(NamedTuple):
    """One file of a ring-buffer set."""

    name: str
    sha256: str | None
    packets: int
    first_frame: int


class CaptureFacts(NamedTuple):
    """What the reader knows once the input is exhausted. `bytes` is the wire length of all records."""

    name: str
    sha256: str | None
    format: str | None
    compression: str | None
    link_types: tuple[str, ...]
    packets: int
    bytes: int
    first_ns: int | None
    last_ns: int | None
    snaplen: int | None
    interfaces: tuple[Interface, ...]
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...]
    comments: tuple[tuple[int, str], ...]  # (frame, comment)
    cut_short: bool  # the input ended inside a record or block
    holds_secrets: bool  # a pcapng decryption secrets block was seen (never read)


# ------------------------------------------------------------------------------------------------- Packets


class Kind(IntEnum):
    """What a frame is for us."""

    OTHER = 0  # not decoded, or of no interest
    TCP = 1
    UDP = 2
    ECHO = 3  # ICMP or ICMPv6 echo; ports are (identifier, 0), `seq` the sequence number
    ICMP_ERROR = 4  # addresses, ports, protocol and seq are those of the quoted packet; `other` is who sent it
    RESOLUTION = 5  # ARP or neighbour discovery; src asks (or answers), dst is asked (or told)
    DNS = 6  # a lookup over UDP port 53; `tag` numbers (id, name, type)
    FRAGMENT = 7  # a non-first IP fragment


class Protocol(IntEnum):
    """`protocol` of a packet and a flow; IP numbers where IP has one."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58
    DNS = 200
    ARP = 201
    NDP = 202


class Mark(IntFlag):
    """Bits of `marks`."""

    TRUNCATED = 1  # captured bytes end before the headers or the payload do
    BAD_CHECKSUM = 2  # the TCP/UDP/ICMP checksum was computed and is wrong
    GOOD_CHECKSUM = 4  # it was computed and is right
    DF = 8
    FIRST_FRAGMENT = 16
    TIMESTAMPS = 32  # TCP timestamps option present
    SACK_PERMITTED = 64
    MSS = 128
    WSCALE = 256
    FAST_OPEN = 512
    MPTCP = 1024
    INCOMING = 2048  # SLL packet type or pcapng flags say so
    OUTGOING = 4096
    DUPLICATE = 8192  # a second copy made by the capture; takes part in nothing but counts
    OPTIONS = 16384  # the TCP header has options
    CLOCK_STEP = 32768  # the capture clock jumped backwards before this packet: no interval across it


#: One decoded packet. Addresses are 128-bit in two halves (IPv4 in the low 32 bits of `_lo`, `ip_version` tells).
#: `zone` numbers the VLAN/MPLS/tunnel context (0 = none): equal tuples in different zones are different flows.
#: `ip_len` is the wire length of the IP packet (from the IP header, or the frame when that is 0 = offload).
#: `sack_n` SACK blocks are in `sack1l..sack4r`. `window` is raw. `note` is 1 when Notes speak of this frame.
#: For TCP `icmp_type` is the class of the payload (FIRST_BYTES) and `pad` 1 when the capture cut the options.
#: `icmp_type`, `icmp_code`, `icmp_mtu` are those of ICMP errors and echo (there `flags` is 1 request, 2 reply); for
#: RESOLUTION `flags` is 1 request, 2 reply, 4 gratuitous/probe/announcement (never a resolution) and `icmp_code` 1
#: when it was sent to one host; for DNS `flags` is 1 query, 2 answer, `window` the rcode, `icmp_mtu` the query type;
#: for UDP 2 is a SIP response.
#: `flow` and `from_originator` are filled by the flows room (NO_FLOW when it belongs to none). There `from_originator`
#: of an ICMP error is 2, plus 1 when it quotes a packet of the originator; `tag` of a SYN that reuses a tuple says for
#: which time.
PACKET = Record(
    "Packet",
    "q:time_ns file_offset;"
    "Q:src_hi src_lo dst_hi dst_lo other_hi other_lo src_mac dst_mac;"
    "I:frame flow caplen wirelen ip_len zone tag seq ack payload_len payload_at tsval tsecr"
    " sack1l sack1r sack2l sack2r sack3l sack3r sack4l sack4r note interface part;"
    "H:sport dport ip_id window mss checksum marks icmp_mtu;"
    "B:kind protocol ip_version ttl tos flags wscale sack_n icmp_type icmp_code from_originator pad",
)

NO_FLOW = 0xFFFFFFFF

#: Class of a TCP payload by its first bytes -> its word.
FIRST_BYTES = {
    1: "tls",
    2: "tls",
    3: "tls",
    4: "http-request",
    5: "http-response",
    6: "ssh",
    7: "text",
    8: "binary",
}

#: TCP flag bits in `flags`.
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


class Note(NamedTuple):
    """A fact about one frame that is not a number of the packet: what dpkt read off the common path.

    `kind` is a NOTES row; `number` and `text` mean what that row says. Texts are raw: clean before showing.
    """

    frame: int
    kind: str
    number: int
    text: str


#: kind -> what `number` and `text` are.
NOTES = {
    "tls_client_hello": "TLS version offered; server name (SNI) or ''",
    "tls_server_hello": "TLS version chosen; ''",
    "tls_alert": "level * 256 + description; ''",
    "http_request": "0; method",
    "http_response": "status; ''",
    "http_length": "sequence number behind the response, by its Content-Length; ''",
    "dns_query": "query type; name",
    "dns_answer": "rcode; name",
    "dns_truncated": "1; name: the answer did not fit and wants TCP",
    "dns_address": "ip version; 'address name' (one for each A/AAAA record of an answer)",
    "icmp_sender": "ICMP type * 256 + code; address of the host that sent the ICMP error",
    "arp_mac": "1 when the frame is a reply; MAC address of the sender",
}


class Packets(NamedTuple):
    """One batch of decoded packets in order, and notes about frames of this batch or of one to come."""

    rows: Rows  # PACKET
    notes: list[Note]


# ------------------------------------------------------------------------------------------------- Events


class EventKind(NamedTuple):
    """One kind of event: name, letter in a flow's word, what it says, what `value` is, where it comes from."""

    name: str
    letter: str
    sentence: str
    value: str
    source: str


EVENT_KINDS: tuple[EventKind, ...] = (
    EventKind("syn", "S", "first SYN of the originator", "ISN", "RFC 9293 3.5"),
    EventKind("syn_retransmission", "s", "SYN repeated with the same ISN", "copies so far", "RFC 6298 5.7"),
    EventKind("syn_ack", "H", "first SYN-ACK", "ISN", "RFC 9293 3.5"),
    EventKind("syn_ack_retransmission", "h", "SYN-ACK repeated with the same ISN", "copies so far", "RFC 9293 3.5"),
    EventKind("handshake_ack", "A", "first ACK of the SYN-ACK by the originator", "0", "RFC 9293 3.5"),
    EventKind("data", "D", "a run of new payload", "payload bytes of the run", "RFC 9293 3.4"),
    EventKind("ack", "a", "a run of pure ACKs that advance", "bytes newly acknowledged", "RFC 9293 3.4"),
    EventKind("retransmission", "R", "payload sent before, of no narrower kind below", "payload bytes", "Wireshark"),
    EventKind("fast_retransmission", "F", "resent after duplicate ACKs or SACK", "payload bytes", "RFC 5681 3.2"),
    EventKind("rto_retransmission", "T", "resent by the retransmission timer", "payload bytes", "RFC 6298"),
    EventKind("tail_loss_probe", "P", "last segment resent about 2 SRTT after it", "payload bytes", "RFC 8985 7"),
    EventKind("spurious_retransmission", "u", "resent although already acknowledged", "payload bytes", "Wireshark"),
    EventKind("out_of_order", "O", "older payload seen for the first time, late", "payload bytes", "Wireshark"),
    EventKind("lost_segment", "L", "a jump in sequence: earlier bytes were not captured", "missing bytes", "Wireshark"),
    EventKind("ack_lost_segment", "l", "an ACK of bytes that were not captured", "unseen bytes", "Wireshark"),
    EventKind("duplicate_ack", "d", "a run of ACKs that repeat the last one", "ACKs in the run", "RFC 5681 2"),
    EventKind("zero_window", "Z", "a window of 0 was advertised", "0", "Wireshark"),
    EventKind("zero_window_probe", "z", "probe of a closed window", "payload bytes", "RFC 9293 3.8.6.1"),
    EventKind("zero_window_probe_ack", "y", "answer to a window probe, still closed", "window", "Wireshark"),
    EventKind("window_full", "w", "data fills the advertised window", "bytes in flight", "Wireshark"),
    EventKind("window_update", "W", "only the window grew", "window in bytes", "Wireshark"),
    EventKind("keep_alive", "K", "keepalive probe", "payload bytes", "RFC 1122 4.2.3.6"),
    EventKind("keep_alive_ack", "k", "answer to a keepalive probe", "0", "Wireshark"),
    EventKind("fin", "f", "first FIN of a side", "payload bytes with it", "RFC 9293 3.6"),
    EventKind("fin_retransmission", "g", "FIN repeated", "copies so far", "RFC 9293 3.6"),
    EventKind("rst", "r", "a run of resets", "a Reset bit set, of the first", "RFC 9293 3.5.2"),
    EventKind("challenge_ack", "c", "pure ACK sent in answer to a SYN or RST that does not fit", "0", "RFC 5961"),
    EventKind("reused_ports", "p", "SYN with a new ISN on a tuple used before", "ordinal", "Wireshark"),
    EventKind("duplicate_frame", "2", "a run of second copies made by the capture", "copies", "DESIGN"),
    EventKind("silence", "_", "more than 1 s without a packet of this flow", "ns", "ours"),
    EventKind("capture_start", "(", "the flow was under way when the capture began", "0", "ours"),
    EventKind("capture_gap", "/", "the capture's clock stepped or the capture paused", "ns", "ours"),
    EventKind("capture_end", ")", "the flow was open when the capture ended", "ns since its last packet", "ours"),
    EventKind("icmp_unreachable", "U", "ICMP destination unreachable quoting this flow", "code", "RFC 792"),
    EventKind("icmp_too_big", "M", "ICMP fragmentation needed or packet too big", "next-hop MTU", "RFC 1191"),
    EventKind("icmp_time_exceeded", "X", "ICMP time to live exceeded", "code", "RFC 792"),
    EventKind("icmp_parameter_problem", "x", "ICMP parameter problem", "code", "RFC 792"),
    EventKind("icmp_reassembly_exceeded", "Y", "ICMP fragment reassembly time exceeded", "code", "RFC 792"),
    EventKind("arp_request", "q", "who-has (neighbour solicitation)", "1 when unicast", "RFC 826"),
    EventKind("arp_reply", "Q", "is-at (neighbour advertisement)", "0", "RFC 826"),
    EventKind("arp_unanswered", "!", "a resolution that got no answer", "requests", "RFC 826"),
    EventKind("dns_query", "n", "a lookup, or its repeat", "query type", "RFC 1035"),
    EventKind("dns_answer", "N", "the answer", "rcode", "RFC 1035"),
    EventKind("tls_client_hello", "t", "TLS ClientHello", "version", "RFC 8446"),
    EventKind("tls_server_hello", "e", "TLS ServerHello", "version", "RFC 8446"),
    EventKind("tls_alert", "v", "TLS alert in the clear", "level * 256 + description", "RFC 8446 6"),
    EventKind("http_request", "G", "HTTP/1 request line", "0", "RFC 9112"),
    EventKind("http_response", "C", "HTTP/1 status line", "status", "RFC 9112"),
    EventKind("udp_datagram", "E", "a run of datagrams", "payload bytes of the run", "RFC 768"),
    EventKind("echo_request", "i", "ICMP echo request", "sequence number", "RFC 792"),
    EventKind("echo_reply", "j", "ICMP echo reply", "sequence number", "RFC 792"),
    EventKind("ip_fragment", "b", "first fragment of a datagram", "payload bytes", "RFC 791"),
    EventKind("truncated", "B", "the capture cut a header of this packet", "captured bytes", "ours"),
    EventKind("bad_checksum", "m", "wrong TCP or UDP checksum", "payload bytes", "RFC 9293 3.1"),
)

EVENT_NUMBER = {kind.name: number for number, kind in enumerate(EVENT_KINDS)}


class Reset(IntFlag):
    """How a reset looks: the `value` of an `rst` event (CATALOGUE section 1.1 tells what each look means)."""

    HAS_ACK = 1  # RST,ACK
    WINDOW_ZERO = 2
    TIMESTAMPS = 4
    ID_ZERO = 8  # IPv4 id 0 (never set for IPv6)
    ACK_IS_SYN_PLUS_1 = 16  # answers a SYN
    SEQ_IS_PEER_ACK = 32  # sequence equals the ack number of the peer's last segment
    SEQ_IS_NEXT = 64  # sequence equals what this side would send next
    TTL_DIFFERS = 128  # from this side's other packets by 1 or more
    IN_WINDOW_NOT_EXACT = 256
    TTL_UNKNOWN = 512  # this side sent nothing else to compare with


#: One event, as the kernel writes it. `what` is 256 * count + 4 * kind + side; `other` is `last_frame` of a run of
#: frames (count > 1), `of_frame` of a single one: no run has both.
EVENT = Record("Event", "q:time_ns last_time_ns value;I:flow frame other what")

EVENTS = Table(
    "events",
    "What a frame, or a run of like frames, shows; ordered by (flow, time_ns, frame), then handshake_ack, data, fin.",
    (
        Column("flow", "int64", "", "row number of the flow in Flows"),
        Column("frame", "int64", "", "first frame of the event (Wireshark's frame.number)"),
        Column("last_frame", "int64", "", "last frame of the run; equals frame for a single one"),
        Column("time_ns", "int64", "ns", "time of the first frame, UTC"),
        Column("last_time_ns", "int64", "ns", "time of the last frame"),
        Column("kind", "uint8", "", "number of the kind in EVENT_KINDS"),
        Column("side", "uint8", "", "1 originator, 0 responder, 2 third party"),
        Column("of_frame", "Int64", "", "the frame that it repeats or answers"),
        Column("value", "int64", "", "what EVENT_KINDS says of this kind"),
        Column("count", "int64", "frames", "frames in the run"),
    ),
)

Places: TypeAlias = "range | NDArray[np.int64]"
#: Rows up to which a column of Events, once made, is kept until the table is settled: features ask for it many times.
#: Of more flows than are judged at once it never is.
FEW_EVENTS = 1_000_000


class Events(LazyTable):
    """The table of this contract; `starts[f]` to `starts[f + 1]`, of any width, are the rows of flow f."""

    def __init__(
        self, starts: NDArray[Any], make: Callable[[str, Places], ExtensionArray], rows: Places | None = None
    ) -> None:
        """`make` gives a column, `flow` left out, of any rows of all events of a capture; these have `rows` there."""
        self.starts = starts
        self._stored = stored = _Stored(starts, make, range(int(starts[-1])) if rows is None else rows)
        whole = range(len(stored.rows))
        few = len(whole) <= FEW_EVENTS and len(starts) <= AT_ONCE + 1
        super().__init__(
            EVENTS, len(whole), lambda name: stored.column(name, whole), cut=None if few else stored.some, kept=few
        )

    def bounds(self, flows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first row of each of these flows, and the one behind its last."""
        low, high = (self.starts[places].astype(np.int64) for places in (flows, flows + 1))
        return low, high

    def of(self, flows: NDArray[np.int64]) -> Events:
        """The events of these flows, which ascend and are numbered anew from 0."""
        low, high = self.bounds(flows)
        together = len(flows) > 0 and bool((low[1:] == high[:-1]).all())
        choice = slice(int(low[0]), int(high[-1])) if together else ranges(low, high)
        starts = np.concatenate([[0], np.cumsum(high - low, dtype=np.int64)])
        return Events(starts, self._stored.make, rows_of(self._stored.rows, choice))


class _Stored(NamedTuple):
    """What Events are made of: no more than that, so that a table is gone when nobody looks at it any more."""

    starts: NDArray[Any]
    make: Callable[[str, Places], ExtensionArray]
    rows: Places

    def some(self, choice: RowChoice) -> LazyTable:
        """The table of some of these rows."""
        places = rows_of(range(len(self.rows)), choice)
        return LazyTable(EVENTS, len(places), lambda name: self.column(name, places), kept=False)

    def column(self, name: str, places: Places) -> ExtensionArray:
        """A column of these rows."""
        if name == "flow":
            return pd.arrays.NumpyExtensionArray(self._owners(places))
        choice = slice(places.start, places.stop, places.step) if isinstance(places, range) else places
        return self.make(name, rows_of(self.rows, choice))

    def _owners(self, places: Places) -> NDArray[np.int64]:
        """The flow of each of these rows."""
        if len(places) == len(self.rows):  # all of them
            return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        # Asked in another type the whole of `starts` would be copied into it.
        wanted = np.asarray(places, dtype=self.starts.dtype)
        return np.asarray(np.searchsorted(self.starts, wanted, "right") - 1)


# ------------------------------------------------------------------------------------------------- Flows

FLOWS = Table(
    "flows",
    "One connection (an instance of a 4-tuple), UDP 5-tuple, lookup, echo exchange or address resolution; "
    "ordered by first frame.",
    (
        Column("protocol", "str", "", "tcp, udp, icmp, dns, arp or ndp"),
        Column("client_address", "str", "", "originator"),
        Column("client_port", "Int64", "", "NA for icmp, arp, ndp"),
        Column("server_address", "str", "", "responder, or the address asked for"),
        Column("server_port", "Int64", "", "NA for icmp, arp, ndp"),
        Column("client_known_by", "str", "", "syn, synack, port or first: how the originator is known"),
        Column("zone", "int64", "", "VLAN, MPLS or tunnel context, 0 for none"),
        Column("community_id", "str", "", "Community ID v1, seed 0; '' for arp and ndp"),
        Column("ordinal", "int64", "", "from 1 per community id: reuse of ports, VLAN and tunnel twins"),
        Column("tcp_stream", "Int64", "", "Wireshark's tcp.stream; NA unless tcp"),
        Column("conn_state", "str", "", "Zeek's conn_state; '' where Zeek has none"),
        Column("history", "str", "", "Zeek's history; '' where Zeek has none"),
        Column("first_frame", "int64", "", "first frame"),
        Column("last_frame", "int64", "", "last frame"),
        Column("first_ns", "Int64", "ns", "time of the first frame"),
        Column("last_ns", "Int64", "ns", "time of the last frame"),
        Column("packets", "int64", "", "both directions, duplicates removed"),
        Column("bytes", "int64", "B", "wire length, both directions, duplicates removed"),
        Column("duplicates", "int64", "", "copies made by the capture, removed"),
        Column("ip_version", "int64", "", "4 or 6"),
        Column("previous", "Int64", "", "row of the previous instance of the same tuple"),
        Column("name", "str", "", "server name from TLS SNI or a DNS answer in the capture; ''"),
        Column("client_host", "int64", "", "number of the originator's address, from 0; equal addresses have one"),
        Column("server_host", "int64", "", "number of the responder's address, in the same numbering"),
    ),
)

#: A column is made when it is asked for; `.frame()` is the table with all of them.
Flows: TypeAlias = LazyTable

_SEQ = "relative to the ISN (SYN = 0, first byte = 1); NA without a SYN, then relative to the first seen"

DIRECTIONS = Table(
    "directions",
    "What one side of a TCP or UDP flow did, after duplicates were removed; row 2*flow is the originator's, "
    "2*flow+1 the responder's.",
    (
        Column("packets", "int64", "", "packets sent"),
        Column("bytes", "int64", "B", "wire length sent"),
        Column("payload_packets", "int64", "", "packets with payload, repeats included"),
        Column("payload_bytes", "int64", "B", "payload sent, repeats included"),
        Column("first_frame", "Int64", "", "first frame"),
        Column("last_frame", "Int64", "", "last frame"),
        Column("first_ns", "Int64", "ns", "time of the first packet"),
        Column("last_ns", "Int64", "ns", "time of the last packet"),
        Column("seq_base", "Int64", "", "the sequence number that relative ones count from; NA before any was seen"),
        Column("isn", "Int64", "", "initial sequence number; NA unless the SYN or SYN-ACK was seen"),
        Column("highest_seq", "Int64", "B", "end of the highest segment seen, SYN and FIN counted, " + _SEQ),
        Column("highest_ack", "Int64", "B", "highest acknowledgement this side sent, in the peer's numbering, " + _SEQ),
        Column("last_ack", "Int64", "B", "last acknowledgement this side sent, likewise"),
        Column("sacked_bytes", "int64", "B", "bytes of the peer above highest_ack that its last SACK blocks cover"),
        Column("mss", "Int64", "B", "MSS option of its SYN"),
        Column("wscale", "Int64", "", "window scale of its SYN; NA when not offered or not seen"),
        Column("sack_permitted", "boolean", "", "SACK permitted in its SYN; NA without SYN"),
        Column("timestamps", "boolean", "", "TCP timestamps used"),
        Column("fast_open", "boolean", "", "Fast Open option in its SYN; NA without SYN"),
        Column("mptcp", "boolean", "", "an MPTCP option was seen"),
        Column("window_last", "Int64", "B", "last advertised window, scaled when both scales are known, else raw"),
        Column("window_max", "Int64", "B", "largest advertised window, likewise, SYN excluded"),
        Column("window_min", "Int64", "B", "smallest advertised window, likewise, SYN, FIN and RST excluded"),
        Column("ttl", "Int64", "", "TTL or hop limit of its first packet that is no RST"),
        Column("ttl_min", "Int64", "", "smallest, RST excluded"),
        Column("ttl_max", "Int64", "", "largest, RST excluded"),
        Column("src_mac", "Int64", "", "source MAC of its first packet"),
        Column("ip_id_zero", "int64", "", "packets with IPv4 id 0"),
        Column("outgoing", "int64", "", "packets the capture marks as outgoing"),
        Column("incoming", "int64", "", "packets the capture marks as incoming"),
        Column("bad_checksum", "int64", "", "packets with a wrong checksum"),
        Column("good_checksum", "int64", "", "packets with a right checksum"),
        Column("bad_checksum_first", "boolean", "", "the first of its checksums is wrong; NA without packets"),
        Column("superseg", "int64", "", "packets with more payload than the MSS"),
        Column("truncated", "int64", "", "packets cut by the capture inside headers"),
        Column("cut_packets", "int64", "", "packets whose capture is shorter than the wire length (snaplen)"),
        Column("short_frames", "int64", "", "Ethernet frames shorter than 60 bytes (outgoing, before padding)"),
        Column("syn", "int64", "", "SYN packets without ACK, copies included"),
        Column("syn_ack", "int64", "", "SYN-ACK packets, copies included"),
        Column("fin", "int64", "", "FIN packets, copies included"),
        Column("rst", "int64", "", "RST packets"),
        Column("retransmissions", "int64", "", "payload packets that repeat bytes, of any kind, probes excluded"),
        Column("retransmitted_bytes", "int64", "B", "payload bytes in them"),
        Column("rto_retransmissions", "int64", "", "by the retransmission timer"),
        Column("fast_retransmissions", "int64", "", "after duplicate ACKs or SACK"),
        Column("tail_loss_probes", "int64", "", "tail loss probes"),
        Column("spurious_retransmissions", "int64", "", "already acknowledged when resent"),
        Column("out_of_order", "int64", "", "late first copies"),
        Column("duplicate_acks", "int64", "", "ACKs that repeat the last one"),
        Column("dsacks", "int64", "", "duplicate-SACK reports this side sent"),
        Column("sack_blocks", "int64", "", "SACK blocks this side sent"),
        Column("sacks_impossible", "int64", "", "of them, those 32 MiB or more away from all that the peer sent"),
        Column("keep_alives", "int64", "", "keepalive probes sent"),
        Column("keep_alive_acks", "int64", "", "answers to keepalive probes sent"),
        Column("zero_windows", "int64", "", "packets that advertised a window of 0, SYN, FIN and RST excluded"),
        Column("zero_window_probes", "int64", "", "window probes sent"),
        Column("lost_segments", "int64", "", "jumps in its sequence"),
        Column("lost_bytes", "int64", "B", "bytes in those jumps that never appeared later"),
        Column("unseen_acked_bytes", "int64", "B", "bytes of this side that the peer acknowledged unseen"),
        Column("max_payload", "int64", "B", "largest payload of one packet"),
        Column("max_acked_payload", "Int64", "B", "largest payload of one packet that was acknowledged"),
        Column("min_unacked_payload", "Int64", "B", "smallest payload of one packet never acknowledged at the end"),
        Column("max_unacked_payload", "Int64", "B", "largest payload of one packet never acknowledged at the end"),
        Column("first_data_ns", "Int64", "ns", "time of the first payload"),
        Column("first_data_frame", "Int64", "", "frame of the first payload"),
        Column("first_data_len", "Int64", "B", "size of the first payload packet"),
        Column(
            "first_data_class",
            "category",
            "",
            "class of the first payload bytes of a TCP stream: tls, http-request, http-response, ssh, text, binary; "
            "NA without any",
        ),
        Column("last_data_ns", "Int64", "ns", "time of the last new payload"),
        Column("last_data_frame", "Int64", "", "frame of the last new payload"),
        Column("first_data_acked_ns", "Int64", "ns", "when the peer first acknowledged any payload of this side"),
        Column("fin_ns", "Int64", "ns", "time of its first FIN"),
        Column("fin_frame", "Int64", "", "frame of its first FIN"),
        Column("fin_acked", "boolean", "", "the peer acknowledged its FIN; NA without FIN"),
        Column("rst_ns", "Int64", "ns", "time of its first RST"),
        Column("rst_frame", "Int64", "", "frame of its first RST"),
        Column("rst_look", "Int64", "", "Reset bits of its first RST"),
        Column("rst_ttl", "Int64", "", "TTL of its first RST"),
        Column("rst_ip_id", "Int64", "", "IPv4 id of its first RST"),
        Column("packets_after_rst", "int64", "", "packets it sent after its first RST that are no RST"),
        Column("ladder_first_ns", "Int64", "ns", "first send of the oldest bytes unacknowledged at the end"),
        Column("ladder_first_frame", "Int64", "", "frame of that first send"),
        Column("ladder_copies", "int64", "", "repeats of those bytes (tail loss probes included), peer silent or not"),
        Column("ladder_rto_ns", "Int64", "ns", "first timer resend of those bytes, probes excluded"),
        Column("ladder_last_ns", "Int64", "ns", "last repeat of those bytes"),
        Column("ladder_last_gap_ns", "Int64", "ns", "interval before the last repeat"),
        Column("ladder_base_ns", "Int64", "ns", "smallest interval / 2**k over the timer resends: the first RTO"),
        Column("ladder_is_fin", "boolean", "", "only a FIN is outstanding; NA when nothing is"),
        Column("ladder_is_syn", "boolean", "", "the outstanding thing is a SYN or SYN-ACK; NA when nothing is"),
        Column("unacked_bytes", "Int64", "B", "payload bytes sent and not acknowledged at the end; NA one-sided"),
        Column("unacked_since_ns", "Int64", "ns", "when something unacknowledged at the end was first sent"),
        Column("sent_after_peer_last", "int64", "", "packets it sent after the last packet of the peer"),
        Column("probes_after_peer_last", "int64", "", "keepalive or window probes after the last packet of the peer"),
        Column("data_after_peer_fin", "int64", "", "new payload packets it sent after acknowledging the peer's FIN"),
        Column("max_outage_ns", "Int64", "ns", "longest time from first send to ACK with 2 or more timer resends"),
        Column("max_outage_frame", "Int64", "", "frame whose ACK ended that"),
        Column("max_outage_dead_ns", "Int64", "ns", "of that: from the first send to the last resend in vain"),
        Column("max_outage_gap_ns", "Int64", "ns", "of that: from there to the last resend, which was answered"),
        Column("max_outage_resend_ns", "Int64", "ns", "time of that last resend"),
        Column("max_outage_newest", "boolean", "", "its timestamp was echoed; False: an older one; NA without them"),
        Column("zero_window_ns", "int64", "ns", "total time this side kept its window at 0 with the peer probing"),
        Column("longest_zero_window_ns", "int64", "ns", "longest such time"),
        Column("window_closed_at_end", "boolean", "", "its last advertised window is 0; NA without packets"),
        Column("max_idle_ns", "Int64", "ns", "longest gap before a packet of this side, no packet either way in it"),
        Column("max_idle_frame", "Int64", "", "frame that ended that gap"),
        Column("turns", "int64", "", "times this side began to send data after the peer had (requests, for a client)"),
        Column("rtt_min_ns", "Int64", "ns", "smallest time from data or SYN of this side to its ACK, repeats excluded"),
        Column("tsval_first", "Int64", "", "first TSval"),
        Column("tsval_last", "Int64", "", "last TSval"),
        Column("srtt_max_ns", "Int64", "ns", "largest smoothed round trip (RFC 6298), 8 KiB or more outstanding"),
        Column("ts_stood_ns", "Int64", "ns", "longest time its TSval stood still in a pause of 3 s or more"),
    ),
)

#: So many flows are judged at once; of more, so many at a time: what is kept of a judgement stays small.
AT_ONCE, STRETCH = 131_072, 32_768

Directions: TypeAlias = LazyTable
Features: TypeAlias = LazyTable

#: Windows of the arrival curve, in ms (CATALOGUE 8.3).
ARRIVAL_WINDOWS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

ARRIVALS = Table(
    "arrivals",
    "How datagrams came to a UDP port, from all originators together, duplicates removed; ordered by first arrival. "
    "Bytes are those that a Linux receive buffer is charged, not payload.",
    (
        Column("flow", "int64", "", "row number in Flows of the first flow to this port"),
        Column("datagrams", "int64", "", "datagrams"),
        Column("charged_bytes", "int64", "B", "what they are charged"),
        Column("first_ns", "int64", "ns", "time of the first"),
        Column("last_ns", "int64", "ns", "time of the last"),
        *(
            column
            for w in ARRIVAL_WINDOWS_MS
            for column in (
                Column(f"peak_{w}ms", "int64", "", f"most datagrams within {w} ms"),
                Column(f"peak_{w}ms_bytes", "int64", "B", f"largest charge within {w} ms"),
            )
        ),
    ),
)

Arrivals = NewType("Arrivals", pd.DataFrame)

CLOSE_UP = Table(
    "close_up",
    "One packet of a connection that is looked at closely, in order of time; numbers count from the first of their "
    "direction, as in Wireshark's relative ones. A SYN stands at -1.",
    (
        Column("frame", "int64", "", "frame"),
        Column("time_ns", "int64", "ns", "time"),
        Column("client", "bool", "", "sent by the client"),
        Column("kind", "str", "", "what it shows: the first of its events; '' when none speaks of it"),
        Column("flags", "int64", "", "TCP flags; 0 for others than TCP"),
        Column("payload_len", "int64", "B", "payload bytes"),
        Column("seq", "Int64", "B", "relative sequence number; NA for others than TCP"),
        Column("ack", "Int64", "B", "relative acknowledgement number; NA without ACK"),
        Column("limit", "Int64", "B", "up to where the window allows the other side; NA when its scale is unknown"),
        Column("sack_left", "Int64", "B", "first SACK block: its first byte; NA without"),
        Column("sack_right", "Int64", "B", "... and the byte after its last"),
    ),
)

CloseUp = NewType("CloseUp", pd.DataFrame)

NOTES_TABLE = Table(
    "notes",
    "A fact that dpkt read in one frame; ordered by frame.",
    (
        Column("frame", "int64", "", "frame"),
        Column("flow", "Int64", "", "flow, NA when it belongs to none"),
        Column("side", "int64", "", "1 originator, 0 responder, 2 third party"),
        Column("kind", "str", "", "a NOTES kind"),
        Column("number", "int64", "", "what NOTES says"),
        Column("text", "str", "", "what NOTES says; raw"),
    ),
)

Notes = NewType("Notes", pd.DataFrame)


QUALITY_FLAGS = (
    "capture-drops",
    "capture-snaplen-truncated",
    "capture-one-sided",
    "capture-duplicates",
    "capture-offload-superseg",
    "capture-bad-checksum-offload",
    "capture-clock-step",
    "capture-midstream-start",
    "capture-ended-before-verdict",
    "capture-filter-excludes-icmp-arp-dns",
    "capture-reordered-file",
)


class Flag(NamedTuple):
    """A blind spot of the capture: what was seen, a few frames that show it, what it does to verdicts."""

    flag: str
    detail: str
    frames: tuple[int, ...]
    effect: str


class Quality(NamedTuple):
    """How far the capture can be trusted.

    `per_flow` has one row per flow: a boolean column per QUALITY_FLAGS entry with `_` for `-` (`capture_drops`),
    and `vantage` (client, server, middle, both, unknown), `vantage_confidence` (certain, high, medium, low).
    `loss_rate` is the share of acknowledged bytes that the capture missed.
    """

    flags: tuple[Flag, ...]
    per_flow: pd.DataFrame
    point: str
    confidence: str
    loss_rate: float


class Dissection(NamedTuple):
    """All tables of one capture, as the pipeline hands them from `events` to the stages behind."""

    facts: CaptureFacts
    flows: Flows
    directions: Directions
    events: Events
    notes: Notes
    arrivals: Arrivals
    first_ns: int | None  # of the capture: of any valid frame
    last_ns: int | None


# ------------------------------------------------------------------------------------------------- Diagnosis

FINDINGS = Table(
    "findings",
    "A rule that matched a flow and that no other matching rule supersedes; baselines left out. Ordered by flow, the "
    "primary first, then by precedence.",
    (
        Column("flow", "uint32", "", "row number of the flow in Flows"),
        Column("rule", "category", "", "id of the rule"),
        Column("severity", "category", "", "failure, degradation, risk or note, after `severity_if`"),
        Column(
            "confidence", "category", "", "certain, high, medium or low, after the rule's changes and the trust gate"
        ),
        Column("fault", "category", "", "after `fault_if` and `fault_side`"),
        Column("primary", "bool", "", "it is the cause of its flow"),
        Column("first_ns", "Int64", "ns", "time of its first evidence"),
        Column("last_ns", "Int64", "ns", "time of its last evidence"),
        Column("held", "category", "", "bit n: the n-th of Diagnosis.conditions of its rule held"),
        Column(
            "unseen", "category", "", "bit n: the n-th condition was not to be seen, or names a step that was absent"
        ),
        Column("reasons", "category", "", "bit n: the n-th of Diagnosis.reasons of its rule applied"),
        Column("gate", "category", "", "the capture-* flags that lowered the confidence, joined by a blank; ''"),
    ),
)

EVIDENCE = Table(
    "evidence",
    "An event that a step of a finding took; ordered by finding, step, event.",
    (
        Column("finding", "uint32", "", "row number in Findings"),
        Column("step", "uint16", "", "position of the step in the rule's sequence"),
        Column("event", "uint32", "", "row number in Events"),
    ),
)

RUNNERS_UP = Table(
    "runners_up",
    "A rule that a primary finding was preferred to; ordered by finding, the nearest first, at most three each.",
    (
        Column("finding", "uint32", "", "row number in Findings"),
        Column("rule", "category", "", "id of the rule"),
        Column("confidence", "category", "", "its own where it matched too, else low"),
        Column("why_not", "category", "", "what tells the two apart, and which condition failed"),
    ),
)

VERDICTS = Table(
    "verdicts",
    "What is said of one flow; row order of Flows.",
    (
        Column("outcome", "category", "", "the feature `outcome`"),
        Column("failed", "bool", "", "failed by outcome, whatever the cause"),
        Column(
            "severity", "category", "", "of the cause, else the highest of the findings, else none; failure when failed"
        ),
        Column("finding", "UInt32", "", "row number of the primary finding; NA without a cause"),
        Column("cause", "category", "", "rule of the primary finding; NA without a cause"),
        Column("confidence", "category", "", "of the primary finding; NA without a cause"),
        Column("fault", "category", "", "of the primary finding; NA without a cause"),
        Column("consistent_with", "category", "", "at most 2 rules that leave the same trace, sorted; '' without any"),
        Column("limits", "category", "", "the capture-* flags that touched this verdict, in their order; '' for none"),
        Column("not_judged", "bool", "", "cut at its start or end, not failed and without a cause"),
    ),
)

UNDECIDED = Table(
    "undecided",
    "A rule that could not be judged and that would matter; ordered by flow, the likeliest first, at most five each.",
    (
        Column("flow", "int64", "", "row number of the flow in Flows"),
        Column("rule", "category", "", "id of the rule"),
        Column("missing", "object", "", "tuple of the `needs` of the rule that are not in the capture"),
    ),
)


class Incident(NamedTuple):
    """Findings that are one story: one cause, one place, one time. `flows` are rows of Flows, in order."""

    id: str
    rule: str
    scope: str  # listener, host, path, capture
    subject: str
    first_ns: int | None
    last_ns: int | None
    flows: NDArray[np.uint32]
    summary: str


class Diagnosis(NamedTuple):
    """What the rules say of a capture. `conditions` and `reasons` hold the texts of each rule, by its id."""

    findings: pd.DataFrame  # FINDINGS
    evidence: pd.DataFrame  # EVIDENCE
    runners_up: pd.DataFrame  # RUNNERS_UP
    verdicts: pd.DataFrame  # VERDICTS
    undecided: pd.DataFrame  # UNDECIDED
    incidents: tuple[Incident, ...]
    conditions: dict[str, tuple[str, ...]]
    reasons: dict[str, tuple[str, ...]]
