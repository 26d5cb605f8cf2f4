//! The service's binary, and the processes it runs as.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::Failure;

use crate::load::wrk::{Caller, Workload};
use crate::measure::results::{Cpu, LoadResult, Memory, ServiceSlice, Timing};
use crate::process::proc;
use crate::process::program::{Programs, Running};
use crate::service::certificate::Certificate;
use crate::service::http::{Http, Reply};
use crate::stores::store::Store;

/// A service that is not ready by then has a fault.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The service limits its own shutdown to less.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// An import takes seconds; of a long history's batches, minutes.
const IMPORT_LIMIT: Duration = Duration::from_secs(1_800);

/// How often a starting service is polled: the resolution of the measured start.
const POLL: Duration = Duration::from_millis(1);

/// The service's binary, and how it is run.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) binary: PathBuf,
    pub(crate) programs: Programs,
    pub(crate) http: Http,
}

impl Service {
    /// `earmark` with a store; all other settings are the defaults.
    pub(crate) fn earmark(&self, store: &Store) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EARMARK")) {
            command.env_remove(name);
        }
        command.env("EARMARK__STORE__URL", &store.url).env_remove("RUST_LOG");
        command
    }

    /// Creates two large batches for each product, one in the warehouse and one in transit.
    pub(crate) fn stock(&self, store: &Store, products: u32) -> Result<(), Failure> {
        let mut rows = String::new();
        for product in 0..products {
            for (number, eta) in [(1, ""), (2, "2099-12-31")] {
                writeln!(rows, "B-{product:06}-{number},SKU-{product:06},1000000000,{eta}")?;
            }
        }
        self.import_batches(store, &rows)
    }

    /// Creates batches from rows of `reference,sku,quantity,eta`.
    pub(crate) fn import_batches(&self, store: &Store, rows: &str) -> Result<(), Failure> {
        self.import(store, "batches", &format!("reference,sku,quantity,eta\n{rows}"))
    }

    /// Allocates lines from rows of `order_id,sku,quantity`; what there is no stock for waits.
    pub(crate) fn import_orders(&self, store: &Store, rows: &str) -> Result<(), Failure> {
        self.import(store, "orders", &format!("order_id,sku,quantity\n{rows}"))
    }

    fn import(&self, store: &Store, kind: &str, csv: &str) -> Result<(), Failure> {
        let file = self.programs.scratch.join(format!("{kind}.csv"));
        fs::write(&file, csv)?;
        let mut import = self.earmark(store);
        import.args(["import", kind]).arg(&file);
        self.programs.run("import", &mut import, IMPORT_LIMIT).map(drop)
    }

    /// Starts the service and waits until it is ready. `name` distinguishes processes that run at the same time.
    pub(crate) fn start(&self, name: &str, store: &Store) -> Result<RunningService, Failure> {
        self.start_as(name, self.earmark(store))
    }

    /// The same, with subscribers: their URLs, and the secret that webhooks are signed with. They may be on this machine.
    pub(crate) fn start_telling(
        &self,
        name: &str,
        store: &Store,
        urls: &[String],
        secret: &str,
    ) -> Result<RunningService, Failure> {
        let mut serve = self.earmark(store);
        serve
            .env("EARMARK__EVENTS__URLS", urls.join(","))
            .env("EARMARK__EVENTS__WEBHOOK_SECRETS", secret)
            .env("EARMARK__EVENTS__WEBHOOK_NETWORKS", "127.0.0.0/8");
        self.start_as(name, serve)
    }

    /// The same, encrypted.
    pub(crate) fn start_encrypted(
        &self,
        name: &str,
        store: &Store,
        certificate: &Certificate,
    ) -> Result<RunningService, Failure> {
        let mut serve = self.earmark(store);
        serve
            .env("EARMARK__HTTP__TLS_CERTIFICATE", &certificate.chain)
            .env("EARMARK__HTTP__TLS_KEY", &certificate.key);
        self.start_when(name, serve, |address| {
            let mut health = self.earmark(store);
            health.args(["health", "--url", &format!("https://{address}")]);
            let answered = self
                .programs
                .run("health", certificate.trusted_by(&mut health), START_LIMIT);
            answered.is_ok()
        })
    }

    fn start_as(&self, name: &str, serve: Command) -> Result<RunningService, Failure> {
        self.start_when(name, serve, |address| {
            matches!(self.http.get(address, "/health/ready"), Ok(Reply { status: 200, .. }))
        })
    }

    fn start_when(
        &self,
        name: &str,
        mut serve: Command,
        is_ready: impl Fn(&str) -> bool,
    ) -> Result<RunningService, Failure> {
        let started = Instant::now();
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = self.programs.start(name, &mut serve)?;
        loop {
            if let Some(address) = address_in(&process.printed()?)
                && is_ready(&address)
            {
                let start = started.elapsed();
                return Ok(RunningService {
                    idle: proc::memory(process.pid())?.loaded,
                    process,
                    programs: self.programs.clone(),
                    http: self.http.clone(),
                    address,
                    start,
                });
            }
            if let Some(status) = process.ended()? {
                return Err(format!("the service exited during its start: {status}{}", process.tail()).into());
            }
            if started.elapsed() > START_LIMIT {
                let seconds = START_LIMIT.as_secs();
                return Err(format!("the service is not ready after {seconds} s{}", process.tail()).into());
            }
            self.programs.pause(POLL)?;
        }
    }
}

