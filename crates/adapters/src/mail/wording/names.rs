//! Names in a mail: SKUs, order ids, references and names of products may have nearly any character.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A name whose every character can be seen: those that show nothing, or turn the direction of what follows, are written
/// by their number.
pub(super) fn visible(name: &str) -> Cow<'_, str> {
    if !name.contains(is_invisible) {
        return Cow::Borrowed(name);
    }
    let mut visible = String::with_capacity(name.len() + 8);
    for char in name.chars() {
        if is_invisible(char) {
            write!(visible, "<U+{:04X}>", u32::from(char)).expect("a string takes all that is written");
        } else {
            visible.push(char);
        }
    }
    Cow::Owned(visible)
}

/// A name in plain text. One that is read from right to left is isolated, so that what stands beside it stays where it is.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    let name = visible(name);
    if name.contains(is_right_to_left) {
        Cow::Owned(format!("\u{2068}{name}\u{2069}"))
    } else {
        name
    }
}

fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The blocks of the scripts that are.
const fn is_right_to_left(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_written_by_its_number() {
        assert_eq!(visible("LAMP-7 Ø 電球"), "LAMP-7 Ø 電球");
        assert_eq!(visible("A\u{202e}B\u{200b}"), "A<U+202E>B<U+200B>");
        assert_eq!(visible("A\r\nB"), "A<U+000D><U+000A>B");
    }

    #[test]
    fn a_name_from_right_to_left_is_isolated_in_plain_text() {
        assert_eq!(plain("LAMP"), "LAMP");
        assert_eq!(plain("מנורה"), "\u{2068}מנורה\u{2069}");
    }
}
