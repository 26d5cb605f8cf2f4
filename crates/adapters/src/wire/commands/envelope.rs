//! A command under its name: `{"create_batch": {…}}`, the form of bulk lines.

use std::str::FromStr;

use earmark_domain::{Command, Sku};

use super::batches::create_batch;
use super::orders::{allocate, place_order};
use super::products::put_product;
use crate::wire::reading::faults::{Faults, shortened};
use crate::wire::reading::fields::object;
use crate::wire::reading::json::Json;
use crate::wire::reading::values::text;

/// The names of the commands that can be sent so.
const NAMES: &str = "create_batch, allocate, place_order, put_product";

/// Reads one named command. The paths of its faults begin with its name.
pub fn command(json: &Json<'_>, faults: &mut Faults) -> Option<Command> {
    let Json::Object(entries) = json else {
        faults.add(
            "",
            format_args!("must be an object with one of {NAMES}, is {}", json.kind()),
        );
        return None;
    };
    let [(name, json)] = entries.as_slice() else {
        faults.add(
            "",
            format_args!("must have exactly one of {NAMES}, has {} fields", entries.len()),
        );
        return None;
    };
    match &**name {
        "create_batch" => object(json, name, faults, create_batch).map(Command::CreateBatch),
        "allocate" => object(json, name, faults, allocate).map(Command::Allocate),
        "place_order" => object(json, name, faults, place_order).map(Command::PlaceOrder),
        "put_product" => object(json, name, faults, |fields, faults| {
            let sku = fields.required("sku", faults, text(Sku::from_str));
            put_product(sku, fields, faults)
        })
        .map(Command::PutProduct),
        other => {
            let field = shortened(other);
            faults.add(field, format_args!("is not known here; the commands are {NAMES}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_named_command_is_read_as_the_single_call_reads_it() {
        for (line, name) in [
            (
                r#"{"create_batch": {"reference": "b", "sku": "s", "quantity": 1}}"#,
                "create_batch",
            ),
            (
                r#"{"allocate": {"order_id": "o", "sku": "s", "quantity": 1, "split": true}}"#,
                "allocate",
            ),
            (
                r#"{"place_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 1}]}}"#,
                "place_order",
            ),
            (r#"{"put_product": {"sku": "s", "safety_stock": 3}}"#, "put_product"),
        ] {
            assert_eq!(read(line).map(|command| command.name()), Ok(name));
        }
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