/// A service that is ready. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct RunningService {
    process: Running,
    programs: Programs,
    http: Http,
    /// Host and port.
    pub(crate) address: String,
    /// From the start of the process until it was ready.
    start: Duration,
    /// Resident memory at that time, in bytes.
    idle: u64,
}

impl RunningService {
    /// Measures a workload after its warm-up. Returns the slice, not yet audited, and how many requests succeeded in
    /// the warm-up and the slice together. Order ids contain the tag.
    pub(crate) fn measure(
        &self,
        workload: &Workload,
        store: &Store,
        tag: &str,
        timing: Timing,
    ) -> Result<(ServiceSlice, u64), Failure> {
        self.measure_as(&Caller::Anybody, workload, store, tag, timing)
    }

    /// The same of a caller who has to get in.
    pub(crate) fn measure_as(
        &self,
        caller: &Caller,
        workload: &Workload,
        store: &Store,
        tag: &str,
        timing: Timing,
    ) -> Result<(ServiceSlice, u64), Failure> {
        let run = |number: u8, duration| {
            workload.run_as(
                caller,
                &self.programs,
                &self.address,
                &format!("{tag}{number}"),
                duration,
            )
        };
        let warm_up = run(1, timing.warm_up)?;
        let before = self.cpu(store)?;
        let load = run(2, timing.measured)?;
        let cpu = self.cpu(store)?.since(before);
        let created = [&warm_up, &load].map(LoadResult::created).iter().sum();
        let slice = ServiceSlice {
            load,
            cpu,
            memory: self.memory()?,
            start: self.start,
            problem: None,
        };
        Ok((slice, created))
    }

    /// `GET` of a path.
    pub(crate) fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.http.get(&self.address, path)
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(&self, path: &str, body: String) -> Result<Reply, Failure> {
        self.http.post(&self.address, path, body)
    }

    /// Its resident memory.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        Ok(Memory {
            idle: self.idle,
            ..proc::memory(self.process.pid())?
        })
    }

    /// CPU time so far.
    fn cpu(&self, store: &Store) -> Result<Cpu, Failure> {
        Ok(Cpu {
            service: proc::cpu_of_family(self.process.pid())?,
            database: store.server.map_or(Ok(Duration::ZERO), proc::cpu_of_family)?,
            load: proc::cpu_of_ended_children()?,
        })
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        self.process.stop(STOP_LIMIT)
    }
}

/// The address that the service prints when it listens.
fn address_in(printed: &str) -> Option<String> {
    // Without the end of its line, the address may be incomplete.
    let (line, _) = printed.split_once("://")?.1.split_once('\n')?;
    Some(line.trim_end_matches('/').to_owned())
}

/// The release build of the service: it lies beside this program.
pub(crate) fn binary() -> Result<PathBuf, Failure> {
    let binary = env::current_exe()?.with_file_name("earmark");
    if binary.exists() {
        Ok(binary)
    } else {
        Err(format!("{} does not exist", binary.display()).into())
    }
}

/// Cargo's target folder, by the service's binary.
pub(crate) fn target_folder(binary: &Path) -> Result<&Path, Failure> {
    binary
        .ancestors()
        .nth(2)
        .ok_or_else(|| "the binary is not in a target folder".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_when_its_line_is_complete() {
        assert_eq!(address_in("Earmark listens on http://127.0.0.1:40"), None);
        let printed = "Earmark listens on http://127.0.0.1:4000/\n";
        assert_eq!(address_in(printed).as_deref(), Some("127.0.0.1:4000"));
    }
}
