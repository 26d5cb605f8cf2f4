//! Licences: every package the house is built from may be used under one that is on the list.
//!
//! The list is `deny.toml`'s own, so that there is one.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Violation;
use super::house::{Package, Unreadable};

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
    let list = list.ok_or("deny.toml permits no licence at all")?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Holds a package against the permitted licences, and against the rule that what is not ours comes published.
#[must_use]
pub fn check(package: &Package, permitted: &BTreeSet<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    match package.license.as_deref() {
        None => violations.push(Violation::new(&package.name, "does not say its licence")),
        Some(expression) if !permits(expression, permitted) => {
            let fault = format!("may not be used under `{expression}`");
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
            "comes from a repository, not from a release",
        ));
    }
    violations
}

/// Whether an SPDX expression offers a way to use the package under permitted licences. What can't be read permits
/// nothing.
fn permits(expression: &str, permitted: &BTreeSet<String>) -> bool {
    // Packages older than the SPDX rule write `MIT/Apache-2.0` and mean a choice.
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
    fn one_permitted_choice_is_enough_and_every_part_of_a_sum_is_needed() {
        let permitted = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned()]);
        for fine in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND Zlib",
            "(GPL-3.0 OR MIT) AND Zlib",
        ] {
            assert!(permits(fine, &permitted), "{fine}");
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
