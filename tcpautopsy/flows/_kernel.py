# cython: language_level=3, wraparound=False, initializedcheck=False, cdivision=True, annotation_typing=True
"""Which flow a packet belongs to: a hash table of tuples, instances of reused ones, second copies of the capture.

`assign` stops where the table has to grow; Python enlarges it and goes on. Numbers are those of tables.py.

Longer than other modules, for a kernel imports nothing of the house (docs/decisions/005-kernels-stand-alone.md).
"""

from __future__ import annotations

import cython

compiled = cython.compiled

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)

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

#: What finds a flow, and its first packet. `first_*` and `second_*` are its endpoints in the order of the key,
#: `first_is_originator` which of them began; `stream` as in FLOWS. `course` is the row of what came of it, 0 where that
#: is a SYN alone: of that `seq` and `wirelen` tell everything.
Flow = cython.struct(
    first_ns=cython.longlong,
    first_hi=cython.ulonglong,
    first_lo=cython.ulonglong,
    second_hi=cython.ulonglong,
    second_lo=cython.ulonglong,
    zone=cython.uint,
    tag=cython.uint,
    first_frame=cython.uint,
    seq=cython.uint,
    wirelen=cython.uint,
    stream=cython.uint,
    course=cython.uint,
    hashed=cython.uint,
    first_port=cython.ushort,
    second_port=cython.ushort,
    protocol=cython.uchar,
    ip_version=cython.uchar,
    first_is_originator=cython.uchar,
    known=cython.uchar,
)

#: What came of a flow. `previous` as in FLOWS (1 + row, 0 for none); `state` bits are below.
Course = cython.struct(
    last_ns=cython.longlong,
    bytes=cython.longlong,
    asked_ns=cython.longlong,
    history1=cython.ulonglong,
    history2=cython.ulonglong,
    history3=cython.ulonglong,
    o_isn=cython.uint,
    r_isn=cython.uint,
    o_next=cython.uint,
    r_next=cython.uint,
    r_ack=cython.uint,
    last_frame=cython.uint,
    packets=cython.uint,
    duplicates=cython.uint,
    previous=cython.uint,
    letters=cython.uint,
    state=cython.uint,
    o_frame=cython.uint,
    r_frame=cython.uint,
    other_zone=cython.uint,
    instance=cython.uint,
    pad=cython.uint,
)

# Kinds of packets (tables.Kind).
TCP = cython.declare(cython.longlong, 1)
UDP = cython.declare(cython.longlong, 2)
ECHO = cython.declare(cython.longlong, 3)
ICMP_ERROR = cython.declare(cython.longlong, 4)
RESOLUTION = cython.declare(cython.longlong, 5)
DNS = cython.declare(cython.longlong, 6)
FRAGMENT = cython.declare(cython.longlong, 7)

FIN = cython.declare(cython.longlong, 1)
SYN = cython.declare(cython.longlong, 2)
RST = cython.declare(cython.longlong, 4)
ACK = cython.declare(cython.longlong, 16)

FIRST_FRAGMENT = cython.declare(cython.longlong, 16)
BAD_CHECKSUM = cython.declare(cython.longlong, 2)
DUPLICATE = cython.declare(cython.longlong, 8192)

#: How the originator is known (rows.KNOWN).
BY_SYN = cython.declare(cython.longlong, 0)
BY_SYNACK = cython.declare(cython.longlong, 1)
BY_PORT = cython.declare(cython.longlong, 2)
BY_FIRST = cython.declare(cython.longlong, 3)

# What was seen of a flow (rows.State); that of the responder is twice that of the originator.
SYN_SEEN = cython.declare(cython.longlong, 1)
SYNACK_SEEN = cython.declare(cython.longlong, 4)
FIN_SEEN = cython.declare(cython.longlong, 16)
RST_SEEN = cython.declare(cython.longlong, 64)
DATA_SEEN = cython.declare(cython.longlong, 256)
SPOKE = cython.declare(cython.longlong, 1024)
ANSWERED = cython.declare(cython.longlong, 4096)
FIRST_RST_BY_RESPONDER = cython.declare(cython.longlong, 8192)

#: Keys beside those of the flows: the parts of a datagram, the ports of a lookup, endpoints that SYNs went to, and
#: Wireshark's conversations, which know no zones, where they are in another zone than 0.
PARTS = cython.declare(cython.longlong, 250)
PLAIN_DNS = cython.declare(cython.longlong, 251)
CONVERSATION = cython.declare(cython.longlong, 252)
LISTENER = cython.declare(cython.longlong, 249)
COPIED = cython.declare(cython.longlong, 253)
COPIED_EXCHANGE = cython.declare(cython.longlong, 254)

