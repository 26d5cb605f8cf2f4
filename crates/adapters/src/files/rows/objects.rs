//! Objects: a line of JSON as an entry. The readers are those of the HTTP interface, so both accept the same objects and
//! find the same faults.

use std::str::FromStr;

use earmark_domain::{LineKey, LineRequest, OrderId, Priority, Reference, Sku};
use jiff::civil::Date;

use super::entry::{BadRow, Entry, LineEntry, RowKey};
use super::kind::Kind;
use super::values::instant;
use crate::wire::commands::batches::{create_batch, receipt};
use crate::wire::commands::envelope::command;
use crate::wire::commands::orders::order_line;
use crate::wire::commands::products::put_product;
use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::{Fields, object};
use crate::wire::reading::json::{Json, JsonError, NOT_EXACT, parse};
use crate::wire::reading::values::{count, date, text, whole_number};

/// The most faults of a row that its report names. Whoever sees five looks at the row.
const MAX_REPORTED: usize = 5;

/// Reads an entry from a line.
pub(super) fn read_object(kind: Kind, line: &[u8]) -> Result<Entry, BadRow> {
    let json = parse(line).map_err(|error| {
        BadRow::new(match error {
            JsonError::Malformed(message) => format!("is not a JSON object: {message}"),
            JsonError::NumberOutOfRange { field } => format!("{field}: {NOT_EXACT}"),
        })
    })?;
    let mut faults = Faults::default();
    let mut about = About::default();
    let entry = if kind == Kind::Changes {
        change(&json, line, &mut faults)
    } else {
        object(&json, "", &mut faults, |fields, faults| {
            about.entry(kind, fields, faults)
        })
    };
    match entry {
        Some(entry) if faults.is_empty() => Ok(entry),
        _ => Err(BadRow {
            why: report(faults),
            order: about.order,
            key: about.key,
        }),
    }
}

fn change(json: &Json<'_>, line: &[u8], faults: &mut Faults) -> Option<Entry> {
    Some(Entry::Change {
        command: command(json, faults)?,
        // What is not UTF-8 is not JSON either.
        text: String::from_utf8_lossy(line).into_owned(),
    })
}

/// What is known of a row so far, for the report of one that is invalid.
#[derive(Default)]
struct About {
    order: Option<OrderId>,
    key: Option<RowKey>,
}

