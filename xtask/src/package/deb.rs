//! `cargo xtask deb`: a package for Debian and Ubuntu.
//!
//! Made by `dpkg-deb` itself: what a generator of packages would write are the few files of `xtask/package`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::{Failure, Interruptions, need, quietly, say};

use super::{VERSION, folder, instant, root, shipped};

/// What Debian calls the processors that [`TARGET`](super::TARGET) is for.
const ARCHITECTURE: &str = "amd64";

/// The unit that the examples have. Packages put programs elsewhere than administrators.
const UNIT: &str = "examples/operations/systemd/earmark.service";
const BY_HAND: &str = "/usr/local/bin/earmark";
const BY_PACKAGE: &str = "/usr/bin/earmark";

/// The settings. It may get passwords, so root alone reads it.
const SETTINGS: &str = "etc/earmark/earmark.toml";

/// The scripts that dpkg runs.
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("../../package/postinst")),
    ("prerm", include_str!("../../package/prerm")),
    ("postrm", include_str!("../../package/postrm")),
];

/// Makes the package of the program that is shipped.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let program = shipped(interruptions)?;
    let package = make(&program, VERSION, Compression::Small, &folder()?, interruptions)?;
    say(&format!("The package is {}", package.display()));
    Ok(())
}

/// How the files of a package are packed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compression {
    /// For those who download it.
    Small,
    /// For those who throw it away at once.
    None,
}

impl Compression {
    /// The option of `dpkg-deb`.
    const fn option(self) -> &'static str {
        match self {
            Self::Small => "-Zxz",
            Self::None => "-Znone",
        }
    }
}

/// Makes a package of a program, as this version, in a folder.
pub(super) fn make(
    program: &Path,
    version: &str,
    compression: Compression,
    folder: &Path,
    interruptions: &Interruptions,
) -> Result<PathBuf, Failure> {
    need(&["dpkg-deb"], interruptions)?;
    let staging = tempfile::tempdir()?;
    let tree = Tree(staging.path());
    tree.write("usr/bin/earmark", &fs::read(program)?, 0o755)?;
    let unit = fs::read_to_string(root().join(UNIT))?.replace(BY_HAND, BY_PACKAGE);
    tree.write("usr/lib/systemd/system/earmark.service", unit.as_bytes(), 0o644)?;
    tree.write(SETTINGS, include_bytes!("../../package/earmark.toml"), 0o640)?;
    tree.write(
        "usr/share/doc/earmark/copyright",
        include_bytes!("../../package/copyright"),
        0o644,
    )?;
    for document in [
        "CHANGELOG.md",
        "docs/operating.md",
        "docs/guide/metrics.md",
        "docs/runbooks.md",
    ] {
        let name = Path::new(document).file_name().unwrap_or_default().to_string_lossy();
        tree.write(
            &format!("usr/share/doc/earmark/{name}"),
            &fs::read(root().join(document))?,
            0o644,
        )?;
    }
    self::help(program, tree, interruptions)?;
    for (name, script) in SCRIPTS {
        tree.write(&format!("DEBIAN/{name}"), script.as_bytes(), 0o755)?;
    }
    tree.write("DEBIAN/conffiles", format!("/{SETTINGS}\n").as_bytes(), 0o644)?;
    tree.write(
        "DEBIAN/control",
        control(version, tree.kibibytes(tree.0)?).as_bytes(),
        0o644,
    )?;

    let package = folder.join(format!("earmark_{version}_{ARCHITECTURE}.deb"));
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", compression.option(), "--build"])
        .arg(tree.0)
        .arg(&package);
    pack.env("SOURCE_DATE_EPOCH", instant()?);
    interruptions.step(&mut pack)?;
    Ok(package)
}

/// Manual pages and completions, which the program writes itself.
fn help(program: &Path, tree: Tree<'_>, interruptions: &Interruptions) -> Result<(), Failure> {
    let pages = tree.0.join("usr/share/man/man1");
    fs::create_dir_all(&pages)?;
    quietly(Command::new(program).arg("man").arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        // Without its name and date the same page is packed to the same bytes.
        interruptions.step(Command::new("gzip").args(["--best", "--no-name"]).arg(page?.path()))?;
    }
    for (shell, file) in [
        ("bash", "usr/share/bash-completion/completions/earmark"),
        ("zsh", "usr/share/zsh/vendor-completions/_earmark"),
        ("fish", "usr/share/fish/vendor_completions.d/earmark.fish"),
    ] {
        let completions = quietly(Command::new(program).args(["completions", shell]))?;
        tree.write(file, completions.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// What dpkg knows of the package.
fn control(version: &str, kibibytes: u64) -> String {
    format!(
        "Package: earmark\n\
         Version: {version}\n\
         Architecture: {ARCHITECTURE}\n\
         Maintainer: The Earmark contributors <earmark@localhost>\n\
         Section: net\n\
         Priority: optional\n\
         Installed-Size: {kibibytes}\n\
         Recommends: ca-certificates\n\
         Suggests: postgresql, nats-server, redis-server\n\
         Description: promises orders against stock, and never the same unit twice\n \
         An allocation service for shops: order lines are earmarked in batches of stock,\n \
         in the warehouse or on their way. By HTTP, messages and files; with SQLite\n \
         inside, or with PostgreSQL.\n"
    )
}

/// The files of a package, in a folder.
#[derive(Clone, Copy)]
struct Tree<'a>(&'a Path);

impl Tree<'_> {
    fn write(self, name: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        let path = self.0.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content)?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(mode))?)
    }

    /// What its files take, each rounded up.
    fn kibibytes(self, folder: &Path) -> Result<u64, Failure> {
        let mut sum = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            sum += if about.is_dir() {
                self.kibibytes(&entry.path())?
            } else {
                about.len().div_ceil(1024)
            };
        }
        Ok(sum)
    }
}
