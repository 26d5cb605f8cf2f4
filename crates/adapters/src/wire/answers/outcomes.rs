//! The answer to each outcome: the one place that chooses its status. Single calls, bulk lines and messages share it.

use earmark_domain::{LineState, Outcome};
use serde::Serialize;

use crate::wire::views::batches::BatchJson;
use crate::wire::views::effects::{BatchChangeJson, BatchReceiptJson, OrderChangeJson, ReallocationJson};
use crate::wire::views::orders::{DispatchedOrderJson, LineJson, OrderJson};
use crate::wire::views::quotes::QuoteJson;

/// What is done was done before, or is shown.
const OK: u16 = 200;

/// Something is new.
const CREATED: u16 = 201;

/// It waits.
const ACCEPTED: u16 = 202;

/// Room for the most frequent answers: one line, one batch.
const USUAL_BODY_BYTES: usize = 384;

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeAnswer {
    /// The status: that of HTTP, which every transport shows.
    pub status: u16,
    /// The text of a JSON value.
    pub body: String,
    /// The version of what is shown, if it has one.
    pub version: Option<u64>,
}

impl OutcomeAnswer {
    fn new(status: u16, value: &impl Serialize) -> Self {
        Self {
            status,
            body: json_text(value),
            version: None,
        }
    }

    const fn versioned(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// The answer to an outcome: 201 for what is new, 202 for a line in the backlog, 200 for what had been done before.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        /// The body for a product, where the whole product has not been read.
        #[derive(Serialize)]
        struct Put<'a> {
            sku: &'a str,
            name: Option<&'a str>,
            safety_stock: u32,
            version: u64,
        }
        /// The body for a message that was processed before, which no request is.
        #[derive(Serialize)]
        struct AlreadyProcessed {
            already_processed: bool,
        }
        /// The body for expired holds, which no request ends.
        #[derive(Serialize)]
        struct Expired {
            orders: usize,
        }
        /// The body for a step of work, which no request asks for.
        #[derive(Serialize)]
        struct Continued {
            done: bool,
        }
        match outcome {
            Outcome::ProductPut {
                sku,
                name,
                safety_stock,
                version,
                ..
            } => {
                let put = Put {
                    sku: sku.as_str(),
                    name: name.as_ref().map(|name| name.as_str()),
                    safety_stock: safety_stock.get(),
                    version: *version,
                };
                Self::new(OK, &put).versioned(*version)
            }
            Outcome::BatchCreated { batch, fresh, .. } => {
                Self::new(created(*fresh), &BatchJson::from(batch)).versioned(batch.version)
            }
            Outcome::BatchChanged { batch, effects, .. } => {
                let change = BatchChangeJson {
                    batch: batch.into(),
                    effects: effects.into(),
                };
                Self::new(OK, &change).versioned(batch.version)
            }
            Outcome::BatchReceived {
                batch, rest, effects, ..
            } => {
                let receipt = BatchReceiptJson {
                    batch: batch.into(),
                    rest: rest.as_ref().map(BatchJson::from),
                    effects: effects.into(),
                };
                Self::new(OK, &receipt).versioned(batch.version)
            }
            Outcome::LinePlaced { line, fresh } => {
                let status = match (*fresh, line.state) {
                    (false, _) => OK,
                    (true, LineState::Backordered) => ACCEPTED,
                    (true, _) => CREATED,
                };
                Self::new(status, &LineJson::from(line))
            }
            Outcome::OrderPlaced { order, fresh } => {
                Self::new(created(*fresh), &OrderJson::from(order)).versioned(order.version())
            }
            Outcome::OrderDispatched { order, left_behind, .. } => {
                Self::new(OK, &DispatchedOrderJson::of(order, left_behind)).versioned(order.version())
            }
            Outcome::OrderChanged { order, .. } => Self::new(OK, &OrderJson::from(order)).versioned(order.version()),
            Outcome::OrderTermsChanged { order, effects, .. } => {
                let change = OrderChangeJson {
                    order: order.into(),
                    effects: effects.into(),
                };
                Self::new(OK, &change).versioned(order.version())
            }
            Outcome::Quoted { lines } => Self::new(OK, &QuoteJson::of(lines)),
            Outcome::AlreadyProcessed(_) => Self::new(
                OK,
                &AlreadyProcessed {
                    already_processed: true,
                },
            ),
            Outcome::HoldsExpired { orders } => Self::new(OK, &Expired { orders: *orders }),
            Outcome::Reallocated { effects, version } => {
                let effects = effects.into();
                Self::new(OK, &ReallocationJson { effects }).versioned(*version)
            }
            Outcome::Continued { done } | Outcome::DayPassed { done } => Self::new(OK, &Continued { done: *done }),
        }
    }
}

const fn created(fresh: bool) -> u16 {
    if fresh { CREATED } else { OK }
}

/// The text of a value's JSON.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(USUAL_BODY_BYTES);
    serde_json::to_writer(&mut text, value).expect("text, numbers and lists of them are always JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}
