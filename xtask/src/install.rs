//! Installing Debian packages.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process::{Interruptions, folder_of, quietly, say};

/// The programs the commands use, each with its Debian package.
const PACKAGES: &[(&str, &str)] = &[
    ("initdb", "postgresql"),
    ("pg_ctl", "postgresql"),
    ("pgbench", "postgresql"),
    ("psql", "postgresql"),
    ("pgbouncer", "pgbouncer"),
    ("pgbackrest", "pgbackrest"),
    ("wrk", "wrk"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
    ("python3-venv", "python3-venv"),
    ("faketime", "faketime"),
    ("nats-server", "nats-server"),
    ("redis-server", "redis-server"),
    ("promtool", "prometheus"),
    ("systemd-analyze", "systemd"),
    ("mandoc", "mandoc"),
    ("zsh", "zsh"),
    ("fish", "fish"),
    ("dpkg-deb", "dpkg"),
    ("fakeroot", "fakeroot"),
    ("buildah", "buildah"),
];

/// Where Debian installs programs of the system: not on every search path.
const SYSTEM_PROGRAMS: &str = "/usr/sbin";

/// Whether this process runs as root.
///
/// # Errors
/// `id` can't be run.
pub fn is_root() -> Result<bool, Failure> {
    Ok(quietly(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Installs those of these programs that are missing.
///
/// # Errors
/// As [`install`].
pub fn need(programs: &[&str], interruptions: &Interruptions) -> Result<(), Failure> {
    for program in programs {
        if folder_of(program, &[SYSTEM_PROGRAMS.into()]).is_none() {
            install(program, interruptions)?;
        }
    }
    Ok(())
}

/// Installs the Debian package of a program.
///
/// # Errors
/// This is not Debian, the user is not root (the message names the package), or the installation fails.
pub fn install(program: &str, interruptions: &Interruptions) -> Result<(), Failure> {
    let package = PACKAGES.iter().find(|(name, _)| *name == program);
    let (_, package) = package.ok_or_else(|| format!("{program} is missing, and its package is not known"))?;
    if !Path::new("/usr/bin/apt-get").exists() || !is_root()? {
        return Err(format!(
            "{program} is missing: install the package {package} (Debian, Ubuntu: `apt-get install {package}`)"
        )
        .into());
    }
    let _no_cluster = NoSystemCluster::configure()?;
    let _no_services = NoServices::configure()?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        command
    };
    interruptions.step(&mut apt(&["update"]))?;
    interruptions.step(&mut apt(&["install", "--yes", "--no-install-recommends", package]))
}

/// While it exists, Debian starts no service that is installed: only the programs are needed.
struct NoServices {
    file: Option<PathBuf>,
}

impl NoServices {
    fn configure() -> Result<Self, Failure> {
        let file = Path::new("/usr/sbin/policy-rc.d");
        if file.exists() {
            return Ok(Self { file: None });
        }
        // 101: the action is not allowed.
        std::fs::write(file, "#!/bin/sh\nexit 101\n")?;
        let written = Self {
            file: Some(file.to_owned()),
        };
        std::fs::set_permissions(file, Permissions::from_mode(0o755))?;
        Ok(written)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        remove(self.file.as_deref());
    }
}

fn remove(file: Option<&Path>) {
    if let Some(file) = file
        && let Err(error) = std::fs::remove_file(file)
    {
        say(&format!("could not remove {}: {error}", file.display()));
    }
}

/// While it exists, installing PostgreSQL creates no system-wide server: only the programs are needed.
struct NoSystemCluster {
    file: Option<PathBuf>,
}

impl NoSystemCluster {
    fn configure() -> Result<Self, Failure> {
        let folder = Path::new("/etc/postgresql-common/createcluster.d");
        let file = folder.join("no-main-cluster-for-tests.conf");
        if file.exists() {
            return Ok(Self { file: None });
        }
        std::fs::create_dir_all(folder)?;
        std::fs::write(&file, "create_main_cluster = false\n")?;
        Ok(Self { file: Some(file) })
    }
}

impl Drop for NoSystemCluster {
    fn drop(&mut self) {
        remove(self.file.as_deref());
    }
}