M32 = cython.declare(cython.longlong, 0xFFFFFFFF)
M31 = cython.declare(cython.longlong, 0x7FFFFFFF)
GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
ALL64 = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
LOW62 = cython.declare(cython.ulonglong, 0x3FFFFFFFFFFFFFFF)
MS = cython.declare(cython.longlong, 1000000)
#: RFC 826 sets no timer; Linux asks at intervals of 1 s (neigh/default/retrans_time_ms): five unasked seconds end it.
RESOLUTION_NS = cython.declare(cython.longlong, 5000000000)
RECENT = cython.declare(cython.longlong, 16384)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def u32(number: i64) -> i64:
    return number & M32


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
class Table:
    """All flows so far, the hash slots that find them, and the packets of the last moments."""

    rows: Packet[::1]
    flows: Flow[::1]
    courses: Course[::1]
    slots: cython.uint[::1]
    recent_mark: cython.longlong[::1]
    recent_ns: cython.longlong[::1]
    recent_flow: cython.longlong[::1]
    recent_frame: cython.longlong[::1]
    alias_marks: cython.ulonglong[::1]
    alias_flows: cython.uint[::1]
    seed: u64
    shown = cython.declare(cython.longlong, visibility="public")
    told_apart = cython.declare(cython.longlong, visibility="public")
    count = cython.declare(cython.longlong, visibility="public")
    coursed = cython.declare(cython.longlong, visibility="public")
    used = cython.declare(cython.longlong, visibility="public")
    aliases = cython.declare(cython.longlong, visibility="public")
    linked: cython.longlong
    zoned: cython.longlong
    streams = cython.declare(cython.longlong, visibility="public")
    limit = cython.declare(cython.longlong, visibility="public")
    refused = cython.declare(cython.longlong, visibility="public")
    first_refused = cython.declare(cython.longlong, visibility="public")
    duplicates = cython.declare(cython.longlong, visibility="public")
    # The key at hand: two endpoints, and whether the packet comes from the first.
    a_hi: u64
    a_lo: u64
    b_hi: u64
    b_lo: u64
    a_port: i64
    b_port: i64
    zone: i64
    tag: i64
    protocol: i64
    from_a: i64
    hashed: i64
    slot: i64

    def __init__(self, seed, limit):
        self.seed = seed
        self.limit = limit
        self.shown = self.told_apart = self.count = self.coursed = self.used = self.streams = self.aliases = 0
        self.linked = self.zoned = 0
        self.refused = self.first_refused = self.duplicates = 0
        self.a_hi = self.a_lo = self.b_hi = self.b_lo = 0
        self.a_port = self.b_port = self.zone = self.tag = self.protocol = self.from_a = self.hashed = self.slot = 0

    def hold(self, flows, courses, slots):
        """The table's own rows and slots (a power of two, at least twice the keys); slots hold 1 + row."""
        self.flows = flows
        self.courses = courses
        self.slots = slots

    def let_go(self):
        """Rows, slots and aliases are held no more: they may be moved."""
        self.flows = None
        self.courses = None
        self.slots = None
        self.alias_marks = None
        self.alias_flows = None

    def hold_aliases(self, marks, flows):
        """Slots of keys that lead to flows which have another key of their own."""
        self.alias_marks = marks
        self.alias_flows = flows

    def remember(self, mark, ns, flow, frame):
        """Arrays of RECENT packets each, for second copies."""
        self.recent_mark = mark
        self.recent_ns = ns
        self.recent_flow = flow
        self.recent_frame = frame

    def bind(self, rows):
        self.rows = rows

    # ------------------------------------------------------------------------------------------------------- keys

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def mix(self, state: u64, word: u64) -> u64:
        """One round of a keyed mix: the seed differs from process to process, so nobody can aim at one slot."""
        state = ((state ^ word) * GOLDEN) & ALL64
        return state ^ (state >> 29)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def key_mark(self) -> u64:
        """A keyed 64-bit mark of the key at hand."""
        state: u64 = self.seed
        state = self.mix(state, self.a_hi)
        state = self.mix(state, self.a_lo)
        state = self.mix(state, self.b_hi)
        state = self.mix(state, self.b_lo)
        state = self.mix(
            state,
            (cython.cast(u64, self.a_port) << 48)
            | (cython.cast(u64, self.b_port) << 32)
            | (cython.cast(u64, self.zone) << 8)
            | cython.cast(u64, self.protocol),
        )
        return self.mix(state, cython.cast(u64, self.tag))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def find(self) -> i64:
        """Row of the flow with the key at hand plus 1, or 0; `slot` is where it is, or would be."""
        mask: i64 = len(self.slots) - 1
        at: i64
        f: i64
        self.hashed = cython.cast(i64, self.key_mark() >> 32)
        at = self.hashed & mask
        while self.slots[at] != 0:
            f = self.slots[at] - 1
            if (
                self.flows[f].hashed == self.hashed
                and self.flows[f].first_lo == self.a_lo
                and self.flows[f].second_lo == self.b_lo
                and self.flows[f].first_hi == self.a_hi
                and self.flows[f].second_hi == self.b_hi
                and self.flows[f].first_port == self.a_port
                and self.flows[f].second_port == self.b_port
                and self.flows[f].zone == self.zone
                and self.flows[f].protocol == self.protocol
                and self.flows[f].tag == self.tag
            ):
                self.slot = at
                return f + 1
            at = (at + 1) & mask
        self.slot = at
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def directed(self, i: i64, from_first: i64) -> i64:
        """The key of a packet whose asking side is its source (from_first) or its destination."""
        if from_first:
            self.a_hi = self.rows[i].src_hi
            self.a_lo = self.rows[i].src_lo
            self.a_port = self.rows[i].sport
            self.b_hi = self.rows[i].dst_hi
            self.b_lo = self.rows[i].dst_lo
            self.b_port = self.rows[i].dport
        else:
            self.a_hi = self.rows[i].dst_hi
            self.a_lo = self.rows[i].dst_lo
            self.a_port = self.rows[i].dport
            self.b_hi = self.rows[i].src_hi
            self.b_lo = self.rows[i].src_lo
            self.b_port = self.rows[i].sport
        self.zone = self.rows[i].zone
        self.tag = self.rows[i].tag
        self.protocol = self.rows[i].protocol
        self.from_a = from_first
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def sorted_key(self, i: i64) -> i64:
        """The key of a packet between two equals: the lower endpoint comes first."""
        lower: i64 = 1
        if self.rows[i].src_hi != self.rows[i].dst_hi:
            lower = self.rows[i].src_hi < self.rows[i].dst_hi
        elif self.rows[i].src_lo != self.rows[i].dst_lo:
            lower = self.rows[i].src_lo < self.rows[i].dst_lo
        elif self.rows[i].sport != self.rows[i].dport:
            lower = self.rows[i].sport < self.rows[i].dport
        return self.directed(i, lower)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def make(self, i: i64, previous: i64, first_is_originator: i64, known: i64) -> i64:
        """A new flow in the slot at hand; returns its row plus 1."""
        f: i64 = self.count
        c: i64
        self.count += 1
        if previous == 0:
            self.used += 1
        self.slots[self.slot] = f + 1
        self.flows[f].first_hi = self.a_hi
        self.flows[f].first_lo = self.a_lo
        self.flows[f].second_hi = self.b_hi
        self.flows[f].second_lo = self.b_lo
        self.flows[f].first_port = self.a_port
        self.flows[f].second_port = self.b_port
        self.flows[f].zone = self.zone
        self.flows[f].tag = self.tag
        self.flows[f].protocol = self.protocol
        self.flows[f].hashed = self.hashed
        self.flows[f].first_is_originator = first_is_originator
        self.flows[f].known = known
        self.flows[f].ip_version = self.rows[i].ip_version
        self.flows[f].first_ns = self.rows[i].time_ns
        self.flows[f].first_frame = self.rows[i].frame
        self.flows[f].stream = M32
        if previous == 0 and known == BY_SYN and self.is_plain_syn(i):
            self.flows[f].seq = self.rows[i].seq
            self.flows[f].wirelen = self.rows[i].wirelen
            return f + 1
        c = self.new_course(f)
        self.courses[c].previous = previous
        if previous:
            self.courses[c].instance = self.courses[self.course(previous - 1)].instance + 1
        return f + 1

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def is_plain_syn(self, i: i64) -> i64:
        """A SYN of which a row of Flow can tell everything."""
        if self.rows[i].flags & (SYN | ACK | FIN | RST) != SYN or self.rows[i].payload_len > 0:
            return 0
        return 0 if self.rows[i].marks & BAD_CHECKSUM else 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def new_course(self, f: i64) -> i64:
        c: i64 = self.coursed + 1
        self.coursed = c
        self.flows[f].course = c
        self.courses[c].last_ns = self.flows[f].first_ns
        self.courses[c].last_frame = self.flows[f].first_frame
        self.courses[c].instance = 1
        return c

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def course(self, f: i64) -> i64:
        """Row of what came of a flow; it gets one where there was a SYN alone."""
        c: i64 = self.flows[f].course
        if c:
            return c
        c = self.new_course(f)
        self.courses[c].packets = 1
        self.courses[c].bytes = self.flows[f].wirelen
        self.courses[c].o_isn = self.flows[f].seq
        self.courses[c].o_next = u32(cython.cast(i64, self.flows[f].seq) + 1)
        self.courses[c].o_frame = self.flows[f].first_frame
        self.letter(c, 83, 1)
        self.courses[c].state |= SYN_SEEN | SPOKE
        return c

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def alias_slot(self, protocol: i64, zone: i64, tag: i64) -> i64:
        """Where the endpoints at hand stand under another key, or would."""
        mark: u64
        at: i64
        mask: i64 = len(self.alias_marks) - 1
        self.protocol = protocol
        self.zone = zone
        self.tag = tag
        mark = self.key_mark() | 1
        at = cython.cast(i64, mark >> 32) & mask
        while self.alias_marks[at] != 0 and self.alias_marks[at] != mark:
            at = (at + 1) & mask
        if self.alias_marks[at] == 0:
            self.alias_marks[at] = mark
            self.alias_flows[at] = 0
            self.aliases += 1
        return at

    # ------------------------------------------------------------------------------------------------ second copies

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def packet_mark(self, i: i64) -> i64:
        """A mark of everything that two copies of one packet share: all but the zone, the TTL and the time.

        Not keyed: which packets are still remembered must be the same in every run.
        """
        state: u64 = GOLDEN
        state = self.mix(state, self.rows[i].src_hi ^ (self.rows[i].dst_hi << 1))
        state = self.mix(state, self.rows[i].src_lo)
        state = self.mix(state, self.rows[i].dst_lo)
        state = self.mix(
            state,
            (cython.cast(u64, self.rows[i].sport) << 48)
            | (cython.cast(u64, self.rows[i].dport) << 32)
            | (cython.cast(u64, self.rows[i].ip_id) << 16)
            | cython.cast(u64, self.rows[i].window),
        )
        state = self.mix(state, (cython.cast(u64, self.rows[i].seq) << 32) | cython.cast(u64, self.rows[i].ack))
        state = self.mix(state, (cython.cast(u64, self.rows[i].tsval) << 32) | cython.cast(u64, self.rows[i].tsecr))
        state = self.mix(
            state,
            (cython.cast(u64, self.rows[i].payload_len) << 32)
            | (cython.cast(u64, self.rows[i].checksum) << 16)
            | (cython.cast(u64, self.rows[i].kind) << 8)
            | cython.cast(u64, self.rows[i].flags),
        )
        state = self.mix(
            state,
            (cython.cast(u64, self.rows[i].sack1l) << 32)
            | (cython.cast(u64, self.rows[i].icmp_type) << 8)
            | cython.cast(u64, self.rows[i].icmp_code),
        )
        return cython.cast(i64, (state >> 1) & LOW62)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def recent_slot(self, mark: i64) -> i64:
        """Where this mark is remembered, or will be: in the place of the oldest of its four."""
        first: i64 = (mark & (RECENT // 4 - 1)) * 4
        oldest: i64 = first
        at: i64
        for at in range(first, first + 4):
            if self.recent_mark[at] == mark:
                return at
            if self.recent_frame[at] < self.recent_frame[oldest]:
                oldest = at
        return oldest

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def is_copy(self, i: i64, at: i64, mark: i64) -> i64:
        """The packet is a second copy of the one remembered at `at` (DESIGN section 4)."""
        f: i64
        c: i64
        gap: i64
        ttl: i64
        backwards: i64
        if self.recent_mark[at] != mark:
            return 0
        gap = self.rows[i].time_ns - self.recent_ns[at]
        f = self.recent_flow[at] >> 10
        ttl = (self.recent_flow[at] >> 2) & 0xFF
        if gap < 0 or gap > MS or f == 0:
            return 0
        if ttl != self.rows[i].ttl and ttl - 1 != self.rows[i].ttl:
            return 0
        if self.rows[i].ip_version == 4 and self.rows[i].ip_id != 0 and self.rows[i].kind != RESOLUTION:
            self.shown += 1
            return 1
        # Without an id of its own a packet may be sent twice in earnest: a stateless reset, a repeated ACK. What no
        # sender repeats within a millisecond is a SYN, a FIN or payload when nothing came back in between.
        if self.rows[i].kind == TCP and not self.rows[i].flags & RST:
            if self.rows[i].payload_len > 0 or self.rows[i].flags & (SYN | FIN):
                c = self.course(f - 1)
                backwards = self.courses[c].r_frame if self.recent_flow[at] & 1 else self.courses[c].o_frame
                if backwards < self.recent_frame[at]:
                    self.shown += 1
                    self.told_apart += 1
                    return 1
        return 1 if self.shown > 0 and self.shown * 5 >= self.told_apart else 0

    # ----------------------------------------------------------------------------------------------------- history

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def letter(self, c: i64, character: i64, from_originator: i64) -> i64:
        """Zeek's history: each letter once per side, lower case for the responder."""
        n: i64
        seen: i64
        word: u64
        bit: i64 = 0
        if character == 83:
            bit = 0
        elif character == 72:
            bit = 1
        elif character == 65:
            bit = 2
        elif character == 68:
            bit = 3
        elif character == 70:
            bit = 4
        elif character == 82:
            bit = 5
        elif character == 67:
            bit = 6
        elif character == 84:
            bit = 7
        elif character == 87:
            bit = 8
        elif character == 73:
            bit = 9
        elif character == 81:
            bit = 10
        seen = cython.cast(i64, 1) << (bit * 2 + from_originator)
        if self.courses[c].letters & seen:
            return 0
        self.courses[c].letters |= seen
        if not from_originator:
            character += 32
        n = cython.cast(i64, self.courses[c].state >> 24)
        if n >= 24:
            return 0
        self.courses[c].state += 1 << 24
        word = cython.cast(u64, character) << ((n & 7) * 8)
        if n < 8:
            self.courses[c].history1 |= word
        elif n < 16:
            self.courses[c].history2 |= word
        else:
            self.courses[c].history3 |= word
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def history(self, i: i64, c: i64, side: i64) -> i64:
        """Letters and state of a TCP packet; `side` is 1 for the originator."""
        flags: i64 = self.rows[i].flags
        length: i64 = self.rows[i].payload_len
        shift: i64 = 1 - side
        end: i64 = u32(self.rows[i].seq + length + (1 if flags & SYN else 0) + (1 if flags & FIN else 0))
        new: i64 = 1
        if self.rows[i].marks & BAD_CHECKSUM:
            self.letter(c, 67, side)
        if flags & SYN and flags & FIN:
            self.letter(c, 81, side)
        elif flags & SYN and flags & RST:
            self.letter(c, 73, side)
        elif flags & SYN:
            self.letter(c, 72 if flags & ACK else 83, side)
            self.courses[c].state |= (SYNACK_SEEN if flags & ACK else SYN_SEEN) << shift
        if self.courses[c].state & (SPOKE << shift):
            new = past(end, self.courses[c].o_next if side else self.courses[c].r_next)
        if length > 0 and not flags & RST:
            if new <= 0:
                self.letter(c, 84, side)
            self.letter(c, 68, side)
            self.courses[c].state |= DATA_SEEN << shift
        elif flags & ACK and not flags & (SYN | RST | FIN):
            self.letter(c, 65, side)
        if self.rows[i].window == 0 and not flags & (SYN | RST | FIN):
            self.letter(c, 87, side)
        if flags & FIN:
            self.letter(c, 70, side)
            self.courses[c].state |= FIN_SEEN << shift
        if flags & RST and not flags & SYN:
            self.letter(c, 82, side)
            if not self.courses[c].state & (RST_SEEN * 3) and not side:
                self.courses[c].state |= FIRST_RST_BY_RESPONDER
            self.courses[c].state |= RST_SEEN << shift
        if new > 0 and not flags & RST:
            if side:
                self.courses[c].o_next = end
            else:
                self.courses[c].r_next = end
        self.courses[c].state |= SPOKE << shift
        return 0

    # ----------------------------------------------------------------------------------------------------- finding

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def tcp(self, i: i64) -> i64:
        """Row plus 1 of the connection of a TCP packet, made when it is a new one; sets `from_originator`."""
        found: i64
        f: i64
        side: i64
        flags: i64 = self.rows[i].flags & (SYN | ACK)
        self.sorted_key(i)
        found = self.find()
        if found:
            f = found - 1
            side = 1 if self.from_a == self.flows[f].first_is_originator else 0
            if not self.begins_anew(i, f, side, flags):
                return self.known(i, found, side)
        else:
            found = self.across(i)
            if found:
                return self.known(i, found, 1 if self.from_a == self.flows[found - 1].first_is_originator else 0)
        if self.count >= self.limit:
            return self.refuse(i)
        found = self.new_connection(i, found, flags)
        if self.flows[found - 1].course == 0:
            self.rows[i].from_originator = 1
            return found
        return self.known(i, found, 1 if self.from_a == self.flows[found - 1].first_is_originator else 0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def conversation(self, i: i64, same: i64) -> i64:
        """Row plus 1 of the latest connection between the endpoints at hand in any zone; `same` is that in this one."""
        hashed: i64 = self.hashed
        slot: i64 = self.slot
        found: i64 = same
        at: i64
        if self.zone != 0:
            self.zone = 0
            found = self.find()
            self.zone = self.rows[i].zone
            self.hashed = hashed
            self.slot = slot
        if self.zoned:
            at = self.alias_slot(CONVERSATION, 0, 0)
            self.protocol = self.rows[i].protocol
            self.zone = self.rows[i].zone
            # The later row is the later connection.
            found = max(found, cython.cast(i64, self.alias_flows[at]))
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def across(self, i: i64) -> i64:
        """Mirror ports may tag each direction with a VLAN of its own: an exact answer joins the other's connection."""
        found: i64 = self.conversation(i, 0)
        f: i64 = found - 1
        c: i64
        side: i64
        mark: i64
        if found == 0:
            return 0
        c = self.course(f)
        side = 1 if self.from_a == self.flows[f].first_is_originator else 0
        mark = self.zone * 2 + side + 1
        if self.courses[c].other_zone == mark:
            return found
        if self.courses[c].other_zone or self.courses[c].state & (SPOKE << (1 - side)) or not self.rows[i].flags & ACK:
            return 0
        if self.rows[i].ack != (self.courses[c].r_next if side else self.courses[c].o_next):
            return 0
        self.courses[c].other_zone = mark
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def known(self, i: i64, found: i64, side: i64) -> i64:
        c: i64 = self.course(found - 1)
        self.rows[i].from_originator = side
        if self.rows[i].flags & SYN:
            if side:
                self.courses[c].o_isn = self.rows[i].seq
            else:
                self.courses[c].r_isn = self.rows[i].seq
                self.courses[c].r_ack = self.rows[i].ack
        self.history(i, c, side)
        if side:
            self.courses[c].o_frame = self.rows[i].frame
        else:
            self.courses[c].r_frame = self.rows[i].frame
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def begins_anew(self, i: i64, f: i64, side: i64, flags: i64) -> i64:
        """The packet opens another connection on the tuple of `f`."""
        c: i64 = self.course(f)
        state: i64 = self.courses[c].state
        own: i64 = 0 if side else 1
        if flags == SYN:
            if state & (SYN_SEEN << own):
                # RFC 6191, RFC 9293 3.10.7.4: a new ISN is a new connection; the same one is a repeat.
                return 1 if self.rows[i].seq != (self.courses[c].o_isn if side else self.courses[c].r_isn) else 0
            if side and state & (SYNACK_SEEN << 1):
                # The SYN-ACK was written to the file before its SYN.
                return 1 if self.courses[c].r_ack != u32(self.rows[i].seq + 1) else 0
            if not side and state & SYN_SEEN and not state & (SYNACK_SEEN << 1):
                # Both sides opened at once (RFC 9293 section 3.5, figure 7): it is one connection.
                return 0
            return 1
        if flags == SYN | ACK:
            if side:
                return 0 if state & SYN_SEEN else 1
            return 0 if state & (SYN_SEEN | SYNACK_SEEN << 1) else 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def new_connection(self, i: i64, previous: i64, flags: i64) -> i64:
        a_port: i64 = self.a_port
        b_port: i64 = self.b_port
        first_listens: i64
        second_listens: i64
        found: i64
        if flags == SYN:
            found = self.make(i, previous, self.from_a, BY_SYN)
            self.alias_flows[self.listener_slot(self.from_a)] = found
            return self.numbered(i, previous, flags, found)
        if flags == SYN | ACK:
            found = self.make(i, previous, 1 - self.from_a, BY_SYNACK)
            self.alias_flows[self.listener_slot(1 - self.from_a)] = found
            return self.numbered(i, previous, flags, found)
        first_listens = self.alias_flows[self.listener_slot(0)] != 0
        second_listens = self.alias_flows[self.listener_slot(1)] != 0
        if first_listens != second_listens:
            # Others connected to one of the two: that is the server's port.
            found = self.make(i, previous, second_listens, BY_PORT)
        elif a_port != b_port and (a_port < 32768 or b_port < 32768):
            # RFC 6335: the higher port is the likelier to be the dynamic one.
            found = self.make(i, previous, a_port > b_port, BY_PORT)
        else:
            found = self.make(i, previous, self.from_a, BY_FIRST)
        return self.numbered(i, previous, flags, found)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def listener_slot(self, second: i64) -> i64:
        """Where one of the two endpoints at hand stands if SYNs went to it; 0 stands there if none did."""
        a_hi: u64 = self.a_hi
        a_lo: u64 = self.a_lo
        b_hi: u64 = self.b_hi
        b_lo: u64 = self.b_lo
        a_port: i64 = self.a_port
        b_port: i64 = self.b_port
        protocol: i64 = self.protocol
        zone: i64 = self.zone
        tag: i64 = self.tag
        at: i64
        if second:
            self.a_hi = b_hi
            self.a_lo = b_lo
            self.a_port = b_port
        self.b_hi = 0
        self.b_lo = 0
        self.b_port = 0
        at = self.alias_slot(LISTENER, zone, 0)
        self.a_hi = a_hi
        self.a_lo = a_lo
        self.b_hi = b_hi
        self.b_lo = b_lo
        self.a_port = a_port
        self.b_port = b_port
        self.protocol = protocol
        self.zone = zone
        self.tag = tag
        return at

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def numbered(self, i: i64, previous: i64, flags: i64, found: i64) -> i64:
        """The new connection with its use of these ports and its number in Wireshark."""
        at: i64
        before: i64 = self.conversation(i, previous)
        if previous:
            # Told to the events: which use of its ports this is.
            self.rows[i].tag = self.courses[self.course(found - 1)].instance
        # Wireshark's number: a conversation ends where a SYN has another sequence number than the first packet of
        # its direction had; it looks at addresses and ports alone.
        if before == 0 or (flags == SYN and self.new_stream(i, before - 1)):
            self.flows[found - 1].stream = self.streams
            self.streams += 1
        else:
            self.flows[found - 1].stream = self.flows[before - 1].stream
        if self.zone != 0:
            at = self.alias_slot(CONVERSATION, 0, 0)
            self.protocol = self.rows[i].protocol
            self.zone = self.rows[i].zone
            self.alias_flows[at] = found
            self.zoned = 1
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def new_stream(self, i: i64, f: i64) -> i64:
        side: i64 = 1 if self.from_a == self.flows[f].first_is_originator else 0
        c: i64 = self.course(f)
        state: i64 = self.courses[c].state
        if not state & (SPOKE << (1 - side)):
            return 0
        if state & (SYN_SEEN | SYNACK_SEEN) << (1 - side):
            return 1 if self.rows[i].seq != (self.courses[c].o_isn if side else self.courses[c].r_isn) else 0
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def refuse(self, i: i64) -> i64:
        """The table is full: the packet counts, its flow is not followed."""
        self.refused += 1
        if self.first_refused == 0:
            self.first_refused = self.rows[i].frame
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def link(self, i: i64, found: i64) -> i64:
        """A copy of a packet of this flow passed in another VLAN or tunnel: what answers it there belongs to the flow.

        A router between the two writes the question there second and the answer first. TCP needs no link: its answers
        are known by their numbers (`across`).
        """
        at: i64
        kind: i64 = self.rows[i].kind
        if (kind != UDP and kind != DNS and kind != ECHO) or self.flows[found - 1].zone == self.rows[i].zone:
            return 0
        if kind == UDP:
            self.sorted_key(i)
        else:
            self.directed(i, 1 if self.rows[i].flags == 1 else 0)
        at = self.alias_slot(COPIED if kind == UDP else COPIED_EXCHANGE, self.rows[i].zone, self.tag)
        if self.alias_flows[at] == 0:
            self.alias_flows[at] = found
            self.linked += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def linked_flow(self, i: i64, code: i64) -> i64:
        """The flow that the key at hand was linked to, 0 for none."""
        at: i64
        if self.linked == 0:
            return 0
        at = self.alias_slot(code, self.zone, self.tag)
        self.protocol = self.rows[i].protocol
        return self.alias_flows[at]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def udp(self, i: i64) -> i64:
        found: i64
        sender: i64
        self.sorted_key(i)
        found = self.find()
        if found == 0:
            found = self.linked_flow(i, COPIED)
        if found == 0:
            if self.count >= self.limit:
                return self.refuse(i)
            # A service port as the source and a dynamic one as the destination, or a response by its first line: an
            # answer to what was not captured.
            if self.rows[i].flags == 2 or self.rows[i].sport < 1024 and self.rows[i].dport >= 32768:
                found = self.make(i, 0, 1 - self.from_a, BY_PORT)
            else:
                found = self.make(i, 0, self.from_a, BY_FIRST)
        sender = 1 if self.from_a == self.flows[found - 1].first_is_originator else 0
        self.rows[i].from_originator = sender
        self.courses[self.course(found - 1)].state |= SPOKE << (1 - sender)
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def exchange(self, i: i64) -> i64:
        """A lookup or an echo: flags 1 asks, 2 answers."""
        found: i64
        at: i64
        asks: i64 = 1 if self.rows[i].flags == 1 else 0
        self.directed(i, asks)
        found = self.find()
        if found == 0:
            found = self.linked_flow(i, COPIED_EXCHANGE)
        if found == 0:
            if self.count >= self.limit:
                return self.refuse(i)
            found = self.make(i, 0, 1, BY_PORT if self.rows[i].kind == DNS else BY_FIRST)
        if self.rows[i].kind == DNS:
            # An ICMP error quotes ports, not the question.
            at = self.alias_slot(PLAIN_DNS, self.rows[i].zone, 0)
            self.alias_flows[at] = found
        self.rows[i].from_originator = asks
        self.courses[self.course(found - 1)].state |= SPOKE << (1 - asks)
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def resolution(self, i: i64) -> i64:
        """ARP or neighbour discovery: a question, its repeats at most five seconds apart, and the answer."""
        found: i64
        asks: i64 = 1 if self.rows[i].flags == 1 else 0
        if self.rows[i].flags == 4:
            return 0
        self.directed(i, asks)
        found = self.find()
        if found and self.rows[i].time_ns - self.courses[self.course(found - 1)].asked_ns > RESOLUTION_NS:
            if not asks:
                return 0
            found = self.make_resolution(i, found)
        elif found and asks and self.courses[self.course(found - 1)].state & ANSWERED:
            found = self.make_resolution(i, found)
        elif found == 0:
            if not asks:
                return 0
            found = self.make_resolution(i, 0)
        if found == 0:
            return 0
        if asks:
            self.courses[self.course(found - 1)].asked_ns = self.rows[i].time_ns
        else:
            self.courses[self.course(found - 1)].state |= ANSWERED
        self.rows[i].from_originator = asks
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def make_resolution(self, i: i64, previous: i64) -> i64:
        if self.count >= self.limit:
            return self.refuse(i)
        return self.make(i, previous, 1, BY_FIRST)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def quoted(self, i: i64) -> i64:
        """The flow that an ICMP error is about; 0 when it was not seen."""
        found: i64
        at: i64
        asks: i64
        protocol: i64 = self.rows[i].protocol
        self.rows[i].from_originator = 2
        if protocol == 6 or protocol == 17:
            self.sorted_key(i)
            found = self.find()
            if found:
                self.rows[i].from_originator = 2 + (
                    1 if self.from_a == self.flows[found - 1].first_is_originator else 0
                )
                return found
            if protocol == 6:
                return 0
            for asks in range(2):
                self.directed(i, asks)
                at = self.alias_slot(PLAIN_DNS, self.rows[i].zone, 0)
                if self.alias_flows[at]:
                    self.rows[i].from_originator = 2 + asks
                    return self.alias_flows[at]
            return 0
        self.directed(i, 1 if self.rows[i].dport == 0 else 0)
        self.rows[i].from_originator = 2 + self.from_a
        return self.find()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def parts(self, i: i64, found: i64) -> i64:
        """Remember the flow of a first fragment, or find it for a later one."""
        at: i64
        self.directed(i, 1)
        self.a_port = self.rows[i].ip_id
        self.b_port = 0
        at = self.alias_slot(PARTS, self.rows[i].zone, self.rows[i].protocol)
        if found:
            self.alias_flows[at] = (found << 1) | cython.cast(i64, self.rows[i].from_originator & 1)
            return found
        self.rows[i].from_originator = self.alias_flows[at] & 1
        return self.alias_flows[at] >> 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def one(self, i: i64) -> i64:
        """The flow of a row plus 1, 0 for none."""
        kind: i64 = self.rows[i].kind
        found: i64 = 0
        if kind == TCP:
            found = self.tcp(i)
        elif kind == UDP:
            found = self.udp(i)
        elif kind == DNS or kind == ECHO:
            found = self.exchange(i)
        elif kind == RESOLUTION:
            found = self.resolution(i)
        elif kind == ICMP_ERROR:
            found = self.quoted(i)
        elif kind == FRAGMENT:
            found = self.parts(i, 0)
        if found and self.rows[i].marks & FIRST_FRAGMENT:
            self.parts(i, found)
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def loop(self, start: i64, count: i64) -> i64:
        i: i64
        at: i64
        mark: i64
        found: i64
        c: i64
        kind: i64
        for i in range(start, count):
            kind = self.rows[i].kind
            if kind == 0:
                continue
            if (
                self.count + 1 >= len(self.flows)
                or self.coursed + 5 >= len(self.courses)
                or self.used * 2 >= len(self.slots)
                or (self.aliases + 4) * 2 >= len(self.alias_marks)
            ):
                return i
            mark = -1
            at = 0
            if kind != FRAGMENT:
                mark = self.packet_mark(i)
                at = self.recent_slot(mark)
                if self.is_copy(i, at, mark):
                    found = self.recent_flow[at] >> 10
                    self.rows[i].flow = found - 1
                    self.rows[i].from_originator = self.recent_flow[at] & 3
                    self.rows[i].marks |= DUPLICATE
                    self.courses[self.course(found - 1)].duplicates += 1
                    self.duplicates += 1
                    self.link(i, found)
                    continue
                if self.rows[i].ip_version == 4 and self.rows[i].ip_id != 0:
                    self.told_apart += 1
            found = self.one(i)
            if kind != FRAGMENT:
                self.recent_mark[at] = mark
                self.recent_ns[at] = self.rows[i].time_ns
                self.recent_frame[at] = self.rows[i].frame
                self.recent_flow[at] = (
                    (found << 10)
                    | (cython.cast(i64, self.rows[i].ttl) << 2)
                    | cython.cast(i64, self.rows[i].from_originator)
                )
            if found == 0:
                continue
            self.rows[i].flow = found - 1
            if self.flows[found - 1].course == 0 and self.flows[found - 1].first_frame == self.rows[i].frame:
                continue
            c = self.course(found - 1)
            self.courses[c].last_ns = self.rows[i].time_ns
            self.courses[c].last_frame = self.rows[i].frame
            if kind != ICMP_ERROR:
                self.courses[c].packets += 1
                self.courses[c].bytes += self.rows[i].wirelen
        return count

    def assign(self, start, count):
        """Rows from `start` on; returns where it stopped: at `count`, or where the table must grow first."""
        return self.loop(start, count)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def place(self) -> i64:
        f: i64
        at: i64
        before: i64
        mask: i64 = len(self.slots) - 1
        for f in range(self.count):
            before = self.courses[self.flows[f].course].previous  # 0 in row 0
            at = self.flows[f].hashed & mask
            while self.slots[at] != 0 and self.slots[at] != before:
                at = (at + 1) & mask
            self.slots[at] = f + 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def place_aliases(self, marks: cython.ulonglong[::1], flows: cython.uint[::1]) -> i64:
        n: i64
        at: i64
        mask: i64 = len(self.alias_marks) - 1
        for n in range(len(marks)):
            if marks[n] != 0:
                at = cython.cast(i64, marks[n] >> 32) & mask
                while self.alias_marks[at] != 0:
                    at = (at + 1) & mask
                self.alias_marks[at] = marks[n]
                self.alias_flows[at] = flows[n]
        return 0

    def replace(self):
        """Put every key into the (larger, empty) slots again; the latest instance of a tuple stands for it."""
        self.place()

    def replace_aliases(self, marks, flows):
        """Put the aliases of the old arrays into the new ones."""
        self.place_aliases(marks, flows)
