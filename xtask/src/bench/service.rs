//! The service: started on books, asked, stopped, and its books held against the answers.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::command::{Programs, Running};
use super::load::Ask;
use super::plan::{Cpu, Load, Memory, ServiceSlice, Verdict};
use super::proc;
use crate::Failure;

/// A service that is not ready by then is not going to be.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A drain ends well below this; the service has a bound of its own.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Reading or checking all the books of a slice takes seconds, those with a long past minutes.
const BOOKS_LIMIT: Duration = Duration::from_secs(1_800);

/// How often a starting service is asked whether it is ready: the start is measured no finer than this.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Longer, and an answer is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Where the books are, and who else spends processor time on them.
#[derive(Debug)]
pub(super) struct Books {
    /// As the service is told.
    pub(super) url: String,
    /// The process whose family is the database, where it is not the service itself.
    pub(super) database: Option<u32>,
}

/// How long a slice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// How long it runs before it is measured.
    pub(super) warm_up: Duration,
    /// How long it is measured.
    pub(super) measured: Duration,
}

/// The service's binary, and how it and those that load it are run.
#[derive(Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) binary: &'a Path,
    pub(super) programs: Programs<'a>,
}

impl Books {
    /// Its file.
    ///
    /// # Errors
    /// It is none: the books are on a server.
    pub(super) fn file(&self) -> Result<&Path, Failure> {
        let path = self.url.strip_prefix("sqlite:").map(Path::new);
        path.ok_or_else(|| "these books are no file".into())
    }

    /// The name of its database on PostgreSQL.
    pub(super) fn database_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
}

impl<'a> Service<'a> {
    /// Measures a slice on stocked books, and holds them against it.
    pub(super) fn slice(&self, ask: &Ask, books: &Books, times: Times) -> Result<ServiceSlice, Failure> {
        let mut serving = self.start("serve", books)?;
        let (slice, loads) = serving.measure(ask, books, "", times)?;
        serving.stop()?;
        let created: u64 = loads.iter().map(Load::created).sum();
        let lines = ask.lines();
        let verdict = self.verdict(books, created * u64::from(lines), 2 * ask.connections * lines)?;
        Ok(ServiceSlice { verdict, ..slice })
    }

    /// `earmark` with its books and nothing set by whoever runs this.
    pub(super) fn earmark(&self, books: &Books) -> Command {
        let mut command = Command::new(self.binary);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EARMARK")) {
            command.env_remove(name);
        }
        command.env("EARMARK__STORE__URL", &books.url).env_remove("RUST_LOG");
        command
    }

    /// Two batches for each product, one in the warehouse and one on its way, with plenty in both.
    pub(super) fn stock(&self, books: &Books, products: u32) -> Result<(), Failure> {
        let mut rows = String::new();
        for product in 0..products {
            for (place, eta) in [(1, ""), (2, "2099-12-31")] {
                writeln!(rows, "B-{product:06}-{place},SKU-{product:06},1000000000,{eta}")
                    .expect("a text takes all that is written");
            }
        }
        self.import_batches(books, &rows)
    }

    /// Makes batches, each a row of `reference,sku,quantity,eta`.
    pub(super) fn import_batches(&self, books: &Books, rows: &str) -> Result<(), Failure> {
        let file = self.programs.scratch.join("batches.csv");
        fs::write(&file, format!("reference,sku,quantity,eta\n{rows}"))?;
        let mut import = self.earmark(books);
        import.args(["import", "batches"]).arg(&file);
        self.programs.run("import", &mut import, BOOKS_LIMIT).map(drop)
    }

    /// Starts a service and waits until it is ready. `name` tells services that run at once apart.
    pub(super) fn start(&self, name: &str, books: &Books) -> Result<Serving<'a>, Failure> {
        let begun = Instant::now();
        let mut serve = self.earmark(books);
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut running = self.programs.start(name, &mut serve)?;
        loop {
            if let Some(address) = address_in(&running.printed()?)
                && get(&address, "/health/ready").is_ok_and(|answer| answer.status == 200)
            {
                let start = begun.elapsed();
                let idle = proc::memory(running.pid())?.loaded;
                return Ok(Serving {
                    running,
                    programs: self.programs,
                    address,
                    start,
                    idle,
                });
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

    /// Has the service check its books, and counts the lines they hold against what was answered. Each line that was
    /// answered must be stored; of those nobody waited for, up to `under_way` may be.
    pub(super) fn verdict(&self, books: &Books, answered: u64, under_way: u32) -> Result<Verdict, Failure> {
        if let Verdict::Wrong(told) = self.verify(books)? {
            return Ok(Verdict::Wrong(told));
        }
        Ok(compare(self.stored(books)?, answered, under_way))
    }

    /// Has the service check its books.
    pub(super) fn verify(&self, books: &Books) -> Result<Verdict, Failure> {
        let mut verify = self.earmark(books);
        match self.programs.run("verify", verify.arg("verify"), BOOKS_LIMIT) {
            Ok(_) => Ok(Verdict::Right),
            Err(told) => Ok(Verdict::Wrong(told.to_string())),
        }
    }

    /// How many lines are stored that hold units.
    pub(super) fn stored(&self, books: &Books) -> Result<u64, Failure> {
        let mut export = self.earmark(books);
        export.args(["export", "allocations"]);
        let exported = self.programs.run("export", &mut export, BOOKS_LIMIT)?;
        let header = 1;
        Ok(exported.lines().count().saturating_sub(header) as u64)
    }
}

/// A service that is ready. It is killed when this is dropped.
pub(super) struct Serving<'a> {
    running: Running<'a>,
    programs: Programs<'a>,
    /// Its host and port.
    pub(super) address: String,
    /// From the start of the process to the first answer that it is ready.
    pub(super) start: Duration,
    /// What it held in memory then, in bytes.
    pub(super) idle: u64,
}

