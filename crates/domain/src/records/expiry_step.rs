//! What deadlines alone have done to a version.

/// The versions of a product or an order before and after holds ended on it, with nothing else between.
///
/// A client that read the version before has seen all that anybody decided, so the deadlines alone do not make its
/// condition stale. Whatever else happens gives the product or the order another version than `after`, and the step no
/// longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryStep {
    /// The version before the first of the holds ended.
    pub before: u64,
    /// The version since the last of them ended.
    pub after: u64,
}

impl ExpiryStep {
    /// The step that has led to a version, of which `earlier` is the last that is known.
    ///
    /// Steps that follow each other are one.
    #[must_use]
    pub fn join(earlier: Option<Self>, before: u64, after: u64) -> Option<Self> {
        let joined = earlier
            .filter(|step| step.after == before)
            .map_or(before, |step| step.before);
        (before != after).then_some(Self { before: joined, after }).or(earlier)
    }
}
