//! The contract of the stores: what each of them must do.
//!
//! Each case gets an empty database and uses it through the ports alone, so that it holds for any store.
//! [`with_every_case!`](crate::with_every_case) lists the cases; a test compares the list with the files.

pub mod access_log;
pub mod cancelled_callers;
pub mod changes_in_steps;
pub mod changes_together;
pub mod clock;
pub mod conflicts;
pub mod dead_messages;
pub mod event_feed;
pub mod exports;
pub mod extremes;
pub mod forged;
pub mod holds;
pub mod idempotency;
pub mod improvement;
pub mod inbox;
pub mod keys;
pub mod lists;
pub mod loading;
pub mod order_terms;
pub mod outlook;
pub mod pipelining;
pub mod promises;
pub mod races;
pub mod reallocation;
pub mod sessions;
pub mod storing;
pub mod subscriptions;
pub mod terms;
pub mod views;

/// Calls a macro with every case of the contract, each as `module::case`, after what is given in brackets.
#[macro_export]
macro_rules! with_every_case {
    ($then:ident!($($given:tt)*)) => {
        $then! { ($($given)*)
            storing::a_change_set_is_read_back_as_it_was_stored,
            storing::the_state_survives_a_restart,
            storing::a_refused_command_stores_its_out_of_stock_events_and_nothing_else,
            storing::a_failed_decision_stores_nothing,
            storing::an_empty_change_set_stores_nothing_and_changes_no_version,
            storing::a_repeated_command_changes_nothing,
            storing::an_order_of_the_largest_size_is_stored_whole,
            storing::a_line_keeps_its_service_position_through_every_reallocation,
            storing::the_versions_of_a_products_events_have_no_gap,
            forged::an_allocation_beyond_a_batchs_quantity_is_not_stored,
            forged::a_count_below_a_batchs_allocations_is_not_stored,
            forged::a_batchs_allocated_units_are_the_sum_of_its_allocations,
            forged::an_allocation_that_is_released_and_made_again_is_stored,
            forged::a_released_part_leaves_the_other_parts_of_its_line,
            forged::units_of_a_full_batch_go_from_one_line_to_another,
            forged::a_change_decided_on_another_version_is_not_stored,
            forged::a_new_row_that_exists_is_not_stored,
            forged::a_change_of_what_does_not_exist_is_not_stored,
            forged::one_bad_row_prevents_the_whole_change_set,
            forged::a_line_without_an_event_is_found,
            forged::a_batchs_dispatched_units_are_the_sum_of_its_dispatches,
            forged::an_impossible_dispatch_is_not_stored,
            forged::a_hold_without_a_deadline_is_not_stored,
            inbox::a_message_is_processed_once,
            inbox::of_two_deliveries_at_once_one_is_processed,
            inbox::a_refused_message_is_processed_too,
            inbox::a_message_that_is_in_the_inbox_is_a_conflict,
            inbox::processed_messages_are_told_with_how_they_ended,
            inbox::messages_are_forgotten_by_their_age_in_steps,
            inbox::messages_that_are_dated_in_the_future_keep_no_older_ones,
            dead_messages::a_message_is_buried_once,
            dead_messages::a_dead_message_is_read_back_as_it_was_buried,
            dead_messages::no_more_bodies_are_read_for_replays_at_once_than_fit,
            dead_messages::a_message_that_is_carried_out_is_not_dead,
            dead_messages::dead_messages_are_replayed_and_skipped,
            dead_messages::the_dead_messages_of_a_source_are_bounded,
            terms::promises_are_read_back_as_they_were_stored,
            terms::a_location_is_known_once_there_was_a_batch,
            terms::promises_survive_a_restart,
            terms::lines_are_loaded_for_release_by_their_release_rank,
            terms::all_lines_of_a_batch_are_loaded_when_its_date_changes,
            terms::the_backlog_is_ordered_by_precedence,
            terms::dispatches_are_loaded_to_be_undone,
            terms::the_header_of_a_replaced_order_is_changed,
            terms::a_quote_reads_the_current_state,
            terms::safety_stock_is_not_available,
            order_terms::changed_terms_are_read_back_as_they_were_stored,
            order_terms::the_header_of_lines_that_were_allocated_alone_is_made_once,
            order_terms::the_backlog_is_served_in_the_order_of_changed_terms,
            order_terms::an_order_that_a_line_is_added_to_is_loaded_in_short,
            order_terms::a_line_that_is_added_has_the_terms_of_its_order,
            order_terms::a_line_with_locations_is_added_on_the_terms_of_its_order,
            holds::due_orders_are_listed_by_their_deadlines,
            holds::the_next_hold_is_loaded_without_those_of_the_scope,
            holds::from_its_deadline_on_a_hold_counts_zero_before_any_sweep,
            clock::a_clock_that_was_wrong_for_a_moment_stops_nothing,
            clock::a_clock_that_steps_for_good_stops_nothing,
            clock::the_order_of_service_is_the_order_of_commits,
            clock::an_instance_with_a_wrong_clock_stops_neither_itself_nor_another,
            pipelining::each_is_decided_on_the_state_that_its_predecessor_leaves,
            pipelining::any_command_sees_what_its_predecessors_stored,
            pipelining::a_version_from_another_instance_is_not_taken_for_the_predecessors,
            conflicts::two_decisions_on_the_last_unit_are_never_both_stored,
            conflicts::two_first_batches_of_a_new_product_are_both_stored,
            conflicts::a_reference_goes_to_one_of_two_products,
            conflicts::the_reference_of_a_rest_goes_to_one_of_two_products,
            conflicts::a_line_goes_to_one_of_two_products,
            conflicts::an_order_is_placed_by_one_of_two_commands,
            conflicts::a_product_that_is_created_meanwhile_is_found,
            conflicts::an_order_that_gains_a_line_while_it_is_cancelled_is_cancelled_whole,
            conflicts::an_order_that_gains_a_line_while_its_terms_change_has_one_precedence,
            conflicts::a_batch_that_is_counted_down_meanwhile_is_not_promised,
            loading::only_batches_with_something_available_are_loaded,
            loading::a_used_up_batch_is_loaded_with_a_line_that_is_allocated_in_it,
            loading::a_batch_is_loaded_with_its_product,
            loading::an_order_is_loaded_with_its_lines_and_their_products,
            loading::a_line_is_found_under_another_product,
            loading::of_many_batches_the_first_in_preference_order_are_loaded,
            loading::a_line_that_fits_only_the_last_of_many_batches_is_allocated_in_it,
            loading::what_does_not_exist_is_not_loaded,
            loading::the_backlog_is_loaded_page_by_page,
            loading::a_backlog_of_exactly_one_page_is_loaded_to_its_end,
            loading::serving_a_backlog_goes_on_with_the_next_page,
            loading::counting_down_a_batch_of_a_thousand_lines_by_one_loads_one_line,
            loading::the_latest_allocations_are_loaded_for_release,
            races::of_twenty_orders_for_the_last_unit_one_gets_it,
            races::orders_that_name_two_products_in_opposite_orders_are_all_answered,
            races::units_that_are_counted_away_while_orders_are_placed_are_never_promised,
            races::a_line_that_is_sent_sixteen_times_is_placed_once,
            races::two_instances_never_oversell,
            races::units_of_orders_that_are_cancelled_go_to_one_backordered_line_each,
            cancelled_callers::a_transaction_whose_caller_leaves_is_whole_or_absent,
            cancelled_callers::a_command_whose_caller_leaves_is_whole_or_absent,
            event_feed::a_reader_misses_nothing_when_the_first_to_begin_commits_last,
            event_feed::a_reader_misses_nothing_when_the_first_to_begin_commits_first,
            event_feed::a_reader_misses_nothing_during_many_writes,
            event_feed::a_reader_of_one_order_misses_nothing_during_many_writes,
            event_feed::a_page_of_events_says_where_the_next_one_begins,
            event_feed::a_page_of_events_names_the_books_and_the_newest_event,
            event_feed::events_are_filtered_by_product_order_and_type,
            event_feed::the_events_of_an_order_are_those_that_concern_it,
            views::what_does_not_exist_is_not_found,
            views::products_are_listed_by_sku_page_by_page,
            views::products_are_found_by_any_part_of_their_sku_or_name,
            views::a_product_has_its_sums_and_its_batches_in_preference_order,
            views::an_order_has_its_lines_and_their_allocations,
            views::a_line_keeps_the_day_it_was_promised_for,
            improvement::the_day_tells_what_is_overdue_and_which_promises_it_breaks,
            improvement::better_stock_improves_the_promises_of_lines_at_risk,
            improvement::every_line_that_gains_moves_when_it_is_asked_for,
            improvement::nobody_overtakes_those_who_wait,
            improvement::nobody_overtakes_those_who_wait_after_a_restart,
            improvement::waiting_lines_that_can_not_be_served_are_passed_over_at_once,
            views::the_backlog_is_listed_in_order_of_service,
            outlook::lines_at_risk_are_listed_kind_by_kind_and_by_day,
            outlook::a_line_whose_hold_has_ended_neither_waits_nor_is_at_risk,
            outlook::the_lines_of_a_batch_are_listed_in_the_order_in_which_they_stay,
            outlook::late_batches_are_listed_with_whom_they_hurt,
            outlook::open_stock_is_read_as_far_as_it_is_asked_for,
            outlook::lines_that_wait_are_listed_and_counted_by_how_long_they_have_waited,
            lists::batches_are_listed_by_reference_as_far_as_they_pass,
            lists::orders_are_listed_by_id_as_far_as_they_pass,
            lists::a_list_is_the_same_page_by_page,
            lists::an_expired_hold_is_listed_so_before_any_sweep,
            exports::lines_are_listed_by_order_and_line_page_by_page,
            exports::batches_and_orders_are_listed_page_by_page,
            exports::products_with_a_pending_backlog_are_listed,
            exports::a_history_is_complete,
            promises::the_units_of_an_expired_hold_are_available_before_any_sweep,
            promises::confirming_at_the_deadline_against_a_rival_has_exactly_one_outcome,
            promises::a_hold_is_confirmed_in_part_but_not_beyond_its_units,
            promises::a_quote_and_the_order_after_it_agree,
            promises::dispatched_units_stay_dispatched_until_that_is_undone,
            promises::a_preview_stores_nothing,
            promises::a_command_on_a_stale_version_is_refused,
            promises::a_deadline_alone_makes_no_version_stale,
            promises::holds_that_expire_all_the_time_never_oversell_a_hot_product,
            reallocation::counting_a_batch_down_moves_only_the_latest_line,
            reallocation::counting_a_batch_down_spares_priority_and_lines_that_still_fit,
            reallocation::a_delayed_batch_loses_its_line_to_an_earlier_batch,
            reallocation::a_delayed_batch_keeps_its_line_when_no_batch_is_earlier,
            reallocation::the_backlog_is_served_in_the_order_of_placing,
            reallocation::backordered_lines_with_earlier_required_dates_are_served_first,
            reallocation::running_out_of_stock_and_replenishment_are_reported_once_each,
            changes_in_steps::the_lines_of_a_cancelled_batch_are_served_in_order_of_service,
            changes_in_steps::a_change_that_was_interrupted_is_continued_after_a_restart,
            changes_in_steps::no_line_overtakes_those_that_have_to_move,
            changes_in_steps::lines_of_other_products_are_placed_beside_a_change_that_goes_on,
            changes_in_steps::another_date_reaches_each_of_many_lines_once,
            changes_in_steps::the_rest_of_a_delivery_is_owed_to_the_lines_of_the_batch,
            changes_together::a_page_of_lines_is_loaded_for_all_batches_that_change_together,
            changes_together::a_count_chooses_among_the_lines_that_came_with_it_and_all_others,
            changes_together::batches_with_more_lines_than_a_page_change_among_others,
            extremes::names_of_any_characters_are_stored,
            extremes::similar_names_are_different,
            extremes::the_longest_names_are_stored,
            extremes::the_largest_quantities_are_added_without_overflow,
            idempotency::a_key_is_acquired_once_and_then_answers,
            idempotency::another_call_under_a_known_key_is_a_mismatch,
            idempotency::the_holder_of_a_lease_acquires_it_again,
            idempotency::a_released_key_goes_to_the_next_request,
            idempotency::only_the_holder_of_the_lease_completes_a_key_and_once,
            idempotency::a_lease_without_an_answer_ends,
            idempotency::an_answer_after_the_end_of_the_lease_is_stored_if_the_key_is_not_taken,
            idempotency::a_key_expires_after_a_day,
            idempotency::expired_keys_are_purged_in_bounded_steps,
            idempotency::of_twenty_requests_for_a_key_at_once_one_acquires_it,
            idempotency::of_twenty_requests_for_a_key_with_an_ended_lease_one_acquires_it,
            idempotency::of_two_calls_under_one_key_at_once_one_is_a_mismatch,
            idempotency::many_keys_at_once_do_not_affect_each_other,
            idempotency::an_answer_of_any_bytes_is_read_back_as_it_was_stored,
            idempotency::idempotency_keys_survive_a_restart,
            subscriptions::of_many_claims_at_once_one_has_the_lease,
            subscriptions::a_holder_keeps_its_fence_and_the_next_gets_a_higher_one,
            subscriptions::what_is_written_with_an_old_fence_changes_nothing,
            subscriptions::progress_is_read_back_as_it_was_stored,
            subscriptions::letters_are_listed_as_they_were_stored_last,
            subscriptions::letters_are_replayed_skipped_and_buried,
            subscriptions::a_letter_that_was_tried_again_is_stored_unless_it_was_dropped_meanwhile,
            subscriptions::a_subscription_is_disabled_until_it_is_enabled,
            keys::a_key_is_read_back_as_it_was_made,
            keys::a_name_is_given_to_one_key,
            keys::a_secret_opens_one_key,
            keys::the_old_secret_of_a_rotated_key_opens_nothing,
            keys::a_revoked_key_stays_known_and_keeps_its_first_instant,
            keys::a_revoked_key_gets_no_other_secret,
            keys::no_more_keys_are_made_than_are_bounded,
            keys::a_use_is_never_noted_as_earlier_than_one_before,
            keys::of_many_keys_of_one_name_at_once_one_is_made,
            keys::keys_survive_a_restart,
            keys::a_change_of_a_key_is_logged_with_it_and_no_other_is,
            sessions::a_session_is_read_back_as_it_began,
            sessions::a_session_that_is_ended_opens_nothing,
            sessions::a_key_or_a_person_has_only_so_many_sessions,
            sessions::a_person_has_sessions_without_a_key,
            sessions::what_is_over_is_forgotten_when_another_begins,
            sessions::a_session_is_logged_with_its_beginning_and_its_end,
            sessions::sessions_survive_a_restart,
            access_log::an_entry_is_read_back_as_it_was_written,
            access_log::the_newest_entries_are_read_first_and_older_ones_behind_them,
            access_log::an_entry_that_is_written_again_is_counted_on_and_keeps_its_place,
            access_log::entries_are_read_page_by_page,
            access_log::what_is_old_is_forgotten_and_what_follows_keeps_its_number,
            access_log::refusals_beyond_the_bound_are_forgotten_and_what_was_done_is_not,
            access_log::a_reader_behind_a_number_misses_no_entry_of_any_instance,
            access_log::the_log_survives_a_restart,
        }
    };
}

/// One test of one case on one store.
#[doc(hidden)]
#[macro_export]
macro_rules! case_tests {
    (($database:ty) $($module:ident::$case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            $crate::databases::on_fresh::<$database, _>($crate::cases::$module::$case).await;
        }
    )+};
}

/// Expands every case of the contract for each store: `contract!(memory: MemoryDatabase, …)`.
#[macro_export]
macro_rules! contract {
    ($($store:ident: $database:ty),+ $(,)?) => {$(
        mod $store {
            use super::*;
            use $crate::case_tests;
            $crate::with_every_case!(case_tests!($database));
        }
    )+};
}