impl About {
    fn entry(&mut self, kind: Kind, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Entry> {
        match kind {
            Kind::Products => {
                let sku = fields.required("sku", faults, text(Sku::from_str));
                self.key = sku.clone().map(RowKey::Product);
                put_product(sku, fields, faults).map(Entry::Product)
            }
            Kind::Batches => {
                let batch = create_batch(fields, faults)?;
                self.key = Some(RowKey::Batch(batch.reference.clone()));
                Some(Entry::Batch(batch))
            }
            Kind::Orders => self.line(fields, faults).map(Entry::Line),
            Kind::Counts => {
                let reference = self.reference(fields, faults);
                let quantity = fields.required("quantity", faults, count);
                Some(Entry::Count {
                    reference: reference?,
                    quantity: quantity?,
                })
            }
            Kind::Receipts => {
                let reference = self.reference(fields, faults);
                let delivery = receipt(fields, faults);
                Some(Entry::Receipt {
                    reference: reference?,
                    delivery: delivery?,
                })
            }
            Kind::Changes => None,
        }
    }

    fn reference(&mut self, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Reference> {
        let reference = fields.required("reference", faults, text(Reference::from_str));
        self.key = reference.clone().map(RowKey::Batch);
        reference
    }

    fn line(&mut self, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<LineEntry> {
        self.order = fields.required("order_id", faults, text(OrderId::from_str));
        let line = order_line(fields, faults);
        // Only checked, as in a table.
        let ordered_at = fields.optional("ordered_at", faults, text(instant));
        let priority = fields.optional("priority", faults, whole_number(Priority::new));
        let required_by: Option<Option<Date>> = fields.optional("required_by", faults, text(date));
        let line = line?;
        let key = LineKey {
            order: self.order.clone()?,
            line: line.line,
        };
        self.key = Some(RowKey::Line(key.clone()));
        ordered_at?;
        Some(LineEntry {
            line: LineRequest {
                key,
                sku: line.sku,
                quantity: line.quantity,
            },
            locations: line.locations,
            priority: priority?,
            required_by: required_by?,
        })
    }
}

/// The faults in one sentence.
fn report(faults: Faults) -> String {
    let (listed, unlisted) = faults.into_parts();
    let more = listed.len().saturating_sub(MAX_REPORTED) + unlisted;
    let shown = listed
        .iter()
        .take(MAX_REPORTED)
        .map(|fault| match fault.field.as_str() {
            "" => fault.message.clone(),
            field => format!("{field}: {}", fault.message),
        });
    let shown = shown.collect::<Vec<_>>().join("; ");
    match more {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(kind: Kind, line: &str) -> String {
        read_object(kind, line.as_bytes()).expect_err("an invalid row").why
    }

    #[test]
    fn a_number_is_not_a_name() {
        for name in ["90.750", "123456789012345678901"] {
            let row = format!(r#"{{"order_id":{name},"sku":"LAMP","quantity":1}}"#);
            assert_eq!(why(Kind::Orders, &row), "order_id: must be text, is a number");
        }
        assert_eq!(
            why(Kind::Orders, r#"{"order_id":"O","sku":"LAMP","quantity":"1"}"#),
            "quantity: must be a whole number from 1 to 1000000000, is text"
        );
    }

    #[test]
    fn a_number_that_can_not_be_kept_exactly_is_a_fault() {
        assert_eq!(
            why(
                Kind::Counts,
                r#"{"reference":"B","quantity":0.99999999999999999999999}"#
            ),
            format!("quantity: {NOT_EXACT}")
        );
    }

    #[test]
    fn a_repeated_key_is_a_fault_and_does_not_win() {
        assert_eq!(
            why(
                Kind::Batches,
                r#"{"reference":"B","sku":"LAMP","quantity":1,"quantity":2}"#
            ),
            "quantity: is given more than once"
        );
    }

    #[test]
    fn all_faults_of_a_row_are_reported_up_to_a_bound() {
        assert_eq!(
            why(
                Kind::Orders,
                r#"{"order_id":"","sku":"LAMP","quantity":0,"colour":"red"}"#
            ),
            "order_id: must not be empty; quantity: must be a whole number from 1 to 1000000000, is 0; colour: is not \
             known here; the fields are order_id, line_id, sku, quantity, locations, ordered_at, priority, required_by"
        );
        let lines = [r#"{"sku":"","quantity":1}"#; 9].join(",");
        let row = format!(r#"{{"place_order":{{"order_id":"O","lines":[{lines}]}}}}"#);
        assert!(why(Kind::Changes, &row).ends_with("; and 4 more"));
    }

    #[test]
    fn an_invalid_object_still_names_what_it_is_about() {
        let bad = read_object(Kind::Orders, br#"{"order_id":"O","sku":"LAMP","quantity":1,"x":1}"#);
        let bad = bad.expect_err("an invalid row");
        assert_eq!(bad.order.map(|order| order.to_string()), Some("O".to_owned()));
        assert_eq!(bad.key.map(|key| key.to_string()), Some("line O/LAMP".to_owned()));
    }

    #[test]
    fn a_change_is_a_line_of_the_bulk_call() {
        let line = r#"{"put_product": {"sku": "LAMP", "name": "Lamp"}}"#;
        let Ok(Entry::Change { command, text }) = read_object(Kind::Changes, line.as_bytes()) else {
            unreachable!("a command")
        };
        assert_eq!((command.name(), text.as_str()), ("put_product", line));
        assert!(why(Kind::Changes, r#"{"paint": {}}"#).starts_with("paint: is not known here"));
    }
}
