"""The kernel's rows: a direction, a flow, an outstanding segment; and the numbers of the events it writes."""

from __future__ import annotations

from tcpautopsy.records import Record

#: One direction. Sequence numbers are relative to `base` and count on beyond 2**32; `known` bits are in SIDE_KNOWN.
SIDE = Record(
    "Side",
    "q:first_ns last_ns bytes next una highest_ack last_ack advance_ns payload_bytes first_data_ns"
    " last_data_ns first_data_acked_ns rtt_min_ns ts_last_ns max_idle_ns fin_ns fin_end;"
    "Q:src_mac;"
    "I:known base packets twin trouble last_frame sent_after_peer_last head tail segments window"
    " window_min window_max good_checksum tsval_last payload_packets max_payload last_data_frame turns"
    " max_acked_payload first_frame ip_id_zero outgoing incoming cut_packets short_frames syn syn_ack fin"
    " flow fin_frame max_idle_frame first_data_frame first_data_len tsval_first;"
    "H:mss;"
    "B:side wscale ttl ttl_min ttl_max first_class",
)

#: What happens to few directions: losses, resets, closed windows. A direction that had none of it points at row 0.
TROUBLE = Record(
    "Trouble",
    "q:unseen_left unseen_right retransmitted_bytes lost_bytes unseen_acked_bytes sacked_bytes rst_ns"
    " max_outage_ns max_outage_gap_ns max_outage_dead_ns max_outage_resend_ns zero_since_ns zero_window_ns"
    " longest_zero_window_ns ts_stood_ns full_ns hole_ns srtt_ns srtt_max_ns;"
    "I:dup sacks rst bad_checksum superseg truncated retransmissions rto_retransmissions fast_retransmissions"
    " tail_loss_probes spurious_retransmissions out_of_order duplicate_acks dsacks keep_alives keep_alive_acks"
    " zero_windows zero_window_probes zero_probes_before lost_segments rst_frame rst_look packets_after_rst"
    " probes_after_peer_last data_after_peer_fin max_outage_frame sack_blocks sacks_impossible;"
    "H:rst_ip_id;"
    "B:rst_ttl probing reset_last",
)

#: What of a Side is known.
SIDE_KNOWN = {
    name: 1 << bit
    for bit, name in enumerate(
        (
            "base",
            "isn",
            "ack",
            "window",
            "ttl",
            "mss",
            "wscale",
            "sack_permitted",
            "timestamps",
            "fast_open",
            "mptcp",
            "window_max",
            "fin",
            "fin_acked",
            "rst",
            "zero",
            "rtt",
            "data",
            "data_acked",
            "acked_payload",
            "outage_newest",
            "outage_older",
            "bad_first",
        )
    )
}

#: One flow: what belongs to both directions.
TALK = Record(
    "Talk",
    "q:last_ns;I:last_event epoch last_frame originator responder;H:events;B:kind phase",
)

#: A sent range not acknowledged yet; `next` is 1 + the row of the one behind it.
SEGMENT = Record(
    "Segment",
    "q:left right first_ns last_ns rto_ns gap_ns base_ns;I:first_frame last_frame next size copies rtos;"
    "I:resends tsval what pad",
)
DATA, OPENING, CLOSING = 1, 2, 3
