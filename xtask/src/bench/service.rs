//! The service under load: started on stocked books, loaded by `wrk`, stopped, and its books held against the answers.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::command::{Programs, Running};
use super::load;
use super::plan::{Cpu, Load, Memory, ServiceSlice, Verdict, Workload};
use super::proc;
use crate::Failure;

const SCRIPT: &str = include_str!("../../bench/allocations.lua");

/// A service that is not ready by then is not going to be.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A drain ends well below this; the service has a bound of its own.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Reading or checking all the books of a slice takes seconds.
const BOOKS_LIMIT: Duration = Duration::from_secs(300);

/// How much longer than it was asked the load generator may take to end.
const LOAD_GRACE: Duration = Duration::from_secs(30);

/// How often a starting service is asked whether it is ready: the start is measured no finer than this.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Longer, and an answer to the question whether it is ready is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Threads of the load generator: one alone is never the bottleneck here, and takes less from what is measured.
const LOAD_THREADS: u32 = 1;

/// Where the books are, and who else spends processor time on them.
pub(super) struct Books {
    /// As the service is told.
    pub(super) url: String,
    /// The process whose family is the database, where it is not the service itself.
    pub(super) database: Option<u32>,
}

/// The service's binary, and how it and those that load it are run.
pub(super) struct Service<'a> {
    pub(super) binary: &'a Path,
    pub(super) programs: Programs<'a>,
}

impl<'a> Service<'a> {
    /// Measures a slice on fresh books.
    pub(super) fn slice(
        &self,
        workload: Workload,
        books: &Books,
        warm_up: Duration,
        measured: Duration,
    ) -> Result<ServiceSlice, Failure> {
        self.stock(workload, books)?;
        let (mut running, address, start) = self.start(books)?;
        let pid = running.pid();
        let idle = proc::memory(pid)?.loaded;

        let warmed_up = self.load(workload, &address, "warm-up", warm_up)?;
        let before = self.cpu(pid, books)?;
        let load = self.load(workload, &address, "measured", measured)?;
        let after = self.cpu(pid, books)?;
        let memory = Memory {
            idle,
            ..proc::memory(pid)?
        };
        running.stop(STOP_LIMIT)?;

        Ok(ServiceSlice {
            verdict: self.verdict(books, workload, [&warmed_up, &load])?,
            cpu: Cpu {
                service: after.service.saturating_sub(before.service),
                database: after.database.saturating_sub(before.database),
                load: after.load.saturating_sub(before.load),
            },
            load,
            memory,
            start,
        })
    }

