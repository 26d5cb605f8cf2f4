//! What a migration of PostgreSQL may do: the instances of the version before work on beside it, until the last of them is
//! replaced (docs/adr/0059). So it adds what they need not know of, and takes nothing from them.
//!
//! The baseline has nobody beside it, and a SQLite file has one service alone.

use super::Violation;

/// The statements of a script, without comments and the bodies of functions, each in upper case with single spaces.
fn statements(sql: &str) -> Vec<String> {
    let without_comments: Vec<&str> = sql
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(code, _)| code))
        .collect();
    let code = without_comments.join("\n");
    // Every other part stands between two of these marks.
    let without_bodies: String = code.split("$$").step_by(2).collect::<Vec<_>>().join(" ");
    let words = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let statements = without_bodies
        .split(';')
        .map(|statement| words(statement).to_uppercase());
    statements.filter(|statement| !statement.is_empty()).collect()
}

/// What comes after some words in a statement, up to the next space, comma or parenthesis.
fn named_after<'a>(statement: &'a str, words: &str) -> Option<&'a str> {
    let (_, rest) = statement.split_once(words)?;
    rest.split([' ', ',', '(']).find(|name| !name.is_empty())
}

/// The parts of `ALTER TABLE … a, b`, and of other statements the whole.
fn actions(statement: &str) -> Vec<&str> {
    if !statement.starts_with("ALTER TABLE ") {
        return vec![statement];
    }
    let (mut depth, mut begin, mut actions) = (0_usize, 0, Vec::new());
    for (at, letter) in statement.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                actions.push(&statement[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    actions.push(&statement[begin..]);
    actions
}

/// What is wrong with a statement, if anything is.
fn fault(action: &str, all: &[String], new_tables: &[&str]) -> Option<&'static str> {
    const TAKEN: [&str; 8] = [
        "DROP TABLE ",
        "DROP VIEW ",
        "DROP SEQUENCE ",
        "DROP FUNCTION ",
        "DROP TRIGGER ",
        "DROP TYPE ",
        "TRUNCATE ",
        "DELETE FROM ",
    ];
    let is_new = |table: Option<&str>| table.is_some_and(|table| new_tables.contains(&table));
    if TAKEN.iter().any(|words| action.starts_with(words)) || action.contains(" DROP COLUMN ") {
        return Some("takes away what the version before uses");
    }
    if action.contains(" RENAME ") {
        return Some("gives another name to what the version before uses");
    }
    if let Some(name) = named_after(action, " DROP CONSTRAINT ") {
        // Another in its place may allow more.
        let again = format!(" ADD CONSTRAINT {name} ");
        return (!all.iter().any(|statement| statement.contains(&again)))
            .then_some("takes a constraint away, and puts none in its place");
    }
    if action.contains(" SET NOT NULL") || (action.contains(" ALTER COLUMN ") && action.contains(" TYPE ")) {
        return Some("wants another value than the version before stores");
    }
    let has_value = [" DEFAULT ", " GENERATED "].iter().any(|words| action.contains(words));
    if action.contains(" ADD COLUMN ") && action.contains(" NOT NULL") && !has_value {
        return Some("wants a value that the version before does not store");
    }
    if action.starts_with("CREATE UNIQUE INDEX ") && !is_new(named_after(action, " ON ")) {
        return Some("may refuse what the version before stores");
    }
    None
}

/// Checks the script of a migration.
#[must_use]
pub fn check(place: &str, sql: &str) -> Vec<Violation> {
    let all = statements(sql);
    let new_tables: Vec<&str> = all
        .iter()
        .filter_map(|statement| named_after(statement, "CREATE TABLE "))
        .collect();
    let mut violations = Vec::new();
    for statement in &all {
        for action in actions(statement) {
            if let Some(fault) = fault(action, &all, &new_tables) {
                violations.push(Violation::new(place, format!("{fault}: {}", action.trim())));
            }
        }
    }
    violations
}
