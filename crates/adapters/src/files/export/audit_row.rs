//! The rows of the audit: what was done to the stock, from the events, and what was decided on access.

use std::borrow::Cow;
use std::net::IpAddr;

use earmark_application::{Books, EncodedEvent, LoggedEntry};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Exported;
use crate::wire::Text;
use crate::wire::views::audit::{AccessEntryJson, OutcomeWord};
use crate::wire::views::keys::RoleWord;
use crate::wire::{EventJson, WireError};

/// Who did what when, or was refused it.
#[derive(Debug, Serialize)]
pub struct AuditRow<'a> {
    at: Text<Timestamp>,
    until: Text<Timestamp>,
    who: Option<&'a str>,
    address: Option<Text<IpAddr>>,
    what: &'a str,
    sku: Option<&'a str>,
    about: Option<Cow<'a, str>>,
    outcome: OutcomeWord,
    needs: Option<RoleWord>,
    count: u64,
    correlation_id: Option<&'a str>,
    /// Of an event; a decision on access has none.
    sequence: Option<u64>,
}

/// What the data of an event about a batch has.
#[derive(Deserialize)]
struct OfBatch<'a> {
    #[serde(borrow)]
    reference: Option<Cow<'a, str>>,
}

impl<'a> AuditRow<'a> {
    /// What has happened to the stock.
    ///
    /// # Errors
    /// [`WireError`] when the stored data of the event is not JSON.
    pub fn of_event(event: &'a EncodedEvent, books: &Books) -> Result<Self, WireError> {
        let json = EventJson::of(event, books)?;
        // Orders are named beside the data; a batch is in it alone.
        let batch = || serde_json::from_str::<OfBatch<'_>>(&event.data).ok()?.reference;
        Ok(Self {
            at: Text(event.occurred_at),
            until: Text(event.occurred_at),
            who: Some(&event.actor),
            address: None,
            what: event.event_type,
            sku: json.sku,
            about: json.order_id.map(Cow::Borrowed).or_else(batch),
            outcome: OutcomeWord::Done,
            needs: None,
            count: 1,
            correlation_id: Some(&event.correlation_id),
            sequence: Some(event.sequence),
        })
    }
}

impl<'a> From<&'a LoggedEntry> for AuditRow<'a> {
    fn from(logged: &'a LoggedEntry) -> Self {
        let shown = AccessEntryJson::from(logged);
        Self {
            at: shown.at,
            until: shown.until,
            who: shown.who,
            address: shown.address,
            what: shown.what,
            sku: None,
            about: shown.about.map(Cow::Borrowed),
            outcome: shown.outcome,
            needs: shown.needs,
            count: shown.count,
            correlation_id: shown.correlation_id,
            sequence: None,
        }
    }
}

impl Exported for AuditRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "at",
        "until",
        "who",
        "address",
        "what",
        "sku",
        "about",
        "outcome",
        "needs",
        "count",
        "correlation_id",
        "sequence",
    ];
}
