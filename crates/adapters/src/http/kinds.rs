//! The kinds of problem this interface tells of: one place for codes, titles, statuses and what each of them means.

use actix_web::http::StatusCode;

/// A kind of problem: what its `code`, `title` and `status` are, and what its page says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Stable for machines; the last part of the `type` URI.
    pub(super) code: &'static str,
    /// The same for every problem of the kind.
    pub(super) title: &'static str,
    /// The status it is answered with.
    pub(super) status: StatusCode,
    /// What it means and what to do about it.
    pub(super) meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $meaning:literal;)+) => {
        $(pub(super) const $name: Kind = Kind {
            code: $code,
            title: $title,
            status: StatusCode::$status,
            meaning: $meaning,
        };)+

        /// Every kind there is.
        pub(super) const ALL: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    MALFORMED_JSON = "malformed_json", BAD_REQUEST, "The body is not JSON",
        "The body could not be read as one JSON value in UTF-8. `detail` says what was met, and at which line and column. Nothing has been executed.";
    BROKEN_BODY = "broken_body", BAD_REQUEST, "The body did not arrive whole",
        "The connection ended, or broke its own framing, before the whole body had arrived. Nothing has been executed.";
    MALFORMED_CONDITION = "malformed_condition", BAD_REQUEST, "The condition can't be read",
        "`If-Match` must be `*`, or one or more ETags in double quotes, parted by commas. Nothing has been executed.";
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key", BAD_REQUEST, "The Idempotency-Key is none",
        "The `Idempotency-Key` header must stand once, with a key of 1 to 255 visible ASCII characters, bare or in double quotes. Nothing has been executed.";
    IDEMPOTENCY_KEY_NOT_SUPPORTED = "idempotency_key_not_supported", BAD_REQUEST, "A stream takes no Idempotency-Key",
        "Each line of /v1/bulk is idempotent by its own key: a stream that broke off can be sent again without the header. Nothing has been executed.";
    NOT_FOUND = "not_found", NOT_FOUND, "There is nothing at this path",
        "No such path exists. The paths that do are listed at /openapi.json, and at /docs for reading.";
    UNKNOWN_SKU = "unknown_sku", NOT_FOUND, "Unknown SKU",
        "No batch or name was ever given for the SKUs in `skus`, so there is no such product. This is never said of a product that is merely out of stock.";
    UNKNOWN_BATCH = "unknown_batch", NOT_FOUND, "Unknown batch",
        "There is no batch with this reference. References are case-sensitive.";
    UNKNOWN_ORDER = "unknown_order", NOT_FOUND, "Unknown order",
        "No line of such an order was ever kept. Order ids are case-sensitive.";
    UNKNOWN_LINE = "unknown_line", NOT_FOUND, "Unknown order line",
        "The order has no line with this id. A line that was placed without an id is known by its SKU.";
    NO_ALLOCATIONS = "no_allocations", NOT_FOUND, "No allocations",
        "No unit is earmarked for this order: there is no such order, or its lines wait, or they are cancelled.";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "The path exists, but not with this method. The `Allow` header lists the methods that do.";
    REQUEST_TIMEOUT = "request_timeout", REQUEST_TIMEOUT, "The body took too long",
        "The body did not arrive in time, and the connection is closed. Nothing of the unfinished part has been executed.";
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use", CONFLICT, "A request with this key is under way",
        "A request with the same `Idempotency-Key` has not been answered yet. Send this one again after the seconds in `Retry-After`: it is answered as that one was, or executed if that one came to nothing.";
    BATCH_EXISTS = "batch_exists", CONFLICT, "The reference is taken",
        "A batch with this reference exists with other content. The same content sent again is answered with 200.";
    LINE_EXISTS = "line_exists", CONFLICT, "The line exists",
        "The order has a line with this id that wants another SKU or quantity. The same line sent again is answered with 200.";
    ORDER_EXISTS = "order_exists", CONFLICT, "The order exists",
        "The order was placed with other content. The same content sent again is answered with 200.";
    OUT_OF_STOCK = "out_of_stock", CONFLICT, "Out of stock",
        "What is asked for does not fit what can be promised, and nothing has been allocated. `available` counts all batches that the line may be served from; `largest_batch` is what a line could get that may not be split. `remedy` is the smallest change that would have let it fit: `split` allowed, a `location` more, a lower `safety_stock`, a lower `quantity`, or so much `more_stock`.";
    BELOW_DISPATCHED = "below_dispatched", CONFLICT, "More has been dispatched",
        "The batch can't be counted to fewer units than have left the building, which are in `dispatched`.";
    BATCH_CLOSED = "batch_closed", CONFLICT, "The batch was cancelled",
        "The batch was cancelled, and only what had been dispatched from it remains. It can't be counted, put off or received any more; stock that turns up after all is a new batch.";
    NOT_HELD = "not_held", CONFLICT, "The order is not held",
        "Only an order that is held can be placed anew or confirmed. This one is firm, or cancelled.";
    HOLD_EXPIRED = "hold_expired", CONFLICT, "The hold has expired",
        "The order's deadline has passed, and its units are free for others. `reacquire` in a confirmation tries to get the same lines anew; where that was tried, `shortages` names those that can't be had.";
    EXCEEDS_HOLD = "exceeds_hold", CONFLICT, "More than is held",
        "More units of the line are to be confirmed, `requested`, than are held, `held`. Nothing has been confirmed.";
    ALREADY_DISPATCHED = "already_dispatched", CONFLICT, "It has been dispatched",
        "What is left of the line, or of the order, has left the building. If it has not after all, undo the dispatch first.";
    LINE_ENDED = "line_ended", CONFLICT, "The line has ended",
        "The line was refused or cancelled, or its hold has expired, as `line_status` says. What has ended does not come back to life; place a new line.";
    NOT_IN_WAREHOUSE = "not_in_warehouse", CONFLICT, "The stock is not in the warehouse",
        "Units of the line are in `batch`, which has not been received. Only what is in the warehouse can be dispatched.";
    NOT_FIRM = "not_firm", CONFLICT, "The order is not firm",
        "The order is held. It has to be confirmed before it is dispatched.";
    NOT_ALLOCATED = "not_allocated", CONFLICT, "Nothing is allocated",
        "The lines in `line_ids` have no units that could be dispatched, or none that have been dispatched and could come back.";
    STALE_VERSION = "stale_version", PRECONDITION_FAILED, "The version is another by now",
        "The product, or the batch of it, has changed since its ETag was given out; `version` stands, and is 0 for a product that does not exist. Read it anew, and decide again. A weak ETag never matches. Nothing has been executed.";
    PAYLOAD_TOO_LARGE = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "A body may have 1 MiB. To send more, use /v1/bulk, which is a stream of lines of up to 64 KiB each.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The media type is not supported",
        "Bodies are sent as application/json, those of /v1/bulk as application/x-ndjson, and not compressed.";
    INVALID_REQUEST = "invalid_request", UNPROCESSABLE_ENTITY, "The request is not valid",
        "The request could be read, but something in it is unknown, missing, of the wrong type or out of range. `errors` names every field at fault. Nothing has been executed.";
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key stands for another request",
        "A request with this `Idempotency-Key` but another method, path, query, condition or body was sent within a day. Nothing has been executed. Each request is named by a key of its own; only its repetitions bear the same.";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "The service failed",
        "A defect of the service. It has been logged under the id in the `x-request-id` header.";
    CONDITION_NOT_SUPPORTED = "condition_not_supported", NOT_IMPLEMENTED, "The condition is not supported",
        "The request is only to be executed on a condition that the service can't check here: it checks `If-Match` on products and batches, and no other. Nothing has been executed. Without the header it would be executed in any case.";
    BUSY = "busy", SERVICE_UNAVAILABLE, "The service is busy",
        "More is asked at the moment than the service takes on. Send the request again after the seconds in `Retry-After`.";
    SHUTTING_DOWN = "shutting_down", SERVICE_UNAVAILABLE, "The service is shutting down",
        "The service finishes what it has begun and takes no new work. Send the request again after the seconds in `Retry-After`.";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "The books can't be reached",
        "The database does not answer. Send the request again after the seconds in `Retry-After`: a command that was stored after all is not executed twice.";
}

/// The kind with this code.
pub(super) fn by_code(code: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.code == code)
}
