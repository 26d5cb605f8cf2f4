//! Running other programs: bounded in time, killed on every way out, their output shown when they fail.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use xtask::{Failure, Interruptions};

use crate::process::proc;

/// How often a running program is polled.
const POLL: Duration = Duration::from_millis(5);

/// How much of a failed program's output is shown, in bytes.
const TAIL: usize = 2_000;

/// How programs are run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Their working folder. Their output goes to files in it, so that a full pipe never blocks them.
    pub(crate) scratch: PathBuf,
    pub(crate) interruptions: Interruptions,
}

impl Programs {
    /// Starts a program in the background.
    pub(crate) fn start(&self, name: &str, command: &mut Command) -> Result<Running, Failure> {
        let output = self.scratch.join(format!("{name}.out"));
        let errors = self.scratch.join(format!("{name}.err"));
        let child = command
            .current_dir(&self.scratch)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()
            .map_err(|error| format!("{name} can't be started: {error}"))?;
        Ok(Running {
            name: name.to_owned(),
            child,
            output,
            errors,
            interruptions: self.interruptions.clone(),
        })
    }

    /// Runs a program to its end, and returns the most memory that it had, in bytes, as far as it was looked at.
    pub(crate) fn watch(&self, name: &str, command: &mut Command, limit: Duration) -> Result<u64, Failure> {
        let mut running = self.start(name, command)?;
        let (started, mut most) = (Instant::now(), 0);
        while running.ended()?.is_none() && started.elapsed() < limit {
            // It may end meanwhile.
            most = most.max(proc::memory(running.pid()).map_or(0, |memory| memory.peak));
            self.pause(POLL)?;
        }
        running.succeed(Duration::ZERO)?;
        Ok(most)
    }

    /// Runs a program to its end and returns its standard output.
    pub(crate) fn run(&self, name: &str, command: &mut Command, limit: Duration) -> Result<String, Failure> {
        let mut running = self.start(name, command)?;
        running.succeed(limit)?;
        running.printed()
    }

    /// Sleeps, unless the user interrupts.
    pub(crate) fn pause(&self, duration: Duration) -> Result<(), Failure> {
        self.interruptions.pause(duration)
    }
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    output: PathBuf,
    errors: PathBuf,
    interruptions: Interruptions,
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn succeed(&mut self, limit: Duration) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return self.check(status);
            }
            if started.elapsed() > limit {
                let seconds = limit.as_secs();
                return Err(format!("{} did not end within {seconds} s{}", self.name, self.tail()).into());
            }
            self.interruptions.pause(POLL)?;
        }
    }

    /// Fails unless the exit status is a success.
    pub(crate) fn check(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() {
            Ok(())
        } else {
            Err(format!("{} failed: {status}{}", self.name, self.tail()).into())
        }
    }

    /// Its standard output so far.
    pub(crate) fn printed(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.output)?)
    }

    /// The end of its output, to append to an error message.
    pub(crate) fn tail(&self) -> String {
        let read = |path| fs::read_to_string(path).unwrap_or_else(|error| format!("(unreadable: {error})"));
        let printed = format!("{}{}", read(&self.output), read(&self.errors));
        let tail = &printed.as_bytes()[printed.len().saturating_sub(TAIL)..];
        format!(":\n{}", String::from_utf8_lossy(tail).trim_end())
    }

    /// Sends SIGTERM and waits for its end, which must be a success.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<(), Failure> {
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !sent.success() {
            return Err(format!("{} could not be stopped: it has ended{}", self.name, self.tail()).into());
        }
        self.succeed(limit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn with_programs(case: impl FnOnce(&Programs)) {
        let scratch = tempfile::tempdir().expect("a folder");
        case(&Programs {
            scratch: scratch.path().to_owned(),
            interruptions: Interruptions::default(),
        });
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_output_of_a_program_is_returned() {
        with_programs(|programs| {
            let printed = programs
                .run("echo", &mut shell("echo seven"), LONG)
                .expect("it succeeds");
            assert_eq!(printed, "seven\n");
        });
    }

    #[test]
    fn the_memory_of_a_program_is_watched_to_its_end() {
        with_programs(|programs| {
            let most = programs.watch("sleep", &mut shell("sleep 0.1"), LONG).expect("it ends");
            assert!(most > 0);
            let failing = programs.watch("failing", &mut shell("sleep 0.1; exit 3"), LONG);
            assert!(failing.expect_err("it fails").to_string().contains("failing"));
            let slow = programs.watch("slow", &mut shell("exec sleep 600"), Duration::ZERO);
            assert!(slow.expect_err("too slow").to_string().contains("did not end"));
        });
    }

    #[test]
    fn the_error_of_a_failed_program_contains_its_output() {
        with_programs(|programs| {
            let outcome = programs.run("failing", &mut shell("echo no stock >&2; exit 3"), LONG);
            let error = outcome.expect_err("it fails").to_string();
            assert!(error.contains("failing") && error.contains("no stock"), "{error}");
        });
    }

    #[test]
    fn a_program_that_exceeds_its_time_limit_is_an_error() {
        with_programs(|programs| {
            let outcome = programs.run("slow", &mut shell("exec sleep 600"), Duration::ZERO);
            assert!(outcome.expect_err("too slow").to_string().contains("did not end"));
        });
    }

    #[test]
    fn an_interruption_ends_the_wait() {
        with_programs(|programs| {
            programs.interruptions.interrupt();
            let outcome = programs.run("slow", &mut shell("exec sleep 600"), LONG);
            assert_eq!(outcome.expect_err("interrupted").to_string(), "interrupted");
        });
    }

    #[test]
    fn stop_lets_a_program_end_in_order() {
        with_programs(|programs| {
            // Reads from a pipe that has no writer.
            let mut script = shell("trap 'exit 0' TERM; mkfifo pipe; echo ready; read -r word < pipe");
            let mut running = programs.start("trapping", &mut script).expect("it starts");
            while running.printed().expect("its output").is_empty() {
                std::thread::yield_now();
            }
            running.stop(LONG).expect("it ends with success");
        });
    }
}
