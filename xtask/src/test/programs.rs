//! The test programs of the workspace, as Cargo compiles them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use xtask::{Failure, Interruptions, cargo};

use super::FEATURES;

/// A test program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    /// The folder of its package, in which Cargo runs it.
    folder: PathBuf,
    /// What Cargo calls it: `told`, `earmark_domain`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What it is told.
    arguments: Vec<String>,
}

impl Program {
    /// A command of this program.
    pub(super) fn command_of_this(words: &[&str]) -> Result<Self, Failure> {
        Ok(Self {
            folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
            name: words.first().ok_or("a command has a name")?.to_string(),
            path: std::env::current_exe()?,
            arguments: words.iter().map(ToString::to_string).collect(),
        })
    }

    /// The command that runs it as Cargo does.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Compiles all test programs, and lists them by package and name.
///
/// # Errors
/// One of them can't be compiled, or the user has interrupted the command.
pub(super) fn compile(interruptions: &Interruptions) -> Result<Vec<Program>, Failure> {
    let mut build = cargo();
    build.args(["test", "--workspace", "--features", FEATURES, "--no-run"]);
    // First for people, who see the progress and each error as ever; then for this program, when nothing is left to do.
    interruptions.step(&mut build)?;
    build
        .args(["--quiet", "--message-format", "json"])
        .stderr(Stdio::inherit());
    let listed = build.output()?;
    if !listed.status.success() {
        return Err("Cargo can't list the test programs".into());
    }
    let mut programs: Vec<_> = String::from_utf8(listed.stdout)?
        .lines()
        .filter_map(program_of)
        .collect();
    programs.sort();
    if programs.is_empty() {
        return Err("Cargo lists no test program".into());
    }
    Ok(programs)
}

/// The test program that a message of Cargo is about.
fn program_of(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    if text("/reason") != Some("compiler-artifact") || message.pointer("/profile/test") != Some(&Value::Bool(true)) {
        return None;
    }
    let manifest = PathBuf::from(text("/manifest_path")?);
    Some(Program {
        folder: manifest.parent()?.to_owned(),
        name: text("/target/name")?.to_owned(),
        path: text("/executable")?.into(),
        arguments: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"reason": "compiler-artifact", "manifest_path": "/shop/tests/Cargo.toml",
        "target": {"kind": ["test"], "name": "told"}, "profile": {"test": true}, "executable": "/target/told-0bc6"}"#;

    #[test]
    fn a_test_program_is_found_among_the_messages_of_cargo() {
        let told = Program {
            folder: "/shop/tests".into(),
            name: "told".to_owned(),
            path: "/target/told-0bc6".into(),
            arguments: Vec::new(),
        };
        assert_eq!(program_of(TOLD), Some(told));
    }

    #[test]
    fn what_is_no_test_program_is_passed_over() {
        for other in [
            TOLD.replace("true", "false"),
            TOLD.replace("compiler-artifact", "build-script-executed"),
            TOLD.replace("\"/target/told-0bc6\"", "null"),
            "Compiling told".to_owned(),
        ] {
            assert_eq!(program_of(&other), None, "{other}");
        }
    }
}
