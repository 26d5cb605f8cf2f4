//! `cargo xtask image`: an image for containers with one program in it, made by buildah, without a registry.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use xtask::{Failure, Interruptions, need, quietly, say};

use super::{VERSION, folder, instant, shipped};

/// The service's user: a number, so that Kubernetes sees that it is not root.
pub(super) const USER: &str = "65532:65532";

/// Where the books are, unless they are in PostgreSQL. All else is read alone.
pub(super) const BOOKS: &str = "/var/lib/earmark";

/// Where the program is.
pub(super) const PROGRAM: &str = "/usr/bin/earmark";

/// Makes the image of the program that is shipped, as an archive that `podman load` and `docker load` take.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let program = shipped(interruptions)?;
    let buildah = Buildah::open(interruptions)?;
    let container = buildah.container(&program, &[])?;
    let archive = folder()?.join(format!("earmark-{VERSION}.tar"));
    buildah.commit(&container, &archive)?;
    let mebibytes = fs::metadata(&archive)?.len() >> 20;
    say(&format!("The image is {} ({mebibytes} MiB)", archive.display()));
    Ok(())
}

/// Buildah with a store of its own, which is gone at the end.
pub(super) struct Buildah {
    store: TempDir,
}

impl Buildah {
    pub(super) fn open(interruptions: &Interruptions) -> Result<Self, Failure> {
        need(&["buildah"], interruptions)?;
        let store = tempfile::Builder::new().prefix("earmark-image-").tempdir()?;
        Ok(Self { store })
    }

    /// A command of buildah.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.store.path().join("root"));
        command.arg("--runroot").arg(self.store.path().join("run"));
        command.args(["--storage-driver", "vfs", name]);
        command
    }

    /// A container of nothing but a program, and of these libraries for one that needs any.
    pub(super) fn container(&self, program: &Path, libraries: &[PathBuf]) -> Result<String, Failure> {
        let container = quietly(self.command("from").args(["--format", "docker", "scratch"]))?
            .trim()
            .to_owned();
        let copied = libraries
            .iter()
            .map(|library| (library.clone(), library.display().to_string()));
        for (from, to) in copied.chain([(program.to_owned(), PROGRAM.to_owned())]) {
            let mut copy = self.command("copy");
            copy.args(["--quiet", "--chmod", "0755", &container]).arg(from).arg(to);
            quietly(&mut copy)?;
        }
        let books = self.store.path().join("books");
        fs::create_dir_all(&books)?;
        fs::set_permissions(&books, Permissions::from_mode(0o700))?;
        let mut copy = self.command("copy");
        copy.args(["--quiet", "--chown", USER, "--chmod", "0700", &container])
            .arg(&books)
            .arg(BOOKS);
        quietly(&mut copy)?;

        let mut config = self.command("config");
        config.args([
            "--user",
            USER,
            "--workingdir",
            BOOKS,
            "--volume",
            BOOKS,
            "--port",
            "8080",
        ]);
        config.args([
            "--entrypoint",
            &format!("[\"{PROGRAM}\"]"),
            "--cmd",
            "serve",
            "--stop-signal",
            "SIGTERM",
        ]);
        config.args(["--healthcheck", &format!("CMD {PROGRAM} health")]);
        config.args(["--healthcheck-interval", "10s", "--healthcheck-timeout", "5s"]);
        config.args(["--label", "org.opencontainers.image.title=earmark"]);
        config.args([
            "--label",
            &format!("org.opencontainers.image.version={VERSION}"),
            &container,
        ]);
        quietly(&mut config)?;
        Ok(container)
    }

    /// Writes the image of a container. The same content gives the same bytes.
    pub(super) fn commit(&self, container: &str, archive: &Path) -> Result<(), Failure> {
        let mut commit = self.command("commit");
        commit.args(["--quiet", "--format", "docker", "--timestamp", &instant()?, container]);
        commit.arg(format!("docker-archive:{}:earmark:{VERSION}", archive.display()));
        quietly(&mut commit).map(drop)
    }
}
