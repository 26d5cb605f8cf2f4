//! Packages of the binary: an image for containers, and a package for Debian.
//!
//! Both have the same program, which needs no library of the machine that it runs on.

pub(crate) mod check;
pub(crate) mod deb;
pub(crate) mod image;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::{Failure, Interruptions, cargo, quietly};

/// The version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where packages are put.
const FOLDER: &str = "target/package";

/// The only target that is tried. Naming it keeps the flags below from build scripts and macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The settings of Cargo that the program is compiled with.
const PROFILE: &str = "dist";

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of finished packages.
fn folder() -> Result<PathBuf, Failure> {
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?)
}

/// Compiles the program that is shipped: with all libraries in it, and the same bytes wherever it is compiled.
fn shipped(interruptions: &Interruptions) -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.current_dir(root());
    build.args([
        "build",
        "--locked",
        "--package",
        "earmark",
        "--target",
        TARGET,
        "--profile",
        PROFILE,
    ]);
    build.env("RUSTFLAGS", flags()?);
    interruptions.step(&mut build)?;
    Ok(target_folder().join(TARGET).join(PROFILE).join("earmark"))
}

/// The flags of the compiler. Paths of this machine would be in the messages of panics.
fn flags() -> Result<String, Failure> {
    let mut flags = "-C target-feature=+crt-static".to_owned();
    let mut hide =
        |path: PathBuf, name: &str| flags.push_str(&format!(" --remap-path-prefix={}={name}", path.display()));
    hide(root().canonicalize()?, "/earmark");
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    if let Some(packages) = cargo_home.or_else(home) {
        hide(packages, "/cargo");
    }
    Ok(flags)
}

/// The folder that Cargo compiles into.
fn target_folder() -> PathBuf {
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    own.unwrap_or_else(|| root().join("target"))
}

/// The instant that all files of a package are from: that of the last commit, so that the same source gives the same bytes.
fn instant() -> Result<String, Failure> {
    let mut log = Command::new("git");
    log.current_dir(root()).args(["log", "-1", "--format=%ct"]);
    quietly(&mut log).map(|printed| printed.trim().to_owned())
}
