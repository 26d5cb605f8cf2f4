//! Words a room must not say: names and texts that belong to another room.

use super::Violation;
use super::sources::{Source, Token, TokenKind};

/// What the sources in a folder must not say.
#[derive(Debug, Clone, Copy)]
pub struct Silence {
    /// The folder or file, below the workspace.
    pub folder: &'static str,
    /// Words that must stand in no name and no text, alone or as a part: `sqlite` is in `SqliteStore` and `open_sqlite`.
    pub words: &'static [&'static str],
    /// Words that must stand in no name, alone or as a part. A text may say them: people read it.
    pub words_in_names: &'static [&'static str],
    /// Names that must not occur as they stand here.
    pub names: &'static [&'static str],
    /// Runs of tokens that must not occur, as [`Source::find`] takes them.
    pub phrases: &'static [&'static str],
    /// Whether its texts must be free of SQL.
    pub no_sql: bool,
}

/// Holds a source against what it must not say.
#[must_use]
pub fn check(source: &Source, silence: &Silence) -> Vec<Violation> {
    let mut violations = Vec::new();
    for token in &source.tokens {
        let mut report = |fault| violations.push(Violation::new(source.place(token.line), fault));
        if let Some(word) = silence.words.iter().find(|word| mentions(token, word)) {
            report(format!("says `{word}`, in `{}`", token.text));
        }
        let mut in_names = silence.words_in_names.iter().filter(|_| token.kind == TokenKind::Name);
        if let Some(word) = in_names.find(|word| mentions(token, word)) {
            report(format!("says `{word}`, in `{}`", token.text));
        }
        if token.kind == TokenKind::Name && silence.names.contains(&token.text.as_str()) {
            report(format!("says `{}`", token.text));
        }
        if silence.no_sql && token.kind == TokenKind::Text && is_sql(&token.text) {
            report(format!("contains SQL: `{}`", token.text));
        }
    }
    for phrase in silence.phrases {
        let found = source.find(phrase).into_iter();
        violations.extend(found.map(|token| Violation::new(source.place(token.line), format!("says `{phrase}`"))));
    }
    violations
}

fn mentions(token: &Token, word: &str) -> bool {
    match token.kind {
        TokenKind::Name | TokenKind::Text => words(&token.text).iter().any(|said| said == word),
        TokenKind::Other => false,
    }
}

/// The words of a name or text in lower case: `SqliteStore` and `sqlite_store` are both `sqlite` and `store`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        let letters: Vec<char> = run.chars().collect();
        let mut word = String::new();
        for (at, letter) in letters.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| letters.get(at));
            let after = letters.get(at + 1);
            // A capital begins a word, but not within a run of capitals (`HTTPServer` is `http` and `server`).
            let begins = letter.is_uppercase()
                && before
                    .is_some_and(|before| !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()));
            if begins && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// Whether a text reads as a statement to a database. Capitals mark a keyword that is also an English word; the pairs
/// are SQL however they are written.
fn is_sql(text: &str) -> bool {
    const SHOUTED: [&str; 8] = [
        "SELECT", "INSERT", "UPDATE", "PRAGMA", "COMMIT", "ROLLBACK", "TRUNCATE", "BEGIN",
    ];
    const PAIRS: [(&str, &str); 8] = [
        ("insert", "into"),
        ("delete", "from"),
        ("create", "table"),
        ("create", "index"),
        ("alter", "table"),
        ("drop", "table"),
        ("select", "*"),
        ("begin", "immediate"),
    ];
    let said: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .collect();
    said.iter().any(|word| SHOUTED.contains(word))
        || said.windows(2).any(|pair| {
            let is = |(first, second): &(&str, &str)| {
                pair[0].eq_ignore_ascii_case(first) && pair[1].eq_ignore_ascii_case(second)
            };
            PAIRS.iter().any(is)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_apart_into_words() {
        assert_eq!(words("SqliteStore"), ["sqlite", "store"]);
        assert_eq!(words("HTTPServer"), ["http", "server"]);
        assert_eq!(words("serde_json"), ["serde", "json"]);
        assert_eq!(words("can't reach PostgreSQL"), ["can", "t", "reach", "postgre", "sql"]);
    }

    #[test]
    fn sql_is_told_from_english() {
        for sql in [
            "SELECT 1",
            "insert into lines values (1)",
            "BEGIN;",
            "delete\n from batches",
        ] {
            assert!(is_sql(sql), "{sql}");
        }
        for english in [
            "select a store",
            "DELETE /v1/orders/7",
            "begins an update",
            "selected from the list",
        ] {
            assert!(!is_sql(english), "{english}");
        }
    }
}
