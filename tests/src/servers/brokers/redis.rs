//! Redis servers.

use std::ffi::OsString;
use std::path::Path;

use super::process::{FilesCopy, Process, Program};

/// A Redis server that writes every command to its file before it answers. The variable `EARMARK_TEST_REDIS` names the
/// program; otherwise `redis-server` is looked for on the search path.
pub struct RedisServer(Process);

/// The name of its configuration in its folder.
const CONFIGURATION: &str = "redis.conf";

fn arguments(folder: &Path, port: u16) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![folder.join(CONFIGURATION).into()];
    arguments.extend(["--port".into(), port.to_string().into()]);
    arguments.extend(["--dir".into(), folder.into()]);
    arguments
}

impl RedisServer {
    /// Starts a server, with more lines of configuration.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(configuration: &str) -> Self {
        let mut process = Process::new(Program {
            variable: "EARMARK_TEST_REDIS",
            name: "redis-server",
            arguments,
            // A server that asks for a password answers otherwise, and is ready as well.
            greeting: (
                b"PING\r\n",
                if configuration.contains("requirepass") {
                    b"-NOAUTH"
                } else {
                    b"+PONG"
                },
            ),
        });
        let all = format!("bind 127.0.0.1\nsave \"\"\nappendonly yes\nappendfsync always\n{configuration}\n");
        std::fs::write(process.folder().join(CONFIGURATION), all).expect("its configuration is written");
        process.start();
        Self(process)
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.0.port()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it again, on the same port and with its files.
    pub fn start_again(&mut self) {
        self.0.start();
    }

    /// Copies the files of a server that does not run.
    #[must_use]
    pub fn copy_files(&self) -> FilesCopy {
        self.0.copy_files()
    }

    /// Puts older files back in a server that does not run.
    pub fn put_back(&mut self, copy: &FilesCopy) {
        self.0.put_back(copy);
    }
}
