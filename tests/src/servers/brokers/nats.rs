//! NATS servers.

use std::ffi::OsString;
use std::path::Path;

use super::process::{FilesCopy, Process, Program, free_port};

/// A NATS server with JetStream. The variable `EARMARK_TEST_NATS` names the program; otherwise `nats-server` is looked
/// for on the search path.
pub struct NatsServer(Process);

/// The name of its configuration in its folder.
const CONFIGURATION: &str = "nats.conf";

fn arguments(folder: &Path, port: u16) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--addr".into(), "127.0.0.1".into()];
    arguments.extend(["--port".into(), port.to_string().into()]);
    arguments.extend(["--config".into(), folder.join(CONFIGURATION).into()]);
    arguments
}

impl NatsServer {
    /// Starts a server, with more lines of configuration.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(configuration: &str) -> Self {
        let mut process = Process::new(Program {
            variable: "EARMARK_TEST_NATS",
            name: "nats-server",
            arguments,
            greeting: (b"", b"INFO "),
        });
        let folder = process.folder().display();
        let all = format!("jetstream {{ store_dir: \"{folder}/store\" }}\n{configuration}\n");
        std::fs::write(process.folder().join(CONFIGURATION), all).expect("its configuration is written");
        process.start();
        Self(process)
    }

    /// Starts servers that are one cluster. Each is named by its place among them: `n0`, `n1` …
    ///
    /// # Panics
    /// When one does not start.
    #[must_use]
    pub fn cluster(members: usize) -> Vec<Self> {
        let ports: Vec<u16> = (0..members).map(|_| free_port()).collect();
        let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let routes = routes.join(", ");
        let configuration = |(member, port)| {
            format!(
                "server_name: n{member}\n\
                 cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}"
            )
        };
        let configurations = ports.iter().enumerate().map(configuration);
        configurations
            .map(|configuration| Self::start(&configuration))
            .collect()
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
