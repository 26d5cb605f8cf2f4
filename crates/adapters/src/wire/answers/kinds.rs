//! The kinds of problem: one place for their codes, titles, statuses and meanings.

use super::members::{self as members, Member};

/// A kind of problem, and the text of its page.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The code for machines: stable, and the last part of the `type` URI.
    pub code: &'static str,
    /// The same for every problem of the kind.
    pub title: &'static str,
    /// The status it is answered with: that of HTTP, which every transport shows.
    pub status: u16,
    /// What it means, and what the client can do.
    pub meaning: &'static str,
    /// What it has besides the members of every problem.
    pub members: &'static [Member],
}

macro_rules! kinds {
    ($(
        $name:ident = $code:literal, $status:literal, $title:literal, $meaning:literal $(, [$($member:expr),+])?;
    )+) => {
        $(
        #[doc = $title]
        pub const $name: Kind = Kind {
            code: $code,
            title: $title,
            status: $status,
            meaning: $meaning,
            members: &[$($($member),+)?],
        };)+

        /// Every kind.
        pub const ALL: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    MALFORMED_JSON = "malformed_json", 400, "The body is not JSON",
        "The body could not be read as one JSON value in UTF-8. `detail` says what is wrong, and at which line and \
         column. Nothing has been executed.";
    BROKEN_BODY = "broken_body", 400, "The body did not arrive whole",
        "The connection ended, or broke the framing of HTTP, before the whole body had arrived. Nothing has been \
         executed.";
    MALFORMED_CONDITION = "malformed_condition", 400, "The condition can't be read",
        "`If-Match` must be `*`, or one or more ETags in double quotes, separated by commas. Nothing has been \
         executed.";
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key", 400, "The Idempotency-Key is not valid",
        "The `Idempotency-Key` header must occur once, with a key of 1 to 255 visible ASCII characters, bare or in \
         double quotes. Nothing has been executed.";
    IDEMPOTENCY_KEY_NOT_SUPPORTED = "idempotency_key_not_supported", 400, "The call takes no Idempotency-Key",
        "Each line of /v1/bulk is idempotent by its own key: a stream that was interrupted can be sent again without \
         the header. Answers about access keys are not kept, since there are secrets in them. Nothing has been executed.";
    UNKNOWN_HOST = "unknown_host", 421, "The service does not have this name",
        "The host of the request is neither an address nor a name of the service. Its names are in the setting \
         `http.hosts`; `localhost` always is one. Nothing has been executed.";
    UNAUTHORIZED = "unauthorized", 401, "A key is needed",
        "The request needs `Authorization: Bearer` with an access key, or a token of the identity provider where there is \
         one, and has none, or one that is unknown, revoked or expired. An administrator makes keys with `earmark keys \
         create`. Nothing has been executed.";
    TOO_MANY_REQUESTS = "too_many_requests", 429, "Too many requests",
        "The key of the request has sent more requests within a second than the setting `limits.requests_per_second` lets \
         it, or its address more without a valid key than `limits.unknown_per_second`. Send it again after the seconds in \
         `Retry-After`. Nothing has been executed.";
    FORBIDDEN = "forbidden", 403, "Who asks may not",
        "The key of the request does not have the role that `needs` names. Nothing has been executed.",
        [members::NEEDS];
    OUT_OF_BOUNDS = "out_of_bounds", 403, "The key is bounded",
        "The key of the request is bounded to some orders or products, and the call is about others, too, or would make \
         something beyond its bounds; `detail` says what. Nothing has been executed.";
    FOREIGN_ORIGIN = "foreign_origin", 403, "A page of another site sent the request",
        "The browser says, in `Origin` or `Sec-Fetch-Site`, that a page of another site sent the request. Only pages of \
         the service may change something, and clients that are no browsers. Nothing has been executed.";
    NOT_FOUND = "not_found", 404, "There is nothing at this path",
        "No such path exists. /openapi.json lists all paths, and /docs shows them.";
    UNKNOWN_SKU = "unknown_sku", 404, "Unknown SKU",
        "The SKUs in `skus` never had a batch or a name, so there are no such products. A product that is only out of \
         stock is never reported so.",
        [members::SKUS];
    UNKNOWN_BATCH = "unknown_batch", 404, "Unknown batch",
        "There is no batch with this reference. References are case-sensitive.",
        [members::REFERENCE];
    UNKNOWN_ORDER = "unknown_order", 404, "Unknown order",
        "There is no line of such an order. Order ids are case-sensitive.",
        [members::ORDER_ID];
    UNKNOWN_LINE = "unknown_line", 404, "Unknown order line",
        "The order has no line with this id. The id of a line that was placed without one is its SKU.",
        [members::ORDER_ID, members::LINE_ID];
    UNKNOWN_SUBSCRIPTION = "unknown_subscription", 404, "Unknown subscription",
        "There is no subscription with this name. Names are listed at /v1/subscriptions; in a path they are \
         percent-encoded.",
        [members::NAME];
    UNKNOWN_KEY = "unknown_key", 404, "Unknown access key",
        "There is no access key of this name, or it is revoked and can't get another secret. Names are listed at /v1/keys.",
        [members::KEY_NAME];
    UNKNOWN_SESSION = "unknown_session", 404, "Unknown session",
        "There is no session of this id, or it is over. Those in force are listed at /v1/sessions.",
        [members::SESSION];
    KEY_EXISTS = "key_exists", 409, "The access key exists",
        "There is an access key of this name, in force or not, or there are as many as the service keeps. A name is given \
         once, so that events keep their meaning. Nothing has been executed.",
        [members::KEY_NAME];
    UNKNOWN_SOURCE = "unknown_source", 404, "Unknown source",
        "There is no source of this name that has dead messages. Those that have are listed at /v1/sources; in a path names \
         are percent-encoded.",
        [members::SOURCE_NAME];
    NO_ALLOCATIONS = "no_allocations", 404, "No allocations",
        "No unit is allocated to this order: there is no such order, or its lines are in the backlog or cancelled.",
        [members::ORDER_ID];
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "The method is not allowed here",
        "The path exists, but not with this method. The `Allow` header lists the methods that do.";
    REQUEST_TIMEOUT = "request_timeout", 408, "The body took too long",
        "The body did not arrive in time, and the connection is closed. Nothing of the unfinished part has been \
         executed.";
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use", 409, "A request with this key is in progress",
        "A request with the same `Idempotency-Key` has not been answered yet. Send this one again after the seconds in \
         `Retry-After`: it gets the answer of that request, or is executed if that request failed.";
    BATCH_EXISTS = "batch_exists", 409, "The reference is taken",
        "A batch with this reference exists with other content. The same content sent again is answered with 200. If it \
         is the reference that the rest of a delivery would have, name another in `rest.reference`.",
        [members::REFERENCE];
    NO_REST = "no_rest", 409, "Nothing is left to expect",
        "All of the `expected` units of the batch have arrived, or more, so there is no rest that could still come. \
         Receive the batch without `rest`.",
        [members::REFERENCE, members::EXPECTED, members::RECEIVED];
    LINE_EXISTS = "line_exists", 409, "The line exists",
        "The order has a line with this id that was placed on other terms. The same line sent again is answered with \
         200.",
        [members::ORDER_ID, members::LINE_ID, members::DIFFERS];
    ORDER_EXISTS = "order_exists", 409, "The order exists",
        "The order was placed with other content. The same content sent again is answered with 200.",
        [members::ORDER_ID, members::DIFFERS];
    ORDER_CANCELLED = "order_cancelled", 409, "The order was cancelled",
        "The order was placed on these terms, and cancelled: it has no stock. Place it again under another id.",
        [members::ORDER_ID];
    OUT_OF_STOCK = "out_of_stock", 409, "Out of stock",
        "The request exceeds what can be promised, and nothing has been allocated. `available` counts all batches that \
         may serve the line; `largest_batch` is the most that a line can get without a split. `remedy` is the smallest \
         change with which it would have fitted: `split` allowed, another `location`, a lower `safety_stock`, a lower \
         `quantity`, or `more_stock`.",
        [
            members::LINE_ID.sometimes(), members::SKU.sometimes(), members::REQUESTED.sometimes(),
            members::AVAILABLE.sometimes(), members::LARGEST_BATCH.sometimes(), members::REMEDY.sometimes(),
            members::SHORTAGES.sometimes()
        ];
    BELOW_DISPATCHED = "below_dispatched", 409, "More has been dispatched",
        "The quantity of the batch can't be lower than what has been dispatched from it, which is in `dispatched`.",
        [members::REFERENCE, members::DISPATCHED];
    ALREADY_RECEIVED = "already_received", 409, "The batch has arrived",
        "The batch is in the warehouse, where `received` units of it arrived: it gets no ETA any more, nor another count \
         as its receipt. A new count is a change of its quantity: PATCH /v1/batches/{reference} with `quantity`. A \
         receipt that was a mistake is undone by DELETE /v1/batches/{reference}/receipt, and a rest that comes after all is \
         a batch of its own: POST /v1/batches.",
        [members::REFERENCE, members::RECEIVED];
    NOT_RECEIVED = "not_received", 409, "There is no receipt",
        "The batch was in the warehouse when it was created, so there is no receipt to undo. Cancel the batch, and create \
         one with an ETA under another reference.",
        [members::REFERENCE];
    BATCH_CLOSED = "batch_closed", 409, "The batch was cancelled",
        "The batch was cancelled, and only what had been dispatched from it remains. Its quantity and ETA can't be \
         changed any more, and it can't be received; stock that arrives after all is a new batch.",
        [members::REFERENCE];
    NOT_HELD = "not_held", 409, "The order is not held",
        "Only an order that is held can be replaced or confirmed. This one is firm, or cancelled.",
        [members::ORDER_ID];
    HOLD_EXPIRED = "hold_expired", 409, "The hold has expired",
        "The order's deadline has passed, and its units are free for other orders. `reacquire` in a confirmation tries \
         to allocate the same lines again; if that fails, `shortages` names the lines that do not fit.",
        [members::ORDER_ID, members::SHORTAGES.sometimes()];
    EXCEEDS_HOLD = "exceeds_hold", 409, "More than is held",
        "The confirmation names more units of the line, `requested`, than are held, `held`. Nothing has been \
         confirmed.",
        [members::ORDER_ID, members::LINE_ID, members::REQUESTED, members::HELD];
    ALREADY_DISPATCHED = "already_dispatched", 409, "It has been dispatched",
        "`dispatched` units have left the building: of a line, as many as it has, or more than the call names; or of a \
         batch whose receipt is to be undone. If that is wrong, undo the dispatch first.",
        [
            members::ORDER_ID.sometimes(), members::LINE_ID.sometimes(), members::REFERENCE.sometimes(),
            members::DISPATCHED.sometimes()
        ];
    EXCEEDS_LINE = "exceeds_line", 409, "More than the line has",
        "The dispatch names more units of the line, `requested`, than it has, `quantity`. Both count what has left \
         before. Nothing has been dispatched.",
        [members::ORDER_ID, members::LINE_ID, members::REQUESTED, members::QUANTITY];
    LINE_ENDED = "line_ended", 409, "The line has ended",
        "The line was refused or cancelled, or its hold has expired, as `line_status` says. A line that has ended \
         can't be reopened; place a new line.",
        [members::ORDER_ID, members::LINE_ID, members::LINE_STATUS];
    NOT_IN_WAREHOUSE = "not_in_warehouse", 409, "The stock is not in the warehouse",
        "Units of the line are in `batch`, which has not been received. Only what is in the warehouse can be \
         dispatched.",
        [members::ORDER_ID, members::LINE_ID, members::BATCH];
    NOT_FIRM = "not_firm", 409, "The order is not firm",
        "The order is held. It has to be confirmed before it is dispatched.",
        [members::ORDER_ID];
    NOT_ALLOCATED = "not_allocated", 409, "Nothing is allocated",
        "The lines in `line_ids` have no units to dispatch, or no dispatched units to take back.",
        [members::ORDER_ID.sometimes(), members::LINE_IDS];
    CURSOR_GONE = "cursor_gone", 410, "The cursor is of a history that is gone",
        "The database tells another history than the one that the cursor is of: it was restored from a backup, or has lost \
         its newest events in a failover. Or the cursor is ahead of the log. Read on with `begin` as the cursor. Events may \
         come again from there, under the ids that they had; ids that you know and that do not come again are of events \
         that are gone.",
        [members::BEGIN];
    STALE_VERSION = "stale_version", 412, "The version has changed",
        "The product, or the batch of it, has changed since its ETag was sent; `version` is the current one, and 0 for \
         a product that does not exist. Or what was to be created exists, and the request wanted it to be new \
         (`If-None-Match: *`). Read it again, and decide again. A weak ETag never matches. Nothing has been executed.",
        [members::VERSION.sometimes()];
    PAYLOAD_TOO_LARGE = "payload_too_large", 413, "The body is too large",
        "A body may have 1 MiB. To send more, use /v1/bulk, which is a stream of lines of up to 1 MiB each.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The media type is not supported",
        "Every call that changes something is sent as application/json, with a body or without, and /v1/bulk as \
         application/x-ndjson; nothing is compressed. Nothing has been executed.";
    INVALID_REQUEST = "invalid_request", 422, "The request is not valid",
        "The request could be read, but something in it is unknown, missing, of the wrong type or out of range. \
         `errors` names every field at fault. Nothing has been executed.",
        [members::ERRORS];
    UNKNOWN_LOCATION = "unknown_location", 422, "Unknown location",
        "No batch of any product was ever created at the locations in `locations`. A location where nothing is left is \
         never reported so. Locations are case-sensitive. Nothing has been executed.",
        [members::LOCATIONS];
    REST_UNNAMED = "rest_unnamed", 422, "The rest needs a reference",
        "The reference of the batch with a number behind it would be longer than 64 characters, so the rest can't be \
         named after it. Name it in `rest.reference`. Nothing has been executed.",
        [members::REFERENCE];
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422,
        "The Idempotency-Key belongs to another request",
        "A request with this `Idempotency-Key` but another method, path, query, condition or body was sent within a \
         day. Nothing has been executed. Each request has a key of its own; only its repetitions have the same.";
    INTERNAL = "internal", 500, "The service failed",
        "A defect of the service. It has been logged under the id in the `x-request-id` header.";
    CONDITION_NOT_SUPPORTED = "condition_not_supported", 501, "The condition is not supported",
        "The request has a condition that the service can't check here: it checks `If-Match` on products and batches, \
         and no other. Nothing has been executed. Without the header the request would be executed unconditionally.";
    BUSY = "busy", 503, "The service is busy",
        "The service has as much work queued as it accepts. Send the request again after the seconds in `Retry-After`.";
    SHUTTING_DOWN = "shutting_down", 503, "The service is shutting down",
        "The service finishes the work it has and accepts no more. Send the request again after the seconds in \
         `Retry-After`.";
    UNAVAILABLE = "unavailable", 503, "The store can't be reached",
        "The database does not answer, or the identity provider, where the request shows a token of it. Send the request again after the seconds in `Retry-After`: a command that was \
         stored nevertheless is not executed twice.";
}

/// The kind with this code.
pub fn by_code(code: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.code == code)
}
