//! Reads a workspace: what Cargo declares and resolves, and the folders with the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Why something could not be read, so that the check could not be made.
pub type Unreadable = Box<dyn std::error::Error + Send + Sync>;

/// A workspace as `cargo metadata` describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Workspace {
    /// The packages: the members alone, or everything they resolve to.
    pub packages: Vec<Package>,
    /// The folder with the workspace's manifest.
    pub workspace_root: PathBuf,
}

/// A package and what its manifest declares.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Its source; `None` for a folder of this machine.
    pub source: Option<String>,
    /// Its manifest.
    pub manifest_path: PathBuf,
    /// All dependencies it declares, optional and target-specific ones too.
    pub dependencies: Vec<Dependency>,
    /// Its features, with what each turns on.
    pub features: BTreeMap<String, Vec<String>>,
}

/// A declared dependency.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// The package's real name.
    pub name: String,
    /// Its name in the package that declares it, if it is renamed.
    pub rename: Option<String>,
    kind: Option<Kind>,
    /// The platform it is declared for; `None` for all.
    pub target: Option<String>,
    /// Whether the package's default features are on.
    pub uses_default_features: bool,
    /// The features it is declared with.
    pub features: Vec<String>,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The package itself.
    Normal,
    /// Its tests, examples and benches.
    Dev,
    /// Its build script.
    Build,
}

impl Dependency {
    /// What it is for. (Cargo leaves the kind of a normal one out.)
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Normal)
    }

    /// Its name in the package that declares it.
    #[must_use]
    pub fn local_name(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }
}

impl Workspace {
    /// The members of the workspace at `root` with what they declare. Resolves nothing, so it needs no network.
    ///
    /// # Errors
    /// When Cargo can't read the workspace.
    pub fn members_of(root: &Path) -> Result<Self, Unreadable> {
        let output = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
        Ok(serde_json::from_str(&output)?)
    }

    /// Everything the workspace at `root` resolves to on this machine's platform, members included. (A
    /// machine that never builds for another platform has not downloaded that platform's packages.)
    ///
    /// # Errors
    /// When Cargo can't read or resolve the workspace.
    pub fn all_of(root: &Path) -> Result<Self, Unreadable> {
        let platform = platform()?;
        let args = [
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &platform,
        ];
        Ok(serde_json::from_str(&cargo(root, &args)?)?)
    }

    /// The names of its packages.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.packages.iter().map(|package| package.name.as_str()).collect()
    }

    /// The package of that name.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

/// The folder of this workspace.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The forged workspace, in which every crate breaks one rule.
#[must_use]
pub fn forged() -> PathBuf {
    root().join("tests/fixtures/forged")
}

/// Runs Cargo in a folder and returns what it printed.
pub(super) fn cargo(root: &Path, args: &[&str]) -> Result<String, Unreadable> {
    // Cargo sets `CARGO` for its children, so a test uses the toolchain it was built with.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    output_of(Command::new(cargo).args(args).current_dir(root))
}

fn platform() -> Result<String, Unreadable> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output_of(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .ok_or("rustc does not say which platform it builds for")?
        .to_owned())
}

fn output_of(command: &mut Command) -> Result<String, Unreadable> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
