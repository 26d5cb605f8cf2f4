//! The tables and the view as Diesel knows them. A test compares this with the catalogue of a migrated database.

// Columns in the order of the tables. `events.type` is named as the field of its row, because `type` is a keyword.

diesel::table! {
    products (sku) {
        sku -> Text,
        name -> Nullable<Text>,
        version -> BigInt,
        batches_created -> Integer,
        safety_stock -> Integer,
        depleted -> Bool,
        next_expiry -> Nullable<Timestamptz>,
        at_risk -> Bool,
        pending -> Nullable<Text>,
        expired_from -> Nullable<BigInt>,
        expired_to -> Nullable<BigInt>,
        escrow_commits -> BigInt,
    }
}

diesel::table! {
    batches (reference) {
        reference -> Text,
        sku -> Text,
        location -> Text,
        ordinal -> Integer,
        created_quantity -> Integer,
        quantity -> Integer,
        allocated -> BigInt,
        dispatched -> BigInt,
        eta -> Nullable<Date>,
        overdue -> Bool,
        open -> Bool,
        created_eta -> Nullable<Date>,
        closed -> Bool,
        received_eta -> Nullable<Date>,
        received_expected -> Nullable<Integer>,
        received_counted -> Nullable<Integer>,
    }
}

diesel::table! {
    orders (order_id) {
        order_id -> Text,
        placed_at -> Timestamptz,
        priority -> Integer,
        required_by -> Nullable<Date>,
        hold_until -> Nullable<Timestamptz>,
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
        quantity -> Integer,
        state -> Text,
        split -> Bool,
        placed_at -> Timestamptz,
        placed_with_order -> Bool,
        rank -> BigInt,
        locations -> Nullable<Array<Text>>,
        hold_until -> Nullable<Timestamptz>,
        promised_on -> Nullable<Date>,
        first_promised_on -> Nullable<Date>,
        due_by -> Nullable<Date>,
        batch -> Nullable<Text>,
        units -> Nullable<Integer>,
        release_rank -> BigInt,
        placed_version -> BigInt,
        first_placed_version -> Nullable<BigInt>,
        dispatched -> Integer,
        asked -> Nullable<Text>,
    }
}

diesel::table! {
    further_allocations (order_id, line_id, batch) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> Integer,
        allocated_version -> BigInt,
        release_rank -> BigInt,
    }
}

diesel::table! {
    /// A view: the units that stand in the lines, and those of `further_allocations`.
    allocations (order_id, line_id, batch) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> Integer,
        allocated_version -> BigInt,
        release_rank -> BigInt,
    }
}

diesel::table! {
    dispatches (order_id, line_id, batch, dispatched_version) {
        order_id -> Text,
        line_id -> Text,
        batch -> Text,
        quantity -> Integer,
        allocated_version -> BigInt,
        dispatched_version -> BigInt,
        dispatched_at -> Timestamptz,
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
        occurred_at -> Timestamptz,
        decided_on -> Date,
        actor -> Text,
        correlation_id -> Text,
        data -> Json,
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
        began_at -> Timestamptz,
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
        delivery_at -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        failing_attempts -> Nullable<BigInt>,
        failing_reason -> Nullable<Text>,
        disabled -> Nullable<Text>,
        fence -> BigInt,
        holder -> Nullable<Binary>,
        leased_until -> Nullable<Timestamptz>,
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
        since -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (key) {
        key -> Text,
        fingerprint -> Binary,
        token -> Binary,
        leased_until -> Timestamptz,
        expires_at -> Timestamptz,
        answer -> Nullable<Binary>,
    }
}

diesel::table! {
    inbox (source, message_id) {
        source -> Text,
        message_id -> Text,
        processed_at -> Timestamptz,
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
        since -> Timestamptz,
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
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Binary,
        key_hash -> Nullable<Binary>,
        holder -> Text,
        roles -> Nullable<Text>,
        began_at -> Timestamptz,
        ends_at -> Timestamptz,
    }
}

diesel::table! {
    access_log (number) {
        number -> BigInt,
        id -> Binary,
        first_at -> Timestamptz,
        last_at -> Timestamptz,
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
