//! Messages in the service's own format: one command under its name, as a line of a bulk stream.

use earmark_application::{Answer, MessageFormat};
use earmark_domain::Command;

use super::answers::{answer, in_words, unreadable};
use crate::wire::answers::problem::ProblemDocument;
use crate::wire::commands::envelope::command;
use crate::wire::reading::faults::Faults;
use crate::wire::reading::json::parse;

/// `{"allocate": {…}}`: every command that a line of a bulk stream can be, with the same faults.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommandMessages;

impl MessageFormat for CommandMessages {
    fn read(&self, body: &[u8]) -> Result<Command, String> {
        let json = parse(body).map_err(|error| ProblemDocument::malformed(error).to_string())?;
        let mut faults = Faults::default();
        match command(&json, &mut faults) {
            Some(command) if faults.is_empty() => Ok(command),
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
    use earmark_application::CommandError;
    use earmark_domain::{LineKey, Outcome, Processed, Refusal};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn json_of(text: &str) -> Value {
        serde_json::from_str(text).expect("one JSON value")
    }

    #[test]
    fn a_message_is_a_command_under_its_name() {
        let read = |body: &str| CommandMessages.read(body.as_bytes()).map(|command| command.name());
        assert_eq!(
            read(r#"{"allocate": {"order_id": "o", "sku": "s", "quantity": 1}}"#),
            Ok("allocate")
        );
        assert_eq!(
            read(" {\"cancel_order\": {\"order_id\": \"o\"}}\r\n"),
            Ok("cancel_order")
        );
    }

    #[test]
    fn what_is_no_command_is_told_with_every_fault_in_one_line() {
        for (body, reason) in [
            ("", "malformed_json: "),
            ("{", "malformed_json: "),
            (r#"{"allocate": {}} x"#, "malformed_json: "),
            ("[]", "invalid_request: must be an object"),
            (
                r#"{"steal": {}}"#,
                "invalid_request: steal is not known here; the commands are allocate",
            ),
            (
                r#"{"allocate": {"order_id": "", "sku": "s", "quantity": -1, "x": 1}}"#,
                "invalid_request: allocate.order_id must not be empty; allocate.quantity must",
            ),
        ] {
            let refused = CommandMessages.read(body.as_bytes()).expect_err(body);
            assert!(refused.starts_with(reason), "{body}: {refused}");
            assert!(!refused.contains('\n'), "{refused}");
            let answer = json_of(&CommandMessages.unreadable(&refused));
            let (code, detail) = refused.split_once(": ").expect("a code");
            assert_eq!(
                (&answer["body"]["code"], &answer["body"]["detail"]),
                (&json!(code), &json!(detail))
            );
            assert_eq!(answer["status"], answer["body"]["status"]);
        }
        let answer = json_of(&CommandMessages.unreadable("payload_too_large: it has 10485760 bytes"));
        assert_eq!(answer["status"], 413);
    }

    #[test]
    fn an_answer_has_the_status_and_the_body_of_the_call() {
        let unknown = Refusal::UnknownLine(LineKey {
            order: "o-1".parse().expect("a name"),
            line: "l-1".parse().expect("a name"),
        });
        let words = unknown.in_words();
        let first = json_of(&CommandMessages.answer(&Err(CommandError::Refused(unknown))));
        assert_eq!(
            (&first["status"], &first["body"]["code"]),
            (&json!(404), &json!("unknown_line"))
        );
        assert_eq!(first["body"]["order_id"], "o-1");
        // Told again it has the same status and words.
        let again = Outcome::AlreadyProcessed(Processed::Refused(words));
        let again = json_of(&CommandMessages.answer(&Ok(again)));
        for member in ["type", "title", "status", "detail", "code"] {
            assert_eq!(again["body"][member], first["body"][member]);
        }
        let done = Outcome::AlreadyProcessed(Processed::Done);
        assert_eq!(
            json_of(&CommandMessages.answer(&Ok(done))),
            json!({"status": 200, "unchanged": true, "body": {"already_processed": true}})
        );
        let failed = json_of(&CommandMessages.answer(&Err(CommandError::Internal)));
        assert_eq!(failed["status"], 500);
    }

    proptest! {
        #[test]
        fn any_message_is_a_command_or_has_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            if let Err(reason) = CommandMessages.read(&bytes) {
                prop_assert!(!reason.is_empty());
            }
        }
    }
}
