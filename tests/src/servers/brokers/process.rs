//! A server as a process, with its folder and its port.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a server is told its port and its folder, and asked whether it is ready.
pub(super) struct Program {
    /// The variable of the environment that names the program.
    pub(super) variable: &'static str,
    /// Its name on the search path.
    pub(super) name: &'static str,
    /// The arguments for a folder and a port.
    pub(super) arguments: fn(&Path, u16) -> Vec<OsString>,
    /// What is said to it, and what it answers first when it is ready.
    pub(super) greeting: (&'static [u8], &'static [u8]),
}

/// A server. It is killed with this value.
pub(super) struct Process {
    program: Program,
    folder: TempDir,
    port: u16,
    running: Option<Child>,
}

/// A copy of the files of a server.
pub struct FilesCopy(TempDir);

impl Process {
    /// A server that does not run yet, on a port that is free now.
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            folder: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            running: None,
        }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, and waits until it answers.
    pub(super) fn start(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let named = std::env::var_os(self.program.variable);
        let path = named.map_or_else(|| PathBuf::from(self.program.name), PathBuf::from);
        let log = std::fs::File::create(self.folder.path().with_extension("log")).expect("a file for its log");
        let child = Command::new(&path)
            .args((self.program.arguments)(self.folder.path(), self.port))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        let child = child.map_err(|error| format!("{}: {error}", path.display()));
        let child = child.expect("the program starts: `cargo xtask test` installs it");
        self.running = Some(child);
        let started = Instant::now();
        while !self.answers() {
            let ended = self
                .running
                .as_mut()
                .is_some_and(|child| child.try_wait().is_ok_and(|end| end.is_some()));
            assert!(
                !ended && started.elapsed() < PATIENCE,
                "{} does not start: {}",
                path.display(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let (said, wanted) = self.program.greeting;
        let ask = || -> io::Result<bool> {
            let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
            socket.set_read_timeout(Some(Duration::from_secs(1)))?;
            socket.write_all(said)?;
            let mut answer = vec![0; wanted.len()];
            socket.read_exact(&mut answer)?;
            Ok(answer == wanted)
        };
        ask().unwrap_or(false)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().with_extension("log")).unwrap_or_default()
    }

    /// Kills it: it gets no time to write anything.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().expect("it is killed");
            child.wait().expect("it has ended");
        }
    }

    /// Copies its files. It must not run.
    pub(super) fn copy_files(&self) -> FilesCopy {
        assert!(
            self.running.is_none(),
            "files are copied from a server that does not run"
        );
        let copy = FilesCopy(tempfile::tempdir().expect("a temporary folder"));
        copy_folder(self.folder.path(), copy.0.path()).expect("its files are copied");
        copy
    }

    /// Puts files back in the place of its own. It must not run.
    pub(super) fn put_back(&self, copy: &FilesCopy) {
        assert!(
            self.running.is_none(),
            "files are put back for a server that does not run"
        );
        for entry in std::fs::read_dir(self.folder.path()).expect("its folder").flatten() {
            let removed = if entry.path().is_dir() {
                std::fs::remove_dir_all(entry.path())
            } else {
                std::fs::remove_file(entry.path())
            };
            removed.expect("a file is removed");
        }
        copy_folder(copy.0.path(), self.folder.path()).expect("its files are put back");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            // It may have ended by itself; there is nobody left to tell.
            drop(child.kill());
            drop(child.wait());
        }
        drop(std::fs::remove_file(self.folder.path().with_extension("log")));
    }
}

/// A port on the loopback interface that nobody listens on now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
