//! The binary under test: built from the current sources, then run.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// The variable with the path of a binary that is known to be fresh.
const GIVEN: &str = "EARMARK_TEST_BINARY";

/// The path of the binary. If none is given, the first caller builds it if it is stale: Cargo builds only the binaries of a
/// test's own package.
fn binary() -> &'static Path {
    // A failure is stored as well: one attempt is enough.
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        if let Some(given) = env::var_os(GIVEN) {
            return Some(given.into());
        }
        let test = env::current_exe().expect("the test has a path");
        // <target>[/<triple>]/<profile>/deps/<test>
        let profile = test.ancestors().nth(2).expect("a test lies in a profile's folder");
        let binary = profile.join(format!("earmark{}", env::consts::EXE_SUFFIX));
        // A run of all tests has built it already; building it again with other features would take time.
        if is_fresh(&binary).unwrap_or(false) {
            Some(binary)
        } else {
            build(profile)
        }
    });
    binary.as_deref().expect("the binary can be built")
}

/// Whether the binary is newer than everything that it may be built from. Cargo lists its sources in a file beside it, but does
/// not write that anew when it builds the binary for tests.
fn is_fresh(binary: &Path) -> io::Result<bool> {
    let built = binary.metadata()?.modified()?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut left = vec![
        workspace.join("Cargo.toml"),
        workspace.join("Cargo.lock"),
        workspace.join("crates"),
    ];
    while let Some(path) = left.pop() {
        let metadata = path.metadata()?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if metadata.modified()? >= built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Builds the binary in the target folder and the profile of this test. `None`: it can't be built, and Cargo has printed
/// why.
fn build(profile: &Path) -> Option<PathBuf> {
    let target = profile.parent().expect("a profile lies in a target folder");
    let name = |path: &Path| {
        path.file_name()
            .expect("a folder has a name")
            .to_string_lossy()
            .into_owned()
    };

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args([
        "build",
        "--package",
        "earmark",
        "--bin",
        "earmark",
        "--message-format=json-render-diagnostics",
    ]);
    match name(profile).as_str() {
        "debug" => {}
        other => {
            cargo.args(["--profile", other]);
        }
    }
    let folder = name(target);
    if is_triple(&folder) {
        cargo.args(["--target", &folder, "--target-dir"]);
        cargo.arg(target.parent().expect("a triple lies in a target folder"));
    } else {
        cargo.arg("--target-dir").arg(target);
    }

    let built = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    if !built.status.success() {
        return None;
    }
    let messages = String::from_utf8(built.stdout).expect("the output is UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "earmark")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Whether the name of a folder is that of a target, such as `x86_64-unknown-linux-gnu`: a build for a named target lies
/// in such a folder, any other in the target folder itself.
fn is_triple(folder: &str) -> bool {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let list = rustc.args(["--print", "target-list"]).output().expect("rustc runs");
    let list = String::from_utf8(list.stdout).expect("the names are ASCII");
    list.lines().any(|triple| triple == folder)
}

/// The binary as a command, in a folder of its own and without settings from the environment.
pub(super) fn bare(folder: &TempDir) -> Command {
    of_program(binary(), folder)
}

/// The same with another binary.
pub(super) fn of_program(program: &Path, folder: &TempDir) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder.path());
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EARMARK")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env("EARMARK__LOG__FORMAT", "json");
    command
}

/// A finished run of the binary.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None`: it was ended by a signal.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Finished {
    /// Standard output of a run that succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    #[must_use]
    pub fn succeeded(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "\n--- standard output\n{}\n--- standard error\n{}",
            self.out,
            self.err
        );
        self.out
    }

    /// Asserts that the run ended with this exit code.
    ///
    /// # Panics
    /// When it ended with another one.
    #[track_caller]
    #[must_use]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- standard output\n{}\n--- standard error\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// Runs `earmark` with these arguments on the database at `store`, to its end.
///
/// # Panics
/// When it can't be run, or prints something that is not UTF-8.
pub async fn earmark(store: &str, arguments: &[&str]) -> Finished {
    earmark_reading(store, arguments, &[]).await
}

/// As [`earmark`], and batches are offered however long they are overdue: for files whose dates have passed.
///
/// # Panics
/// As [`earmark`].
pub async fn earmark_without_grace(store: &str, arguments: &[&str]) -> Finished {
    const OFF: &[(&str, &str)] = &[("EARMARK__PROMISING__OVERDUE_GRACE_DAYS", "off")];
    run(store, OFF, arguments, &[], User::This).await
}

/// As [`earmark`], with these bytes in a pipe at its standard input.
///
/// # Panics
/// As [`earmark`].
pub async fn earmark_reading(store: &str, arguments: &[&str], input: &[u8]) -> Finished {
    run(store, &[], arguments, input, User::This).await
}

/// As [`earmark`], with further variables in its environment.
///
/// # Panics
/// As [`earmark`].
pub async fn earmark_with(store: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    run(store, variables, arguments, &[], User::This).await
}

/// As [`earmark`], as a user who has only the rights that files give to everybody: root, who may do everything, becomes
/// another.
///
/// # Panics
/// As [`earmark`].
pub async fn earmark_without_rights(store: &str, arguments: &[&str]) -> Finished {
    run(store, &[], arguments, &[], User::Nobody).await
}

/// Who runs the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    This,
    /// The user `nobody`, if this one is root.
    Nobody,
}

/// The number of the user `nobody`.
const NOBODY: u32 = 65_534;

/// The binary as a command of a user without rights, who may not reach the folder in which it was built.
fn without_rights(folder: &TempDir) -> Command {
    let bare = bare(folder);
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).expect("a folder");
    if mine.metadata().expect("it is there").uid() != 0 {
        return bare;
    }
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), everybody).expect("everybody may enter it");
    let copy = folder.path().join("earmark");
    fs::copy(binary(), &copy).expect("it is copied");
    let mut command = Command::new(copy);
    command.current_dir(folder.path()).uid(NOBODY).gid(NOBODY);
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Runs the binary with further settings.
async fn run(store: &str, settings: &[(&str, &str)], arguments: &[&str], input: &[u8], user: User) -> Finished {
    let (store, input) = (store.to_owned(), input.to_owned());
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings: Vec<(String, String)> = settings.iter().map(owned).collect();
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let to_its_end = move || -> Output {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = match user {
            User::This => bare(&folder),
            User::Nobody => without_rights(&folder),
        };
        command.args(arguments).env("EARMARK__STORE__URL", store).envs(settings);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut pipe = child.stdin.take().expect("a pipe");
        let writer = thread::spawn(move || match pipe.write_all(&input) {
            // A run that reads nothing, or not to the end, closes its end of the pipe.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        });
        let output = child.wait_with_output().expect("the binary runs");
        writer
            .join()
            .expect("the writer ends")
            .expect("the pipe can be written");
        output
    };
    let output = super::in_time("a run of the binary", spawn_blocking(to_its_end))
        .await
        .expect("the run is awaited");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Finished {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_was_just_built_is_fresh_and_one_that_is_older_than_a_source_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let built = folder.path().join("earmark");
        let file = fs::File::create(&built).expect("it is made");
        assert!(is_fresh(&built).expect("all sources are there"));
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("it is set");
        assert!(!is_fresh(&built).expect("all sources are there"));
    }

    #[test]
    fn a_target_folder_is_no_target() {
        assert!(is_triple("x86_64-unknown-linux-gnu"));
        assert!(!is_triple("target"));
    }
}
