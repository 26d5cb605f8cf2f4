//! Jobs that work through products: what earlier commands left to be continued, holds past their deadline, and what the
//! day has changed.
//!
//! Work that is pending is stored with the product, so a crash loses nothing: the next pass finds it. A product whose
//! work fails is set aside for a while, so that it does not stop the work of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use earmark_domain::{Command, PassDay, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::answer::CommandError;
use crate::engine::{Engine, page_of_due_holds};
use crate::envelope::Envelope;
use crate::ports::{Clock, Worklist};
use crate::store_error::StoreError;

/// How many products one pass goes through.
const PRODUCTS_PER_PASS: usize = 100;

/// How long a product is set aside after its first failure. Each further failure doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest that a product is set aside: whoever repairs it does not wait long for its work to go on.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// How many products are set aside at most. If more fail, they are tried again in each pass.
const MAX_SET_ASIDE: usize = 1_000;

/// What is done for a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductWork {
    /// Continues what earlier commands left: changes of batches, backlogs, improvements. Until that is done, no other
    /// command on the product is decided.
    Continue,
    /// Records that holds have expired. From its deadline on a hold counts zero, swept or not: a decision on a product
    /// with due holds expires them first. The sweep takes care of the products that no command touches.
    ExpireHolds,
    /// Tells what the day alone has changed.
    PassDay,
}

impl ProductWork {
    const fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::ExpireHolds => "holds",
            Self::PassDay => "day",
        }
    }

    async fn pending(self, worklist: &dyn Worklist, time: Time, limit: usize) -> Result<Vec<Sku>, StoreError> {
        match self {
            Self::Continue => worklist.products_with_pending_work(limit).await,
            Self::ExpireHolds => worklist.products_with_due_holds(time.now, limit).await,
            Self::PassDay => worklist.products_changed_by_day(time.today, limit).await,
        }
    }

    /// One bounded step for a product.
    async fn step(self, sku: Sku, engine: &Engine, worklist: &dyn Worklist, time: Time) -> Result<(), StepError> {
        let correlation_id = format!("{}-{sku}", self.name());
        let own = |command| Envelope::from_service(command, &correlation_id);
        let envelope = match self {
            Self::Continue => own(Command::Continue(sku)),
            Self::PassDay => own(Command::PassDay(PassDay { sku, today: time.today })),
            Self::ExpireHolds => {
                let page = page_of_due_holds(worklist, BTreeSet::from([sku]), time.now).await?;
                own(page.command)
            }
        };
        let answer = engine.execute(envelope).await;
        answer.map(drop).map_err(StepError::from)
    }
}

/// When a pass is done: one reading of the clock.
#[derive(Debug, Clone, Copy)]
struct Time {
    now: Timestamp,
    today: Date,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl StepError {
    /// Whether other products are likely to meet the same: the store can't be reached, or the engine takes no more.
    const fn concerns_all(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_))
                | Self::Command(CommandError::Unavailable | CommandError::Busy | CommandError::ShuttingDown)
        )
    }
}

/// A product that is set aside.
#[derive(Debug)]
struct SetAside {
    /// In the clock's monotonic time.
    until: Duration,
    wait: Duration,
}

/// A job that works through the products that have some work pending.
#[derive(Debug)]
pub struct ProductJob {
    work: ProductWork,
    set_aside: BTreeMap<Sku, SetAside>,
}

impl ProductJob {
    /// A job that does this work.
    #[must_use]
    pub const fn new(work: ProductWork) -> Self {
        Self {
            work,
            set_aside: BTreeMap::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.work.name()
    }

    /// How many products are set aside because its work on them failed.
    #[must_use]
    pub fn products_set_aside(&self) -> usize {
        self.set_aside.len()
    }

    /// Does one step for each product with pending work, and says for how many. Zero: no work is pending, apart from
    /// that of products that are set aside.
    ///
    /// # Errors
    /// When the store can't be asked. Everything stays pending.
    pub async fn pass(
        &mut self,
        engine: &Engine,
        worklist: &dyn Worklist,
        clock: &dyn Clock,
    ) -> Result<usize, StoreError> {
        let now = engine.now();
        let today = clock.day_of(now);
        let read = Time { now, today };
        // As many more as are set aside, so that they leave room for others.
        let limit = PRODUCTS_PER_PASS + self.set_aside.len();
        let pending = self.work.pending(worklist, read, limit).await?;
        // Work that is no longer pending was done by another instance, or repaired.
        if pending.len() < limit {
            self.set_aside.retain(|sku, _| pending.contains(sku));
        }
        let mut done = 0;
        for sku in pending {
            let time = clock.monotonic();
            if self.set_aside.get(&sku).is_some_and(|aside| time < aside.until) {
                continue;
            }
            match self.work.step(sku.clone(), engine, worklist, read).await {
                Ok(()) => {
                    self.set_aside.remove(&sku);
                    done += 1;
                }
                Err(error) => {
                    self.set_aside(sku, time, &error);
                    if error.concerns_all() {
                        // The next pass begins with the other products.
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    fn set_aside(&mut self, sku: Sku, time: Duration, error: &StepError) {
        let (work, others) = (self.name(), self.set_aside.len());
        if let Some(aside) = self.set_aside.get_mut(&sku) {
            tracing::debug!(work, %sku, %error, "failed again, and stays set aside");
            aside.wait = (aside.wait * 2).min(LAST_RETRY);
            aside.until = time + aside.wait;
            return;
        }
        tracing::warn!(work, %sku, %error, others, "background work on a product failed; it is set aside, and tried again");
        if others < MAX_SET_ASIDE {
            let wait = FIRST_RETRY;
            let until = time + wait;
            self.set_aside.insert(sku, SetAside { until, wait });
        }
    }
}
