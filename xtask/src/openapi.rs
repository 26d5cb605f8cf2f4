//! `cargo xtask openapi`: the OpenAPI document, held to the judgement of linters and of generators of clients.
//!
//! The tools are installed into `target/openapi`, in the versions that `xtask/openapi` names. What they depend on is not
//! pinned: a lock file would name the registry that it was made with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::{Failure, Interruptions, cargo, folder_of, install, say};

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

/// What a tool prints that has warnings and exits with success.
const COMPLAINTS: [&str; 2] = ["warning", "⚠"];

/// Makes the document, and has it judged. A warning is a failure.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop {
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi"),
        interruptions,
    };
    workshop.prepare()?;
    workshop.write_document()?;

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
    let mut call = workshop.command(workshop.python_tool("python"));
    call.arg(CALL).arg(cargo().get_program()).args(earmark("serve"));
    workshop.judge(call.env("PYTHONPATH", CLIENTS))?;
    say("\nNo tool has anything to say against the OpenAPI document.");
    Ok(())
}

/// The arguments of Cargo that run the binary.
fn earmark(command: &str) -> [&str; 6] {
    ["run", "--quiet", "--package", "earmark", "--", command]
}

/// The folder of the tools, and of what they make.
struct Workshop<'a> {
    folder: PathBuf,
    interruptions: &'a Interruptions,
}

impl Workshop<'_> {
    /// Installs what is missing.
    fn prepare(&self) -> Result<(), Failure> {
        for program in ["node", "npm", "python3"] {
            if folder_of(program, &[]).is_none() {
                install(program, self.interruptions)?;
            }
        }
        fs::create_dir_all(&self.folder)?;
        for (name, content) in FILES {
            fs::write(self.folder.join(name), content)?;
        }
        self.once(PACKAGES, "node_modules", || {
            let mut npm = self.command("npm");
            npm.args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel",
                "error",
            ]);
            self.interruptions.step(&mut npm)
        })?;
        self.once(REQUIREMENTS, ENVIRONMENT, || {
            let can_install = ["-c", "import ensurepip"];
            let mut check = self.command("python3");
            check.args(can_install).stderr(Stdio::null());
            if !self.interruptions.run(&mut check)?.success() {
                install("python3-venv", self.interruptions)?;
            }
            let mut create = self.command("python3");
            self.interruptions
                .step(create.args(["-m", "venv", "--clear", ENVIRONMENT]))?;
            let mut pip = self.command(self.python_tool("pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
            self.interruptions.step(pip.arg(REQUIREMENTS))
        })
    }

    /// Fills a folder from a list, unless it has been filled from the same list before.
    fn once(&self, list: &str, filled: &str, fill: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let filled = self.folder.join(filled);
        let wanted = fs::read_to_string(self.folder.join(list))?;
        let stamp = filled.join("filled-from");
        // Without the file it has not been filled, or not to the end.
        if fs::read_to_string(&stamp).is_ok_and(|from| from == wanted) {
            return Ok(());
        }
        fill()?;
        Ok(fs::write(stamp, wanted)?)
    }

    fn write_document(&self) -> Result<(), Failure> {
        let mut document = cargo();
        document.args(earmark("openapi"));
        document.stdout(File::create(self.folder.join(DOCUMENT))?);
        self.interruptions.step(&mut document)
    }

    /// Runs a tool, shows what it prints, and fails if that has a warning.
    fn judge(&self, tool: &mut Command) -> Result<(), Failure> {
        let path = self.folder.join("printed.txt");
        let printed = File::create(&path)?;
        tool.stdout(printed.try_clone()?).stderr(printed);
        let outcome = self.interruptions.step(tool);
        let printed = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        say(&printed);
        outcome?;
        match complaint(&printed) {
            None => Ok(()),
            Some(line) => Err(format!("it exits with success, but says: {line}").into()),
        }
    }

    /// A tool on Node. None of them is to call home.
    fn node_tool(&self, name: &str) -> Command {
        let mut tool = self.command(Path::new("node_modules/.bin").join(name));
        tool.env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        tool
    }

    /// The path of a program of the virtual environment.
    fn python_tool(&self, name: &str) -> PathBuf {
        self.folder.join(ENVIRONMENT).join("bin").join(name)
    }

    /// A program in the folder.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let is_here = program.components().count() > 1;
        let mut command = Command::new(if is_here {
            self.folder.join(program)
        } else {
            program.into()
        });
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

/// The first line that is a warning, if there is one.
fn complaint(printed: &str) -> Option<&str> {
    let warns = |line: &&str| {
        let line = line.to_lowercase();
        COMPLAINTS.iter().any(|complaint| line.contains(complaint))
    };
    printed.lines().find(warns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_of_a_tool_that_succeeds_is_found() {
        assert_eq!(complaint("all is well\n"), None);
        assert_eq!(complaint("fine\n ⚠  odd\n"), Some(" ⚠  odd"));
        assert_eq!(complaint("1 Warning(s) encountered"), Some("1 Warning(s) encountered"));
    }
}
