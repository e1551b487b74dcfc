"""FEATURES: every column of the features table, in order. One function, one column, one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tcpautopsy.features import (
    answers,
    context,
    conversation,
    datagrams,
    ending,
    handshake,
    ladder,
    names,
    outcome,
    patterns,
    place,
    secured,
    signs,
    transfer,
    visible,
)
from tcpautopsy.features.seen import Seen
from tcpautopsy.schema import Column

Function: TypeAlias = Callable[[Seen], NDArray[np.float64] | NDArray[np.bool_] | NDArray[np.object_]]


class Feature(NamedTuple):
    """A documented column and the function that computes it."""

    column: Column
    function: Function

    def series(self, seen: Seen) -> pd.Series:
        """The column of one capture, in the row order of Flows."""
        values = seen.of(self.function)
        if self.column.dtype == "str":
            return pd.Series(values, dtype="str")
        return pd.Series(_NULLABLE[self.column.dtype](values))


def _whole(values: NDArray[np.float64]) -> pd.arrays.IntegerArray:
    unknown = np.isnan(values)
    return pd.arrays.IntegerArray(np.where(unknown, 0, values).astype(np.int64), unknown)


def _real(values: NDArray[np.float64]) -> pd.arrays.FloatingArray:
    unknown = np.isnan(values)
    return pd.arrays.FloatingArray(np.where(unknown, 0.0, values), unknown)


def _claim(values: NDArray[np.float64] | NDArray[np.bool_]) -> pd.arrays.BooleanArray:
    if values.dtype == bool:
        return pd.arrays.BooleanArray(np.array(values), np.zeros(len(values), bool))
    unknown = np.isnan(values)
    return pd.arrays.BooleanArray(np.asarray(values == 1), unknown)


_NULLABLE: dict[str, Callable[..., object]] = {"Int64": _whole, "Float64": _real, "boolean": _claim}


def _feature(function: Function, dtype: str, unit: str) -> Feature:
    """A column named for its function; its sentence is the first line of the docstring."""
    sentence = (function.__doc__ or "").split("\n", 1)[0].rstrip(".")
    return Feature(Column(function.__name__, dtype, unit, sentence), function)


def _flags(*functions: Function) -> tuple[Feature, ...]:
    return tuple(_feature(f, "boolean", "") for f in functions)


def _counts(*functions: Function) -> tuple[Feature, ...]:
    return tuple(_feature(f, "Int64", "") for f in functions)


def _bytes(*functions: Function) -> tuple[Feature, ...]:
    return tuple(_feature(f, "Int64", "B") for f in functions)


def _seconds(*functions: Function) -> tuple[Feature, ...]:
    return tuple(_feature(f, "Float64", "s") for f in functions)


def _words(*functions: Function) -> tuple[Feature, ...]:
    return tuple(_feature(f, "str", "") for f in functions)


FEATURES: tuple[Feature, ...] = (
    *_words(outcome.outcome),
    *_flags(outcome.failed_by_outcome),
    *_words(place.protocol),
    *_counts(place.client_port, place.server_port),
    *_words(place.vantage, place.vantage_confidence),
    # What the capture could show; the words of `needs`.
    *_flags(
        visible.sees_syn,
        visible.sees_synack,
        visible.sees_handshake,
        visible.sees_both_directions,
        visible.sees_orig_direction,
        visible.sees_resp_direction,
        visible.sees_payload,
        visible.sees_window_scale,
        visible.sees_timestamps,
        visible.sees_arp,
        visible.sees_icmp,
        visible.sees_dns,
        visible.sees_end_of_flow,
        visible.sees_host_siblings,
    ),
    # The handshake.
    *_counts(
        handshake.challenges_to_syn,
        handshake.syn_copies,
        handshake.syns_unanswered,
        handshake.syns_after_synack,
        handshake.synacks,
    ),
    *_counts(
        handshake.synack_retransmissions,
        handshake.synacks_unacknowledged,
        handshake.synack_retransmissions_after_client_ack,
        handshake.synack_retransmissions_after_client_data,
        handshake.client_packets_ignored,
        handshake.first_data_ignored_copies,
    ),
    *_flags(handshake.handshake_completed, handshake.synack_ttl_differs),
    *_seconds(
        handshake.syn_span_s,
        handshake.synack_delay_s,
        handshake.synack_after_last_syn_s,
        handshake.handshake_s,
        handshake.handshake_rtt_s,
        handshake.server_first_word_s,
        handshake.data_ignored_s,
    ),
    # What was said, asked and acknowledged.
    *_bytes(
        conversation.orig_payload_bytes,
        conversation.resp_payload_bytes,
        conversation.resp_acked_payload_bytes,
        conversation.orig_acked_payload_bytes,
        conversation.orig_unacked_bytes,
        conversation.resp_unacked_bytes,
        conversation.unacked_bytes,
        conversation.response_missing_bytes,
    ),
    *_counts(conversation.requests, conversation.responses, conversation.client_messages_unanswered),
    *_flags(
        conversation.request_unanswered,
        conversation.answer_refused,
        conversation.request_acked,
        conversation.http_request_pending,
        conversation.one_way_service,
        conversation.answers_requests,
        conversation.asks_one_host,
    ),
    *_words(conversation.first_words, conversation.server_first_words),
    *_seconds(
        conversation.request_wait_s,
        conversation.longest_answer_s,
        conversation.rtt_s,
        conversation.longest_idle_s,
        conversation.quiet_at_end_s,
        conversation.duration_s,
        conversation.client_quiet_s,
        conversation.server_quiet_s,
    ),
    # What was never answered.
    *_words(ladder.ladder_sender, ladder.ladder_peer, ladder.ladder_of, ladder.silent_host),
    *_counts(ladder.ladder_copies, ladder.ladder_peer_packets),
    *_flags(ladder.ladder_step_overdue, ladder.step_overdue, ladder.full_size_only_lost),
    *_seconds(
        ladder.ladder_span_s,
        ladder.ladder_rto_s,
        ladder.ladder_last_gap_s,
        ladder.ladder_wait_s,
        ladder.ladder_gives_up_s,
        ladder.peer_silent_s,
        ladder.idle_before_ladder_s,
    ),
    # Probes.
    *_counts(
        ladder.keepalives_sent,
        ladder.keepalives_answered,
        ladder.keepalives_answered_since_request,
        ladder.keepalives_unanswered,
        ladder.window_probes_unanswered,
    ),
    *_words(ladder.keepalive_prober, ladder.keepalive_target),
    *_flags(ladder.keepalive_gave_up, ladder.keepalive_step_overdue),
    *_seconds(ladder.keepalive_interval_s, ladder.keepalive_idle_s),
    # How it ended.
    *_words(ending.reset_by, ending.reset_against, ending.reset_look, ending.closed_first_by),
    *_counts(ending.resets, ending.packets_after_reset, ending.fins),
    *_flags(
        ending.reset_has_timestamps,
        ending.reset_sequence_exact,
        ending.reset_ttl_differs,
        ending.reset_answers_within_rtt,
        ending.reset_unprompted,
        ending.reset_before_server_spoke,
        ending.resetter_spoke_before,
        ending.resetter_had_closed,
        ending.resetter_had_received_fin,
        ending.input_pending_at_reset,
    ),
    *_bytes(ending.bytes_refused, ending.fin_data_unacked_bytes),
    *_seconds(
        ending.reset_delay_s,
        ending.reset_quiet_s,
        ending.connect_patience_s,
        ending.reset_after_handshake_s,
        ending.data_before_reset_s,
        ending.own_data_before_reset_s,
    ),
    *_words(ending.half_closed_by, ending.half_closed_against, ending.fin_sender),
    *_flags(ending.half_close_acked),
    *_counts(ending.requests_after_server_fin, ending.data_after_peer_fin, ending.fin_copies),
    *_seconds(
        ending.half_closed_s,
        ending.half_close_peer_data_s,
        ending.server_close_after_handshake_s,
        ending.server_idle_before_fin_s,
        ending.last_request_after_server_fin_s,
    ),
    # How well data got across.
    *_counts(
        transfer.retransmissions,
        transfer.needless_retransmissions,
        transfer.losses_repaired,
        transfer.rto_retransmissions,
        transfer.fast_retransmissions,
        transfer.window_probes,
        transfer.bad_checksums,
    ),
    _feature(transfer.loss_share, "Float64", ""),
    *_bytes(transfer.capture_missed_bytes),
    *_words(transfer.outage_sender, transfer.zero_window_side, transfer.zero_window_against),
    *_flags(transfer.window_closed_at_end),
    *_seconds(transfer.longest_outage_s, transfer.longest_zero_window_s, transfer.zero_window_open_s),
    # Among its neighbours.
    *_counts(
        context.trouble_kind,
        context.listener_connections,
        context.listener_failed_like_this,
        context.listener_overflow_signs,
        context.listener_syn_ignored,
        context.listener_ack_ignored,
        context.listener_reset_at_once,
        context.listener_served_late,
        context.listener_ended_together,
        context.listener_reset_together,
        context.host_pair_silent_too,
        context.path_idle_deaths,
    ),
    *_flags(
        context.listener_answered_others,
        context.listener_alive_meanwhile,
        context.listener_answered_after,
        context.listener_refused_after,
        context.listener_accepted_others,
        context.host_pair_acked_meanwhile,
        context.host_pair_alive_meanwhile,
        context.silent_host_alive_meanwhile,
        context.silent_host_arp_unanswered,
        context.server_arp_unanswered,
        context.reset_ttl_differs_from_host,
    ),
    *_seconds(context.listener_latest_s, context.silent_host_asked_first_s, context.silent_host_asked_last_s),
    *_seconds(context.fatal_idle_s, context.path_longest_survived_idle_s, context.path_shortest_fatal_idle_s),
    # ICMP, lookups, resolutions, datagrams.
    *_counts(answers.icmp_errors, answers.icmp_code, answers.dns_queries, answers.dns_rcode, answers.arp_requests),
    *_words(answers.icmp_sender, answers.dns_name),
    *_flags(
        answers.icmp_forbidden,
        answers.icmp_port_unreachable,
        answers.icmp_time_exceeded,
        answers.icmp_from_server,
        answers.dns_search_list_miss,
        answers.resolver_answered_others,
        answers.arp_asker_hears,
        answers.asks_for_itself,
    ),
    *_counts(answers.datagrams),
    *_seconds(answers.dns_answer_s, answers.dns_wait_s, answers.arp_wait_s, answers.udp_wait_s),
    # What names and neighbours tell.
    *_seconds(names.dns_pair_answered_s, names.after_truncated_answer_s, names.ipv4_worked_after_s),
    *_counts(names.arp_answering_macs, names.fragments, names.reassembly_failures),
    *_flags(names.arp_failover_macs, names.dns_pair_answered, names.ipv4_worked, names.wants_tcp),
    # Shapes in the order of packets.
    *_counts(
        patterns.nagle_stalls,
        patterns.zero_windows,
        patterns.tiny_windows_filled,
        patterns.tail_loss_probes,
        patterns.reordered_packets,
        patterns.network_duplicates,
        patterns.oversize_resends,
        patterns.fast_open_eaten_here,
        patterns.listener_gave_options,
        patterns.silent_together,
    ),
    *_bytes(patterns.window_bytes),
    *_flags(
        patterns.scale_not_agreed,
        patterns.syn_carried_data,
        patterns.fast_open_eaten,
        patterns.options_withheld,
        patterns.unasked_synack,
        patterns.port_reused_soon,
        patterns.late_fin_reset,
        patterns.reset_outlived,
    ),
    *_words(patterns.tls_lone_alert_by),
    _feature(patterns.window_share, "Float64", ""),
    *_seconds(
        patterns.update_ignored_s,
        patterns.tuple_closed_before_s,
        patterns.fin_to_reset_s,
        patterns.gave_up_after_s,
        patterns.gave_up_round_s,
        patterns.whole_capture_silent_s,
    ),
    # A UDP port under load.
    *_flags(datagrams.udp_unanswered),
    *_counts(
        datagrams.port_datagrams,
        datagrams.port_flows,
        datagrams.peak_1ms,
        datagrams.peak_10ms,
        datagrams.peak_100ms,
        datagrams.peak_1s,
        datagrams.peak_5s,
        datagrams.buffer_datagrams,
        datagrams.udp_asked_after_stop,
    ),
    *_bytes(datagrams.buffer_for_1s),
    *(
        _feature(f, "Float64", "")
        for f in (
            datagrams.port_share,
            datagrams.port_speedup,
            datagrams.port_rate,
            datagrams.datagram_charge,
            datagrams.drain_rate,
        )
    ),
    *_seconds(datagrams.buffer_pause_s, datagrams.drain_budget_s, datagrams.udp_stopped_s),
    # TLS in the clear.
    *_flags(
        secured.tls_client_hello_seen,
        secured.tls_server_hello_seen,
        secured.tls_alert_fatal,
        secured.tls_mismatch,
    ),
    *_counts(secured.tls_alert_code),
    *_words(secured.tls_alert_by),
    *_seconds(secured.server_close_after_hello_s),
    # Signs that take several of these.
    *_flags(
        signs.server_ignored_handshake,
        signs.connect_over,
        signs.syn_loss_is_listeners,
        signs.answer_expected,
        signs.keepalive_over,
        signs.request_near_server_fin,
        signs.reset_made_elsewhere,
        signs.reset_ttl_known,
        signs.dns_gave_up,
        signs.server_left_work,
        signs.longer_idle_survived,
        signs.large_lost_small_passed,
        signs.resends_shrank,
        signs.hole_at_end,
        signs.handshake_hopeless,
    ),
    *_counts(
        signs.ladder_peer_repeats, signs.listener_half_open, signs.unanswered_after_idle, signs.reset_forgery_signs
    ),
    _feature(signs.listener_loss_share, "Float64", ""),
    _feature(signs.listener_half_open_share, "Float64", ""),
    *_seconds(
        signs.answer_missing_s,
        signs.request_wait_round_s,
        signs.idle_before_failure_s,
        signs.idle_before_silence_s,
        signs.zero_window_for_s,
        signs.reset_quiet_before_s,
    ),
)
