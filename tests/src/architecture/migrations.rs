//! The twin trees of migrations: each migration of one database has a counterpart of the same number for the other.

use std::collections::BTreeMap;
use std::path::Path;

use super::Violation;
use super::workspace::Unreadable;

/// A tree of migrations: each folder's name with the sizes in bytes of the files in it.
pub type Tree = BTreeMap<String, BTreeMap<String, u64>>;

/// Reads a tree.
///
/// # Errors
/// When a folder can't be read.
pub fn read(folder: &Path) -> Result<Tree, Unreadable> {
    let mut tree = Tree::new();
    for migration in std::fs::read_dir(folder)? {
        let migration = migration?;
        let mut files = BTreeMap::new();
        for file in std::fs::read_dir(migration.path())? {
            let file = file?;
            files.insert(file.file_name().to_string_lossy().into_owned(), file.metadata()?.len());
        }
        tree.insert(migration.file_name().to_string_lossy().into_owned(), files);
    }
    Ok(tree)
}

/// Compares two trees.
#[must_use]
pub fn check(sqlite: &Tree, postgres: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (here, tree, there, twin) in [
        ("sqlite", sqlite, "postgres", postgres),
        ("postgres", postgres, "sqlite", sqlite),
    ] {
        if tree.is_empty() {
            violations.push(Violation::new(here, "has no migrations"));
        }
        let mut numbers: Vec<&str> = tree.keys().map(|name| number(name)).collect();
        numbers.dedup();
        if numbers.len() < tree.len() {
            violations.push(Violation::new(here, "has two migrations of the same number"));
        }
        for (name, files) in tree {
            let place = format!("{here}/{name}");
            if files.get("up.sql").is_none_or(|size| *size == 0) {
                violations.push(Violation::new(&place, "has no up.sql"));
            }
            if !twin.keys().any(|other| number(other) == number(name)) {
                violations.push(Violation::new(&place, format!("has no counterpart in {there}")));
            }
        }
    }
    violations
}

/// The part before the first underscore.
fn number(migration: &str) -> &str {
    migration.split_once('_').map_or(migration, |(number, _)| number)
}
