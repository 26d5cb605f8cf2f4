//! Which test programs run side by side, and what is shown of them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use xtask::{Failure, Interruptions, say};

use super::programs::Program;

/// The programs that wait for services, servers, registries and timeouts more than they work: while one of them runs the
/// processors have time for another program. The longest first, so that short ones are left for the end.
const WAITING: [&str; 15] = [
    "copies",
    "crash",
    "told",
    "heard",
    "encrypted",
    "postgres_server",
    "brokers",
    "binary",
    "requests",
    "openapi",
    "page",
    "openid",
    "asyncapi",
    "packages",
    "mail",
];

/// The programs of which several cases run at a time: one waits while another works.
const SIDE_BY_SIDE: [&str; 5] = ["binary", "brokers", "encrypted", "http_api", "mail"];

/// How many cases of such a program run at a time.
const CASES_AT_A_TIME: &str = "4";

/// The variable that tells a test program how many cases it may run at a time.
const THREADS: &str = "RUST_TEST_THREADS";

/// A program to run, with what it is told.
#[derive(Debug)]
pub(super) struct Run {
    program: Program,
    /// What is shown behind its name.
    note: String,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    /// Whether it holds a service to bounds of time, and so has the machine for itself.
    is_alone: bool,
}

impl Run {
    /// The whole program.
    pub(super) fn whole(program: Program) -> Self {
        Self {
            program,
            note: String::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
            is_alone: false,
        }
    }

    /// The cases with one of these words in their names.
    pub(super) fn of_cases(program: Program, words: &[&str], note: &str) -> Self {
        Self {
            arguments: words.iter().map(|&word| word.to_owned()).collect(),
            note: format!(" {note}"),
            ..Self::whole(program)
        }
    }

    /// With a variable of the environment.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Alone, after all others.
    pub(super) fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    fn place_in(&self, names: &[&str]) -> Option<usize> {
        names.iter().position(|name| *name == self.program.name)
    }

    fn title(&self) -> String {
        format!("{}{}", self.program.name, self.note)
    }

    /// Runs it to its end. What it prints is shown then, in one piece.
    fn play(&self, interruptions: &Interruptions, shown: &Mutex<()>) -> Result<bool, Failure> {
        let mut printed = tempfile::tempfile()?;
        let mut command = self.program.command();
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.place_in(&SIDE_BY_SIDE).is_some() && !self.is_alone && std::env::var_os(THREADS).is_none() {
            command.env(THREADS, CASES_AT_A_TIME);
        }
        command.stdout(printed.try_clone()?).stderr(printed.try_clone()?);
        say(&format!("Started {}", self.title()));
        let began = Instant::now();
        let outcome = interruptions.run(&mut command);
        let seconds = began.elapsed().as_secs();
        let _one_after_the_other = shown.lock();
        show(&self.title(), seconds, &mut printed)?;
        Ok(outcome?.success())
    }
}

/// Shows what a program has printed.
fn show(title: &str, seconds: u64, printed: &mut File) -> Result<(), Failure> {
    let mut text = Vec::new();
    printed.rewind()?;
    printed.read_to_end(&mut text)?;
    let mut output = io::stdout().lock();
    // The form of Cargo's own lines, for whoever looks for them.
    writeln!(output, "\n     Running {title}, {seconds} s")?;
    output.write_all(&text)?;
    Ok(output.flush()?)
}

/// Runs all: those that wait beside those that work, and what is left of one kind two at a time; then those that want to be
/// alone.
///
/// # Errors
/// Some failed, which are named after all have run; or the user has interrupted the command.
pub(super) fn run(runs: Vec<Run>, interruptions: &Interruptions) -> Result<(), Failure> {
    let (alone, runs): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.is_alone);
    let (mut waiting, working): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.place_in(&WAITING).is_some());
    waiting.sort_by_key(|run| run.place_in(&WAITING));
    let left = Mutex::new([VecDeque::from(waiting), VecDeque::from(working)]);
    let shown = Mutex::new(());
    // Each lane has a kind of its own, and helps with the other one at the end.
    let lane = |own: usize, other: usize| -> Result<Vec<String>, Failure> {
        let mut failed = Vec::new();
        let next = || {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left[own].pop_front().or_else(|| left[other].pop_front())
        };
        while let Some(run) = next() {
            if !run.play(interruptions, &shown)? {
                failed.push(run.title());
            }
        }
        Ok(failed)
    };
    let (beside, failed) = thread::scope(|scope| {
        let beside = scope.spawn(|| lane(0, 1));
        let failed = lane(1, 0);
        (beside.join(), failed)
    });
    let beside = beside.map_err(|_| "the thread of the waiting programs has ended")?;
    let mut failed = [failed?, beside?].concat();
    for run in alone {
        if !run.play(interruptions, &shown)? {
            failed.push(run.title());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")).into())
    }
}
