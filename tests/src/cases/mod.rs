//! The contract of the stores: what every one of them must do, told in the shop's words.
//!
//! Each case gets an empty database and looks at it through the ports alone, so that a case holds for any store.
//! [`with_every_case!`](crate::with_every_case) lists them; a test holds the list against the files.

pub mod conflicts;
pub mod deadlines;
pub mod extremes;
pub mod following;
pub mod forged;
pub mod kept;
pub mod loads;
pub mod lookups;
pub mod pipelined;
pub mod promises;
pub mod races;
pub mod remembered;
pub mod terms;
pub mod vanishing;

/// Expands a macro with every case of the contract, each as `module::case`, behind what is given in brackets.
#[macro_export]
macro_rules! with_every_case {
    ($then:ident!($($given:tt)*)) => {
        $then! { ($($given)*)
            kept::what_is_stored_is_read_back_the_same,
            kept::what_is_stored_stands_when_the_books_are_opened_again,
            kept::a_refused_command_keeps_its_out_of_stock_events_and_nothing_else,
            kept::a_decision_that_was_not_taken_stores_nothing,
            kept::an_empty_change_stores_nothing_and_moves_no_version,
            kept::the_same_command_again_changes_nothing,
            kept::an_order_of_the_largest_size_is_stored_whole,
            kept::a_line_keeps_its_place_in_the_order_of_service_through_every_move,
            kept::the_versions_of_a_product_s_events_have_no_gap,
            forged::a_change_that_asks_for_more_than_a_batch_holds_is_not_stored,
            forged::a_change_that_counts_a_batch_below_its_allocations_is_not_stored,
            forged::what_is_allocated_is_the_sum_of_the_allocations_whatever_the_change_says,
            forged::an_allocation_made_anew_takes_the_place_of_the_one_released,
            forged::a_part_that_is_released_leaves_the_other_parts,
            forged::units_pass_from_line_to_line_in_a_batch_that_is_full,
            forged::a_change_decided_on_another_version_is_not_stored,
            forged::a_change_that_makes_what_exists_is_not_stored,
            forged::a_change_of_what_does_not_exist_is_not_stored,
            forged::one_bad_row_keeps_the_whole_change_out,
            forged::a_line_that_no_event_tells_of_is_found,
            forged::what_has_left_is_the_sum_of_the_dispatches_whatever_the_change_says,
            forged::a_dispatch_that_can_not_be_is_not_stored,
            forged::a_hold_without_a_deadline_is_not_stored,
            terms::what_is_promised_is_read_back_the_same,
            terms::what_is_promised_stands_when_the_books_are_opened_again,
            terms::the_weakest_claims_are_loaded_to_be_released,
            terms::all_that_lie_in_a_batch_are_loaded_where_each_may_be_told,
            terms::the_backlog_goes_by_precedence,
            deadlines::orders_that_are_due_are_told_the_earliest_first,
            deadlines::the_next_hold_is_found_but_for_those_of_the_scope,
            deadlines::from_its_deadline_on_a_hold_counts_nothing_though_nobody_has_swept,
            terms::what_has_left_is_loaded_to_come_back,
            terms::an_order_that_changes_stands_as_it_is,
            terms::what_a_quote_is_told_is_what_stands,
            terms::units_kept_back_are_not_available,
            pipelined::each_is_decided_on_what_the_one_before_will_have_left,
            pipelined::whatever_follows_finds_the_books_as_they_were_left,
            pipelined::a_version_made_by_somebody_else_is_not_taken_for_that_of_the_one_before,
            conflicts::two_decisions_on_the_last_unit_are_never_both_stored,
            conflicts::two_first_batches_of_a_new_product_both_stand,
            conflicts::a_reference_goes_to_one_of_two_products,
            conflicts::a_line_goes_to_one_of_two_products,
            conflicts::an_order_is_placed_by_one_of_two,
            conflicts::a_product_that_appears_meanwhile_is_found,
            conflicts::an_order_that_gains_a_line_while_it_is_cancelled_is_cancelled_whole,
            conflicts::a_batch_counted_down_meanwhile_is_not_promised,
            loads::only_batches_with_something_available_are_loaded,
            loads::of_many_batches_the_first_in_preference_order_are_loaded,
            loads::a_line_that_fits_only_the_last_of_many_batches_gets_it,
            loads::a_used_up_batch_is_loaded_with_the_line_that_lies_in_it,
            loads::a_named_batch_brings_its_product,
            loads::an_order_brings_its_lines_and_their_products,
            loads::a_line_named_under_another_product_is_found,
            loads::what_does_not_exist_is_not_loaded,
            loads::the_backlog_is_read_a_page_at_a_time,
            loads::a_backlog_that_fits_the_page_is_read_to_its_end,
            loads::serving_goes_on_where_it_stopped,
            loads::counting_down_a_batch_of_a_thousand_lines_by_one_loads_one_line,
            loads::the_latest_allocated_are_loaded_to_be_released,
            races::of_twenty_racers_for_the_last_unit_one_gets_it,
            races::opposed_orders_for_two_products_are_all_answered,
            races::what_is_counted_away_while_orders_come_in_is_never_promised,
            races::a_line_asked_for_from_sixteen_sides_is_placed_once,
            races::two_instances_never_oversell,
            races::cancelling_while_others_wait_gives_each_unit_to_one_line,
            vanishing::a_transaction_whose_caller_leaves_is_whole_or_absent,
            vanishing::a_command_whose_caller_leaves_is_whole_or_absent,
            following::a_follower_misses_nothing_when_the_first_to_begin_commits_last,
            following::a_follower_misses_nothing_when_the_first_to_begin_commits_first,
            following::a_follower_misses_nothing_while_many_write,
            following::events_are_told_in_pages_that_say_where_to_read_on,
            following::events_can_be_asked_for_by_product_order_and_type,
            following::an_orders_events_are_those_that_concern_it_from_wherever_they_are_read,
            lookups::what_does_not_exist_is_not_found,
            lookups::products_are_listed_by_sku_a_page_at_a_time,
            lookups::products_are_found_by_any_part_of_their_sku_or_name,
            lookups::a_product_is_told_with_its_sums_and_its_batches_in_preference_order,
            lookups::an_order_is_told_with_its_lines_and_where_their_units_are,
            lookups::a_line_is_promised_for_the_latest_date_among_its_batches,
            lookups::the_backlog_is_listed_in_order_of_service,
            lookups::lines_are_listed_by_order_and_line_a_page_at_a_time,
            lookups::batches_and_orders_are_listed_a_page_at_a_time,
            lookups::products_that_are_owed_service_are_listed,
            lookups::a_history_is_complete,
            promises::a_batch_counted_down_moves_only_the_latest_line,
            promises::a_batch_counted_down_spares_priority_and_the_line_that_still_fits,
            promises::an_arrival_put_off_moves_its_line_to_what_is_there_earlier,
            promises::an_arrival_put_off_past_all_others_keeps_its_line_and_may_break_its_promise,
            promises::a_hold_that_ended_is_free_before_anybody_swept,
            promises::confirming_at_the_very_deadline_against_a_rival_has_exactly_one_outcome,
            promises::a_hold_is_confirmed_in_part_and_never_beyond,
            promises::those_who_wait_keep_their_place_and_are_served_in_order,
            promises::those_who_need_it_earlier_are_served_first,
            promises::a_quote_and_the_allocation_that_follows_agree,
            promises::what_was_dispatched_stays_gone_and_undone_is_allocated_again,
            promises::a_product_runs_out_and_comes_back_once_a_crossing,
            promises::a_preview_leaves_no_trace,
            promises::a_change_on_a_version_that_has_passed_is_refused,
            promises::holds_that_end_all_the_time_never_oversell_a_hot_product,
            extremes::names_of_any_script_and_sign_survive,
            extremes::names_that_look_alike_stay_apart,
            extremes::the_longest_names_survive,
            extremes::the_largest_quantities_add_up,
            remembered::a_key_is_won_once_and_then_tells_its_answer,
            remembered::another_call_under_a_key_that_is_known_is_told_so,
            remembered::who_claims_again_what_it_has_won_has_won_it,
            remembered::a_key_that_was_given_back_goes_to_anybody,
            remembered::an_answer_is_kept_for_who_has_won_alone_and_never_changes,
            remembered::a_claim_without_an_answer_lapses,
            remembered::an_answer_after_the_lease_is_kept_if_nobody_has_taken_the_key,
            remembered::a_key_is_known_for_a_day_and_then_it_is_as_if_it_had_never_been,
            remembered::keys_whose_time_has_passed_are_taken_away_in_bounded_steps,
            remembered::of_twenty_who_claim_a_key_at_once_one_wins,
            remembered::of_twenty_who_find_a_key_left_behind_one_wins,
            remembered::of_two_calls_that_claim_one_key_at_once_one_is_told_that_it_is_another,
            remembered::many_keys_at_once_do_not_get_into_each_others_way,
            remembered::an_answer_of_any_bytes_comes_back_as_it_was,
            remembered::answers_stand_when_the_books_are_opened_again,
        }
    };
}

/// One test of one case on one store.
#[doc(hidden)]
#[macro_export]
macro_rules! case_tests {
    (($database:ty) $($theme:ident::$case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            $crate::databases::on_fresh::<$database, _>($crate::cases::$theme::$case).await;
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
