# cython: language_level=3, wraparound=False, initializedcheck=False, cdivision=True, annotation_typing=True
"""What each packet shows: the state of both directions of every flow, and the events that follow from it.

Sequence numbers are counted from the initial one and run on beyond 2**32, so that below `relative` plain comparison
is right. Outstanding segments are a list per direction; what the peer acknowledges leaves it. Every rule that tells
two kinds of events apart is one small function with its source.

Longer than other modules, for a kernel imports nothing of the house (docs/decisions/005-kernels-stand-alone.md).
"""

from __future__ import annotations

import cython

compiled = cython.compiled

i64 = cython.typedef(cython.longlong)

Packet = cython.struct(
    time_ns=cython.longlong,
    file_offset=cython.longlong,
    src_hi=cython.ulonglong,
    src_lo=cython.ulonglong,
    dst_hi=cython.ulonglong,
    dst_lo=cython.ulonglong,
    other_hi=cython.ulonglong,
    other_lo=cython.ulonglong,
    src_mac=cython.ulonglong,
    dst_mac=cython.ulonglong,
    frame=cython.uint,
    flow=cython.uint,
    caplen=cython.uint,
    wirelen=cython.uint,
    ip_len=cython.uint,
    zone=cython.uint,
    tag=cython.uint,
    seq=cython.uint,
    ack=cython.uint,
    payload_len=cython.uint,
    payload_at=cython.uint,
    tsval=cython.uint,
    tsecr=cython.uint,
    sack1l=cython.uint,
    sack1r=cython.uint,
    sack2l=cython.uint,
    sack2r=cython.uint,
    sack3l=cython.uint,
    sack3r=cython.uint,
    sack4l=cython.uint,
    sack4r=cython.uint,
    note=cython.uint,
    interface=cython.uint,
    part=cython.uint,
    sport=cython.ushort,
    dport=cython.ushort,
    ip_id=cython.ushort,
    window=cython.ushort,
    mss=cython.ushort,
    checksum=cython.ushort,
    marks=cython.ushort,
    icmp_mtu=cython.ushort,
    kind=cython.uchar,
    protocol=cython.uchar,
    ip_version=cython.uchar,
    ttl=cython.uchar,
    tos=cython.uchar,
    flags=cython.uchar,
    wscale=cython.uchar,
    sack_n=cython.uchar,
    icmp_type=cython.uchar,
    icmp_code=cython.uchar,
    from_originator=cython.uchar,
    pad=cython.uchar,
)

Side = cython.struct(
    first_ns=cython.longlong,
    last_ns=cython.longlong,
    bytes=cython.longlong,
    next=cython.longlong,
    una=cython.longlong,
    highest_ack=cython.longlong,
    last_ack=cython.longlong,
    advance_ns=cython.longlong,
    payload_bytes=cython.longlong,
    first_data_ns=cython.longlong,
    last_data_ns=cython.longlong,
    first_data_acked_ns=cython.longlong,
    rtt_min_ns=cython.longlong,
    ts_last_ns=cython.longlong,
    max_idle_ns=cython.longlong,
    fin_ns=cython.longlong,
    fin_end=cython.longlong,
    src_mac=cython.ulonglong,
    known=cython.uint,
    base=cython.uint,
    packets=cython.uint,
    twin=cython.uint,
    trouble=cython.uint,
    last_frame=cython.uint,
    sent_after_peer_last=cython.uint,
    head=cython.uint,
    tail=cython.uint,
    segments=cython.uint,
    window=cython.uint,
    window_min=cython.uint,
    window_max=cython.uint,
    good_checksum=cython.uint,
    tsval_last=cython.uint,
    payload_packets=cython.uint,
    max_payload=cython.uint,
    last_data_frame=cython.uint,
    turns=cython.uint,
    max_acked_payload=cython.uint,
    first_frame=cython.uint,
    ip_id_zero=cython.uint,
    outgoing=cython.uint,
    incoming=cython.uint,
    cut_packets=cython.uint,
    short_frames=cython.uint,
    syn=cython.uint,
    syn_ack=cython.uint,
    fin=cython.uint,
    flow=cython.uint,
    fin_frame=cython.uint,
    max_idle_frame=cython.uint,
    first_data_frame=cython.uint,
    first_data_len=cython.uint,
    tsval_first=cython.uint,
    mss=cython.ushort,
    side=cython.uchar,
    wscale=cython.uchar,
    ttl=cython.uchar,
    ttl_min=cython.uchar,
    ttl_max=cython.uchar,
    first_class=cython.uchar,
)
Trouble = cython.struct(
    unseen_left=cython.longlong,
    unseen_right=cython.longlong,
    retransmitted_bytes=cython.longlong,
    lost_bytes=cython.longlong,
    unseen_acked_bytes=cython.longlong,
    sacked_bytes=cython.longlong,
    rst_ns=cython.longlong,
    max_outage_ns=cython.longlong,
    max_outage_gap_ns=cython.longlong,
    max_outage_dead_ns=cython.longlong,
    max_outage_resend_ns=cython.longlong,
    zero_since_ns=cython.longlong,
    zero_window_ns=cython.longlong,
    longest_zero_window_ns=cython.longlong,
    ts_stood_ns=cython.longlong,
    full_ns=cython.longlong,
    hole_ns=cython.longlong,
    srtt_ns=cython.longlong,
    srtt_max_ns=cython.longlong,
    dup=cython.uint,
    sacks=cython.uint,
    rst=cython.uint,
    bad_checksum=cython.uint,
    superseg=cython.uint,
    truncated=cython.uint,
    retransmissions=cython.uint,
    rto_retransmissions=cython.uint,
    fast_retransmissions=cython.uint,
    tail_loss_probes=cython.uint,
    spurious_retransmissions=cython.uint,
    out_of_order=cython.uint,
    duplicate_acks=cython.uint,
    dsacks=cython.uint,
    keep_alives=cython.uint,
    keep_alive_acks=cython.uint,
    zero_windows=cython.uint,
    zero_window_probes=cython.uint,
    zero_probes_before=cython.uint,
    lost_segments=cython.uint,
    rst_frame=cython.uint,
    rst_look=cython.uint,
    packets_after_rst=cython.uint,
    probes_after_peer_last=cython.uint,
    data_after_peer_fin=cython.uint,
    max_outage_frame=cython.uint,
    sack_blocks=cython.uint,
    sacks_impossible=cython.uint,
    rst_ip_id=cython.ushort,
    rst_ttl=cython.uchar,
    probing=cython.uchar,
    reset_last=cython.uchar,
)
Talk = cython.struct(
    last_ns=cython.longlong,
    last_event=cython.uint,
    epoch=cython.uint,
    last_frame=cython.uint,
    originator=cython.uint,
    responder=cython.uint,
    events=cython.ushort,
    kind=cython.uchar,
    phase=cython.uchar,
)
Segment = cython.struct(
    left=cython.longlong,
    right=cython.longlong,
    first_ns=cython.longlong,
    last_ns=cython.longlong,
    rto_ns=cython.longlong,
    gap_ns=cython.longlong,
    base_ns=cython.longlong,
    first_frame=cython.uint,
    last_frame=cython.uint,
    next=cython.uint,
    size=cython.uint,
    copies=cython.uint,
    rtos=cython.uint,
    resends=cython.uint,
    tsval=cython.uint,
    what=cython.uint,
    pad=cython.uint,
)
Event = cython.struct(
    time_ns=cython.longlong,
    last_time_ns=cython.longlong,
    value=cython.longlong,
    flow=cython.uint,
    frame=cython.uint,
    other=cython.uint,
    what=cython.uint,
)
#: Frames of a run that `what` of an event can count.
LONGEST_RUN = cython.declare(cython.longlong, 0xFFFFFF)

