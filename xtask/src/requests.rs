//! `cargo xtask requests`: requests that schemathesis makes from the OpenAPI document, sent as callers of each role.
//!
//! The tool is installed into `target/requests`, in the version that `xtask/requests` names.

use clap::Args;
use xtask::{Failure, Interruptions, say};

use crate::workshop::Workshop;

/// What the tool is installed from and used with: the files of `xtask/requests`.
const FILES: [(&str, &str); 4] = [
    (REQUIREMENTS, include_str!("../requests/requirements.txt")),
    ("schemathesis.toml", include_str!("../requests/schemathesis.toml")),
    ("hooks.py", include_str!("../requests/hooks.py")),
    (AS_EACH_ROLE, include_str!("../requests/as_each_role.py")),
];

/// The tool.
const REQUIREMENTS: &str = "requirements.txt";

/// A program that runs the tool against a service for each role.
const AS_EACH_ROLE: &str = "as_each_role.py";

/// The document.
const DOCUMENT: &str = "openapi.json";

/// How thorough it is.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many requests are made up for each call, beside those that try the bounds of its parameters
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    examples: u32,

    /// From what the requests are drawn: the same seed draws the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,

    /// Who sends them: `viewer`, `sales`, `warehouse`, `planner`, `admin`, `every-role`, or a `stranger`
    #[arg(long = "caller", value_name = "CALLER,...", value_delimiter = ',', default_value = EACH)]
    callers: Vec<String>,
}

/// A caller of each role, and one without a key.
const EACH: &str = "viewer,sales,warehouse,planner,admin,stranger";

/// Sends them. A request that is not answered as the document says is a failure.
pub(crate) fn run(options: &Options, interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop::open("requests", &FILES, interruptions)?;
    workshop.need(&["python3"])?;
    workshop.python_packages(REQUIREMENTS)?;
    workshop.write_document("openapi", DOCUMENT)?;
    let mut send = workshop.command(workshop.python_tool("python"));
    send.arg(AS_EACH_ROLE)
        .arg(workshop.python_tool("schemathesis"))
        .arg(DOCUMENT);
    send.arg(options.examples.to_string())
        .arg(options.seed.to_string())
        .arg(workshop.earmark()?);
    send.args(&options.callers);
    interruptions.step(&mut send)?;
    say("\nEach request is answered as the document says, whoever sends it.");
    Ok(())
}
