//! What a line was promised. It is set by the events that tell it, and never by the clock.

use jiff::civil::Date;

/// What a line was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Promise {
    /// The day it is promised for, as it was last told; `None`: it has no units.
    pub on: Option<Date>,
    /// The day it was promised for when it first got its units.
    pub first_on: Option<Date>,
    /// The day by which it has to leave, so that the promise keeps what is required. `None`: there is no such day, or it
    /// was told that it can't be kept.
    pub due_by: Option<Date>,
}

impl Promise {
    /// Nothing was promised.
    pub const NONE: Self = Self {
        on: None,
        first_on: None,
        due_by: None,
    };

    /// The promise after a day was told.
    #[must_use]
    pub(crate) fn told(self, on: Date, required_by: Option<Date>) -> Self {
        Self {
            on: Some(on),
            first_on: self.first_on.or(Some(on)),
            due_by: required_by.filter(|required| on <= *required),
        }
    }

    /// The promise, as it was told, after another day is required.
    #[must_use]
    pub(crate) fn required(self, required_by: Option<Date>) -> Self {
        Self {
            due_by: required_by.filter(|required| self.on.is_some_and(|on| on <= *required)),
            ..self
        }
    }

    /// The promise after it was told that what is required can't be kept.
    #[must_use]
    pub(crate) const fn broken(self) -> Self {
        Self { due_by: None, ..self }
    }

    /// The promise of a line that lost its units.
    #[must_use]
    pub(crate) const fn withdrawn(self) -> Self {
        Self {
            on: None,
            due_by: None,
            ..self
        }
    }

    /// Whether it is for a later day than the one that is required.
    #[must_use]
    pub fn is_late(self, required_by: Option<Date>) -> bool {
        self.on
            .zip(required_by)
            .is_some_and(|(promised, required)| promised > required)
    }
}
