//! Decisions on dead messages.

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::values::whole_number;

/// The most messages that are named at once.
const MAX_NUMBERS: usize = 10_000;

/// Reads which messages a decision is about. `None` among what was read: all of them.
pub fn numbers(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Vec<u64>>> {
    fields.list("numbers", MAX_NUMBERS, faults, |json, path, faults| {
        let read = whole_number(|number| {
            // Databases count in 63 bits.
            let number = i64::try_from(number).ok().and_then(|number| u64::try_from(number).ok());
            number.ok_or("must be the number of a message")
        });
        read(json).map_err(|message| faults.add(path, message)).ok()
    })
}
