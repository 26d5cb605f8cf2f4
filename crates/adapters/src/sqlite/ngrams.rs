//! N-grams: the pieces of one, two and three characters of which a text is made, as the search index has them.
//!
//! A text that contains another contains all of its pieces. So the texts that contain a search are among those that the
//! index has under every piece of it.

use std::collections::BTreeSet;

/// The longest piece. Longer ones would tell more texts apart, and there would be more of them.
const LONGEST: usize = 3;

/// How many pieces of a search are looked up. A few tell nearly all texts apart, and what is left is compared whole.
const MOST_LOOKED_UP: usize = 16;

/// The pieces of some texts, in lower case, as a document for the index.
pub(super) fn document<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut pieces = BTreeSet::new();
    for text in texts {
        let characters: Vec<char> = text.to_lowercase().chars().collect();
        for length in 1..=LONGEST {
            pieces.extend(characters.windows(length).map(word));
        }
    }
    join(pieces)
}

/// What finds the documents that have the pieces of a search, which is in lower case already and not empty.
pub(super) fn query(folded: &str) -> String {
    let characters: Vec<char> = folded.chars().collect();
    let length = characters.len().min(LONGEST);
    let pieces: BTreeSet<String> = characters.windows(length.max(1)).map(word).collect();
    // Words side by side must all be there.
    join(pieces.into_iter().take(MOST_LOOKED_UP))
}

/// A piece as a word of letters and digits, whatever its characters are.
fn word(characters: &[char]) -> String {
    let codes = characters
        .iter()
        .map(|character| format!("{:x}", u32::from(*character)));
    codes.collect::<Vec<_>>().join("x")
}

fn join(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_has_few_pieces() {
        assert_eq!(document(["Été"]), "74 74xe9 e9 e9x74 e9x74xe9");
        assert_eq!(query("té"), "74xe9");
        assert_eq!(query("é"), "e9");
    }

    proptest! {
        #[test]
        fn a_text_has_every_piece_of_what_it_contains(text in "\\PC{1,40}", from in 0_usize..40, length in 1_usize..40) {
            let document = document([text.as_str()]);
            let words: BTreeSet<&str> = document.split(' ').collect();
            let part: String = text.to_lowercase().chars().skip(from).take(length).collect();
            prop_assume!(!part.is_empty());
            for word in query(&part).split(' ') {
                prop_assert!(words.contains(word), "{word} of {part:?} in {text:?}");
            }
        }
    }
}
