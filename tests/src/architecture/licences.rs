//! Licences: every package that the workspace is built from has a permitted licence.
//!
//! The list of permitted licences is the one in `deny.toml`, so that there is one list.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Violation;
use super::workspace::{Package, Unreadable};

/// The licences `deny.toml` permits.
///
/// # Errors
/// When the text is not TOML or has no list.
pub fn permitted(deny: &str) -> Result<BTreeSet<String>, Unreadable> {
    let deny: Table = deny.parse()?;
    let list = deny
        .get("licenses")
        .and_then(|licences| licences.get("allow"))
        .and_then(Value::as_array);
    let list = list.ok_or("deny.toml permits no licence")?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Checks a package's licence, and that a package from outside the workspace is a published release.
#[must_use]
pub fn check(package: &Package, permitted: &BTreeSet<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    match package.license.as_deref() {
        None => violations.push(Violation::new(&package.name, "declares no licence")),
        Some(expression) if !permits(expression, permitted) => {
            let fault = format!("has the licence `{expression}`, which is not permitted");
            violations.push(Violation::new(&package.name, fault));
        }
        Some(_) => {}
    }
    if package
        .source
        .as_deref()
        .is_some_and(|source| source.starts_with("git+"))
    {
        violations.push(Violation::new(
            &package.name,
            "comes from a repository, not from a published release",
        ));
    }
    violations
}

/// Whether an SPDX expression lets the package be used under permitted licences alone. An expression that can't be
/// parsed permits nothing.
fn permits(expression: &str, permitted: &BTreeSet<String>) -> bool {
    // Packages older than the SPDX rule write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        permitted,
    };
    reader.any_of() == Some(true) && reader.words.is_empty()
}

struct Reader<'a> {
    words: &'a [&'a str],
    permitted: &'a BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }

    fn any_of(&mut self) -> Option<bool> {
        let mut permits = self.all_of()?;
        while self.take_if("OR") {
            permits |= self.all_of()?;
        }
        Some(permits)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut permits = self.one()?;
        while self.take_if("AND") {
            permits &= self.one()?;
        }
        Some(permits)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take_if("(") {
            let permits = self.any_of()?;
            return self.take_if(")").then_some(permits);
        }
        let mut licence = self.take()?.to_owned();
        if self.take_if("WITH") {
            licence = format!("{licence} WITH {}", self.take()?);
        }
        Some(self.permitted.contains(&licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_choice_one_licence_must_be_permitted_of_a_conjunction_all() {
        let permitted = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned()]);
        for permitted_expression in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND Zlib",
            "(GPL-3.0 OR MIT) AND Zlib",
        ] {
            assert!(permits(permitted_expression, &permitted), "{permitted_expression}");
        }
        for refused in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT WITH X-exception",
            "(MIT",
            "MIT MIT",
            "",
            "MIT OR",
        ] {
            assert!(!permits(refused, &permitted), "{refused}");
        }
    }
}
