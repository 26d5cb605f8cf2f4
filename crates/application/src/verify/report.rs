//! The report of a verification.

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was checked, with how many: ("batches", 45692), …
    pub checked: Vec<(&'static str, u64)>,
    /// What can't be true, as sentences: the first thousand.
    pub discrepancies: Vec<String>,
    /// How many more there are.
    pub untold: u64,
}

/// How many discrepancies a report tells. The wrong database may have one for each line; nobody reads a million.
const MOST_TOLD: usize = 1_000;

impl Report {
    /// Whether everything agrees.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.discrepancies.is_empty()
    }

    pub(super) fn count(&mut self, what: &'static str, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        match self.checked.iter_mut().find(|(name, _)| *name == what) {
            Some((_, count)) => *count += more,
            None => self.checked.push((what, more)),
        }
    }

    pub(super) fn add(&mut self, discrepancy: String) {
        if self.discrepancies.len() < MOST_TOLD {
            self.discrepancies.push(discrepancy);
        } else {
            self.untold += 1;
        }
    }
}
