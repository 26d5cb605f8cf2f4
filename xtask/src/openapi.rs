//! `cargo xtask openapi`: the OpenAPI document, held to the judgement of linters and of generators of clients.
//!
//! The tools are installed into `target/openapi`, in the versions that `xtask/openapi` names. What they depend on is not
//! pinned: a lock file would name the registry that it was made with.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use xtask::{Failure, Interruptions, install, say};

use crate::workshop::Workshop;

/// What the tools are installed from and used with: the files of `xtask/openapi`.
const FILES: [(&str, &str); 6] = [
    (PACKAGES, include_str!("../openapi/package.json")),
    (REQUIREMENTS, include_str!("../openapi/requirements.txt")),
    (RULES, include_str!("../openapi/spectral.yaml")),
    (PYTHON_SETTINGS, include_str!("../openapi/python-client.yaml")),
    (USE, include_str!("../openapi/use.ts")),
    (CALL, include_str!("../openapi/call.py")),
];

/// The tools on Node. Their versions run on Node 18, the oldest that a supported Debian or Ubuntu has.
const PACKAGES: &str = "package.json";

/// The tools in Python. Their versions run on Python 3.11, which Debian 12 has.
const REQUIREMENTS: &str = "requirements.txt";

/// The rules of Spectral, which has none by itself.
const RULES: &str = "spectral.yaml";

/// The settings of the generator of the Python client.
const PYTHON_SETTINGS: &str = "python-client.yaml";

/// A program that uses the generated types.
const USE: &str = "use.ts";

/// A program that calls a service with the generated client.
const CALL: &str = "call.py";

/// The document.
const DOCUMENT: &str = "openapi.json";

/// The generated types.
const TYPES: &str = "api.ts";

/// The folder of the generated client, and its name.
const CLIENTS: &str = "python-client";
const CLIENT: &str = "earmark_client";

/// The folder of the virtual environment.
const ENVIRONMENT: &str = "venv";

/// Makes the document, and has it judged. A warning is a failure.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop::open("openapi", &FILES, interruptions)?;
    prepare(&workshop)?;
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
            .node_tool("openapi-typescript")
            .args([DOCUMENT, "--output", TYPES]),
    )?;
    let strictly = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext"];
    let strictly = strictly.into_iter().chain(["--moduleResolution", "bundler", USE]);
    workshop.judge(workshop.node_tool("tsc").args(strictly))?;

    let client = Path::new(CLIENTS).join(CLIENT);
    let mut generate = workshop.command(python_tool(&workshop, "openapi-python-client"));
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
    let mut call = workshop.command(python_tool(&workshop, "python"));
    call.arg(CALL).arg(workshop.earmark()?).arg("serve");
    workshop.judge(call.env("PYTHONPATH", CLIENTS))?;
    say("\nNo tool has anything to say against the OpenAPI document.");
    Ok(())
}

/// Installs what is missing.
fn prepare(workshop: &Workshop<'_>) -> Result<(), Failure> {
    workshop.need(&["node", "npm", "python3"])?;
    workshop.node_packages(PACKAGES)?;
    workshop.once(REQUIREMENTS, ENVIRONMENT, || {
        let can_install = ["-c", "import ensurepip"];
        let mut check = workshop.command("python3");
        check.args(can_install).stderr(Stdio::null());
        if !workshop.interruptions.run(&mut check)?.success() {
            install("python3-venv", workshop.interruptions)?;
        }
        let mut create = workshop.command("python3");
        workshop
            .interruptions
            .step(create.args(["-m", "venv", "--clear", ENVIRONMENT]))?;
        let mut pip = workshop.command(python_tool(workshop, "pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        workshop.interruptions.step(pip.arg(REQUIREMENTS))
    })
}

/// The path of a program of the virtual environment.
fn python_tool(workshop: &Workshop<'_>, name: &str) -> PathBuf {
    workshop.path(Path::new(ENVIRONMENT).join("bin").join(name))
}