impl Serving<'_> {
    /// Puts a load on it, first unmeasured; answers the slice, still without a verdict, and both loads. Order ids begin
    /// with the tag.
    pub(super) fn measure(
        &self,
        ask: &Ask,
        books: &Books,
        tag: &str,
        times: Times,
    ) -> Result<(ServiceSlice, [Load; 2]), Failure> {
        let warm_up = ask.run(self.programs, &self.address, &format!("{tag}1"), times.warm_up)?;
        let before = self.cpu(books)?;
        let load = ask.run(self.programs, &self.address, &format!("{tag}2"), times.measured)?;
        let cpu = self.cpu(books)?.since(before);
        let slice = ServiceSlice {
            load: load.clone(),
            cpu,
            memory: self.memory()?,
            start: self.start,
            verdict: Verdict::Right,
        };
        Ok((slice, [warm_up, load]))
    }

    /// What it holds in memory.
    pub(super) fn memory(&self) -> Result<Memory, Failure> {
        Ok(Memory {
            idle: self.idle,
            ..proc::memory(self.running.pid())?
        })
    }

    /// Processor time spent so far.
    pub(super) fn cpu(&self, books: &Books) -> Result<Cpu, Failure> {
        Ok(Cpu {
            service: proc::cpu_of_family(self.running.pid())?,
            database: books.database.map_or(Ok(Duration::ZERO), proc::cpu_of_family)?,
            load: proc::cpu_of_ended_children()?,
        })
    }

    /// Asks it to end, which it has to do well.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        self.running.stop(STOP_LIMIT)
    }
}

/// Each line that was answered must be stored. When a load generator ends, each of its connections may have one more
/// under way that nobody waits for.
fn compare(stored: u64, answered: u64, under_way: u32) -> Verdict {
    if (answered..=answered + u64::from(under_way)).contains(&stored) {
        Verdict::Right
    } else {
        Verdict::Wrong(format!("{answered} lines were answered and {stored} are stored"))
    }
}

/// The address in what the service prints when it listens.
fn address_in(printed: &str) -> Option<String> {
    // Up to the line's end: what is cut off is not yet all of it.
    let (line, _) = printed.split_once("http://")?.1.split_once('\n')?;
    Some(line.trim_end_matches('/').to_owned())
}

/// What a service answers to a single question.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Reads something from a service, on a connection of its own.
pub(super) fn get(address: &str, path: &str) -> Result<Reply, Failure> {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
}

/// Sends a JSON body to a service, on a connection of its own.
pub(super) fn send(address: &str, method: &str, path: &str, body: &str) -> Result<Reply, Failure> {
    let length = body.len();
    exchange(
        address,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn exchange(address: &str, request: &str) -> Result<Reply, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(Reply {
        status: status.ok_or_else(|| format!("no answer of HTTP: {answer:?}"))?,
        body: body.to_owned(),
    })
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

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        assert_eq!(address_in("Earmark listens on http://127.0.0.1:40"), None);
        let printed = "Earmark listens on http://127.0.0.1:4000/\n";
        assert_eq!(address_in(printed).as_deref(), Some("127.0.0.1:4000"));
    }

    #[test]
    fn what_was_answered_must_be_stored_and_no_more_than_was_asked() {
        assert_eq!(compare(30, 30, 8), Verdict::Right);
        assert_eq!(compare(38, 30, 8), Verdict::Right);
        assert!(matches!(compare(29, 30, 8), Verdict::Wrong(_)));
        assert!(matches!(compare(39, 30, 8), Verdict::Wrong(_)));
    }

    #[test]
    fn nobody_listening_does_not_answer() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address").to_string();
        drop(free);
        assert!(get(&address, "/health/ready").is_err());
    }

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let asked = std::thread::spawn(move || send(&address, "POST", "/v1/batches", "{}").expect("an answer"));
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut read = [0; 4];
        stream.read_exact(&mut read).expect("the method");
        stream
            .write_all(b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno")
            .expect("it takes the answer");
        // The rest is read, so that closing does not break the connection.
        let mut rest = [0; 4_096];
        assert!(stream.read(&mut rest).expect("the rest") > 0);
        drop(stream);
        let answer = asked.join().expect("it ends");
        assert_eq!((answer.status, answer.body.as_str()), (409, "no"));
    }
}
