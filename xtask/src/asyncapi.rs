//! `cargo xtask asyncapi`: the AsyncAPI document, read by the parser of the AsyncAPI initiative.
//!
//! The parser is installed into `target/asyncapi`, in the version that `xtask/asyncapi` names.

use xtask::{Failure, Interruptions, say};

use crate::workshop::Workshop;

/// What the parser is installed from and used with: the files of `xtask/asyncapi`.
const FILES: [(&str, &str); 2] = [
    (PACKAGES, include_str!("../asyncapi/package.json")),
    (CHECK, include_str!("../asyncapi/check.mjs")),
];

/// The parser.
const PACKAGES: &str = "package.json";

/// A program that has the parser read a document, and then documents that are broken on purpose.
const CHECK: &str = "check.mjs";

/// The document.
const DOCUMENT: &str = "asyncapi.json";

/// Makes the document, and has it read. A warning is a failure.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop::open("asyncapi", &FILES, interruptions)?;
    workshop.need(&["node", "npm"])?;
    workshop.node_packages(PACKAGES)?;
    workshop.write_document("asyncapi", DOCUMENT)?;
    workshop.judge(workshop.command("node").args([CHECK, DOCUMENT]))?;
    say("\nThe parser has nothing to say against the AsyncAPI document.");
    Ok(())
}
