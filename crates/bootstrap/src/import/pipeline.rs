//! The pipeline: rows in, commands out, answers counted, with a bounded number of commands on their way.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_adapters::files::Row;
use tokio::time::sleep;

use super::link::{Link, Verdict};
use super::plan::{Bad, Item, Planned, Planner};
use super::{Progress, Reading, Tally};
use crate::failure::Failure;

/// How many commands may wait for their answers: as many as a lane of the engine takes, so that it never runs dry.
const WINDOW: usize = 1_024;

/// How often in a row what is busy or can't be reached is tried again, before the import ends.
const ATTEMPTS: u32 = 10;

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause. All pauses together are about a minute: the time in which a database is started anew.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Sends the rows of a file, and counts what becomes of them.
pub(crate) struct Pipeline {
    link: Link,
    planner: Planner,
    progress: Progress,
    /// The file, as people call it.
    file: String,
    strict: bool,
    /// Sent, and not yet answered; in the order sent.
    window: VecDeque<Item>,
    tally: Tally,
}

impl Pipeline {
    pub(crate) const fn new(link: Link, planner: Planner, progress: Progress, file: String, strict: bool) -> Self {
        Self {
            link,
            planner,
            progress,
            file,
            strict,
            window: VecDeque::new(),
            tally: Tally::new(),
        }
    }

    /// Runs to the end of the file, or until it can't go on; the tally counts what was done in either case.
    pub(crate) async fn run(mut self, mut reading: Reading) -> (Tally, Result<(), Failure>) {
        let mut end = self.send(&mut reading).await;
        // What was sent is answered, whatever comes of it: the tally should not be short of what is stored.
        while !self.window.is_empty() {
            let settled = self.settle().await;
            end = end.and(settled);
        }
        self.link.close().await;
        self.progress.end();
        self.tally.took = self.progress.took();
        (self.tally, end)
    }

    async fn send(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        let mut planned = Vec::new();
        while let Some(chunk) = reading.chunks.recv().await {
            let rows: Vec<Row> = chunk.map_err(|error| Failure::Failed(format!("{}: {error}", self.file)))?;
            for row in rows {
                self.tally.rows += 1;
                self.planner.take(row, &mut planned);
                self.send_all(&mut planned).await?;
            }
            self.progress.at(reading.read.load(Ordering::Relaxed), self.tally.rows);
        }
        self.planner.finish(&mut planned);
        self.send_all(&mut planned).await
    }

    async fn send_all(&mut self, planned: &mut Vec<Planned>) -> Result<(), Failure> {
        for planned in planned.drain(..) {
            match planned {
                Err(bad) => self.bad(&bad)?,
                Ok(item) => {
                    if self.window.len() == WINDOW {
                        self.settle().await?;
                    }
                    self.link.submit(&item).await;
                    self.window.push_back(item);
                }
            }
        }
        Ok(())
    }

    /// Counts the answer to the first command in the window.
    async fn settle(&mut self) -> Result<(), Failure> {
        let Some(item) = self.window.pop_front() else {
            return Ok(());
        };
        match self.link.answer(&item).await {
            Verdict::Again(why) => self.stalled(item, why).await,
            verdict => self.count(&item, verdict),
        }
    }

    /// A command has to be sent again. Those behind it are answered first: they are on their way already.
    async fn stalled(&mut self, first: Item, mut why: String) -> Result<(), Failure> {
        let mut again = VecDeque::from([first]);
        let mut end = self.sort_out(&mut again, &mut why).await;
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
                .tell(format_args!("{why}; trying again in {} ms", pause.as_millis()));
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            self.link.mend();
            for item in &again {
                self.link.submit(item).await;
            }
            let before = again.len();
            self.window.append(&mut again);
            end = self.sort_out(&mut again, &mut why).await;
            if again.len() < before {
                // It goes on; the next stall has its own patience.
                (attempt, pause) = (1, FIRST_PAUSE);
            }
        }
        end
    }

    /// Empties the window: counts what is answered, and gathers what has to be sent again, in order.
    async fn sort_out(&mut self, again: &mut VecDeque<Item>, why: &mut String) -> Result<(), Failure> {
        let mut end = Ok(());
        while let Some(item) = self.window.pop_front() {
            match self.link.answer(&item).await {
                Verdict::Again(reason) => {
                    *why = reason;
                    again.push_back(item);
                }
                verdict => end = end.and(self.count(&item, verdict)),
            }
        }
        end
    }

    fn count(&mut self, item: &Item, verdict: Verdict) -> Result<(), Failure> {
        match verdict {
            Verdict::Done(done) => self.tally += done,
            Verdict::Bad(why) => {
                return self.bad(&Bad {
                    line: item.line,
                    rows: item.rows,
                    why,
                });
            }
            Verdict::Again(why) | Verdict::Stop(why) => {
                return Err(Failure::Failed(format!(
                    "{}: ended at line {}: {why}",
                    self.file, item.line
                )));
            }
        }
        Ok(())
    }

    fn bad(&mut self, Bad { line, rows, why }: &Bad) -> Result<(), Failure> {
        self.tally.bad += rows;
        self.progress.tell(format_args!("{}: line {line}: {why}", self.file));
        match self.strict {
            true => Err(Failure::Failed(format!(
                "{}: ended at line {line}, the first bad row",
                self.file
            ))),
            false => Ok(()),
        }
    }
}
