//! The contract of the stores, on those that need no server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use earmark_tests::databases::{MemoryDatabase, SqliteDatabase};
use earmark_tests::{contract, with_every_case};

contract!(memory: MemoryDatabase, sqlite: SqliteDatabase);

macro_rules! names {
    (() $($module:ident::$case:ident,)+) => {
        [$(concat!(stringify!($module), "::", stringify!($case))),+]
    };
}

/// A case that is not in the list is run on no store.
#[test]
fn every_case_is_listed() {
    let mut written = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
    for entry in fs::read_dir(folder).expect("the folder of the cases") {
        let path = entry.expect("a file").path();
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        // The cases of a folder are in its `mod.rs`.
        let file = if path.is_dir() { path.join("mod.rs") } else { path };
        let text = fs::read_to_string(file).expect("a text");
        for line in text.lines() {
            let case = line
                .strip_prefix("pub async fn ")
                .and_then(|rest| rest.split('(').next());
            written.extend(case.map(|case| format!("{module}::{case}")));
        }
    }
    let names = with_every_case!(names!());
    assert_eq!(names.len(), written.len());
    assert_eq!(names.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), written);
}
