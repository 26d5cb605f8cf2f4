//! Running other programs: bounded in time, stopped on every way out, and telling what they said when they fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// How often a program that has to end is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// How much of a failed program's last words is shown, in bytes.
const LAST_WORDS: usize = 2_000;

/// Waits for so long, unless whoever runs this chore interrupts it.
pub(super) type Pause<'a> = &'a dyn Fn(Duration) -> Result<(), Failure>;

/// What programs are run with.
#[derive(Clone, Copy)]
pub(super) struct Programs<'a> {
    /// Where they are run and their output goes: files, so that a full pipe never stops one.
    pub(super) scratch: &'a Path,
    /// How they are waited for.
    pub(super) pause: Pause<'a>,
}

impl<'a> Programs<'a> {
    /// Starts a program, to be stopped later.
    pub(super) fn start(self, name: &str, command: &mut Command) -> Result<Running<'a>, Failure> {
        let (out, err) = (
            self.scratch.join(format!("{name}.out")),
            self.scratch.join(format!("{name}.err")),
        );
        let child = command
            .current_dir(self.scratch)
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?)
            .spawn()
            .map_err(|why| format!("{name} can't be started: {why}"))?;
        Ok(Running {
            name: name.to_owned(),
            child,
            out,
            err,
            pause: self.pause,
        })
    }

    /// Runs a program to its end, which has to be a good one, and answers what it printed.
    pub(super) fn run(self, name: &str, command: &mut Command, limit: Duration) -> Result<String, Failure> {
        let mut running = self.start(name, command)?;
        let status = running.wait(limit)?;
        if status.success() {
            running.printed()
        } else {
            Err(format!("{name} ended with {status}{}", running.last_words()).into())
        }
    }
}

/// A program that has been started. It is killed when this is dropped.
pub(super) struct Running<'a> {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
    pause: Pause<'a>,
}

impl Running<'_> {
    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if started.elapsed() > limit {
                let (name, seconds) = (&self.name, limit.as_secs());
                return Err(format!("{name} has not ended within {seconds} s{}", self.last_words()).into());
            }
            (self.pause)(GLANCE)?;
        }
    }

    /// What it has printed so far.
    pub(super) fn printed(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.out)?)
    }

    /// The end of all it has said, to be put behind the sentence on what went wrong.
    pub(super) fn last_words(&self) -> String {
        let read = |path| fs::read_to_string(path).unwrap_or_else(|why| format!("(unreadable: {why})"));
        let said = format!("{}{}", read(&self.out), read(&self.err));
        let last = &said.as_bytes()[said.len().saturating_sub(LAST_WORDS)..];
        format!(":\n{}", String::from_utf8_lossy(last).trim_end())
    }

    /// Asks it to end (SIGTERM) and waits until it has, which has to be a good end.
    pub(super) fn stop(&mut self, limit: Duration) -> Result<(), Failure> {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        let status = self.wait(limit)?;
        if asked.success() && status.success() {
            Ok(())
        } else {
            Err(format!(
                "{} was asked to end, and ended with {status}{}",
                self.name,
                self.last_words()
            )
            .into())
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn patient(_: Duration) -> Result<(), Failure> {
        std::thread::yield_now();
        Ok(())
    }

    fn with_programs(case: impl FnOnce(Programs<'_>)) {
        let scratch = tempfile::tempdir().expect("a folder");
        case(Programs {
            scratch: scratch.path(),
            pause: &patient,
        });
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_program_prints_is_answered() {
        with_programs(|programs| {
            let told = programs
                .run("told", &mut shell("echo seven"), LONG)
                .expect("it ends well");
            assert_eq!(told, "seven\n");
        });
    }

    #[test]
    fn the_last_words_of_a_program_that_fails_are_told() {
        with_programs(|programs| {
            let told = programs.run("sulk", &mut shell("echo no stock >&2; exit 3"), LONG);
            let told = told.expect_err("it failed").to_string();
            assert!(told.contains("sulk") && told.contains("no stock"), "{told}");
        });
    }

    #[test]
    fn a_program_that_does_not_end_is_given_up() {
        with_programs(|programs| {
            let told = programs.run("dawdler", &mut shell("exec sleep 600"), Duration::ZERO);
            assert!(told.expect_err("given up").to_string().contains("not ended"));
        });
    }

    #[test]
    fn an_interruption_ends_the_waiting() {
        let scratch = tempfile::tempdir().expect("a folder");
        let programs = Programs {
            scratch: scratch.path(),
            pause: &|_| Err("interrupted".into()),
        };
        let told = programs.run("dawdler", &mut shell("exec sleep 600"), LONG);
        assert_eq!(told.expect_err("interrupted").to_string(), "interrupted");
    }

    #[test]
    fn a_program_is_asked_to_end_before_it_is_made_to() {
        with_programs(|programs| {
            // Waits for a word from a pipe that nobody writes to.
            let mut polite = shell("trap 'exit 0' TERM; mkfifo pipe; echo ready; read -r word < pipe");
            let mut running = programs.start("polite", &mut polite).expect("it starts");
            while running.printed().expect("its output").is_empty() {
                std::thread::yield_now();
            }
            running.stop(LONG).expect("it ends when asked");
        });
    }
}
