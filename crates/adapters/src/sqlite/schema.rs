//! The tables and the view as Diesel sees them. A test compares them with the catalogue of a migrated database.

diesel::table! {
    products (sku) {
        sku -> Text,
        name -> Nullable<Text>,
        version -> BigInt,
        batches_created -> BigInt,
        safety_stock -> BigInt,
        depleted -> Bool,
        next_expiry -> Nullable<BigInt>,
        at_risk -> Bool,
        pending -> Nullable<Text>,
        expired_from -> Nullable<BigInt>,
        expired_to -> Nullable<BigInt>,
    }
}

diesel::table! {
    searchable_products (id) {
        id -> BigInt,
        sku -> Text,
    }
}

diesel::table! {
    batches (reference) {
        reference -> Text,
        sku -> Text,
        location -> Text,
        ordinal -> BigInt,
        created_quantity -> BigInt,
        created_eta -> Nullable<Text>,
        quantity -> BigInt,
        allocated -> BigInt,
        dispatched -> BigInt,
        eta -> Nullable<Text>,
        overdue -> Bool,
        closed -> Bool,
        open -> Bool,
        received_eta -> Nullable<Text>,
        received_expected -> Nullable<BigInt>,
        received_counted -> Nullable<BigInt>,
    }
}

diesel::table! {
    orders (order_id) {
        order_id -> Text,
        placed_at -> BigInt,
        priority -> BigInt,
        required_by -> Nullable<Text>,
        hold_until -> Nullable<BigInt>,
        asked -> Nullable<Text>,
        expired_from -> Nullable<BigInt>,
        expired_to -> Nullable<BigInt>,
    }
}

diesel::table! {
    lines (order_id, line_id) {
        order_id -> Text,
        line_id -> Text,
        sku -> Text,
        quantity -> BigInt,
        state -> Text,
        split -> Bool,
        placed_at -> BigInt,
        placed_version -> BigInt,
        placed_with_order -> Bool,
        rank -> BigInt,
        locations -> Nullable<Text>,
        hold_until -> Nullable<BigInt>,
        promised_on -> Nullable<Text>,
        first_promised_on -> Nullable<Text>,
        due_by -> Nullable<Text>,
        batch -> Nullable<Text>,
        units -> Nullable<BigInt>,
        release_rank -> BigInt,
        placed_sequence -> Nullable<BigInt>,
        dispatched -> BigInt,
        asked -> Nullable<Text>,
    }
}

diesel::table! {
    further_allocations (order_id, line_id, batch) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> BigInt,
        allocated_version -> BigInt,
        release_rank -> BigInt,
    }
}

// The view. SQLite reports that each of its columns may be NULL; a row of the lines is in it only with a batch, and
// then has units.
diesel::table! {
    allocations (order_id, line_id, batch) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> BigInt,
        allocated_version -> BigInt,
        release_rank -> BigInt,
    }
}

diesel::table! {
    dispatches (order_id, line_id, batch, dispatched_version) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> BigInt,
        allocated_version -> BigInt,
        dispatched_version -> BigInt,
        dispatched_at -> BigInt,
    }
}

diesel::table! {
    events (sequence) {
        sequence -> BigInt,
        sku -> Nullable<Text>,
        version -> Nullable<BigInt>,
        order_id -> Nullable<Text>,
        #[sql_name = "type"]
        event_type -> Text,
        occurred_at -> BigInt,
        decided_on -> Text,
        actor -> Text,
        correlation_id -> Text,
        data -> Text,
    }
}

diesel::table! {
    deferred_index (id) {
        id -> BigInt,
        until -> BigInt,
    }
}

diesel::table! {
    events_of_products (sku, version) {
        sku -> Text,
        version -> BigInt,
        sequence -> BigInt,
    }
}

diesel::table! {
    lines_in_batches (batch, release_rank, placed_version, order_id, line_id) {
        batch -> Text,
        release_rank -> BigInt,
        placed_version -> BigInt,
        order_id -> Text,
        line_id -> Text,
    }
}

diesel::table! {
    books (id) {
        id -> Text,
    }
}

diesel::table! {
    epochs (number) {
        number -> BigInt,
        after_sequence -> BigInt,
        origin -> Text,
        began_at -> BigInt,
    }
}

diesel::table! {
    subscriptions (name) {
        name -> Text,
        start_epoch -> BigInt,
        start_sequence -> BigInt,
        place_epoch -> BigInt,
        place_sequence -> BigInt,
        delivery_end -> Nullable<BigInt>,
        delivery_at -> Nullable<BigInt>,
        failing_since -> Nullable<BigInt>,
        failing_attempts -> Nullable<BigInt>,
        failing_reason -> Nullable<Text>,
        disabled -> Nullable<Text>,
        fence -> BigInt,
        holder -> Nullable<Binary>,
        leased_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    dead_letters (subscription, sequence) {
        subscription -> Text,
        sequence -> BigInt,
        sku -> Nullable<Text>,
        state -> Text,
        reason -> Nullable<Text>,
        attempts -> BigInt,
        since -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (key) {
        key -> Text,
        fingerprint -> Binary,
        token -> Binary,
        leased_until -> BigInt,
        expires_at -> BigInt,
        answer -> Nullable<Binary>,
    }
}

diesel::table! {
    inbox (number) {
        number -> BigInt,
        source -> Text,
        message_id -> Text,
        processed_at -> BigInt,
        refusal -> Nullable<Text>,
    }
}

diesel::table! {
    dead_messages (number) {
        number -> BigInt,
        source -> Text,
        message_id -> Text,
        correlation_id -> Nullable<Text>,
        reason -> Text,
        attempts -> BigInt,
        since -> BigInt,
        replayed -> Bool,
        bytes -> BigInt,
        body -> Binary,
    }
}

diesel::table! {
    access_keys (name) {
        name -> Text,
        hash -> Binary,
        roles -> Text,
        orders_with_prefix -> Text,
        skus_with_prefix -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Binary,
        key_hash -> Nullable<Binary>,
        holder -> Text,
        roles -> Nullable<Text>,
        began_at -> BigInt,
        ends_at -> BigInt,
    }
}

diesel::table! {
    access_log (number) {
        number -> BigInt,
        id -> Binary,
        first_at -> BigInt,
        last_at -> BigInt,
        caller -> Nullable<Text>,
        address -> Nullable<Text>,
        action -> Text,
        about -> Nullable<Text>,
        decision -> Text,
        needs -> Nullable<Text>,
        count -> BigInt,
        correlation_id -> Nullable<Text>,
    }
}

diesel::table! {
    expected_allocated (id) {
        id -> BigInt,
        batch -> Nullable<Text>,
        allocated -> Nullable<BigInt>,
    }
}

diesel::table! {
    expected_dispatched (id) {
        id -> BigInt,
        batch -> Nullable<Text>,
        dispatched -> Nullable<BigInt>,
    }
}

diesel::joinable!(batches -> products (sku));
diesel::allow_tables_to_appear_in_same_query!(
    products,
    batches,
    orders,
    lines,
    further_allocations,
    allocations,
    dispatches,
    events,
    events_of_products,
    lines_in_batches,
);
diesel::allow_columns_to_appear_in_same_group_by_clause!(lines::sku, further_allocations::batch);
