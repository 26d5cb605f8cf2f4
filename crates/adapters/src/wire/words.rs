//! Words: what the domain has as an enum and JSON as one of a few words.
//!
//! Each is an enum of its own, so that the OpenAPI document lists its words. A word that is new in the domain does not
//! compile until it is listed here.

use earmark_domain::{
    Age, BatchStatus, DeallocationReason, LineState, NetChange, OrderStatus, RiskKind, ShortageOutcome, TriedOutcome,
};
use serde::{Deserialize, Serialize};

/// A word of the domain, of which there are a few.
pub trait Word: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// How JSON and queries spell it.
    fn spelt(self) -> &'static str;
}

macro_rules! words {
    ($(
        $(#[$doc:meta])+
        $json:ident as $name:ident, such as $example:literal, for $domain:ident {
            $($(#[$variant_doc:meta])* $variant:ident),+ $(,)?
        }
    )+) => {
        $(
            $(#[$doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = $name, example = $example))]
            #[serde(rename_all = "snake_case")]
            pub enum $json {
                $($(#[$variant_doc])* $variant),+
            }

            impl From<$domain> for $json {
                fn from(word: $domain) -> Self {
                    match word {
                        $($domain::$variant => Self::$variant),+
                    }
                }
            }

            impl Word for $domain {
                const ALL: &'static [Self] = &[$($domain::$variant),+];

                fn spelt(self) -> &'static str {
                    self.as_str()
                }
            }

            impl From<$json> for $domain {
                fn from(word: $json) -> Self {
                    match word {
                        $($json::$variant => Self::$variant),+
                    }
                }
            }
        )+

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn every_word_is_spelt_as_in_the_domain() {
                $($({
                    let word = serde_json::to_value($json::from($domain::$variant)).expect("a word is JSON");
                    assert_eq!(word, $domain::$variant.as_str());
                })+)+
            }
        }
    };
}

words! {
    /// Whether a batch has arrived: `overdue` is inbound with an ETA that has passed, `closed` was cancelled.
    BatchStatusJson as BatchStatus, such as "inbound", for BatchStatus {
        /// It is in the warehouse.
        InWarehouse,
        /// It arrives today or later.
        Inbound,
        /// Its ETA has passed, and it has not been received.
        Overdue,
        /// It was cancelled.
        Closed,
    }

    /// The status of an order line.
    LineStatusJson as LineStatus, such as "allocated", for LineState {
        /// Its units are allocated until the deadline of its order.
        Held,
        /// Its units are allocated.
        Allocated,
        /// It waits in the backlog.
        Backordered,
        /// It did not fit, and its order was placed without it.
        Refused,
        /// It was cancelled.
        Cancelled,
        /// The hold of its order was not confirmed before the deadline.
        Expired,
        /// Its units have left the building.
        Dispatched,
    }

    /// The status of an order; each of its lines has one of its own.
    OrderStatusJson as OrderStatus, such as "firm", for OrderStatus {
        /// All of its lines are cancelled.
        Cancelled,
        /// A line's hold was not confirmed before the deadline.
        Expired,
        /// It counts until its deadline, unless it is confirmed before.
        Held,
        /// It stays until it is cancelled.
        Firm,
        /// All of its lines have left the building, but for those that are cancelled.
        Dispatched,
    }

    /// What trying a batch for a line came to.
    TriedOutcomeJson as TriedOutcome, such as "taken", for TriedOutcome {
        /// The line gets units of it.
        Taken,
        /// It has too few units.
        TooSmall,
        /// It has enough units, but they are kept back as safety stock.
        KeptBack,
        /// It is overdue for too long.
        Overdue,
        /// The line may not be served from its location.
        OtherLocation,
    }

    /// Why a line lost units, or left the backlog.
    DeallocationReasonJson as DeallocationReason, such as "cancelled", for DeallocationReason {
        /// The line or its order was cancelled.
        Cancelled,
        /// The quantity of the line was reduced.
        Reduced,
        /// The hold of its order was not confirmed before its deadline.
        HoldExpired,
        /// The held order was cancelled, or was confirmed without the line or with less of it.
        HoldReleased,
        /// The held order was replaced by one without the line or with less of it.
        OrderReplaced,
    }

    /// What happens to a line that does not fit: nothing of it is stored, or it is stored as refused or in the backlog.
    ShortageOutcomeJson as ShortageOutcome, such as "nothing", for ShortageOutcome {
        /// The whole command is refused.
        Nothing,
        /// The line is stored as refused; other lines of its order did fit.
        Refused,
        /// The line joins the backlog.
        Backordered,
    }

    /// Why a line is at risk.
    RiskKindJson as RiskKind, such as "promised_late", for RiskKind {
        /// It was told that it can't leave by the day it is required by.
        PromisedLate,
        /// It rests on a batch that is overdue.
        BatchOverdue,
        /// It waits although it is due.
        Waiting,
    }

    /// How long a line has waited: up to a day, up to seven days, up to thirty, or longer.
    AgeJson as Age, such as "week", for Age {
        /// Up to a day.
        Day,
        /// More than a day, up to seven.
        Week,
        /// More than seven days, up to thirty.
        Month,
        /// More than thirty days.
        Older,
    }

    /// What has become of a line, all in all.
    NetChangeJson as NetChange, such as "delayed", for NetChange {
        /// It was placed, and is open.
        New,
        /// It is promised for an earlier day, or no longer waits.
        Improved,
        /// It is promised for a later day.
        Delayed,
        /// It had a promise, and waits now.
        Lost,
    }
}
