//! A folder in `target` where tools of other languages are installed, and judge what the service says of itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::{Failure, Interruptions, cargo, install, need, say};

use crate::test::FEATURES;

/// The folder of the virtual environment of Python.
const ENVIRONMENT: &str = "venv";

/// What a tool prints that has warnings and exits with success.
const COMPLAINTS: [&str; 2] = ["warning", "⚠"];

/// The folder of the tools, and of what they make.
pub(crate) struct Workshop<'a> {
    folder: PathBuf,
    pub(crate) interruptions: &'a Interruptions,
}

impl<'a> Workshop<'a> {
    /// The folder of this name in `target`, with these files in it.
    pub(crate) fn open(name: &str, files: &[(&str, &str)], interruptions: &'a Interruptions) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(name);
        fs::create_dir_all(&folder)?;
        for (name, content) in files {
            fs::write(folder.join(name), content)?;
        }
        Ok(Self { folder, interruptions })
    }

    /// Installs programs that are missing.
    pub(crate) fn need(&self, programs: &[&str]) -> Result<(), Failure> {
        need(programs, self.interruptions)
    }

    /// Installs the packages of Node that a list names.
    pub(crate) fn node_packages(&self, list: &str) -> Result<(), Failure> {
        self.once(list, "node_modules", || {
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
        })
    }

    /// Installs the packages of Python that a list names, into a virtual environment.
    pub(crate) fn python_packages(&self, list: &str) -> Result<(), Failure> {
        self.once(list, ENVIRONMENT, || {
            let mut check = self.command("python3");
            check.args(["-c", "import ensurepip"]).stderr(Stdio::null());
            if !self.interruptions.run(&mut check)?.success() {
                install("python3-venv", self.interruptions)?;
            }
            let mut create = self.command("python3");
            self.interruptions
                .step(create.args(["-m", "venv", "--clear", ENVIRONMENT]))?;
            let mut pip = self.command(self.python_tool("pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
            self.interruptions.step(pip.arg(list))
        })
    }

    /// The path of a program of that environment.
    pub(crate) fn python_tool(&self, name: &str) -> PathBuf {
        self.path(Path::new(ENVIRONMENT).join("bin").join(name))
    }

    /// Fills a folder from a list, unless it has been filled from the same list before.
    pub(crate) fn once(
        &self,
        list: &str,
        filled: &str,
        fill: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
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

    /// The binary.
    pub(crate) fn earmark(&self) -> Result<PathBuf, Failure> {
        tested_binary(self.interruptions)
    }

    /// Writes the document that a command of the binary prints.
    pub(crate) fn write_document(&self, printed_by: &str, file: &str) -> Result<(), Failure> {
        let mut document = Command::new(self.earmark()?);
        document.arg(printed_by);
        document.stdout(File::create(self.folder.join(file))?);
        self.interruptions.step(&mut document)
    }

    /// Runs a tool, shows what it prints, and fails if that has a warning.
    pub(crate) fn judge(&self, tool: &mut Command) -> Result<(), Failure> {
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
    pub(crate) fn node_tool(&self, name: &str) -> Command {
        let mut tool = self.command(Path::new("node_modules/.bin").join(name));
        tool.env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        tool
    }

    /// The path of a program in the folder.
    pub(crate) fn path(&self, program: impl AsRef<Path>) -> PathBuf {
        self.folder.join(program)
    }

    /// A program, to run in the folder.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
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

/// The binary, compiled as the tests have it: with the features of another command it would be compiled anew, and most of
/// what it depends on.
pub(crate) fn tested_binary(interruptions: &Interruptions) -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.args(["test", "--quiet", "--workspace", "--features", FEATURES]);
    interruptions.step(build.args(["--test", "binary", "--no-run"]))?;
    // Cargo puts all programs of the workspace into one folder.
    Ok(std::env::current_exe()?.with_file_name(format!("earmark{}", std::env::consts::EXE_SUFFIX)))
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
