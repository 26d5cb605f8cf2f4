//! Subscriptions: how far each has got, and which events it has put aside.

use earmark_application::{DeadLetter, Failing, LetterState, SubscriptionStatus};
use jiff::Timestamp;
use serde::Serialize;

use super::list::Each;
use crate::wire::text::Text;

/// A subscription.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Subscription))]
pub struct SubscriptionJson<'a> {
    /// Its name: the address of its sink, without what is secret in it.
    #[cfg_attr(feature = "schema", schema(example = "nats://broker:4222/EVENTS"))]
    pub name: &'a str,
    /// A cursor: all events up to here were delivered, or are put aside.
    #[cfg_attr(feature = "schema", schema(example = "1-17"))]
    pub place: String,
    /// Whether an instance delivers its events now.
    pub active: bool,
    /// Whether events are delivered. The sink may have asked for no more, or it failed for too long, or somebody said so.
    pub enabled: bool,
    /// Why no events are delivered.
    #[cfg_attr(feature = "schema", schema(required))]
    pub disabled_reason: Option<&'a str>,
    /// Since when the next delivery fails, if it does.
    #[cfg_attr(feature = "schema", schema(required))]
    pub failing: Option<FailingJson<'a>>,
    /// How many events are put aside: those that were not taken, and those that wait behind them.
    pub put_aside: u64,
    /// How many of these are dead letters, on which somebody has to decide.
    pub dead: u64,
}

/// A delivery that fails.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Failing))]
pub struct FailingJson<'a> {
    /// Since when.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub since: Text<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed the last time.
    pub reason: &'a str,
}

impl<'a> From<&'a Failing> for FailingJson<'a> {
    fn from(failing: &'a Failing) -> Self {
        Self {
            since: Text(failing.since),
            attempts: failing.attempts,
            reason: &failing.reason,
        }
    }
}

impl<'a> From<&'a SubscriptionStatus> for SubscriptionJson<'a> {
    fn from(status: &'a SubscriptionStatus) -> Self {
        let progress = &status.progress;
        Self {
            name: status.name.as_str(),
            place: progress.place.to_string(),
            active: status.is_leased,
            enabled: progress.disabled.is_none(),
            disabled_reason: progress.disabled.as_deref(),
            failing: progress.failing.as_ref().map(FailingJson::from),
            put_aside: status.put_aside,
            dead: status.dead,
        }
    }
}

/// All subscriptions.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SubscriptionPage))]
pub struct SubscriptionPageJson<'a> {
    /// Subscriptions, by name.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<SubscriptionJson<'static>>))]
    pub items: Each<'a, SubscriptionStatus, SubscriptionJson<'a>>,
    /// Always null: they are few.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<&'a str>,
}

/// An event that was put aside.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeadLetter))]
pub struct DeadLetterJson<'a> {
    /// The event's sequence.
    #[cfg_attr(feature = "schema", schema(example = 17))]
    pub sequence: u64,
    /// The product it is about; null for an event of a whole order.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED", required))]
    pub sku: Option<&'a str>,
    /// `waits`: behind an earlier event of its product; `tried`: it is tried again; `dead`: somebody has to decide.
    pub state: LetterWord,
    /// Why it was not taken.
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: Option<&'a str>,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it is put aside.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub since: Text<Timestamp>,
}

/// What is to become of an event that was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeadLetterState))]
#[serde(rename_all = "snake_case")]
pub enum LetterWord {
    /// It is delivered when no earlier event of its product is left.
    Waits,
    /// It is tried again.
    Tried,
    /// Somebody has to decide on it.
    Dead,
}

impl<'a> From<&'a DeadLetter> for DeadLetterJson<'a> {
    fn from(letter: &'a DeadLetter) -> Self {
        let (state, reason) = match &letter.state {
            LetterState::Waits => (LetterWord::Waits, None),
            LetterState::Tried(reason) => (LetterWord::Tried, Some(reason.as_str())),
            LetterState::Dead(reason) => (LetterWord::Dead, Some(reason.as_str())),
        };
        Self {
            sequence: letter.sequence,
            sku: letter.sku.as_ref().map(|sku| sku.as_str()),
            state,
            reason,
            attempts: letter.attempts,
            since: Text(letter.since),
        }
    }
}

/// A page of events that were put aside.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeadLetterPage))]
pub struct DeadLetterPageJson<'a> {
    /// The events, ascending.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<DeadLetterJson<'static>>))]
    pub items: Each<'a, DeadLetter, DeadLetterJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = 17, required))]
    pub next: Option<u64>,
}

/// How many events a decision concerned.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LettersDecided))]
pub struct LettersDecidedJson {
    /// How many.
    #[cfg_attr(feature = "schema", schema(example = 1))]
    pub events: u64,
}