# Kinds of events: their places in tables.EVENT_KINDS.
SYN = cython.declare(cython.longlong, 0)
SYN_RETRANSMISSION = cython.declare(cython.longlong, 1)
SYN_ACK = cython.declare(cython.longlong, 2)
SYN_ACK_RETRANSMISSION = cython.declare(cython.longlong, 3)
HANDSHAKE_ACK = cython.declare(cython.longlong, 4)
DATA = cython.declare(cython.longlong, 5)
ACK = cython.declare(cython.longlong, 6)
RETRANSMISSION = cython.declare(cython.longlong, 7)
FAST_RETRANSMISSION = cython.declare(cython.longlong, 8)
RTO_RETRANSMISSION = cython.declare(cython.longlong, 9)
TAIL_LOSS_PROBE = cython.declare(cython.longlong, 10)
SPURIOUS_RETRANSMISSION = cython.declare(cython.longlong, 11)
OUT_OF_ORDER = cython.declare(cython.longlong, 12)
LOST_SEGMENT = cython.declare(cython.longlong, 13)
ACK_LOST_SEGMENT = cython.declare(cython.longlong, 14)
DUPLICATE_ACK = cython.declare(cython.longlong, 15)
ZERO_WINDOW = cython.declare(cython.longlong, 16)
ZERO_WINDOW_PROBE = cython.declare(cython.longlong, 17)
ZERO_WINDOW_PROBE_ACK = cython.declare(cython.longlong, 18)
WINDOW_FULL = cython.declare(cython.longlong, 19)
WINDOW_UPDATE = cython.declare(cython.longlong, 20)
KEEP_ALIVE = cython.declare(cython.longlong, 21)
KEEP_ALIVE_ACK = cython.declare(cython.longlong, 22)
FIN = cython.declare(cython.longlong, 23)
FIN_RETRANSMISSION = cython.declare(cython.longlong, 24)
RST = cython.declare(cython.longlong, 25)
CHALLENGE_ACK = cython.declare(cython.longlong, 26)
REUSED_PORTS = cython.declare(cython.longlong, 27)
DUPLICATE_FRAME = cython.declare(cython.longlong, 28)
SILENCE = cython.declare(cython.longlong, 29)
CAPTURE_START = cython.declare(cython.longlong, 30)
CAPTURE_GAP = cython.declare(cython.longlong, 31)
CAPTURE_END = cython.declare(cython.longlong, 32)
ICMP_UNREACHABLE = cython.declare(cython.longlong, 33)
ICMP_TOO_BIG = cython.declare(cython.longlong, 34)
ICMP_TIME_EXCEEDED = cython.declare(cython.longlong, 35)
ICMP_PARAMETER_PROBLEM = cython.declare(cython.longlong, 36)
ICMP_REASSEMBLY_EXCEEDED = cython.declare(cython.longlong, 37)
ARP_REQUEST = cython.declare(cython.longlong, 38)
ARP_REPLY = cython.declare(cython.longlong, 39)
ARP_UNANSWERED = cython.declare(cython.longlong, 40)
DNS_QUERY = cython.declare(cython.longlong, 41)
DNS_ANSWER = cython.declare(cython.longlong, 42)
TLS_CLIENT_HELLO = cython.declare(cython.longlong, 43)
TLS_SERVER_HELLO = cython.declare(cython.longlong, 44)
TLS_ALERT = cython.declare(cython.longlong, 45)
HTTP_REQUEST = cython.declare(cython.longlong, 46)
HTTP_RESPONSE = cython.declare(cython.longlong, 47)
UDP_DATAGRAM = cython.declare(cython.longlong, 48)
ECHO_REQUEST = cython.declare(cython.longlong, 49)
ECHO_REPLY = cython.declare(cython.longlong, 50)
IP_FRAGMENT = cython.declare(cython.longlong, 51)
TRUNCATED = cython.declare(cython.longlong, 52)
BAD_CHECKSUM = cython.declare(cython.longlong, 53)

# What of a Side is known (rows.SIDE_KNOWN).
K_BASE = cython.declare(cython.longlong, 1)
K_ISN = cython.declare(cython.longlong, 2)
K_ACK = cython.declare(cython.longlong, 4)
K_WINDOW = cython.declare(cython.longlong, 8)
K_TTL = cython.declare(cython.longlong, 16)
K_MSS = cython.declare(cython.longlong, 32)
K_WSCALE = cython.declare(cython.longlong, 64)
K_SACK_PERMITTED = cython.declare(cython.longlong, 128)
K_TIMESTAMPS = cython.declare(cython.longlong, 256)
K_FAST_OPEN = cython.declare(cython.longlong, 512)
K_MPTCP = cython.declare(cython.longlong, 1024)
K_WINDOW_MAX = cython.declare(cython.longlong, 2048)
K_FIN = cython.declare(cython.longlong, 4096)
K_FIN_ACKED = cython.declare(cython.longlong, 8192)
K_RST = cython.declare(cython.longlong, 16384)
K_ZERO = cython.declare(cython.longlong, 32768)
K_RTT = cython.declare(cython.longlong, 65536)
K_DATA = cython.declare(cython.longlong, 131072)
K_DATA_ACKED = cython.declare(cython.longlong, 262144)
K_ACKED_PAYLOAD = cython.declare(cython.longlong, 524288)
K_OUTAGE_NEWEST = cython.declare(cython.longlong, 1048576)
K_OUTAGE_OLDER = cython.declare(cython.longlong, 2097152)
K_BAD_FIRST = cython.declare(cython.longlong, 4194304)

# Kinds of packets (tables.Kind).
TCP = cython.declare(cython.longlong, 1)
UDP = cython.declare(cython.longlong, 2)
ECHO = cython.declare(cython.longlong, 3)
ICMP_ERROR = cython.declare(cython.longlong, 4)
RESOLUTION = cython.declare(cython.longlong, 5)
LOOKUP = cython.declare(cython.longlong, 6)

F_FIN = cython.declare(cython.longlong, 1)
F_SYN = cython.declare(cython.longlong, 2)
F_RST = cython.declare(cython.longlong, 4)
F_ACK = cython.declare(cython.longlong, 16)

# Bits of `marks` (tables.Mark).
BAD_SUM = cython.declare(cython.longlong, 2)
GOOD_SUM = cython.declare(cython.longlong, 4)
FIRST_FRAGMENT = cython.declare(cython.longlong, 16)
TIMESTAMPS = cython.declare(cython.longlong, 32)
SACK_PERMITTED = cython.declare(cython.longlong, 64)
MSS = cython.declare(cython.longlong, 128)
WSCALE = cython.declare(cython.longlong, 256)
FAST_OPEN = cython.declare(cython.longlong, 512)
MPTCP = cython.declare(cython.longlong, 1024)
INCOMING = cython.declare(cython.longlong, 2048)
OUTGOING = cython.declare(cython.longlong, 4096)
DUPLICATE = cython.declare(cython.longlong, 8192)
CLOCK_STEP = cython.declare(cython.longlong, 32768)

# Bits of a reset's look (tables.Reset).
HAS_ACK = cython.declare(cython.longlong, 1)
WINDOW_ZERO = cython.declare(cython.longlong, 2)
HAS_TIMESTAMPS = cython.declare(cython.longlong, 4)
ID_ZERO = cython.declare(cython.longlong, 8)
ACK_IS_SYN_PLUS_1 = cython.declare(cython.longlong, 16)
SEQ_IS_PEER_ACK = cython.declare(cython.longlong, 32)
SEQ_IS_NEXT = cython.declare(cython.longlong, 64)
TTL_DIFFERS = cython.declare(cython.longlong, 128)
IN_WINDOW_NOT_EXACT = cython.declare(cython.longlong, 256)
TTL_UNKNOWN = cython.declare(cython.longlong, 512)

# What an outstanding segment is (rows.py).
DATA_SEGMENT = cython.declare(cython.longlong, 1)
OPENING = cython.declare(cython.longlong, 2)
CLOSING = cython.declare(cython.longlong, 3)

#: In `pad` of a packet: the capture cut its options; and, told to Python, its payload was seen for the first time.
CUT_OPTIONS = cython.declare(cython.longlong, 1)
FIRST_COPY = cython.declare(cython.longlong, 2)

NO_FLOW = cython.declare(cython.longlong, 0xFFFFFFFF)
M32 = cython.declare(cython.longlong, 0xFFFFFFFF)
M31 = cython.declare(cython.longlong, 0x7FFFFFFF)
MS = cython.declare(cython.longlong, 1000000)
SECOND = cython.declare(cython.longlong, 1000000000)
#: Reordering on a path seldom exceeds this; Wireshark's limit for calling a segment out of order.
REORDER_NS = cython.declare(cython.longlong, 3000000)
#: Linux never arms the timer below 200 ms (TCP_RTO_MIN, include/net/tcp.h); a margin for coarse clocks.
TIMER_NS = cython.declare(cython.longlong, 150000000)
#: An answer to an ACK leaves at once; what comes later than this after the peer's last packet was sent by a timer.
PROMPT_NS = cython.declare(cython.longlong, 100000000)
#: Jumps beyond this are no loss but another connection's number, or a forged one.
FAR = cython.declare(cython.longlong, 0x40000000)
# A SACK block so many bytes away from all that was sent is about another numbering (a receive window is smaller).
BEYOND = cython.declare(cython.longlong, 0x2000000)
# So many bytes outstanding are load: six full segments.
LOAD = cython.declare(cython.longlong, 8192)
# A pause of a side (ns) after which its TSval is asked how long it was for that side.
STOOD = cython.declare(cython.longlong, 3_000_000_000)
NEAR = cython.declare(cython.longlong, 0x4000000)
#: Outstanding segments kept one by one; later ones of a direction are kept as one range (stories only).
MAX_SEGMENTS = cython.declare(cython.longlong, 1024)
#: Events kept of one flow; then only those that open or end something (stories are shortened, counters are not).
MAX_EVENTS = cython.declare(cython.longlong, 10000)
#: Bits of the phase of a flow: 1 + the side that sent payload last, and whether its handshake is over.
TURN = cython.declare(cython.longlong, 3)
SHAKEN = cython.declare(cython.longlong, 4)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def past(later: i64, earlier: i64) -> i64:
    """Signed distance modulo 2**32 (RFC 9293 section 3.4)."""
    span: i64 = (later - earlier) & M32
    if span > M31:
        return span - M32 - 1
    return span


