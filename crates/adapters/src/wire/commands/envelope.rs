//! A command under its name: `{"create_batch": {…}}`, the form of bulk lines.

use std::str::FromStr;

use earmark_domain::{Command, LineId, LineKey, OrderId, Reference, Sku};

use super::batches::{change_batch, create_batch, receipt};
use super::orders::{
    allocate, change_order, confirm_order, dispatch, line_quantity, named_lines, place_order, quote, replace_order,
};
use super::products::put_product;
use crate::wire::reading::faults::{Faults, shortened};
use crate::wire::reading::fields::{Fields, object};
use crate::wire::reading::json::Json;
use crate::wire::reading::values::text;

/// Reads the fields of one command. What the single call has in its path is a field here.
type Reader = fn(&mut Fields<'_>, &mut Faults) -> Option<Command>;

/// The commands that can be sent so: all but those that the service sends to itself. Each has the name that metrics and
/// the OpenAPI document know it by. Those that streams are mostly made of come first.
const COMMANDS: [(&str, Reader); 18] = [
    ("allocate", |fields, faults| {
        allocate(fields, faults).map(Command::Allocate)
    }),
    ("place_order", |fields, faults| {
        place_order(fields, faults).map(Command::PlaceOrder)
    }),
    ("create_batch", |fields, faults| {
        create_batch(fields, faults).map(Command::CreateBatch)
    }),
    ("change_batch", |fields, faults| {
        let reference = reference(fields, faults);
        change_batch(reference, fields, faults).map(Command::ChangeBatch)
    }),
    ("receive_batch", |fields, faults| {
        let reference = reference(fields, faults);
        let delivery = receipt(fields, faults);
        Some(Command::ReceiveBatch {
            reference: reference?,
            delivery: delivery?,
        })
    }),
    ("undo_receipt", |fields, faults| {
        reference(fields, faults).map(Command::UndoReceipt)
    }),
    ("cancel_batch", |fields, faults| {
        reference(fields, faults).map(Command::CancelBatch)
    }),
    ("put_product", |fields, faults| {
        let sku = sku(fields, faults);
        put_product(sku, fields, faults).map(Command::PutProduct)
    }),
    ("reallocate", |fields, faults| {
        sku(fields, faults).map(Command::Reallocate)
    }),
    ("replace_order", |fields, faults| {
        let order = order(fields, faults);
        replace_order(order, fields, faults).map(Command::ReplaceOrder)
    }),
    ("confirm_order", |fields, faults| {
        let order = order(fields, faults);
        confirm_order(order, fields, faults).map(Command::ConfirmOrder)
    }),
    ("change_order", |fields, faults| {
        let order = order(fields, faults);
        change_order(order, fields, faults).map(Command::ChangeOrder)
    }),
    ("change_line", |fields, faults| {
        let key = line(fields, faults);
        let quantity = line_quantity(fields, faults);
        Some(Command::ChangeLineQuantity {
            key: key?,
            quantity: quantity?,
        })
    }),
    ("cancel_line", |fields, faults| {
        line(fields, faults).map(Command::CancelLine)
    }),
    ("cancel_order", |fields, faults| {
        order(fields, faults).map(Command::CancelOrder)
    }),
    ("dispatch_order", |fields, faults| {
        let order = order(fields, faults);
        dispatch(order, fields, faults).map(Command::Dispatch)
    }),
    ("undo_dispatch", |fields, faults| {
        let order = order(fields, faults);
        let lines = named_lines(fields, faults);
        Some(Command::UndoDispatch {
            order: order?,
            lines: lines?,
        })
    }),
    ("quote", |fields, faults| quote(fields, faults).map(Command::Quote)),
];

fn reference(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Reference> {
    fields.required("reference", faults, text(Reference::from_str))
}

fn sku(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Sku> {
    fields.required("sku", faults, text(Sku::from_str))
}

fn order(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<OrderId> {
    fields.required("order_id", faults, text(OrderId::from_str))
}

/// A line that exists: unlike one that is placed, it is named in full.
fn line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<LineKey> {
    let order = order(fields, faults);
    let line = fields.required("line_id", faults, text(LineId::from_str));
    Some(LineKey {
        order: order?,
        line: line?,
    })
}

/// The names of all, for a message.
fn names() -> String {
    COMMANDS.map(|(name, _)| name).join(", ")
}

/// Reads one named command. The paths of its faults begin with its name.
pub fn command(json: &Json<'_>, faults: &mut Faults) -> Option<Command> {
    let Json::Object(entries) = json else {
        faults.add(
            "",
            format_args!("must be an object with one of {}, is {}", names(), json.kind()),
        );
        return None;
    };
    let [(name, json)] = entries.as_slice() else {
        faults.add(
            "",
            format_args!("must have exactly one of {}, has {} fields", names(), entries.len()),
        );
        return None;
    };
    let Some((_, reader)) = COMMANDS.iter().find(|(known, _)| known == name) else {
        let field = shortened(name);
        faults.add(field, format_args!("is not known here; the commands are {}", names()));
        return None;
    };
    object(json, name, faults, reader)
}

#[cfg(test)]
mod tests {
    use earmark_domain::{Delivery, Quantity, Rest};
    use proptest::prelude::*;

    use super::*;
    use crate::wire::reading::json::parse;

    /// The command, or the paths of the faults.
    fn read(text: &str) -> Result<Command, Vec<String>> {
        let json = parse(text.as_bytes()).map_err(|_| vec!["not JSON".to_owned()])?;
        let mut faults = Faults::default();
        let command = command(&json, &mut faults);
        let (faults, _) = faults.into_parts();
        match command {
            Some(command) if faults.is_empty() => Ok(command),
            _ => Err(faults.into_iter().map(|fault| fault.field).collect()),
        }
    }

    /// For each command a line that sends it; `None` for those that the service sends to itself. A match without a
    /// wildcard: who adds a command has to decide which it is.
    macro_rules! lines_of_all_commands {
        ($($command:pat => $line:expr,)+) => {
            const LINES: &[Option<&str>] = &[$($line,)+];

            fn line_of(command: &Command) -> Option<&'static str> {
                match command {
                    $($command => $line,)+
                }
            }
        };
    }

    lines_of_all_commands! {
        Command::PutProduct(_) => Some(r#"{"put_product": {"sku": "s", "safety_stock": 3}}"#),
        Command::CreateBatch(_) => Some(r#"{"create_batch": {"reference": "b", "sku": "s", "quantity": 1}}"#),
        Command::ChangeBatch(_) => Some(r#"{"change_batch": {"reference": "b", "eta": "2030-01-31"}}"#),
        Command::ReceiveBatch { .. } => Some(r#"{"receive_batch": {"reference": "b", "quantity": 0}}"#),
        Command::UndoReceipt(_) => Some(r#"{"undo_receipt": {"reference": "b"}}"#),
        Command::CancelBatch(_) => Some(r#"{"cancel_batch": {"reference": "b"}}"#),
        Command::Allocate(_) => Some(r#"{"allocate": {"order_id": "o", "sku": "s", "quantity": 1, "split": true}}"#),
        Command::PlaceOrder(_) => Some(r#"{"place_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 1}]}}"#),
        Command::ReplaceOrder(_) => {
            Some(r#"{"replace_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 1}], "priority": 2}}"#)
        },
        Command::ConfirmOrder(_) => {
            Some(r#"{"confirm_order": {"order_id": "o", "lines": [{"line_id": "l"}], "reacquire": true}}"#)
        },
        Command::ChangeOrder(_) => {
            Some(r#"{"change_order": {"order_id": "o", "required_by": null, "locations": []}}"#)
        },
        Command::ChangeLineQuantity { .. } => {
            Some(r#"{"change_line": {"order_id": "o", "line_id": "l", "quantity": 2}}"#)
        },
        Command::CancelLine(_) => Some(r#"{"cancel_line": {"order_id": "o", "line_id": "l"}}"#),
        Command::CancelOrder(_) => Some(r#"{"cancel_order": {"order_id": "o"}}"#),
        Command::Dispatch(_) => {
            Some(r#"{"dispatch_order": {"order_id": "o", "lines": [{"line_id": "l", "quantity": 2}]}}"#)
        },
        Command::UndoDispatch { .. } => Some(r#"{"undo_dispatch": {"order_id": "o", "lines": [{"line_id": "l"}]}}"#),
        Command::Quote(_) => Some(r#"{"quote": {"lines": [{"sku": "s", "quantity": 1}]}}"#),
        Command::Reallocate(_) => Some(r#"{"reallocate": {"sku": "s"}}"#),
        Command::ExpireHolds(_) => None,
        Command::PassDay(_) => None,
        Command::Continue(_) => None,
    }

    #[test]
    fn every_command_can_be_sent_under_its_name_but_for_those_of_the_service_itself() {
        let mut sent = Vec::new();
        for line in LINES.iter().flatten() {
            let command = read(line).unwrap_or_else(|faults| panic!("{line}: {faults:?}"));
            assert_eq!(line_of(&command), Some(*line));
            let name = command.name();
            assert!(line.starts_with(&format!("{{\"{name}\": ")), "{line} is {name}");
            sent.push(name);
        }
        sent.sort_unstable();
        let mut known = COMMANDS.map(|(name, _)| name);
        known.sort_unstable();
        assert_eq!(sent, known);
    }

    #[test]
    fn a_line_that_exists_is_named_in_full() {
        for (line, fields) in [
            (r#"{"cancel_line": {"order_id": "o"}}"#, &["cancel_line.line_id"][..]),
            (
                r#"{"change_line": {"line_id": "l"}}"#,
                &["change_line.order_id", "change_line.quantity"],
            ),
            (
                r#"{"receive_batch": {"quantity": -1}}"#,
                &["receive_batch.reference", "receive_batch.quantity"],
            ),
            (
                r#"{"receive_batch": {"reference": "b", "rest": {"eta": 1, "reference": "", "day": 1}}}"#,
                &[
                    "receive_batch.rest.eta",
                    "receive_batch.rest.reference",
                    "receive_batch.rest.day",
                ],
            ),
        ] {
            assert_eq!(
                read(line),
                Err(fields.iter().map(|&field| field.to_owned()).collect()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_delivery_has_a_rest_only_where_units_are_named_that_have_arrived() {
        let delivery = |rest: &str| {
            let line = format!(r#"{{"receive_batch": {{"reference": "b", {rest}}}}}"#);
            read(&line).map(|command| match command {
                Command::ReceiveBatch { delivery, .. } => delivery,
                other => unreachable!("{other:?}"),
            })
        };
        let reference = Some(Reference::new("c").expect("a name"));
        let eta = Some(jiff::civil::date(2030, 1, 31));
        for (json, rest) in [
            ("{}", Rest::default()),
            (r#"{"eta": null, "reference": null}"#, Rest::default()),
            (r#"{"eta": "2030-01-31", "reference": "c"}"#, Rest { reference, eta }),
        ] {
            let arrived = Quantity::new(6).expect("a quantity");
            let part = Delivery::Part { arrived, rest };
            assert_eq!(delivery(&format!(r#""quantity": 6, "rest": {json}"#)), Ok(part));
        }
        for json in ["null", r#""close""#] {
            let whole = Delivery::Whole { counted: None };
            assert_eq!(delivery(&format!(r#""rest": {json}"#)), Ok(whole));
        }
        for (json, field) in [
            (r#""rest": {}"#, "quantity"),
            (r#""quantity": 0, "rest": {}"#, "quantity"),
            (r#""quantity": 6, "rest": "open""#, "rest"),
            (r#""quantity": 6, "rest": true"#, "rest"),
        ] {
            assert_eq!(delivery(json), Err(vec![format!("receive_batch.{field}")]), "{json}");
        }
    }

    #[test]
    fn a_change_that_changes_nothing_is_a_fault_of_its_command() {
        let faults = read(r#"{"change_batch": {"reference": "b"}}"#);
        assert_eq!(faults, Err(vec!["change_batch".to_owned()]));
        let faults = read(r#"{"put_product": {"sku": "s"}}"#);
        assert_eq!(faults, Err(vec!["put_product".to_owned()]));
        let faults = read(r#"{"change_order": {"order_id": "o"}}"#);
        assert_eq!(faults, Err(vec!["change_order".to_owned()]));
        let nulls = read(r#"{"change_order": {"order_id": "o", "priority": null, "locations": null}}"#);
        let fields = ["change_order.priority", "change_order.locations"];
        assert_eq!(nulls, Err(fields.map(str::to_owned).to_vec()));
    }

    #[test]
    fn the_path_of_a_fault_begins_with_the_command() {
        let faults = read(r#"{"place_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 0}]}}"#);
        assert_eq!(faults, Err(vec!["place_order.lines[0].quantity".to_owned()]));
    }

    #[test]
    fn anything_but_one_known_command_is_a_fault() {
        for (line, field) in [
            ("{}", ""),
            ("[]", ""),
            (r#"{"allocate": {}, "create_batch": {}}"#, ""),
            (r#"{"cancel": {}}"#, "cancel"),
        ] {
            assert_eq!(read(line), Err(vec![field.to_owned()]), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_order_is_read_or_has_a_fault(
            field in "order_id|lines|sku|quantity|split|on_shortage|x",
            value in "null|true|-1|0|1|1e99|1e999|\"\"|\"a\"|\\[\\]|\\{\\}|\\[\\{\\}\\]|\\[null\\]",
        ) {
            let line = format!("{{\"place_order\": {{\"order_id\": \"o\", \"{field}\": {value}}}}}");
            if let Err(faults) = read(&line) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
