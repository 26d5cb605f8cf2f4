//! What packages are tried for: that they are installed, run, renewed and removed, and are the same bytes when they are made
//! again. With the program of the tests, which is compiled already; it needs libraries, so the image gets them.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use xtask::{Failure, Interruptions, is_root, need, quietly, say};

use super::deb::Compression;
use super::image::{Buildah, PROGRAM};
use super::{deb, image};
use crate::workshop::tested_binary;

/// The books of a service that systemd gives a user of its own.
const BOOKS: &str = "var/lib/private/earmark/earmark.db";

/// What an administrator would change.
const SETTINGS: &str = "etc/earmark/earmark.toml";

/// That the service starts with the machine.
const ENABLED: &str = "etc/systemd/system/multi-user.target.wants/earmark.service";

/// How often a service that starts is asked whether it is ready, and how long is waited in between.
const QUESTIONS: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// Tries both packages.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let program = tested_binary(interruptions)?;
    debian(&program, interruptions)?;
    container(&program, interruptions)?;
    say("\nThe packages can be installed, run, renewed and removed.");
    Ok(())
}

fn expect(is_so: bool, what: &str) -> Result<(), Failure> {
    if is_so { Ok(()) } else { Err(what.to_owned().into()) }
}

/// Installs the package for Debian below a root of its own, renews and removes it.
fn debian(program: &Path, interruptions: &Interruptions) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (again, other) = (folder.path().join("again"), folder.path().join("root"));
    fs::create_dir(&again)?;
    let make = |version, folder: &Path| deb::make(program, version, Compression::None, folder, interruptions);
    let first = make("1.0.0", folder.path())?;
    let same = make("1.0.0", &again)?;
    expect(
        fs::read(&first)? == fs::read(&same)?,
        "the same package has other bytes each time",
    )?;
    let second = make("1.0.1", folder.path())?;

    let root = Root::make(other)?;
    root.dpkg("--install", &first, interruptions)?;
    quietly(Command::new(root.path(PROGRAM)).arg("--version"))?;
    expect(
        root.has("usr/share/man/man1/earmark-serve.1.gz"),
        "the manual is not installed",
    )?;
    expect(root.has(ENABLED), "the service is not enabled")?;
    let unit = fs::read_to_string(root.path("usr/lib/systemd/system/earmark.service"))?;
    expect(
        unit.contains(&format!("ExecStart={PROGRAM} ")),
        "the unit starts another program",
    )?;
    // A service has run, and somebody has changed its settings.
    fs::create_dir_all(root.path(BOOKS).parent().unwrap_or(&root.0))?;
    fs::write(root.path(BOOKS), "books")?;
    fs::write(root.path(SETTINGS), "[http]\nlisten = \"127.0.0.1:8081\"\n")?;
    let is_kept = || -> Result<bool, Failure> {
        let settings = fs::read_to_string(root.path(SETTINGS))?;
        Ok(settings.contains("8081") && root.has(BOOKS))
    };

    root.dpkg("--install", &second, interruptions)?;
    expect(is_kept()?, "an upgrade has changed the books or the settings")?;
    expect(root.has(ENABLED), "an upgrade has disabled the service")?;
    root.dpkg("--remove", "earmark", interruptions)?;
    expect(!root.has(PROGRAM), "the program is there after the package was removed")?;
    expect(is_kept()?, "the books or the settings went with the package")?;
    root.dpkg("--install", &second, interruptions)?;
    expect(is_kept()?, "another installation has changed the books or the settings")?;
    root.dpkg("--purge", "earmark", interruptions)?;
    for left in [PROGRAM, BOOKS, SETTINGS, ENABLED] {
        expect(
            !root.has(left),
            &format!("{left} is there after the package was purged"),
        )?;
    }
    Ok(())
}

/// A root that is not this machine's: dpkg's scripts are run, and start nothing.
struct Root(PathBuf);

impl Root {
    fn make(folder: PathBuf) -> Result<Self, Failure> {
        for inner in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        for inner in ["var/lib/dpkg/status", "var/lib/dpkg/available"] {
            fs::write(folder.join(inner), "")?;
        }
        Ok(Self(folder))
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.0.join(inner.trim_start_matches('/'))
    }

    fn has(&self, inner: &str) -> bool {
        // A link may lead out of this root.
        self.path(inner).symlink_metadata().is_ok()
    }

    fn dpkg(&self, action: &str, package: impl AsRef<Path>, interruptions: &Interruptions) -> Result<(), Failure> {
        let mut dpkg = if is_root()? {
            Command::new("dpkg")
        } else {
            need(&["fakeroot"], interruptions)?;
            let mut pretending = Command::new("fakeroot");
            pretending.args(["dpkg", "--force-not-root"]);
            pretending
        };
        dpkg.arg(format!("--root={}", self.0.display()));
        dpkg.args(["--force-script-chrootless", action]).arg(package.as_ref());
        interruptions.step(dpkg.stdin(Stdio::null()))
    }
}

/// Runs the service in a container.
fn container(program: &Path, interruptions: &Interruptions) -> Result<(), Failure> {
    if !is_root()? {
        say("Only root can run a container without the help of others: the image is not tried.");
        return Ok(());
    }
    let buildah = Buildah::open(interruptions)?;
    let folder = tempfile::tempdir()?;
    let libraries = libraries_of(program)?;
    let container = buildah.container(program, &libraries)?;
    let archives = ["first.tar", "second.tar"].map(|name| folder.path().join(name));
    for archive in &archives {
        buildah.commit(&container, archive)?;
    }
    let [first, second] = archives.map(fs::read);
    expect(first? == second?, "the same image has other bytes each time")?;

    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let earmark = |command: &str| {
        let mut run = buildah.command("run");
        // No namespace of its own, so that it works wherever tests run.
        run.args([
            "--isolation",
            "chroot",
            "--env",
            &format!("EARMARK__HTTP__LISTEN=127.0.0.1:{port}"),
        ]);
        run.args([&container, "--", PROGRAM, command]);
        run
    };
    let _service = Running(earmark("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    for question in 1.. {
        interruptions.pause(PAUSE)?;
        match quietly(&mut earmark("health")) {
            Ok(_) => break,
            Err(failure) if question == QUESTIONS => return Err(failure),
            Err(_) => {}
        }
    }
    let mut who = buildah.command("inspect");
    who.args([
        "--type",
        "container",
        "--format",
        "{{.Docker.Config.User}} {{.Docker.Config.Healthcheck}}",
    ]);
    let who = quietly(who.arg(&container))?;
    expect(
        who.starts_with(image::USER) && who.contains("health"),
        "the image has another user, or no check",
    )
}

/// The libraries that a program is loaded with: none where it brings its own.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listed = quietly(Command::new("ldd").arg(program))?;
    let paths = listed.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}

/// A service that is stopped at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Buildah ends what it has started when it is told to end; a kill would leave that behind.
        let told = Command::new("kill").arg(self.0.id().to_string()).status();
        if !told.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
