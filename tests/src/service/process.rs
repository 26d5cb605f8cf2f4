//! The service as a child process: started, terminated, or killed.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::binary::{bare, of_program};
use super::client::Client;
use super::wait::{in_time, until};

/// How many lines of the log are printed when a case fails.
const LOG_LINES: usize = 200;

/// The last lines of a log.
#[derive(Debug, Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Reads a pipe to its end, so that the child never blocks on it.
    fn read_all(&self, pipe: impl Read + Send + 'static, mut each: impl FnMut(&str) + Send + 'static) {
        let tail = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                each(&line);
                tail.push(line);
            }
        });
    }
}

/// A running service. Killed when it is dropped; its last log lines are printed if the case failed.
#[derive(Debug)]
pub struct Service {
    child: Child,
    address: SocketAddr,
    log: Tail,
    /// Its working directory.
    _folder: TempDir,
}

impl Service {
    /// Starts the service on the database at `store`, on a free port, and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead, or is not ready in time.
    pub async fn start(store: &str) -> Self {
        Self::start_with(store, &[]).await
    }

    /// Starts the service with some settings, as environment variables `(name, value)`.
    ///
    /// # Panics
    /// When it ends instead, or is not ready in time.
    pub async fn start_with(store: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_listening(store, settings).await.until_ready().await
    }

    /// Starts the service of another binary, as of another version.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_program(program: &Path, store: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let command = of_program(program, &folder);
        Self::listening(command, folder, store, &[]).await.until_ready().await
    }

    async fn until_ready(self) -> Self {
        let service = self;
        let client = service.client();
        until("the service is ready", async || {
            let reply = client
                .try_send(reqwest::Method::GET, "/health/ready", &[], Vec::new())
                .await
                .ok()?;
            (reply.status == 200).then_some(())
        })
        .await;
        service
    }

    /// Starts the service with some settings, and waits until it listens: for one that does not speak plain HTTP.
    ///
    /// # Panics
    /// When it ends instead, or does not listen in time.
    pub async fn start_listening(store: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let command = bare(&folder);
        Self::listening(command, folder, store, settings).await
    }

    async fn listening(mut command: Command, folder: TempDir, store: &str, settings: &[(&str, &str)]) -> Self {
        command
            .env("EARMARK__STORE__URL", store)
            .env("EARMARK__HTTP__LISTEN", "127.0.0.1:0");
        command.envs(settings.iter().copied()).arg("serve");
        let (mut child, log, address) = spawn(command);
        let address = match in_time("the service prints its address", address).await {
            Ok(address) => address,
            Err(_) => {
                let ended = child.wait().expect("the service can be waited for");
                panic!("the service ended with {ended} and printed no address\n{}", log.text());
            }
        };
        Self {
            child,
            address,
            log,
            _folder: folder,
        }
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of this service, with connections of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::of(self.address)
    }

    /// Its last log lines. What it did just now may not be among them yet: they come through a pipe.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until a line of its log has this text.
    ///
    /// # Panics
    /// When none has it in time.
    pub async fn until_logged(&self, text: &str) {
        until(&format!("the log says {text:?}"), async || {
            self.log().contains(text).then_some(())
        })
        .await;
    }

    /// The memory that it has taken from the system, in KiB: its resident memory without the pages of its files, of which
    /// a build with debug information has many.
    ///
    /// # Panics
    /// Where the system is not Linux.
    #[must_use]
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// Its resident memory, in KiB.
    ///
    /// # Panics
    /// Where the system is not Linux.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        status(self.pid(), name).expect("its memory")
    }

    /// Kills it at once, as a power cut does.
    ///
    /// # Panics
    /// When it can't be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("the service can be killed");
        self.child.wait().expect("the service can be waited for");
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM, so that it drains.
    ///
    /// # Panics
    /// When the signal can't be sent.
    pub fn terminate(&self) {
        assert!(signal("TERM", &[self.pid()]), "the signal was sent");
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let child = Mutex::new(&mut self.child);
        until("the service ends", async || {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            child
                .try_wait()
                .unwrap_or_else(|error| panic!("can't be waited for: {error}\n{}", log.text()))
        })
        .await
    }
}

/// The memory that a process has taken from the system, in KiB, without the pages of its files. `None`: it has ended.
#[must_use]
pub fn own_memory_of(pid: u32) -> Option<u64> {
    status(pid, "RssAnon:")
}

/// A figure of a process, in KiB.
fn status(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Sends a signal, such as `TERM`, to some processes. `false`: at least one did not get it.
///
/// # Panics
/// When no shell runs.
#[must_use]
pub fn signal(name: &str, pids: &[u32]) -> bool {
    // The standard library can only send SIGKILL; a shell can send any signal.
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$0\" \"$@\"", name]);
    shell.args(pids.iter().map(u32::to_string)).stderr(Stdio::null());
    shell.status().expect("a shell runs").success()
}

fn spawn(mut command: Command) -> (Child, Tail, oneshot::Receiver<SocketAddr>) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the service starts");
    let log = Tail::default();
    let (sender, address) = oneshot::channel();
    let mut sender = Some(sender);
    log.read_all(child.stdout.take().expect("a pipe"), move |line| {
        if let Some(address) = address_in(line)
            && let Some(sender) = sender.take()
        {
            // The receiver is gone when the start has timed out.
            let _ = sender.send(address);
        }
    });
    log.read_all(child.stderr.take().expect("a pipe"), |_| {});
    (child, log, address)
}

/// The address in the line that says where the dashboard is.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://").or_else(|| line.split_once("https://"))?;
    let end = rest
        .find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl Drop for Service {
    #[expect(clippy::print_stderr, reason = "a failing test prints the log of the service")]
    fn drop(&mut self) {
        // Fails when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- the last log lines of the service\n{}---", self.log.text());
        }
    }
}
