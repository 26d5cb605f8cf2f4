//! Subscriptions and dead letters, as both stores keep them.

use earmark_application::{
    DeadLetter, Failing, LetterState, LogPosition, Progress, StoreError, SubscriptionLease, SubscriptionName,
    SubscriptionStatus,
};
use earmark_domain::Sku;
use jiff::Timestamp;

use super::decode::RowContext;

/// The columns of a subscription, with its instants read.
#[derive(Debug)]
pub(crate) struct StoredSubscription {
    pub(crate) name: String,
    /// Epoch and sequence.
    pub(crate) start: (i64, i64),
    /// Epoch and sequence.
    pub(crate) place: (i64, i64),
    pub(crate) delivery_end: Option<i64>,
    pub(crate) delivery_at: Option<Timestamp>,
    pub(crate) failing: Option<(Timestamp, i64, String)>,
    pub(crate) disabled: Option<String>,
    pub(crate) fence: i64,
}

/// How many letters a subscription has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LetterCounts {
    pub(crate) put_aside: i64,
    pub(crate) dead: i64,
}

impl StoredSubscription {
    /// The lease that was just given.
    pub(crate) fn lease(self) -> Result<SubscriptionLease, StoreError> {
        let name = self.name.clone();
        let at = context(&name);
        Ok(SubscriptionLease {
            fence: at.read("fence", u64::try_from(self.fence))?,
            start: position(&at, "start", self.start)?,
            progress: self.progress()?,
        })
    }

    /// The subscription as it is shown.
    pub(crate) fn status(self, is_leased: bool, letters: LetterCounts) -> Result<SubscriptionStatus, StoreError> {
        let name = self.name.clone();
        let at = context(&name);
        Ok(SubscriptionStatus {
            name: SubscriptionName::new(&name),
            progress: self.progress()?,
            is_leased,
            put_aside: at.read("put aside", u64::try_from(letters.put_aside))?,
            dead: at.read("dead", u64::try_from(letters.dead))?,
        })
    }

    fn progress(self) -> Result<Progress, StoreError> {
        let at = context(&self.name);
        let failing = self.failing.map(|(since, attempts, reason)| {
            Ok::<_, StoreError>(Failing {
                since,
                attempts: at.read("failing_attempts", u32::try_from(attempts))?,
                reason,
            })
        });
        Ok(Progress {
            place: position(&at, "place", self.place)?,
            delivery_end: self
                .delivery_end
                .map(|end| at.read("delivery_end", u64::try_from(end)))
                .transpose()?,
            delivery_at: self.delivery_at,
            failing: failing.transpose()?,
            disabled: self.disabled,
        })
    }
}

fn context(name: &String) -> RowContext<'_> {
    RowContext {
        table: "subscriptions",
        key: name,
    }
}

fn position(at: &RowContext<'_>, column: &str, (epoch, sequence): (i64, i64)) -> Result<LogPosition, StoreError> {
    Ok(LogPosition {
        epoch: at.read(column, u64::try_from(epoch))?,
        sequence: at.read(column, u64::try_from(sequence))?,
    })
}

/// The columns of a dead letter, with its instant read.
#[derive(Debug)]
pub(crate) struct StoredDeadLetter {
    pub(crate) sequence: i64,
    pub(crate) sku: Option<String>,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) attempts: i64,
    pub(crate) since: Timestamp,
}

impl TryFrom<StoredDeadLetter> for DeadLetter {
    type Error = StoreError;

    fn try_from(stored: StoredDeadLetter) -> Result<Self, StoreError> {
        let at = RowContext {
            table: "dead_letters",
            key: &stored.sequence,
        };
        Ok(Self {
            sequence: at.read("sequence", u64::try_from(stored.sequence))?,
            sku: at.read("sku", stored.sku.map(Sku::new).transpose())?,
            state: match (stored.state.as_str(), stored.reason) {
                (WAITS, None) => LetterState::Waits,
                (TRIED, Some(reason)) => LetterState::Tried(reason),
                (DEAD, Some(reason)) => LetterState::Dead(reason),
                (state, _) => return Err(at.corrupt(format_args!("state is {state}"))),
            },
            attempts: at.read("attempts", u32::try_from(stored.attempts))?,
            since: stored.since,
        })
    }
}

/// The states of letters as they are stored.
const WAITS: &str = "waits";
const TRIED: &str = "tried";
pub(crate) const DEAD: &str = "dead";

/// A letter's state as it is stored, and the reason beside it.
pub(crate) fn stored_state(state: &LetterState) -> (&'static str, Option<&str>) {
    match state {
        LetterState::Waits => (WAITS, None),
        LetterState::Tried(reason) => (TRIED, Some(reason)),
        LetterState::Dead(reason) => (DEAD, Some(reason)),
    }
}
