//! A temporary folder to run the binary in, with a database of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The binary under test.
pub(crate) const EARMARK: &str = env!("CARGO_BIN_EXE_earmark");

/// Sixty order lines with the expected batches.
pub(crate) const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/tiny");

/// A temporary folder with a database, or without one yet.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// A completed run of the binary.
pub(crate) struct Run {
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A folder with a setting that offers batches however long they are overdue: the dates of the tiny data have passed.
    pub(crate) fn without_grace() -> Self {
        let sandbox = Self::empty();
        sandbox.file("earmark.toml", "[promising]\noverdue_grace_days = \"off\"\n");
        sandbox
    }

    /// The same, with a database of the tiny data's products and batches.
    pub(crate) fn stocked() -> Self {
        let sandbox = Self::without_grace();
        sandbox.imports("products", "products.csv").reports("named", 9);
        sandbox.imports("batches", "batches.csv").reports("created", 20);
        sandbox
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of the database; the file may not exist yet.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("earmark.db")
    }

    /// Writes a file into the folder, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    /// The binary with these arguments, in the folder, without the settings of the tests' own environment.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
        let mut command = Command::new(EARMARK);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_uppercase().starts_with("EARMARK__") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Imports a file of the tiny data, which has no bad rows.
    pub(crate) fn imports(&self, kind: &str, file: &str) -> Run {
        self.run(["import", kind, &format!("{TINY}/{file}")]).succeeds()
    }
}

impl Run {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the binary");
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub(crate) fn succeeds(self) -> Self {
        self.fails_with(0)
    }

    pub(crate) fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// Asserts that the summary has this figure.
    pub(crate) fn reports(self, what: &str, count: u64) -> Self {
        let line = format!("{what:<14}{count:>10}");
        assert!(
            self.out.lines().any(|printed| printed == line),
            "not {line:?}:\n{}",
            self.out
        );
        self
    }
}

/// The fields of a CSV line without quotes.
pub(crate) fn column<const N: usize>(line: &str) -> [&str; N] {
    let fields: Vec<&str> = line.split(',').collect();
    fields
        .try_into()
        .unwrap_or_else(|fields| unreachable!("{N} fields: {fields:?}"))
}
