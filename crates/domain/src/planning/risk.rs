//! Why a line is at risk.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::language::line_terms::{LineState, Part};
use crate::language::name::Reference;
use crate::promising::{is_overdue, leaves_on};
use crate::records::order::LineRecord;

/// The kinds of risk. A line is of the first kind that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskKind {
    /// It was told that the line can't leave by the day it is required by.
    PromisedLate,
    /// It rests on a batch that is overdue.
    BatchOverdue,
    /// It waits although it is due.
    Waiting,
}

impl RiskKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::PromisedLate, Self::BatchOverdue, Self::Waiting];

    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PromisedLate => "promised_late",
            Self::BatchOverdue => "batch_overdue",
            Self::Waiting => "waiting",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Why a line is at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The kind.
    pub kind: RiskKind,
    /// The days between the day it is required by, or the ETA of the batch that is overdue, and the day it can leave at the
    /// earliest, or today.
    pub days: u32,
    /// The batch that it has units in, and that comes last, or is overdue. `None`: it waits.
    pub batch: Option<Reference>,
}

/// The days from one day to a later one; 0: it is not later.
pub(crate) fn days_between(from: Date, to: Date) -> u32 {
    let hours = to.duration_since(from).as_hours();
    u32::try_from(hours / 24).unwrap_or(0)
}

/// The day on which all units of a line can leave that has these parts, each with the ETA of its batch; `None`: it has none.
pub(crate) fn earliest(parts: &[(Part, Option<Date>)], today: Date) -> Option<Date> {
    parts.iter().map(|(_, eta)| leaves_on(*eta, today)).max()
}

/// Why a line is at risk, if it is: at an instant of a day. `parts`: its units, each with the ETA of its batch.
#[must_use]
pub fn risk(line: &LineRecord, parts: &[(Part, Option<Date>)], now: Timestamp, today: Date) -> Option<Risk> {
    let required_by = line.terms.precedence.required_by();
    match line.state_at(now) {
        LineState::Backordered => {
            let due = required_by.filter(|day| *day <= today)?;
            Some(Risk {
                kind: RiskKind::Waiting,
                days: days_between(due, today),
                batch: None,
            })
        }
        LineState::Held | LineState::Allocated => {
            let last = parts.iter().max_by_key(|(_, eta)| leaves_on(*eta, today));
            if let (Some(required), None) = (required_by, line.promise.due_by) {
                let leaves = earliest(parts, today).max(line.promise.on)?;
                return Some(Risk {
                    kind: RiskKind::PromisedLate,
                    days: days_between(required, leaves),
                    batch: last.map(|(part, _)| part.batch.clone()),
                });
            }
            let overdue = parts.iter().filter(|(_, eta)| is_overdue(*eta, today));
            let (part, eta) = overdue.min_by_key(|(_, eta)| *eta)?;
            Some(Risk {
                kind: RiskKind::BatchOverdue,
                days: days_between((*eta)?, today),
                batch: Some(part.batch.clone()),
            })
        }
        LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched => None,
    }
}
