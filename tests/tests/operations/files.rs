//! The files that are read.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A path below the root of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The text of a file.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| unreachable!("{name}: {error}"))
}

/// The documents of a file in YAML.
pub(crate) fn yaml(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(name)).unwrap_or_else(|error| unreachable!("{name}: {error}"))
}

/// The files of the examples for those who run the service, and those at the root.
pub(crate) fn examples() -> Vec<String> {
    let root = path("");
    let below = walkdir::WalkDir::new(path("examples/operations")).into_iter();
    let mut names: Vec<String> = below
        .map(|entry| entry.expect("a folder that can be read"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(&root).expect("it is below the root");
            name.to_str().expect("text").to_owned()
        })
        .collect();
    names.extend(["compose.yaml", "Containerfile"].map(str::to_owned));
    names
}
