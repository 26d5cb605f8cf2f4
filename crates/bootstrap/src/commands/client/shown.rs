//! Texts of others, as they may be shown: nothing of them reaches the terminal as a command, or turns the text around it.

use std::fmt::Write;

/// Whether a character is shown by its number: it would move the cursor, or change the order or the reading of those
/// around it, without being seen itself.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text for people: what would not be seen is shown by its number.
pub(super) fn shown(text: &str) -> String {
    escaped(text, |shown, char| {
        shown.extend(char.escape_unicode());
    })
}

/// The text of a JSON value: the same value, with what would not be seen as escapes.
pub(super) fn shown_json(text: &str) -> String {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    escaped(text, |shown, char| match char {
        // Between values; in texts JSON has escapes for them.
        '\t' | '\n' | '\r' => shown.push(char),
        char => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // A String takes whatever is written.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    })
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_hidden(char) {
            escape(&mut shown, char);
        } else {
            shown.push(char);
        }
    }
    shown
}

/// A text as an argument for a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:,+@%".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", shown(text).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_name_is_no_command_for_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(shown("\u{9b}31m\r\n"), "\\u{9b}31m\\u{d}\\u{a}");
        assert_eq!(shown("LAMP\u{202e}DER"), "LAMP\\u{202e}DER");
        assert_eq!(shown("Lampe für Äpfel 灯 می‌خواهم"), "Lampe für Äpfel 灯 می‌خواهم");
    }

    #[test]
    fn an_argument_is_one_word_for_a_shell() {
        assert_eq!(quoted("PO-1042/2"), "PO-1042/2");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
        assert_eq!(quoted(""), "''");
    }

    proptest! {
        #[test]
        fn json_stays_the_same_value(text in ".{0,32}") {
            let sent = format!(" {}\n", json!({ "name": text, "tag": "\u{e0041}\u{202e}\u{9b}" }));
            let printed = shown_json(&sent);
            prop_assert!(!printed.chars().any(is_hidden), "{printed:?}");
            let read: Value = serde_json::from_str(&printed).expect("JSON");
            prop_assert_eq!(&read["name"], &json!(text));
            prop_assert_eq!(&read["tag"], "\u{e0041}\u{202e}\u{9b}");
        }

        #[test]
        fn nothing_hidden_is_shown(text in "(?s).{0,32}") {
            prop_assert!(!shown(&text).chars().any(is_hidden));
            prop_assert!(!quoted(&text).chars().any(is_hidden));
        }
    }
}
