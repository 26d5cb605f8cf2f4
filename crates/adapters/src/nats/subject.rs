//! Subjects of messages: what consumers choose events by.

use earmark_domain::{Sku, Subject};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What every subject begins with.
pub(super) const PREFIX: &str = "earmark";

/// The subjects of all events.
pub(super) const EVENTS: &str = "earmark.>";

/// Whether a subject is that of an event, or of all that could be one.
pub(super) fn is_of_events(subject: &str) -> bool {
    subject.split('.').next() == Some(PREFIX)
}

/// What a token of a subject must not contain: what parts tokens, what stands for any token, and white space; and the
/// escape itself. White space and letters outside of ASCII are escaped in any case.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'.').add(b'*').add(b'>').add(b'%');

/// The subject of an event: `earmark.<type>.<SKU>`, or `earmark.<type>` for an event of a whole order.
///
/// The SKU is one token: its UTF-8 is percent-encoded where NATS gives a character a meaning, and outside of ASCII.
/// `LAMP-RED` stays as it is, and `Süß 1.5` becomes `S%C3%BC%C3%9F%201%2E5`. [`sku_of_token`] reads it back.
#[must_use]
pub fn subject_of(event_type: &str, about: &Subject) -> String {
    match about {
        Subject::Product { sku, .. } => {
            format!("{PREFIX}.{event_type}.{}", utf8_percent_encode(sku.as_str(), ESCAPED))
        }
        Subject::Order(_) => format!("{PREFIX}.{event_type}"),
    }
}

/// The SKU that the last token of a subject stands for. `None`: for none.
#[must_use]
pub fn sku_of_token(token: &str) -> Option<Sku> {
    let text = percent_decode_str(token).decode_utf8().ok()?;
    Sku::new(text).ok()
}

#[cfg(test)]
mod tests {
    use earmark_domain::OrderId;
    use proptest::prelude::*;

    use super::*;

    fn of_product(sku: &str) -> String {
        let sku = Sku::new(sku).expect("a name");
        subject_of("Allocated", &Subject::Product { sku, version: 1 })
    }

    #[test]
    fn a_subject_names_the_type_and_the_product() {
        assert_eq!(of_product("LAMP-RED_2/x"), "earmark.Allocated.LAMP-RED_2/x");
        let order = Subject::Order(OrderId::new("order.7").expect("a name"));
        assert_eq!(subject_of("OrderPlaced", &order), "earmark.OrderPlaced");
    }

    #[test]
    fn what_has_a_meaning_in_subjects_is_escaped() {
        for (sku, token) in [
            ("a.b", "a%2Eb"),
            ("*", "%2A"),
            (">", "%3E"),
            ("100%", "100%25"),
            ("two words", "two%20words"),
            ("Süß", "S%C3%BC%C3%9F"),
            ("a\u{a0}b", "a%C2%A0b"),
        ] {
            assert_eq!(of_product(sku), format!("earmark.Allocated.{token}"));
            assert_eq!(sku_of_token(token), Some(Sku::new(sku).expect("a name")));
        }
        assert_eq!(sku_of_token("%FF"), None);
    }

    proptest! {
        #[test]
        fn every_sku_is_one_token_and_is_read_back(sku in r"\PC{1,64}") {
            prop_assume!(Sku::new(&sku).is_ok());
            let subject = of_product(&sku);
            let tokens: Vec<&str> = subject.split('.').collect();
            prop_assert_eq!(tokens.len(), 3);
            prop_assert!(tokens[2].bytes().all(|byte| byte.is_ascii_graphic() && !b".*>".contains(&byte)));
            prop_assert_eq!(sku_of_token(tokens[2]), Some(Sku::new(&sku).expect("a name")));
        }
    }
}
