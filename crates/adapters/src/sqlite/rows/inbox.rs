//! Processed messages.

use earmark_application::StoreError;
use earmark_domain::{MessageId, Processed};

use crate::sql::decode::RowContext;
use crate::sql::inbox::processed;

/// A message that was processed, by its source, its id and its refusal.
pub(in crate::sqlite) fn processed_message(
    (source, id, refusal): (String, String, Option<String>),
) -> Result<(MessageId, Processed), StoreError> {
    let at = RowContext {
        table: "inbox",
        key: &format_args!("{source}/{id}"),
    };
    let message = at.read("message_id", MessageId::new(&source, &id))?;
    Ok((message, processed(refusal)))
}