    /// `earmark` with its books and nothing set by whoever runs this.
    fn earmark(&self, books: &Books) -> Command {
        let mut command = Command::new(self.binary);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EARMARK")) {
            command.env_remove(name);
        }
        command.env("EARMARK__STORE__URL", &books.url).env_remove("RUST_LOG");
        command
    }

    /// Two batches for each product, one in the warehouse and one on its way, with plenty in both.
    fn stock(&self, workload: Workload, books: &Books) -> Result<(), Failure> {
        let mut rows = "reference,sku,quantity,eta\n".to_owned();
        for product in 0..workload.products {
            for (place, eta) in [(1, ""), (2, "2099-12-31")] {
                writeln!(rows, "B-{product:06}-{place},SKU-{product:06},1000000000,{eta}")
                    .expect("a text takes all that is written");
            }
        }
        let file = self.programs.scratch.join("batches.csv");
        fs::write(&file, rows)?;
        let mut import = self.earmark(books);
        import.args(["import", "batches"]).arg(&file);
        self.programs.run("import", &mut import, BOOKS_LIMIT).map(drop)
    }

    /// Starts the service and waits until it is ready; answers its address and how long that took.
    fn start(&self, books: &Books) -> Result<(Running<'a>, String, Duration), Failure> {
        let begun = Instant::now();
        let mut serve = self.earmark(books);
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut running = self.programs.start("serve", &mut serve)?;
        loop {
            if let Some(address) = address_in(&running.printed()?)
                && is_ready(&address)
            {
                return Ok((running, address, begun.elapsed()));
            }
            if let Some(status) = running.ended()? {
                return Err(format!(
                    "the service ended with {status} while it started{}",
                    running.last_words()
                )
                .into());
            }
            if begun.elapsed() > START_LIMIT {
                let seconds = START_LIMIT.as_secs();
                return Err(format!("the service is not ready after {seconds} s{}", running.last_words()).into());
            }
            (self.programs.pause)(ASK_EVERY)?;
        }
    }

    fn load(&self, workload: Workload, address: &str, name: &str, long: Duration) -> Result<Load, Failure> {
        let script = self.programs.scratch.join("allocations.lua");
        fs::write(&script, SCRIPT)?;
        // The generator takes whole seconds only.
        let seconds = long.as_secs().max(1).to_string();
        let mut wrk = Command::new("wrk");
        wrk.args([
            "--threads",
            &LOAD_THREADS.to_string(),
            "--connections",
            &workload.connections.to_string(),
        ])
        .args(["--duration", &seconds, "--script"])
        .arg(&script)
        .args([&format!("http://{address}"), "--", name, &workload.products.to_string()]);
        load::parse(&self.programs.run("wrk", &mut wrk, long + LOAD_GRACE)?)
    }

    fn cpu(&self, service: u32, books: &Books) -> Result<Cpu, Failure> {
        Ok(Cpu {
            service: proc::cpu_of_family(service)?,
            database: books.database.map_or(Ok(Duration::ZERO), proc::cpu_of_family)?,
            load: proc::cpu_of_ended_children()?,
        })
    }

    /// Has the service check its books, and counts what they hold against what was answered.
    fn verdict(&self, books: &Books, workload: Workload, loads: [&Load; 2]) -> Result<Verdict, Failure> {
        if let Err(told) = self
            .programs
            .run("verify", self.earmark(books).arg("verify"), BOOKS_LIMIT)
        {
            return Ok(Verdict::Wrong(told.to_string()));
        }
        let mut export = self.earmark(books);
        export.args(["export", "allocations"]);
        let exported = self.programs.run("export", &mut export, BOOKS_LIMIT)?;
        let header = 1;
        let stored = exported.lines().count().saturating_sub(header) as u64;
        Ok(compare(stored, loads, workload.connections))
    }
}

/// Each line that was answered must be stored. When the load generator ends, each of its connections may have one more
/// under way that nobody waits for.
fn compare(stored: u64, loads: [&Load; 2], connections: u32) -> Verdict {
    let answered: u64 = loads.iter().map(|load| load.allocations()).sum();
    let under_way = loads.len() as u64 * u64::from(connections);
    if (answered..=answered + under_way).contains(&stored) {
        Verdict::Right
    } else {
        Verdict::Wrong(format!("{answered} allocations were answered and {stored} are stored"))
    }
}

/// The address in what the service prints when it listens.
fn address_in(printed: &str) -> Option<String> {
    // Up to the line's end: what is cut off is not yet all of it.
    let (line, _) = printed.split_once("http://")?.1.split_once('\n')?;
    Some(line.trim_end_matches('/').to_owned())
}

fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        write!(
            stream,
            "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}

/// Where the binary of this very build profile is: beside this program.
pub(super) fn binary() -> Result<PathBuf, Failure> {
    let binary = env::current_exe()?.with_file_name("earmark");
    if binary.exists() {
        Ok(binary)
    } else {
        Err(format!("there is no {}", binary.display()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(count: u64) -> Load {
        Load {
            statuses: [(201, count), (409, 5)].into(),
            ..Load::default()
        }
    }

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        assert_eq!(address_in("Earmark listens on http://127.0.0.1:40"), None);
        let printed = "Earmark listens on http://127.0.0.1:4000/\n";
        assert_eq!(address_in(printed).as_deref(), Some("127.0.0.1:4000"));
    }

    #[test]
    fn what_was_answered_must_be_stored_and_no_more_than_was_asked() {
        let loads = [&answered(10), &answered(20)];
        assert_eq!(compare(30, loads, 4), Verdict::Right);
        assert_eq!(compare(38, loads, 4), Verdict::Right);
        assert!(matches!(compare(29, loads, 4), Verdict::Wrong(_)));
        assert!(matches!(compare(39, loads, 4), Verdict::Wrong(_)));
    }

    #[test]
    fn nobody_listening_is_not_ready() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address").to_string();
        drop(free);
        assert!(!is_ready(&address));
    }
}
