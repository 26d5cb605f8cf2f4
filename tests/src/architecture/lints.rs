//! The lints: every crate inherits them, none weakens them, and no test is switched off.

use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use super::Violation;
use super::sources::{Source, Token, TokenKind};
use super::workspace::Unreadable;

/// Checks that a member's manifest inherits all of the workspace's lints.
///
/// # Errors
/// When the manifest is not TOML.
pub fn inherited(place: &str, manifest: &str) -> Result<Vec<Violation>, Unreadable> {
    let manifest: Table = manifest.parse()?;
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")) == Some(&Value::Boolean(true));
    let violations = (!inherits).then(|| Violation::new(place, "does not inherit the workspace's lints"));
    Ok(violations.into_iter().collect())
}

/// Checks that the workspace's manifest forbids unsafe code and switches no lint off.
///
/// # Errors
/// When the manifest is not TOML.
pub fn strict(place: &str, manifest: &str) -> Result<Vec<Violation>, Unreadable> {
    let manifest: Table = manifest.parse()?;
    let lints = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("lints"))
        .and_then(Value::as_table);
    let mut violations = Vec::new();
    let mut forbids_unsafe = false;
    for (tool, levels) in lints.into_iter().flatten() {
        for (lint, setting) in levels.as_table().into_iter().flatten() {
            let level = setting.get("level").unwrap_or(setting).as_str();
            forbids_unsafe |= tool == "rust" && lint == "unsafe_code" && level == Some("forbid");
            if level == Some("allow") {
                violations.push(Violation::new(
                    place,
                    format!("switches the lint `{lint}` off for every crate"),
                ));
            }
        }
    }
    if !forbids_unsafe {
        violations.push(Violation::new(place, "does not forbid unsafe code"));
    }
    Ok(violations)
}

/// Checks the attributes of a source: no `allow`, a reason with each `expect`, no ignored test, and no module whose file
/// is not where its name says.
#[must_use]
pub fn unweakened(source: &Source) -> Vec<Violation> {
    let attributes = attributes(&source.tokens);
    let faults = attributes
        .iter()
        .filter_map(|attribute| Some((attribute.first()?, fault(source, attribute)?)));
    let mut violations: Vec<Violation> = faults
        .map(|(first, fault)| Violation::new(source.place(first.line), fault))
        .collect();
    violations.extend(ignored_examples(source));
    violations
}

fn fault(source: &Source, attribute: &[Token]) -> Option<&'static str> {
    let called = |name: &str| {
        let mut pairs = attribute.windows(2);
        pairs.any(|pair| pair[0].text == name && pair[1].text == "(")
    };
    let first = attribute.first().map(|token| token.text.as_str());
    let conditional = first == Some("cfg_attr");
    let is = |name: &str| first == Some(name) || (conditional && attribute.iter().any(|token| token.text == name));
    if called("allow") {
        Some("allows a lint")
    } else if called("expect") && !attribute.iter().any(|token| token.text == "reason") {
        Some("expects a lint without a reason")
    } else if is("ignore") {
        Some("is an ignored test")
    } else if is("path") && !is_tested_source(source, attribute) {
        Some("is a module with a path of its own, which the checks would not see")
    } else {
        None
    }
}

/// The servers that the tests of all crates share. As a crate of its own to depend on, they would bring the whole service
/// into each of these tests.
const SHARED_SERVERS: &str = "tests/src/servers";

/// Whether a test includes a source of its own crate, so as to test what is private, or a test or a benchmark the shared
/// servers. The checks see these files all the same.
fn is_tested_source(source: &Source, attribute: &[Token]) -> bool {
    let Some(path) = attribute.iter().find(|token| token.kind == TokenKind::Text) else {
        return false;
    };
    let mut folder = PathBuf::new();
    let from = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    for component in from.join(&path.text).components() {
        match component {
            Component::ParentDir => {
                folder.pop();
            }
            component => folder.push(component),
        }
    }
    let krate = |path: &Path, kind: &str| {
        let mut components = path.components();
        let (root, name, of) = (components.next(), components.next(), components.next());
        let is_of = root == Some(Component::Normal("crates".as_ref())) && of == Some(Component::Normal(kind.as_ref()));
        name.filter(|_| is_of).map(|name| name.as_os_str().to_owned())
    };
    let of_tests = krate(Path::new(&source.path), "tests");
    let tested = krate(&folder, "src");
    let measures = krate(Path::new(&source.path), "benches").is_some();
    (tested.is_some() && tested == of_tests) || (folder.starts_with(SHARED_SERVERS) && (of_tests.is_some() || measures))
}

/// The contents of all attributes, those in macros too.
fn attributes(tokens: &[Token]) -> Vec<&[Token]> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "#") {
        let mut begin = at + 1;
        if tokens
            .get(begin)
            .is_some_and(|next| next.text == "!" && next.line == token.line)
        {
            begin += 1;
        }
        if tokens.get(begin).is_none_or(|next| next.text != "[") {
            continue;
        }
        let mut depth = 0_usize;
        let length = tokens[begin..].iter().position(|token| {
            match token.text.as_str() {
                "[" => depth += 1,
                "]" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        if let Some(length) = length {
            found.push(&tokens[begin + 1..begin + length]);
        }
    }
    found
}

/// Examples in the documentation that rustdoc skips. They are comments, so the text is searched.
fn ignored_examples(source: &Source) -> impl Iterator<Item = Violation> {
    let lines = source.text.lines().enumerate();
    let skipped = lines.filter(|(_, line)| {
        let line = line.trim_start();
        let documentation = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        documentation.is_some_and(|text| text.trim_start().starts_with("```") && text.contains("ignore"))
    });
    skipped.map(|(at, _)| Violation::new(source.place(at + 1), "is an ignored example"))
}
