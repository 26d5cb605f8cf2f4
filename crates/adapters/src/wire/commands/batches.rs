//! Commands on batches.

use std::str::FromStr;

use earmark_domain::{ChangeBatch, CreateBatch, Delivery, Location, Quantity, Reference, Rest, Sku};
use jiff::civil::Date;

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::{Fields, object};
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

/// Reads what has arrived of a batch: the quantity that was counted, and what becomes of the rest.
pub fn receipt(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Delivery> {
    let counted = fields.optional("quantity", faults, count);
    let rest = rest(fields, faults)?;
    let counted = counted?;
    let Some(rest) = rest else {
        return Some(Delivery::Whole { counted });
    };
    let field = fields.path_of("quantity");
    let Some(counted) = counted else {
        faults.add(field, "is missing: of a part, the units that have arrived are named");
        return None;
    };
    match Quantity::new(counted.get()) {
        Ok(arrived) => Some(Delivery::Part { arrived, rest }),
        Err(_zero) => {
            let why = "must be at least 1 where a rest is expected: if nothing has arrived, change the batch's eta";
            faults.add(field, why);
            None
        }
    }
}

/// Reads what becomes of the units that were expected and have not arrived; `None` within: nothing more comes of them.
fn rest(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Rest>> {
    let path = fields.path_of("rest");
    match fields.get("rest") {
        None | Some(Json::Null) => Some(None),
        Some(Json::Text(word)) if word == "close" => Some(None),
        Some(json @ Json::Object(_)) => object(json, &path, faults, |fields, faults| {
            let eta = fields.optional("eta", faults, text(date));
            let reference = fields.optional("reference", faults, text(Reference::from_str));
            Some(Rest {
                reference: reference?,
                eta: eta?,
            })
        })
        .map(Some),
        Some(other) => {
            let kind = other.kind();
            faults.add(
                path,
                format_args!("must be \"close\" or an object with eta and reference, is {kind}"),
            );
            None
        }
    }
}
