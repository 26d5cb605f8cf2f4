//! `cargo xtask openapi`: the OpenAPI document, held to the judgement of linters and of generators of clients.
//!
//! The tools are installed into `target/openapi`, in the versions that `xtask/openapi` names. What they depend on is not
//! pinned: a lock file would name the registry that it was made with.

use std::path::Path;
use std::process::Command;

use xtask::{Failure, Interruptions, say};

use crate::workshop::Workshop;

/// What the tools are installed from and used with: the files of `xtask/openapi`.
const FILES: [(&str, &str); 7] = [
    (PACKAGES, include_str!("../openapi/package.json")),
    (REQUIREMENTS, include_str!("../openapi/requirements.txt")),
    (RULES, include_str!("../openapi/spectral.yaml")),
    (PYTHON_SETTINGS, include_str!("../openapi/python-client.yaml")),
    (TYPED_STORY, include_str!("../openapi/story.mts")),
    (STORY, include_str!("../openapi/story.py")),
    (AT_SERVICE, include_str!("../openapi/at_service.py")),
];

/// The tools on Node. Their versions run on Node 18, the oldest that a supported Debian or Ubuntu has.
const PACKAGES: &str = "package.json";

/// The tools in Python. Their versions run on Python 3.11, which Debian 12 has.
const REQUIREMENTS: &str = "requirements.txt";

/// The rules of Spectral, which has none by itself.
const RULES: &str = "spectral.yaml";

/// The settings of the generator of the Python client.
const PYTHON_SETTINGS: &str = "python-client.yaml";

/// A program that tells a whole story to a service by the generated types, and what the compiler makes of it.
const TYPED_STORY: &str = "story.mts";
const COMPILED_STORY: &str = "story.mjs";

/// A program that tells the same story by the generated client.
const STORY: &str = "story.py";

/// A program that runs another one with the address of a service.
const AT_SERVICE: &str = "at_service.py";

/// The document.
const DOCUMENT: &str = "openapi.json";

/// The generated types.
const TYPES: &str = "api.ts";

/// The folder of the generated client, and its name.
const CLIENTS: &str = "python-client";
const CLIENT: &str = "earmark_client";

/// Makes the document, and has it judged. A warning is a failure.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop::open("openapi", &FILES, interruptions)?;
    workshop.need(&["node", "npm", "python3"])?;
    workshop.node_packages(PACKAGES)?;
    workshop.python_packages(REQUIREMENTS)?;
    workshop.write_document("openapi", DOCUMENT)?;

    let redocly = [
        "lint",
        "--extends",
        "recommended-strict",
        "--format",
        "stylish",
        DOCUMENT,
    ];
    workshop.judge(workshop.node_tool("redocly").args(redocly))?;
    let spectral = ["lint", "--ruleset", RULES, "--fail-severity", "hint", DOCUMENT];
    workshop.judge(workshop.node_tool("spectral").args(spectral))?;
    workshop.judge(
        workshop
            .command(workshop.python_tool("openapi-spec-validator"))
            .arg(DOCUMENT),
    )?;

    workshop.judge(
        workshop
            .node_tool("openapi-typescript")
            .args([DOCUMENT, "--output", TYPES]),
    )?;
    let strictly = [
        "--strict", "--target", "es2022", "--module", "esnext", "--types", "node",
    ];
    let strictly = strictly
        .into_iter()
        .chain(["--moduleResolution", "bundler", TYPED_STORY]);
    workshop.judge(workshop.node_tool("tsc").args(strictly))?;
    workshop.judge(&mut at_service(&workshop, Path::new("node"), COMPILED_STORY)?)?;

    let client = Path::new(CLIENTS).join(CLIENT);
    let mut generate = workshop.command(workshop.python_tool("openapi-python-client"));
    generate.args([
        "generate",
        "--path",
        DOCUMENT,
        "--config",
        PYTHON_SETTINGS,
        "--meta",
        "none",
    ]);
    generate.args(["--overwrite", "--fail-on-warning", "--output-path"]);
    workshop.judge(generate.arg(client))?;
    let mut story = at_service(&workshop, &workshop.python_tool("python"), STORY)?;
    workshop.judge(story.env("PYTHONPATH", CLIENTS))?;
    say("\nNo tool has anything to say against the OpenAPI document.");
    Ok(())
}

/// A program that tells its story to a service of its own.
fn at_service(workshop: &Workshop<'_>, program: &Path, story: &str) -> Result<Command, Failure> {
    let mut run = workshop.command(workshop.python_tool("python"));
    run.arg(AT_SERVICE).arg(program).arg(story).arg("--");
    run.arg(workshop.earmark()?).arg("serve");
    Ok(run)
}
