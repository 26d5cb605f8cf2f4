//! Decisions on subscriptions.

use earmark_application::MAX_DEAD_LETTERS;

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::values::{whole_number, yes_or_no};

/// Reads which events a decision is about. `None` among what was read: all of them.
pub fn sequences(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Vec<u64>>> {
    fields.list("sequences", MAX_DEAD_LETTERS, faults, |json, path, faults| {
        let read = whole_number(|number| {
            // Databases count in 63 bits.
            let sequence = i64::try_from(number).ok().and_then(|number| u64::try_from(number).ok());
            sequence.ok_or("must be a sequence number")
        });
        read(json).map_err(|message| faults.add(path, message)).ok()
    })
}

/// Reads whether a subscription is to be enabled.
pub fn enabled(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<bool> {
    fields.required("enabled", faults, yes_or_no)
}
