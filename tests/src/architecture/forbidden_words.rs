//! Forbidden words: names and texts that belong to another layer or another adapter.

use super::Violation;
use super::sources::{Source, Token, TokenKind};

/// What must not occur in the sources of a folder.
#[derive(Debug, Clone, Copy)]
pub struct ForbiddenWords {
    /// The folder or file, below the workspace's root.
    pub folder: &'static str,
    /// Words that must not occur in a name or a string, alone or as a part: `sqlite` is in `SqliteStore` and `open_sqlite`.
    pub words: &'static [&'static str],
    /// Words that must not occur in a name, alone or as a part. A string may contain them: people read it.
    pub words_in_names: &'static [&'static str],
    /// Names that must not occur exactly like this.
    pub names: &'static [&'static str],
    /// Phrases that must not occur, as [`Source::find`] takes them.
    pub phrases: &'static [&'static str],
    /// Whether its strings must be free of SQL.
    pub no_sql: bool,
}

/// Checks a source.
#[must_use]
pub fn check(source: &Source, forbidden: &ForbiddenWords) -> Vec<Violation> {
    let mut violations = Vec::new();
    for token in &source.tokens {
        let mut report = |fault| violations.push(Violation::new(source.place(token.line), fault));
        if let Some(word) = forbidden.words.iter().find(|word| mentions(token, word)) {
            report(format!("contains `{word}`, in `{}`", token.text));
        }
        let mut in_names = forbidden
            .words_in_names
            .iter()
            .filter(|_| token.kind == TokenKind::Name);
        if let Some(word) = in_names.find(|word| mentions(token, word)) {
            report(format!("contains `{word}`, in `{}`", token.text));
        }
        if token.kind == TokenKind::Name && forbidden.names.contains(&token.text.as_str()) {
            report(format!("contains `{}`", token.text));
        }
        if forbidden.no_sql && token.kind == TokenKind::Text && is_sql(&token.text) {
            report(format!("contains SQL: `{}`", token.text));
        }
    }
    for phrase in forbidden.phrases {
        let found = source.find(phrase).into_iter();
        violations.extend(found.map(|token| Violation::new(source.place(token.line), format!("contains `{phrase}`"))));
    }
    violations
}

fn mentions(token: &Token, word: &str) -> bool {
    match token.kind {
        TokenKind::Name | TokenKind::Text => words(&token.text).iter().any(|part| part == word),
        TokenKind::Other => false,
    }
}

/// The words of a name or a string in lower case: `SqliteStore` and `sqlite_store` are both `sqlite` and `store`.
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

/// Whether a string looks like an SQL statement. A keyword that is also an English word counts in capitals only; the
/// pairs count in any case.
fn is_sql(text: &str) -> bool {
    const KEYWORDS: [&str; 8] = [
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
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().any(|word| KEYWORDS.contains(word))
        || words.windows(2).any(|pair| {
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
    fn names_are_split_into_words() {
        assert_eq!(words("SqliteStore"), ["sqlite", "store"]);
        assert_eq!(words("HTTPServer"), ["http", "server"]);
        assert_eq!(words("serde_json"), ["serde", "json"]);
        assert_eq!(words("can't reach PostgreSQL"), ["can", "t", "reach", "postgre", "sql"]);
    }

    #[test]
    fn sql_is_distinguished_from_english() {
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