@cython.final
@cython.cclass
class Track:
    """All directions and flows so far, their outstanding segments, and the events."""

    rows: Packet[::1]
    sides: Side[::1]
    troubles: Trouble[::1]
    talks: Talk[::1]
    segments: Segment[::1]
    events: Event[::1]
    #: First row of the list of free segments plus 1; `used` rows were ever taken.
    free = cython.declare(cython.longlong, visibility="public")
    epoch: i64
    count = cython.declare(cython.longlong, visibility="public")
    flows = cython.declare(cython.longlong, visibility="public")
    used = cython.declare(cython.longlong, visibility="public")
    #: The last rows taken of sides and troubles; row 0 of both is nobody's and stays zero.
    heard = cython.declare(cython.longlong, visibility="public")
    troubled = cython.declare(cython.longlong, visibility="public")

    def __init__(self):
        self.free = self.used = self.epoch = self.count = self.flows = self.heard = self.troubled = 0

    def hold(self, sides, troubles, talks, segments, events):
        """The state; larger arrays with the same beginning replace it when `run` asks for room."""
        self.sides = sides
        self.troubles = troubles
        self.talks = talks
        self.segments = segments
        self.events = events

    def let_go(self):
        """Nothing of the state is held any more: it may be moved."""
        self.sides = None
        self.troubles = None
        self.talks = None
        self.segments = None
        self.events = None

    def bind(self, rows):
        self.rows = rows

    # ----------------------------------------------------------------------------------------------------- events

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def essential(self, kind: i64) -> i64:
        """Kinds that open, stop or end something: kept when a flow has so many events that the common ones are not."""
        if kind <= HANDSHAKE_ACK or kind == RTO_RETRANSMISSION or kind == TAIL_LOSS_PROBE:
            return 1
        if ZERO_WINDOW <= kind <= KEEP_ALIVE_ACK:
            return 1 if kind != WINDOW_FULL else 0
        return 1 if FIN <= kind <= ICMP_REASSEMBLY_EXCEEDED and kind != DUPLICATE_FRAME or kind == TLS_ALERT else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def tell(self, i: i64, f: i64, kind: i64, side: i64, value: i64, of_frame: i64, run: i64) -> i64:
        """Write an event of the row at hand; with `run` a like one just before is prolonged instead."""
        e: i64 = cython.cast(i64, self.talks[f].last_event) - 1
        t: i64 = self.rows[i].time_ns
        if run and e >= 0:
            if (
                self.events[e].what & 0xFF == (kind << 2 | side)
                and t - self.events[e].last_time_ns <= SECOND
                and self.events[e].what >> 8 < LONGEST_RUN
            ):
                self.events[e].last_time_ns = t
                self.events[e].other = self.rows[i].frame
                self.events[e].what += 0x100
                if kind != RST:
                    self.events[e].value += value
                return 0
        if self.talks[f].events >= MAX_EVENTS:
            if not self.essential(kind) or self.talks[f].events >= 2 * MAX_EVENTS:
                self.talks[f].last_event = 0
                return 0
        e = self.count
        self.count += 1
        self.talks[f].events += 1
        self.talks[f].last_event = e + 1
        self.events[e].time_ns = t
        self.events[e].last_time_ns = t
        self.events[e].value = value
        self.events[e].flow = f
        self.events[e].frame = self.rows[i].frame
        self.events[e].other = of_frame
        self.events[e].what = 0x100 | kind << 2 | side
        return 0

    # ---------------------------------------------------------------------------------------------------- directions

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def row_of(self, f: i64, side: i64) -> i64:
        """The row of a direction, taken when it first speaks or is spoken of."""
        d: i64 = self.talks[f].originator if side else self.talks[f].responder
        p: i64
        if d:
            return d
        self.heard += 1
        d = self.heard
        if side:
            p = self.talks[f].responder
            self.talks[f].originator = d
        else:
            p = self.talks[f].originator
            self.talks[f].responder = d
        self.sides[d].flow = f
        self.sides[d].side = side
        self.sides[d].twin = p
        if p:
            self.sides[p].twin = d
        return d

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def trouble_of(self, d: i64) -> i64:
        """The row of what happens to few directions, taken when it happens first."""
        if self.sides[d].trouble == 0:
            self.troubled += 1
            self.sides[d].trouble = self.troubled
        return self.sides[d].trouble

    # ------------------------------------------------------------------------------------------ outstanding segments

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def append(self, i: i64, d: i64, left: i64, right: i64, what: i64) -> i64:
        """A range sent for the first time, at the end of the direction's list."""
        n: i64
        tail: i64 = cython.cast(i64, self.sides[d].tail) - 1
        if self.sides[d].segments >= MAX_SEGMENTS and what == DATA_SEGMENT and tail >= 0:
            if self.segments[tail].right == left and self.segments[tail].what == DATA_SEGMENT:
                self.segments[tail].right = right
                self.segments[tail].last_ns = self.rows[i].time_ns
                self.segments[tail].last_frame = self.rows[i].frame
                return 0
        n = self.take(i, left, right, what)
        if tail >= 0:
            self.segments[tail].next = n + 1
        else:
            self.sides[d].head = n + 1
        self.sides[d].tail = n + 1
        self.sides[d].segments += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def take(self, i: i64, left: i64, right: i64, what: i64) -> i64:
        """A free row, filled."""
        n: i64
        if self.free:
            n = self.free - 1
            self.free = self.segments[n].next
        else:
            n = self.used
            self.used += 1
        self.segments[n].left = left
        self.segments[n].right = right
        self.segments[n].first_ns = self.rows[i].time_ns
        self.segments[n].last_ns = self.rows[i].time_ns
        self.segments[n].rto_ns = 0
        self.segments[n].gap_ns = 0
        self.segments[n].base_ns = 0
        self.segments[n].first_frame = self.rows[i].frame
        self.segments[n].last_frame = self.rows[i].frame
        self.segments[n].next = 0
        self.segments[n].size = right - left if what == DATA_SEGMENT else 0
        self.segments[n].copies = 0
        self.segments[n].rtos = 0
        self.segments[n].resends = 0
        self.segments[n].tsval = self.rows[i].tsval
        self.segments[n].what = what
        return n

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def insert(self, i: i64, d: i64, left: i64, right: i64) -> i64:
        """A range that fills a hole between others."""
        n: i64 = self.take(i, left, right, DATA_SEGMENT)
        before: i64 = 0
        at: i64 = self.sides[d].head
        while at and self.segments[at - 1].left < left:
            before = at
            at = self.segments[at - 1].next
        self.segments[n].next = at
        if before:
            self.segments[before - 1].next = n + 1
        else:
            self.sides[d].head = n + 1
        if at == 0:
            self.sides[d].tail = n + 1
        self.sides[d].segments += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def resend(self, i: i64, n: i64, by_timer: i64, probe: i64) -> i64:
        """The segment in row `n` was sent again."""
        t: i64 = self.rows[i].time_ns
        gap: i64 = t - self.segments[n].last_ns
        first_rto: i64
        doublings: i64 = 0
        if not probe:
            # RFC 6298 5.5: each timer resend waits twice as long as the one before, so the first wait follows.
            if self.segments[n].rto_ns == 0:
                self.segments[n].rto_ns = t
                self.segments[n].base_ns = gap
            else:
                doublings = self.segments[n].resends
                first_rto = gap >> (doublings if doublings < 62 else 62)
                if first_rto < self.segments[n].base_ns:
                    self.segments[n].base_ns = first_rto
            self.segments[n].resends += 1
            if by_timer:
                self.segments[n].rtos += 1
        self.segments[n].copies += 1
        self.segments[n].tsval = self.rows[i].tsval
        self.segments[n].gap_ns = gap
        self.segments[n].last_ns = t
        self.segments[n].last_frame = self.rows[i].frame
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def resend_what(self, i: i64, d: i64, what: i64) -> i64:
        """The SYN or FIN of a direction was sent again; returns the frame of its first copy, 0 when not outstanding."""
        n: i64 = self.sides[d].head
        while n:
            if self.segments[n - 1].what == what:
                self.resend(i, n - 1, 1, 0)
                return self.segments[n - 1].first_frame
            n = self.segments[n - 1].next
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def retire(self, i: i64, d: i64) -> i64:
        """The first outstanding segment of direction `d` has been acknowledged."""
        n: i64 = cython.cast(i64, self.sides[d].head) - 1
        t: i64 = self.rows[i].time_ns
        w: i64
        took: i64 = t - self.segments[n].first_ns
        # RFC 6298 section 3: a segment that was repeated says nothing about the round trip.
        if self.segments[n].copies == 0 and took >= 0:
            took = t - self.segments[n].last_ns
            if not self.sides[d].known & K_RTT or took < self.sides[d].rtt_min_ns:
                self.sides[d].rtt_min_ns = took
                self.sides[d].known |= K_RTT
            # Smoothed as in RFC 6298 section 2.3; with little outstanding the peer may delay its ACK on purpose, and
            # after so long a time the sender would have sent again: what was not captured is no round trip.
            if self.sides[d].next - self.segments[n].left >= LOAD and took < STOOD:
                w = self.trouble_of(d)
                if not self.troubles[w].srtt_ns:
                    self.troubles[w].srtt_ns = self.sides[d].rtt_min_ns
                self.troubles[w].srtt_ns = (7 * self.troubles[w].srtt_ns + took) // 8
                if self.troubles[w].srtt_ns > self.troubles[w].srtt_max_ns:
                    self.troubles[w].srtt_max_ns = self.troubles[w].srtt_ns
        took = t - self.segments[n].first_ns
        if self.segments[n].what == DATA_SEGMENT:
            if self.segments[n].copies == 0:
                self.sides[d].known |= K_ACKED_PAYLOAD
                if self.segments[n].size > self.sides[d].max_acked_payload:
                    self.sides[d].max_acked_payload = self.segments[n].size
            if not self.sides[d].known & K_DATA_ACKED:
                self.sides[d].known |= K_DATA_ACKED
                self.sides[d].first_data_acked_ns = t
            if self.segments[n].rtos >= 2 and took > self.troubles[self.sides[d].trouble].max_outage_ns:
                self.outage(i, d, n)
        self.sides[d].head = self.segments[n].next
        if self.sides[d].head == 0:
            self.sides[d].tail = 0
        self.sides[d].segments -= 1
        self.segments[n].next = self.free
        self.free = n + 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def outage(self, i: i64, d: i64, n: i64) -> i64:
        """The longest outage of direction `d` so far: the segment in row `n` has at last been acknowledged."""
        w: i64 = self.trouble_of(d)
        self.troubles[w].max_outage_ns = self.rows[i].time_ns - self.segments[n].first_ns
        self.troubles[w].max_outage_frame = self.rows[i].frame
        self.troubles[w].max_outage_gap_ns = self.segments[n].gap_ns
        self.troubles[w].max_outage_resend_ns = self.segments[n].last_ns
        self.troubles[w].max_outage_dead_ns = (
            self.segments[n].last_ns - self.segments[n].gap_ns - self.segments[n].first_ns
        )
        self.sides[d].known &= ~(K_OUTAGE_NEWEST | K_OUTAGE_OLDER)
        # RFC 7323 section 4.3: an ACK echoes the timestamp of the copy that arrived.
        if self.rows[i].marks & TIMESTAMPS and self.sides[d].known & K_TIMESTAMPS:
            if past(self.rows[i].tsecr, self.segments[n].tsval) >= 0:
                self.sides[d].known |= K_OUTAGE_NEWEST
            else:
                self.sides[d].known |= K_OUTAGE_OLDER
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def unseen(self, d: i64, left: i64, right: i64) -> i64:
        """Bytes of direction `d` that were not captured have been acknowledged."""
        w: i64 = self.trouble_of(d)
        self.troubles[w].unseen_left = left
        self.troubles[w].unseen_right = right
        self.troubles[w].unseen_acked_bytes += right - left
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def acknowledge(self, i: i64, f: i64, d: i64, upto: i64) -> i64:
        """Direction `d` acknowledged the other's bytes below `upto`."""
        p: i64 = self.sides[d].twin
        n: i64
        at: i64 = self.sides[p].una
        unseen: i64 = 0
        if upto <= at or upto - at > FAR:
            return 0
        n = self.sides[p].head
        while n and self.segments[n - 1].left < upto:
            if self.segments[n - 1].left > at:
                unseen += self.segments[n - 1].left - at
                self.unseen(p, at, self.segments[n - 1].left)
            if self.segments[n - 1].right > upto:
                self.segments[n - 1].left = upto
                at = upto
                break
            if self.segments[n - 1].right > at:
                at = self.segments[n - 1].right
            self.retire(i, p)
            n = self.sides[p].head
        if at < upto:
            unseen += upto - at
            self.unseen(p, at, upto)
        self.sides[p].una = upto
        self.sides[p].advance_ns = self.rows[i].time_ns
        if self.sides[p].known & K_FIN and upto >= self.sides[p].fin_end:
            self.sides[p].known |= K_FIN_ACKED
        if unseen:
            self.tell(i, f, ACK_LOST_SEGMENT, self.sides[d].side, unseen, 0, 1)
        return 0

    # -------------------------------------------------------------------------------------------------- any packet

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def interval(self, i: i64, f: i64, d: i64) -> i64:
        """Silence before the packet, and a step of the capture's clock, across which nothing is measured."""
        t: i64 = self.rows[i].time_ns
        gap: i64 = t - self.talks[f].last_ns
        before: i64
        if self.talks[f].kind == 0:
            self.talks[f].kind = self.rows[i].kind
            self.talks[f].epoch = self.epoch
            if f >= self.flows:
                self.flows = f + 1
            if self.rows[i].kind == TCP and not self.rows[i].flags & F_SYN:
                self.tell(i, f, CAPTURE_START, 1, 0, 0, 0)
        elif self.talks[f].epoch != self.epoch:
            self.talks[f].epoch = self.epoch
            self.tell(i, f, CAPTURE_GAP, self.sides[d].side, gap, 0, 0)
            self.restart(f, t)
        elif gap > SECOND and self.rows[i].kind != RESOLUTION and self.rows[i].kind != LOOKUP:
            before = self.count
            self.tell(i, f, SILENCE, self.sides[d].side, gap, self.talks[f].last_frame, 0)
            if self.count > before:
                self.events[before].time_ns = self.talks[f].last_ns
        if self.talks[f].epoch == self.epoch and self.sides[d].packets + self.sides[self.sides[d].twin].packets > 0:
            gap = t - self.talks[f].last_ns
            if gap > self.sides[d].max_idle_ns:
                self.sides[d].max_idle_ns = gap
                self.sides[d].max_idle_frame = self.rows[i].frame
        self.talks[f].last_ns = t
        self.talks[f].last_frame = self.rows[i].frame
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def restart(self, f: i64, t: i64) -> i64:
        """The clock stepped: what is still waited for is waited for from now on."""
        self.stand_still(self.talks[f].originator, t)
        self.stand_still(self.talks[f].responder, t)
        self.talks[f].last_ns = t
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def stand_still(self, d: i64, t: i64) -> i64:
        n: i64 = self.sides[d].head
        w: i64
        if d == 0:
            return 0
        while n:
            self.segments[n - 1].first_ns = t
            self.segments[n - 1].last_ns = t
            n = self.segments[n - 1].next
        w = self.trouble_of(d)
        if self.sides[d].known & K_ZERO:
            self.troubles[w].zero_since_ns = t
        self.troubles[w].hole_ns = t
        self.troubles[w].full_ns = 0
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def counted(self, i: i64, f: i64, d: i64) -> i64:
        """What is counted of every packet."""
        p: i64 = self.sides[d].twin
        t: i64 = self.rows[i].time_ns
        if self.sides[d].packets == 0:
            self.sides[d].first_ns = t
            self.sides[d].first_frame = self.rows[i].frame
            self.sides[d].src_mac = self.rows[i].src_mac
        self.sides[d].packets += 1
        self.sides[d].bytes += self.rows[i].wirelen
        self.sides[d].last_ns = t
        self.sides[d].last_frame = self.rows[i].frame
        self.sides[d].sent_after_peer_last += 1
        self.sides[p].sent_after_peer_last = 0
        self.troubles[self.sides[p].trouble].probes_after_peer_last = 0
        self.direction(i, d)
        if self.rows[i].marks & BAD_SUM:
            if not self.troubles[self.sides[d].trouble].bad_checksum and not self.sides[d].good_checksum:
                self.sides[d].known |= K_BAD_FIRST
            self.troubles[self.trouble_of(d)].bad_checksum += 1
        elif self.rows[i].marks & GOOD_SUM:
            self.sides[d].good_checksum += 1
        if self.rows[i].ip_version == 4 and self.rows[i].ip_id == 0 and self.rows[i].kind != RESOLUTION:
            self.sides[d].ip_id_zero += 1
        if self.rows[i].caplen < self.rows[i].wirelen:
            self.sides[d].cut_packets += 1
        if self.rows[i].dst_mac != 0 and self.rows[i].wirelen < 60:
            self.sides[d].short_frames += 1
        if self.rows[i].pad & CUT_OPTIONS:
            self.troubles[self.trouble_of(d)].truncated += 1
            self.tell(i, f, TRUNCATED, self.sides[d].side, self.rows[i].caplen, 0, 0)
        if self.rows[i].marks & FIRST_FRAGMENT:
            self.tell(i, f, IP_FRAGMENT, self.sides[d].side, self.rows[i].payload_len, 0, 0)
        if self.rows[i].kind != TCP or not self.rows[i].flags & F_RST:
            self.hops(i, d)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def direction(self, i: i64, d: i64) -> i64:
        if self.rows[i].marks & INCOMING:
            self.sides[d].incoming += 1
        elif self.rows[i].marks & OUTGOING:
            self.sides[d].outgoing += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def hops(self, i: i64, d: i64) -> i64:
        if self.rows[i].kind == RESOLUTION:
            return 0
        if not self.sides[d].known & K_TTL:
            self.sides[d].known |= K_TTL
            self.sides[d].ttl = self.rows[i].ttl
            self.sides[d].ttl_min = self.rows[i].ttl
            self.sides[d].ttl_max = self.rows[i].ttl
        if self.rows[i].ttl < self.sides[d].ttl_min:
            self.sides[d].ttl_min = self.rows[i].ttl
        if self.rows[i].ttl > self.sides[d].ttl_max:
            self.sides[d].ttl_max = self.rows[i].ttl
        return 0

    # --------------------------------------------------------------------------------------------------------- TCP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def relative(self, d: i64, seq: i64) -> i64:
        """A sequence number of direction `d` counted from its initial one, right across any number of wraps."""
        reference: i64 = self.sides[d].next
        if not self.sides[d].known & K_BASE:
            # The start was not captured: what is seen first counts as the first byte.
            self.sides[d].known |= K_BASE
            self.sides[d].base = (seq - 1) & M32
            self.sides[d].next = 1
            self.sides[d].una = 1
            return 1
        if self.sides[d].una > reference:
            reference = self.sides[d].una
        return reference + past(seq, self.sides[d].base + reference)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def scaled(self, i: i64, d: i64) -> i64:
        """The advertised window in bytes; a scale holds when both sides offered one (RFC 7323 section 2.2)."""
        window: i64 = self.rows[i].window
        if self.rows[i].flags & F_SYN:
            return window
        if self.sides[d].known & K_WSCALE and self.sides[self.sides[d].twin].known & K_WSCALE:
            return window << cython.cast(i64, self.sides[d].wscale)
        return window

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def offers(self, i: i64, d: i64) -> i64:
        """Options that only a SYN carries."""
        marks: i64 = self.rows[i].marks
        if marks & MSS:
            self.sides[d].known |= K_MSS
            self.sides[d].mss = self.rows[i].mss
        if marks & WSCALE:
            self.sides[d].known |= K_WSCALE
            self.sides[d].wscale = self.rows[i].wscale
        if marks & SACK_PERMITTED:
            self.sides[d].known |= K_SACK_PERMITTED
        if marks & FAST_OPEN:
            self.sides[d].known |= K_FAST_OPEN
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def opens(self, i: i64, d: i64) -> i64:
        """The direction's initial sequence number is known now; returns 1 when it was not before."""
        seq: i64 = self.rows[i].seq
        if self.sides[d].known & K_ISN:
            return 0
        self.offers(i, d)
        if not self.sides[d].known & K_BASE or self.sides[d].base != seq:
            self.sides[d].base = seq
            self.sides[d].next = 1
            self.sides[d].una = 0
        self.sides[d].known |= K_ISN | K_BASE
        if self.sides[d].una == 0:
            self.append(i, d, 0, 1, OPENING)
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def syn(self, i: i64, f: i64, d: i64) -> i64:
        side: i64 = self.sides[d].side
        first: i64
        self.sides[d].syn += 1
        if self.opens(i, d):
            self.tell(i, f, SYN, side, self.rows[i].seq, 0, 0)
            if self.rows[i].tag > 1:
                self.tell(i, f, REUSED_PORTS, side, self.rows[i].tag, 0, 0)
        else:
            first = self.resend_what(i, d, OPENING) or self.sides[d].first_frame
            self.tell(i, f, SYN_RETRANSMISSION, side, self.sides[d].syn - 1, first, 0)
        if self.rows[i].payload_len:
            # Fast Open (RFC 7413): payload may come with the SYN.
            self.payload(i, f, d, 1)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def syn_ack(self, i: i64, f: i64, d: i64) -> i64:
        side: i64 = self.sides[d].side
        first: i64
        self.sides[d].syn_ack += 1
        if self.opens(i, d):
            self.tell(i, f, SYN_ACK, side, self.rows[i].seq, self.sides[self.sides[d].twin].first_frame, 0)
        elif self.sides[d].syn_ack == 1:
            self.tell(i, f, SYN_ACK, side, self.rows[i].seq, self.sides[self.sides[d].twin].first_frame, 0)
        else:
            first = self.resend_what(i, d, OPENING) or self.sides[d].first_frame
            self.tell(i, f, SYN_ACK_RETRANSMISSION, side, self.sides[d].syn_ack - 1, first, 0)
            if self.sides[d].base != self.rows[i].seq and self.sides[d].next == 1 and not self.talks[f].phase & SHAKEN:
                # A SYN cookie changes with time (net/ipv4/syncookies.c): the latest one counts.
                self.sides[d].base = self.rows[i].seq
        self.acknowledge(i, f, d, self.relative(self.sides[d].twin, self.rows[i].ack))
        self.took(i, d, self.relative(self.sides[d].twin, self.rows[i].ack))
        self.sides[d].window = self.rows[i].window
        self.sides[d].known |= K_WINDOW
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def took(self, i: i64, d: i64, upto: i64) -> i64:
        """Remember an acknowledgement that direction `d` sent."""
        self.sides[d].last_ack = upto
        if not self.sides[d].known & K_ACK or upto > self.sides[d].highest_ack:
            self.sides[d].highest_ack = upto
        self.sides[d].known |= K_ACK
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def reset(self, i: i64, f: i64, d: i64) -> i64:
        """How the reset looks, and what it hits (RFC 9293 section 3.5.2, RFC 5961 section 3.2)."""
        p: i64 = self.sides[d].twin
        w: i64
        look: i64 = 0
        seq: i64 = 0
        flags: i64 = self.rows[i].flags
        if flags & F_ACK:
            look |= HAS_ACK
        if self.rows[i].window == 0:
            look |= WINDOW_ZERO
        if self.rows[i].marks & TIMESTAMPS:
            look |= HAS_TIMESTAMPS
        if self.rows[i].ip_version == 4 and self.rows[i].ip_id == 0:
            look |= ID_ZERO
        if flags & F_ACK and self.sides[p].known & K_ISN and self.rows[i].ack == ((self.sides[p].base + 1) & M32):
            if self.sides[d].syn_ack == 0 and self.sides[d].packets == self.troubles[self.sides[d].trouble].rst + 1:
                look |= ACK_IS_SYN_PLUS_1
        if self.sides[d].known & K_BASE:
            seq = self.relative(d, self.rows[i].seq)
            if seq == self.sides[d].next:
                look |= SEQ_IS_NEXT
            if self.sides[p].known & K_ACK:
                if seq == self.sides[p].highest_ack:
                    look |= SEQ_IS_PEER_ACK
                elif self.sides[p].highest_ack < seq < self.sides[p].highest_ack + self.sides[p].window:
                    look |= IN_WINDOW_NOT_EXACT
        if not self.sides[d].known & K_TTL:
            look |= TTL_UNKNOWN
        elif self.sides[d].ttl != self.rows[i].ttl:
            look |= TTL_DIFFERS
        w = self.trouble_of(d)
        self.troubles[w].rst += 1
        self.troubles[w].reset_last = 1 if look & IN_WINDOW_NOT_EXACT else 0
        if self.troubles[w].rst == 1:
            self.sides[d].known |= K_RST
            self.troubles[w].rst_ns = self.rows[i].time_ns
            self.troubles[w].rst_frame = self.rows[i].frame
            self.troubles[w].rst_look = look
            self.troubles[w].rst_ttl = self.rows[i].ttl
            self.troubles[w].rst_ip_id = self.rows[i].ip_id
        self.tell(i, f, RST, self.sides[d].side, look, 0, 1)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def answers_no_syn(self, i: i64, f: i64, d: i64) -> i64:
        """A pure ACK to a SYN that acknowledges something else (RFC 5961 section 4): an older connection lives."""
        p: i64 = self.sides[d].twin
        ack: i64
        if self.sides[d].side or self.talks[f].phase & SHAKEN or self.sides[d].syn_ack or self.sides[p].syn == 0:
            return 0
        if self.rows[i].payload_len or not self.rows[i].flags & F_ACK or self.rows[i].flags & F_FIN:
            return 0
        ack = self.relative(p, self.rows[i].ack)
        return 0 if 1 <= ack <= self.sides[p].next else 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def is_probe(self, i: i64, d: i64, seq: i64) -> i64:
        """One byte or none, at the last number sent: a keepalive (RFC 1122 4.2.3.6), or Linux's window probe."""
        if self.rows[i].payload_len > 1 or self.rows[i].flags & F_FIN or seq != self.sides[d].next - 1 or seq < 1:
            # A SYN alone is no byte that could be probed with, unless it is all there was.
            if not (seq == 0 and self.sides[d].next == 1 and self.rows[i].payload_len <= 1):
                return 0
            if self.rows[i].flags & F_FIN:
                return 0
        return 1 if self.rows[i].payload_len == 0 or self.sides[d].una == self.sides[d].next else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def probe(self, i: i64, f: i64, d: i64) -> i64:
        side: i64 = self.sides[d].side
        w: i64 = self.trouble_of(d)
        length: i64 = self.rows[i].payload_len
        if self.sides[self.sides[d].twin].known & K_WINDOW and self.sides[self.sides[d].twin].window == 0:
            # net/ipv4/tcp_output.c, tcp_xmit_probe_skb: the shape is that of a keepalive, the window tells them apart.
            self.troubles[w].zero_window_probes += 1
            self.tell(i, f, ZERO_WINDOW_PROBE, side, length, 0, 0)
        else:
            self.troubles[w].keep_alives += 1
            self.tell(i, f, KEEP_ALIVE, side, length, 0, 0)
        self.troubles[w].probing = 1
        self.troubles[w].probes_after_peer_last += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def lost(self, i: i64, f: i64, d: i64, seq: i64) -> i64:
        """Bytes before `seq` were not captured."""
        w: i64 = self.trouble_of(d)
        missing: i64 = seq - self.sides[d].next
        self.troubles[w].lost_segments += 1
        self.troubles[w].lost_bytes += missing
        self.troubles[w].hole_ns = self.rows[i].time_ns
        self.tell(i, f, LOST_SEGMENT, self.sides[d].side, missing, 0, 0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def payload(self, i: i64, f: i64, d: i64, seq: i64) -> i64:
        """Payload that begins at `seq`: new, or sent before."""
        length: i64 = self.rows[i].payload_len
        end: i64 = seq + length
        self.sides[d].payload_packets += 1
        self.sides[d].payload_bytes += length
        if length > self.sides[d].max_payload:
            self.sides[d].max_payload = length
        if self.sides[self.sides[d].twin].known & K_MSS and self.sides[d].known & K_MSS:
            if length > self.sides[self.sides[d].twin].mss:
                self.troubles[self.trouble_of(d)].superseg += 1
        elif length > 9000:
            self.troubles[self.trouble_of(d)].superseg += 1
        if end > self.sides[d].next and seq >= self.sides[d].next:
            if seq - self.sides[d].next > FAR:
                return 0
            self.new_payload(i, f, d, seq, end)
        else:
            self.old_payload(i, f, d, seq, end)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def probed(self, d: i64) -> i64:
        """Direction `d` sent a byte to ask whether the peer's window is still closed."""
        w: i64 = self.trouble_of(d)
        self.troubles[w].zero_window_probes += 1
        self.troubles[w].probing = 1
        self.troubles[w].probes_after_peer_last += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def new_payload(self, i: i64, f: i64, d: i64, seq: i64, end: i64) -> i64:
        p: i64 = self.sides[d].twin
        side: i64 = self.sides[d].side
        t: i64 = self.rows[i].time_ns
        if seq > self.sides[d].next:
            self.lost(i, f, d, seq)
        if end - seq == 1 and self.sides[p].known & K_WINDOW and self.sides[p].window == 0:
            # RFC 9293 section 3.8.6.1: one byte beyond the closed window.
            self.probed(d)
            self.tell(i, f, ZERO_WINDOW_PROBE, side, 1, 0, 0)
        else:
            self.tell(i, f, DATA, side, end - seq, 0, 0 if self.rows[i].note else 1)
        if self.talks[f].phase & TURN != side + 1:
            self.sides[d].turns += 1
            self.talks[f].phase = self.talks[f].phase & SHAKEN | (side + 1)
        if not self.sides[d].known & K_DATA:
            self.sides[d].known |= K_DATA
            self.sides[d].first_data_ns = t
            self.sides[d].first_data_frame = self.rows[i].frame
            self.sides[d].first_data_len = end - seq
            self.sides[d].first_class = self.rows[i].icmp_type
        self.sides[d].last_data_ns = t
        self.sides[d].last_data_frame = self.rows[i].frame
        if self.sides[p].known & K_FIN_ACKED:
            self.troubles[self.trouble_of(d)].data_after_peer_fin += 1
        self.append(i, d, seq, end, DATA_SEGMENT)
        self.sides[d].next = end
        self.spoken(i, f, side)
        self.fills_window(i, f, d, end)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def spoken(self, i: i64, f: i64, side: i64) -> i64:
        """A note of the frame becomes an event: Python wrote its kind plus 1 and its value into the row."""
        self.rows[i].pad |= FIRST_COPY
        if self.rows[i].note and self.rows[i].other_hi:
            self.tell(
                i,
                f,
                cython.cast(i64, self.rows[i].other_hi) - 1,
                side,
                cython.cast(i64, self.rows[i].other_lo),
                0,
                0,
            )
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def fills_window(self, i: i64, f: i64, d: i64, end: i64) -> i64:
        """The data reaches the right edge of the peer's window exactly; told at most once a second."""
        p: i64 = self.sides[d].twin
        w: i64
        flight: i64 = end - self.sides[d].una
        if not self.sides[p].known & K_ACK or self.sides[p].window == 0 or flight != self.sides[p].window:
            return 0
        if not self.sides[d].known & K_ISN or not self.sides[p].known & K_ISN:
            return 0
        w = self.trouble_of(d)
        if self.troubles[w].full_ns == 0 or self.rows[i].time_ns - self.troubles[w].full_ns > SECOND:
            self.troubles[w].full_ns = self.rows[i].time_ns
            self.tell(i, f, WINDOW_FULL, self.sides[d].side, flight, 0, 0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def round_trip(self, d: i64) -> i64:
        """The smallest round trip between both ends as far as it is known: both halves as seen from here."""
        total: i64 = 0
        if self.sides[d].known & K_RTT:
            total += self.sides[d].rtt_min_ns
        if self.sides[self.sides[d].twin].known & K_RTT:
            total += self.sides[self.sides[d].twin].rtt_min_ns
        return total

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def is_prompted(self, i: i64, d: i64) -> i64:
        """The peer asks for a resend (duplicate ACKs or SACK), and this one follows soon (RFC 5681, RFC 6675)."""
        p: i64 = self.sides[d].twin
        since: i64 = self.rows[i].time_ns - self.sides[p].last_ns
        limit: i64 = self.round_trip(d) * 3 // 2
        if limit < PROMPT_NS:
            limit = PROMPT_NS
        w: i64 = self.sides[p].trouble
        return 1 if (self.troubles[w].dup >= 2 or self.troubles[w].sacks > 0) and since < limit else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def old_payload(self, i: i64, f: i64, d: i64, seq: i64, end: i64) -> i64:
        """Payload of which at least the beginning was sent before, or was overtaken."""
        n: i64 = self.sides[d].head
        hits: i64 = 0
        last_hit: i64 = 0
        first_frame: i64 = 0
        latest: i64 = 0
        copies: i64 = 0
        by_timer: i64
        kind: i64
        while n and self.segments[n - 1].left < end:
            if self.segments[n - 1].right > seq and self.segments[n - 1].what == DATA_SEGMENT:
                if hits == 0:
                    first_frame = self.segments[n - 1].first_frame
                hits += 1
                last_hit = n
                copies += self.segments[n - 1].copies
                if self.segments[n - 1].last_ns > latest:
                    latest = self.segments[n - 1].last_ns
            n = self.segments[n - 1].next
        if hits == 0:
            return self.not_outstanding(i, f, d, seq, end)
        kind = self.kind_of_resend(i, d, last_hit, copies, self.rows[i].time_ns - latest)
        by_timer = 1 if kind == RTO_RETRANSMISSION else 0
        n = self.sides[d].head
        while n and self.segments[n - 1].left < end:
            if self.segments[n - 1].right > seq and self.segments[n - 1].what == DATA_SEGMENT:
                self.resend(i, n - 1, by_timer, 1 if kind == TAIL_LOSS_PROBE else 0)
            n = self.segments[n - 1].next
        self.repeated(i, f, d, kind, end - seq, first_frame)
        if end > self.sides[d].next:
            # The copy has grown: TCP may join what it sends again (RFC 9293 section 3.8.1).
            self.append(i, d, self.sides[d].next, end, DATA_SEGMENT)
            self.sides[d].next = end
            self.spoken(i, f, self.sides[d].side)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def kind_of_resend(self, i: i64, d: i64, last_hit: i64, copies: i64, since: i64) -> i64:
        """By what an outstanding segment was sent again; `since` its last copy."""
        p: i64 = self.sides[d].twin
        behind: i64 = self.segments[last_hit - 1].next
        is_tail: i64
        if self.sides[p].known & K_WINDOW and self.sides[p].window == 0 and self.rows[i].payload_len == 1:
            return ZERO_WINDOW_PROBE
        if self.is_prompted(i, d):
            return FAST_RETRANSMISSION
        is_tail = 1 if behind == 0 or self.segments[behind - 1].what != DATA_SEGMENT else 0
        # RFC 8985 section 7.2: the probe repeats the last segment, about two round trips after it was sent, and its
        # timer starts anew with each ACK that advances: a resend sooner than that is clocked by a recovery.
        clocked: i64 = 1 if self.rows[i].time_ns - self.sides[d].advance_ns < self.round_trip(d) else 0
        if is_tail and copies == 0 and since < SECOND and not clocked:
            return TAIL_LOSS_PROBE
        # The timer starts anew with each ACK that advances (RFC 6298 section 5.3): a resend soon after one is
        # clocked by the ACKs of a recovery under way.
        if since >= TIMER_NS and self.rows[i].time_ns - self.sides[d].advance_ns >= TIMER_NS:
            return RTO_RETRANSMISSION
        return RETRANSMISSION

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def not_outstanding(self, i: i64, f: i64, d: i64, seq: i64, end: i64) -> i64:
        """Old payload that no outstanding segment covers: acknowledged already, or never seen before."""
        length: i64 = end - seq
        limit: i64
        kind: i64
        w: i64 = self.sides[d].trouble
        right: i64 = self.troubles[w].unseen_right
        if right and seq >= self.troubles[w].unseen_left and end <= right:
            # Acknowledged before it appeared: the capture wrote it late.
            self.troubles[w].unseen_acked_bytes -= length
            self.turned_up(d, length)
            if seq == self.troubles[w].unseen_left:
                self.troubles[w].unseen_left = end
            self.repeated(i, f, d, OUT_OF_ORDER, length, 0)
            self.spoken(i, f, self.sides[d].side)
            return 0
        if end <= self.sides[d].una:
            return self.repeated(i, f, d, SPURIOUS_RETRANSMISSION, length, 0)
        limit = self.round_trip(d)
        if limit < REORDER_NS:
            limit = REORDER_NS
        kind = RETRANSMISSION
        if self.rows[i].time_ns - self.troubles[self.sides[d].trouble].hole_ns < limit:
            kind = OUT_OF_ORDER
        elif self.is_prompted(i, d):
            kind = FAST_RETRANSMISSION
        self.turned_up(d, length)
        self.repeated(i, f, d, kind, length, 0)
        self.insert(i, d, seq, end if end < self.sides[d].next else self.sides[d].next)
        if end > self.sides[d].next:
            self.append(i, d, self.sides[d].next, end, DATA_SEGMENT)
            self.sides[d].next = end
        self.spoken(i, f, self.sides[d].side)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def turned_up(self, d: i64, length: i64) -> i64:
        """So many bytes that counted as not captured came after all."""
        w: i64 = self.sides[d].trouble
        lost: i64 = self.troubles[w].lost_bytes
        self.troubles[w].lost_bytes = lost - length if lost > length else 0
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def repeated(self, i: i64, f: i64, d: i64, kind: i64, length: i64, of_frame: i64) -> i64:
        """Count and tell a repeat of this kind."""
        w: i64
        self.tell(i, f, kind, self.sides[d].side, length, of_frame, 0)
        if kind == OUT_OF_ORDER:
            self.troubles[self.trouble_of(d)].out_of_order += 1
            return 0
        if kind == ZERO_WINDOW_PROBE:
            self.probed(d)
            return 0
        w = self.trouble_of(d)
        self.troubles[w].retransmissions += 1
        self.troubles[w].retransmitted_bytes += length
        if kind == RTO_RETRANSMISSION:
            self.troubles[w].rto_retransmissions += 1
        elif kind == FAST_RETRANSMISSION:
            self.troubles[w].fast_retransmissions += 1
        elif kind == TAIL_LOSS_PROBE:
            self.troubles[w].tail_loss_probes += 1
        elif kind == SPURIOUS_RETRANSMISSION:
            self.troubles[w].spurious_retransmissions += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def closing(self, i: i64, f: i64, d: i64, seq: i64) -> i64:
        """A FIN whose payload begins at `seq`."""
        length: i64 = self.rows[i].payload_len
        end: i64 = seq + length + 1
        first: i64
        self.sides[d].fin += 1
        if self.sides[d].known & K_FIN:
            first = self.resend_what(i, d, CLOSING)
            self.tell(i, f, FIN_RETRANSMISSION, self.sides[d].side, self.sides[d].fin - 1, self.sides[d].fin_frame, 0)
            return first
        if seq - self.sides[d].next > FAR:
            return 0
        if length == 0 and seq > self.sides[d].next:
            self.lost(i, f, d, seq)
        self.sides[d].known |= K_FIN
        self.sides[d].fin_ns = self.rows[i].time_ns
        self.sides[d].fin_frame = self.rows[i].frame
        self.sides[d].fin_end = end
        self.tell(i, f, FIN, self.sides[d].side, length, 0, 0)
        if end > self.sides[d].una:
            self.append(i, d, end - 1, end, CLOSING)
        else:
            self.sides[d].known |= K_FIN_ACKED
        if end > self.sides[d].next:
            self.sides[d].next = end
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def blocks(self, i: i64, d: i64, upto: i64) -> i64:
        """SACK blocks (RFC 2018): bytes above the ACK that arrived, and duplicates reported (RFC 2883)."""
        p: i64 = self.sides[d].twin
        w: i64
        k: i64
        left: i64 = 0
        right: i64 = 0
        first_left: i64 = 0
        first_right: i64 = 0
        total: i64 = 0
        above: i64 = 0
        duplicate: i64 = 0
        end: i64 = self.sides[p].una
        if self.sides[p].next > end:
            end = self.sides[p].next
        if not self.rows[i].sack_n and not self.sides[d].trouble:
            return 0
        w = self.trouble_of(d)
        for k in range(self.rows[i].sack_n):
            if k == 0:
                left = self.relative(p, self.rows[i].sack1l)
                right = self.relative(p, self.rows[i].sack1r)
                first_left = left
                first_right = right
            elif k == 1:
                left = self.relative(p, self.rows[i].sack2l)
                right = self.relative(p, self.rows[i].sack2r)
                # RFC 2883 section 4: the first block lies within the second, or below the ACK.
                if first_left >= left and first_right <= right:
                    duplicate = 1
                    total -= first_right - first_left
                    above -= 1
            elif k == 2:
                left = self.relative(p, self.rows[i].sack3l)
                right = self.relative(p, self.rows[i].sack3r)
            else:
                left = self.relative(p, self.rows[i].sack4l)
                right = self.relative(p, self.rows[i].sack4r)
            self.troubles[w].sack_blocks += 1
            if left > end + BEYOND or right < -BEYOND:
                self.troubles[w].sacks_impossible += 1
            elif k == 0 and right <= upto:
                duplicate = 1
            elif left > upto and right > left and right - left < FAR:
                above += 1
                total += right - left
        self.troubles[w].dsacks += duplicate
        self.troubles[w].sacks = above if above > 0 else 0
        self.troubles[w].sacked_bytes = total if total > 0 else 0
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def plain_ack(self, i: i64, f: i64, d: i64, seq: i64, advance: i64, window: i64) -> i64:
        """A segment that carries nothing but its ACK and its window."""
        p: i64 = self.sides[d].twin
        side: i64 = self.sides[d].side
        w: i64
        if advance > 0:
            self.tell(i, f, ACK, side, advance, 0, 1)
            return 0
        if advance < 0:
            return 0
        if self.troubles[self.sides[p].trouble].probing:
            self.troubles[self.sides[p].trouble].probing = 0
            if window == 0:
                self.tell(i, f, ZERO_WINDOW_PROBE_ACK, side, 0, self.sides[p].last_frame, 0)
            elif self.sides[d].window == 0 and self.sides[d].known & K_WINDOW:
                self.tell(i, f, WINDOW_UPDATE, side, window, 0, 0)
            else:
                self.troubles[self.trouble_of(d)].keep_alive_acks += 1
                self.tell(i, f, KEEP_ALIVE_ACK, side, 0, self.sides[p].last_frame, 0)
            return 0
        if self.troubles[self.sides[p].trouble].reset_last:
            # RFC 5961 section 3.2: a reset inside the window that does not fit exactly is answered, not obeyed.
            self.troubles[self.sides[p].trouble].reset_last = 0
            self.tell(i, f, CHALLENGE_ACK, side, 0, self.sides[p].last_frame, 0)
            return 0
        if self.troubles[self.sides[d].trouble].sacks or window == self.sides[d].window:
            w = self.trouble_of(d)
            self.troubles[w].dup += 1
            self.troubles[w].duplicate_acks += 1
            self.tell(i, f, DUPLICATE_ACK, side, 1, 0, 1)
        elif window > self.sides[d].window:
            self.tell(i, f, WINDOW_UPDATE, side, window, 0, 0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def window_probes(self, d: i64) -> i64:
        """How often the peer of direction `d` has asked whether its window is still closed."""
        return self.troubles[self.sides[self.sides[d].twin].trouble].zero_window_probes

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def advertised(self, i: i64, f: i64, d: i64, window: i64) -> i64:
        """The window that a segment advertises: closed, opened, its extremes."""
        t: i64 = self.rows[i].time_ns
        span: i64
        w: i64
        fin: i64 = self.rows[i].flags & F_FIN
        if window == 0 and not fin:
            w = self.trouble_of(d)
            if not self.sides[d].known & K_ZERO and (self.sides[d].window != 0 or not self.sides[d].known & K_WINDOW):
                self.tell(i, f, ZERO_WINDOW, self.sides[d].side, 0, 0, 0)
                self.sides[d].known |= K_ZERO
                self.troubles[w].zero_since_ns = t
                self.troubles[w].zero_probes_before = self.window_probes(d)
            self.troubles[w].zero_windows += 1
        elif self.sides[d].known & K_ZERO:
            self.sides[d].known &= ~K_ZERO
            w = self.sides[d].trouble
            span = t - self.troubles[w].zero_since_ns
            if self.window_probes(d) > self.troubles[w].zero_probes_before:
                self.troubles[w].zero_window_ns += span
                if span > self.troubles[w].longest_zero_window_ns:
                    self.troubles[w].longest_zero_window_ns = span
        if not fin:
            if not self.sides[d].known & K_WINDOW_MAX:
                self.sides[d].known |= K_WINDOW_MAX
                self.sides[d].window_min = window
                self.sides[d].window_max = window
            if window < self.sides[d].window_min:
                self.sides[d].window_min = window
            if window > self.sides[d].window_max:
                self.sides[d].window_max = window
        self.sides[d].window = window
        self.sides[d].known |= K_WINDOW
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def clock(self, i: i64, d: i64) -> i64:
        """After a pause: for how much of it the clock behind this side's TSval stood still, by its rate before."""
        pause: i64 = self.rows[i].time_ns - self.sides[d].ts_last_ns
        lived_ms: i64 = (self.sides[d].ts_last_ns - self.sides[d].first_ns) // 1_000_000
        ticks: i64 = past(self.sides[d].tsval_last, self.sides[d].tsval_first)
        went: i64 = past(self.rows[i].tsval, self.sides[d].tsval_last)
        # RFC 7323 section 5.4: a tick is 1 ms to 1 s; Linux can count microseconds, too.
        if lived_ms < 1_000 or ticks * 1_000 < lived_ms or ticks > lived_ms * 1_000 or went < 0:
            return 0
        stood: i64 = pause - went * lived_ms // ticks * 1_000_000
        if stood > 0 and stood > self.troubles[self.trouble_of(d)].ts_stood_ns:
            self.troubles[self.sides[d].trouble].ts_stood_ns = stood
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def tcp(self, i: i64, f: i64, d: i64) -> i64:
        p: i64 = self.sides[d].twin
        side: i64 = self.sides[d].side
        flags: i64 = self.rows[i].flags
        length: i64 = self.rows[i].payload_len
        marks: i64 = self.rows[i].marks
        if marks & TIMESTAMPS:
            if not self.sides[d].known & K_TIMESTAMPS:
                self.sides[d].known |= K_TIMESTAMPS
                self.sides[d].tsval_first = self.rows[i].tsval
            elif self.rows[i].time_ns - self.sides[d].ts_last_ns >= STOOD:
                self.clock(i, d)
            self.sides[d].tsval_last = self.rows[i].tsval
            self.sides[d].ts_last_ns = self.rows[i].time_ns
        if marks & MPTCP:
            self.sides[d].known |= K_MPTCP
        if not flags & F_RST and self.troubles[self.sides[d].trouble].rst:
            self.troubles[self.trouble_of(d)].packets_after_rst += 1
        if marks & BAD_SUM:
            self.tell(i, f, BAD_CHECKSUM, side, length, 0, 0)
            if self.damaged(d):
                return 0  # the receiver drops it (RFC 9293 section 3.1)
        if flags & F_SYN and not flags & F_ACK:
            return self.syn(i, f, d)
        if flags & F_RST:
            return self.reset(i, f, d)
        self.troubles[self.sides[d].trouble].reset_last = 0
        if flags & F_SYN:
            return self.syn_ack(i, f, d)
        if self.answers_no_syn(i, f, d):
            self.tell(i, f, CHALLENGE_ACK, side, 0, self.sides[p].last_frame, 0)
            self.sides[d].known &= ~(K_BASE | K_ISN)
            return 0
        return self.established(i, f, d)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def established(self, i: i64, f: i64, d: i64) -> i64:
        """A segment that neither opens nor resets."""
        p: i64 = self.sides[d].twin
        side: i64 = self.sides[d].side
        flags: i64 = self.rows[i].flags
        length: i64 = self.rows[i].payload_len
        seq: i64 = self.relative(d, self.rows[i].seq)
        window: i64 = self.scaled(i, d)
        upto: i64 = 0
        advance: i64 = 0
        shakes: i64 = 0
        probes: i64 = 0
        if flags & F_ACK:
            upto = self.relative(p, self.rows[i].ack)
            shakes = 1 if side and self.sides[p].syn_ack and not self.talks[f].phase & SHAKEN and upto >= 1 else 0
            advance = upto - self.sides[d].highest_ack if self.sides[d].known & K_ACK else 1 - shakes
            if shakes:
                self.talks[f].phase |= SHAKEN
                self.tell(i, f, HANDSHAKE_ACK, side, 0, 0, 0)
        if not shakes and (self.talks[f].phase & SHAKEN or not self.sides[d].known & K_ISN):
            probes = self.is_probe(i, d, seq)
        if probes:
            self.probe(i, f, d)
        else:
            if length or flags & F_FIN:
                self.troubles[self.sides[d].trouble].probing = 0
            if length:
                self.payload(i, f, d, seq)
            elif 0 < seq - self.sides[d].next < NEAR and not flags & F_FIN:
                self.lost(i, f, d, seq)
                self.sides[d].next = seq
            if flags & F_FIN:
                self.closing(i, f, d, seq)
        if flags & F_ACK:
            self.blocks(i, d, upto)
            if length == 0 and not flags & F_FIN and not probes and not shakes:
                self.plain_ack(i, f, d, seq, advance, window)
            if advance > 0:
                self.troubles[self.sides[d].trouble].dup = 0
            self.acknowledge(i, f, d, upto)
            self.took(i, d, upto)
        self.advertised(i, f, d, window)
        return 0

    # -------------------------------------------------------------------------------------------------- other kinds

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def damaged(self, d: i64) -> i64:
        """Whether a wrong checksum of this side means a damaged packet, not one that its network card completes.

        Of sums that a card has yet to complete one in 65,536 is right by chance: a right one alone says nothing.
        """
        if self.sides[d].known & K_BAD_FIRST:
            return self.sides[d].good_checksum > self.troubles[self.sides[d].trouble].bad_checksum
        return 9 * cython.cast(i64, self.sides[d].good_checksum) >= self.troubles[self.sides[d].trouble].bad_checksum

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def datagram(self, i: i64, f: i64, d: i64) -> i64:
        side: i64 = self.sides[d].side
        t: i64 = self.rows[i].time_ns
        length: i64 = self.rows[i].payload_len
        if self.rows[i].marks & BAD_SUM:
            self.tell(i, f, BAD_CHECKSUM, side, length, 0, 0)
        self.sides[d].payload_packets += 1
        self.sides[d].payload_bytes += length
        if length > self.sides[d].max_payload:
            self.sides[d].max_payload = length
        if self.talks[f].phase & TURN != side + 1:
            self.sides[d].turns += 1
            self.talks[f].phase = self.talks[f].phase & SHAKEN | (side + 1)
        if not self.sides[d].known & K_DATA:
            self.sides[d].known |= K_DATA
            self.sides[d].first_data_ns = t
            self.sides[d].first_data_frame = self.rows[i].frame
            self.sides[d].first_data_len = length
        self.sides[d].last_data_ns = t
        self.sides[d].last_data_frame = self.rows[i].frame
        self.tell(i, f, UDP_DATAGRAM, side, length, 0, 1)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def quoted(self, i: i64, f: i64) -> i64:
        """An ICMP error about a packet of this flow; `from_originator` is 2, plus 1 when the originator sent that."""
        kind: i64 = self.rows[i].icmp_type
        code: i64 = self.rows[i].icmp_code
        d: i64 = self.talks[f].originator if self.rows[i].from_originator & 1 else self.talks[f].responder
        event: i64 = ICMP_UNREACHABLE
        value: i64 = code
        n: i64
        seq: i64
        of_frame: i64 = 0
        if self.rows[i].ip_version == 4:
            if kind == 3 and code == 4:
                event = ICMP_TOO_BIG
            elif kind == 11:
                event = ICMP_TIME_EXCEEDED if code == 0 else ICMP_REASSEMBLY_EXCEEDED
            elif kind == 12:
                event = ICMP_PARAMETER_PROBLEM
            elif kind != 3:
                return 0
        elif kind == 2:
            event = ICMP_TOO_BIG
        elif kind == 3:
            event = ICMP_TIME_EXCEEDED if code == 0 else ICMP_REASSEMBLY_EXCEEDED
        elif kind == 4:
            event = ICMP_PARAMETER_PROBLEM
        if event == ICMP_TOO_BIG:
            value = self.rows[i].icmp_mtu
        if self.rows[i].protocol == 6 and self.sides[d].known & K_BASE:
            seq = self.relative(d, self.rows[i].seq)
            n = self.sides[d].head
            while n and self.segments[n - 1].right <= seq:
                n = self.segments[n - 1].next
            if n and self.segments[n - 1].left <= seq:
                of_frame = self.segments[n - 1].last_frame
        elif self.rows[i].protocol != 6:
            of_frame = self.sides[d].last_frame
        self.tell(i, f, event, 2, value, of_frame, 0)
        self.talks[f].last_ns = self.rows[i].time_ns
        self.talks[f].last_frame = self.rows[i].frame
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def exchange(self, i: i64, f: i64, d: i64) -> i64:
        """Lookups, echoes and resolutions: a question or an answer."""
        kind: i64 = self.rows[i].kind
        side: i64 = self.sides[d].side
        asked: i64 = self.sides[self.sides[d].twin].last_frame
        if kind == LOOKUP:
            self.sides[d].payload_packets += 1
            self.sides[d].payload_bytes += self.rows[i].payload_len
            if side:
                self.tell(i, f, DNS_QUERY, 1, self.rows[i].icmp_mtu, 0, 0)
            else:
                self.tell(i, f, DNS_ANSWER, 0, self.rows[i].window, asked, 0)
        elif kind == ECHO:
            if side:
                self.tell(i, f, ECHO_REQUEST, 1, self.rows[i].seq, 0, 0)
            else:
                self.tell(i, f, ECHO_REPLY, 0, self.rows[i].seq, asked, 0)
        elif side:
            self.tell(i, f, ARP_REQUEST, 1, self.rows[i].icmp_code, 0, 0)
        else:
            self.tell(i, f, ARP_REPLY, 0, 0, asked, 0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def one(self, i: i64, f: i64) -> i64:
        kind: i64 = self.rows[i].kind
        side: i64 = self.rows[i].from_originator & 1
        d: i64
        if kind == ICMP_ERROR:
            return self.quoted(i, f)
        d = self.row_of(f, side)
        if kind == TCP and self.rows[i].flags & (F_SYN | F_ACK) != F_SYN:
            self.row_of(f, 1 - side)  # what it acknowledges was sent, captured or not
        if self.rows[i].marks & DUPLICATE:
            self.direction(i, d)
            return self.tell(i, f, DUPLICATE_FRAME, self.sides[d].side, 1, 0, 1)
        self.interval(i, f, d)
        self.counted(i, f, d)
        if kind == TCP:
            return self.tcp(i, f, d)
        if kind == UDP:
            return self.datagram(i, f, d)
        if kind == ECHO or kind == RESOLUTION or kind == LOOKUP:
            return self.exchange(i, f, d)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def loop(self, start: i64, count: i64) -> i64:
        i: i64
        f: i64
        for i in range(start, count):
            if self.rows[i].marks & CLOCK_STEP:
                self.epoch += 1
            f = self.rows[i].flow
            if f == NO_FLOW:
                continue
            if (
                self.heard + 3 > len(self.sides)
                or self.troubled + 3 > len(self.troubles)
                or f + 1 > len(self.talks)
                or self.count + 16 > len(self.events)
                or self.used + 4 > len(self.segments)
            ):
                if self.rows[i].marks & CLOCK_STEP:
                    self.epoch -= 1
                return i
            self.one(i, f)
        return count

    def run(self, start, count):
        """Rows from `start` on; returns where it stopped: at `count`, or where more room is needed first."""
        return self.loop(start, count)

    def flow(self, i):
        """The flow of a row."""
        return self.rows[i].flow

    # ----------------------------------------------------------------------------------------------- the events' order

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def placed(
        self, flows: cython.longlong[::1], first: i64, free: cython.longlong[::1], order: cython.uint[::1]
    ) -> i64:
        e: i64
        f: i64
        n: i64
        for e in range(flows.shape[0]):
            f = flows[e] - 1
            if f >= 0:
                n = free[f]
                free[f] = n + 1
                order[n] = first + e
        return 0

    def place(self, flows, first, free, order):
        """Put the numbers of events from `first` on where `free` says for their flows, as they came.

        `flows` are those of the events plus 1, 0 where none is.
        """
        self.placed(flows, first, free, order)
