//! The messages of the book's channel `change_batch_quantity`: `{"batchref", "qty"}`.

use std::str::FromStr;

use earmark_application::{Answer, MessageFormat};
use earmark_domain::{ChangeBatch, Command, Reference};

use super::answers::{answer, in_words, unreadable};
use crate::wire::answers::problem::ProblemDocument;
use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::json::parse;
use crate::wire::reading::values::{count, text};

/// A count of a batch, as others send it: its fields are read strictly, and what else there is, is theirs.
#[derive(Debug, Clone, Copy, Default)]
pub struct BookMessages;

impl MessageFormat for BookMessages {
    fn read(&self, body: &[u8]) -> Result<Command, String> {
        let json = parse(body).map_err(|error| ProblemDocument::malformed(error).to_string())?;
        let mut faults = Faults::default();
        let read = Fields::of(&json, "", &mut faults).and_then(|mut fields| {
            let reference = fields.required("batchref", &mut faults, text(Reference::from_str));
            let quantity = fields.required("qty", &mut faults, count);
            Some(ChangeBatch {
                reference: reference?,
                quantity: Some(quantity?),
                eta: None,
            })
        });
        match read {
            Some(change) if faults.is_empty() => Ok(Command::ChangeBatch(change)),
            _ => Err(in_words(faults)),
        }
    }

    fn answer(&self, of: &Answer) -> String {
        answer(of)
    }

    fn unreadable(&self, reason: &str) -> String {
        unreadable(reason)
    }
}

#[cfg(test)]
mod tests {
    use earmark_domain::Count;

    use super::*;

    fn read(body: &str) -> Result<(String, u32), String> {
        BookMessages.read(body.as_bytes()).map(|command| match command {
            Command::ChangeBatch(change) => {
                let quantity = change.quantity.map(Count::get).expect("a quantity");
                (change.reference.to_string(), quantity)
            }
            other => unreachable!("{other:?}"),
        })
    }

    #[test]
    fn a_message_of_the_book_is_a_count_of_its_batch() {
        assert_eq!(
            read(r#"{"batchref": "batch-1", "qty": 5}"#),
            Ok(("batch-1".to_owned(), 5))
        );
        assert_eq!(
            read(r#"{"qty": 0, "sender": {"x": [1]}, "batchref": "b"}"#),
            Ok(("b".to_owned(), 0))
        );
    }

    #[test]
    fn what_is_no_whole_count_of_a_named_batch_is_refused() {
        for (body, field) in [
            (r#"{"batchref": "b"}"#, "qty"),
            (r#"{"qty": 1}"#, "batchref"),
            (r#"{"batchref": 7, "qty": 1}"#, "batchref"),
            (r#"{"batchref": "", "qty": 1}"#, "batchref"),
            (r#"{"batchref": "b", "qty": "1"}"#, "qty"),
            (r#"{"batchref": "b", "qty": 1.5}"#, "qty"),
            (r#"{"batchref": "b", "qty": -1}"#, "qty"),
            (r#"{"batchref": "b", "qty": null}"#, "qty"),
            (r#"{"batchref": "b", "qty": 1000000001}"#, "qty"),
        ] {
            let reason = read(body).expect_err(body);
            assert!(
                reason.starts_with(&format!("invalid_request: {field} ")),
                "{body}: {reason}"
            );
        }
        assert!(read("subscribe").expect_err("no JSON").starts_with("malformed_json: "));
    }
}
