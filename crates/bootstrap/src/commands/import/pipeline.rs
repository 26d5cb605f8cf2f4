//! The pipeline: reads rows, sends commands and counts results, with a bounded number of commands in flight.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use super::counts::Counts;
use super::plan::{BadRows, Planned, PlannedCommand, Planner};
use super::progress::Progress;
use super::reader::RowReader;
use super::result::SendResult;
use super::sink::Sink;
use super::window::Window;
use crate::failure::Failure;

/// How often a command is sent in a row before the import gives up on a busy or unreachable sink.
const ATTEMPTS: u32 = 10;

/// The pause before the second attempt; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause. All pauses together take about a minute, in which a database can restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Sends the rows of a file, and counts their results.
pub(crate) struct Pipeline {
    sink: Sink,
    planner: Planner,
    progress: Progress,
    /// The name of the file in messages.
    file: String,
    strict: bool,
    /// The commands in flight, in the order sent.
    window: Window,
    counts: Counts,
}

impl Pipeline {
    /// A pipeline from a file of this name to a sink. A `strict` one ends at the first bad row.
    pub(crate) const fn new(sink: Sink, planner: Planner, progress: Progress, file: String, strict: bool) -> Self {
        Self {
            sink,
            planner,
            progress,
            file,
            strict,
            window: Window::new(strict),
            counts: Counts::new(),
        }
    }

    /// Runs to the end of the file, or until it can't continue. The counts are complete in either case.
    pub(crate) async fn run(mut self, mut reader: RowReader) -> (Counts, Result<(), Failure>) {
        let mut end = self.send_file(&mut reader).await;
        // Wait for every command in flight even after a failure, so that the counts cover all that was stored.
        while !self.window.is_empty() {
            let received = self.receive_one().await;
            end = end.and(received);
        }
        self.sink.close().await;
        self.progress.finish();
        self.counts.took = self.progress.elapsed();
        (self.counts, end)
    }

    async fn send_file(&mut self, reader: &mut RowReader) -> Result<(), Failure> {
        let mut planned = Vec::new();
        while let Some(chunk) = reader.chunks.recv().await {
            let steps = chunk.map_err(|error| Failure::Failed(format!("{}: {error}", self.file)))?;
            for step in steps {
                self.counts.rows += 1;
                self.planner.add(step, &mut planned);
                self.send_all(&mut planned).await?;
            }
            self.progress.sent(self.counts.rows, reader.rows);
        }
        self.planner.finish(&mut planned);
        self.send_all(&mut planned).await
    }

    async fn send_all(&mut self, planned: &mut Vec<Planned>) -> Result<(), Failure> {
        for planned in planned.drain(..) {
            match planned {
                Err(bad) => self.report_bad(&bad)?,
                Ok(command) => {
                    while self.window.is_full() {
                        self.receive_one().await?;
                    }
                    self.sink.submit(&command).await;
                    self.window.push(command);
                }
            }
        }
        Ok(())
    }

    /// Receives the result of the first command in flight.
    async fn receive_one(&mut self) -> Result<(), Failure> {
        let Some(command) = self.window.pop() else {
            return Ok(());
        };
        match self.sink.result(&command).await {
            SendResult::Retry(why) => self.retry(command, why).await,
            result => self.count(&command, result),
        }
    }

    /// Sends a command again until it succeeds. Before that it receives the results of those behind it, which are in
    /// flight already.
    async fn retry(&mut self, first: PlannedCommand, mut why: String) -> Result<(), Failure> {
        let mut again = VecDeque::from([first]);
        let mut end = self.receive_window(&mut again, &mut why).await;
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        while let (Ok(()), Some(first)) = (&end, again.front()) {
            attempt += 1;
            if attempt > ATTEMPTS {
                return Err(Failure::Failed(format!(
                    "{}: ended at line {} after {ATTEMPTS} attempts: {why}; running it again is safe",
                    self.file, first.line
                )));
            }
            self.progress
                .message(format_args!("{why}; trying again in {} ms", pause.as_millis()));
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            self.sink.reconnect();
            for command in &again {
                self.sink.submit(command).await;
            }
            let before = again.len();
            for command in again.drain(..) {
                self.window.push(command);
            }
            end = self.receive_window(&mut again, &mut why).await;
            if again.len() < before {
                // There was progress: the next stall gets all its attempts.
                (attempt, pause) = (1, FIRST_PAUSE);
            }
        }
        end
    }

    /// Empties the window: counts results, and collects the commands to send again, in order.
    async fn receive_window(&mut self, again: &mut VecDeque<PlannedCommand>, why: &mut String) -> Result<(), Failure> {
        let mut end = Ok(());
        while let Some(command) = self.window.pop() {
            match self.sink.result(&command).await {
                SendResult::Retry(reason) => {
                    *why = reason;
                    again.push_back(command);
                }
                result => end = end.and(self.count(&command, result)),
            }
        }
        end
    }

    fn count(&mut self, command: &PlannedCommand, result: SendResult) -> Result<(), Failure> {
        match result {
            SendResult::Done(counts) => {
                self.counts += counts;
                self.counts.added += command.added;
            }
            SendResult::Bad(why) => {
                return self.report_bad(&BadRows {
                    line: command.line,
                    rows: command.rows,
                    why,
                });
            }
            SendResult::Retry(why) | SendResult::Abort(why) => {
                return Err(Failure::Failed(format!(
                    "{}: ended at line {}: {why}",
                    self.file, command.line
                )));
            }
        }
        Ok(())
    }

    fn report_bad(&mut self, BadRows { line, rows, why }: &BadRows) -> Result<(), Failure> {
        self.counts.bad += rows;
        self.progress.message(format_args!("{}: line {line}: {why}", self.file));
        match self.strict {
            true => Err(Failure::Failed(format!(
                "{}: ended at line {line}, the first bad row",
                self.file
            ))),
            false => Ok(()),
        }
    }
}
