//! Commands on batches.

use std::str::FromStr;

use earmark_domain::{ChangeBatch, Count, CreateBatch, Location, Reference, Sku};
use jiff::civil::Date;

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::json::Json;
use crate::wire::reading::values::{count, date, quantity, text};

/// Reads a batch to create.
pub fn create_batch(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<CreateBatch> {
    let reference = fields.required("reference", faults, text(Reference::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("quantity", faults, quantity);
    let eta = fields.optional("eta", faults, text(date));
    let location = fields.optional("location", faults, text(Location::from_str));
    Some(CreateBatch {
        reference: reference?,
        sku: sku?,
        quantity: quantity?,
        eta: eta?,
        location: location?.unwrap_or_default(),
    })
}

/// Reads the change of a batch, which names at least one of its fields.
pub fn change_batch(reference: Option<Reference>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<ChangeBatch> {
    let quantity = fields.given("quantity", faults, count);
    let eta = fields.given("eta", faults, expected_on);
    if quantity == Some(None) && eta == Some(None) {
        faults.add(fields.path(), "must have at least one of quantity, eta");
    }
    Some(ChangeBatch {
        reference: reference?,
        quantity: quantity?,
        eta: eta?,
    })
}

/// The day on which a batch is expected. Null does not mean that it has arrived: its receipt is another command.
fn expected_on(json: &Json<'_>) -> Result<Date, String> {
    match json {
        Json::Null => {
            Err("must be a date; to record that a batch has arrived, POST /v1/batches/{reference}/receipt".to_owned())
        }
        other => text(date)(other),
    }
}

/// Reads the receipt of a batch: the quantity that was counted, `None` within where the expected quantity arrived.
pub fn receipt(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Count>> {
    fields.optional("quantity", faults, count)
}
