//! Work that the service gives itself: continuing what one transaction did not finish, and telling what the day alone
//! has changed. And moving lines to better stock on demand, which is continued like the rest.

use alloc::vec::Vec;

use super::UnitOfWork;
use crate::answers::outcome::{Effects, Outcome};
use crate::answers::refusal::Refusal;
use crate::commands::command::PassDay;
use crate::context::DecisionContext;
use crate::events::recorder::EventRecorder;
use crate::language::name::Sku;
use crate::promising::Improve;
use crate::records::pending::{Pending, PendingImprovement};
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;

impl UnitOfWork {
    /// Continues the work on a product that an earlier transaction did not finish.
    pub(super) fn continue_work(&mut self, sku: &Sku, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let product = self.named_product(sku)?;
        let before = self.products[product].version();
        // What is freed by the end of holds serves the backlog: that follows from the deadline too.
        let follows_expiry = (self.products[product].record().expiry_step).is_some_and(|step| step.after == before);
        let mut effects = Effects::default();
        match self.products[product].record().pending.clone() {
            // Another instance has done it.
            None => {}
            Some(Pending::Change(change)) => {
                let at = self.named_batch(change.batch())?;
                let mut recorder = EventRecorder::new(context, &mut self.events);
                self.products[product].continue_change(at.batch, change, &mut recorder, &mut effects);
            }
            Some(Pending::Backlog { improve, .. }) => {
                let mut recorder = EventRecorder::new(context, &mut self.events);
                let product = &mut self.products[product];
                product.serve_backlog(recorder.time(), improve);
                product.emit_events(&Cause::NewPromise, &mut recorder, Some(&mut effects));
            }
            Some(Pending::Improvement(pending)) => {
                let mut recorder = EventRecorder::new(context, &mut self.events);
                self.products[product].improve(&pending, &mut recorder, &mut effects);
            }
        }
        if follows_expiry {
            self.products[product].record_expiry_step(before);
        }
        let done = self.products[product].record().pending.is_none();
        Ok(Outcome::Continued { done })
    }

    /// Moves lines of a product to better stock.
    pub(super) fn reallocate(&mut self, sku: &Sku, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let product = self.named_product(sku)?;
        let mut effects = Effects::default();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let first = PendingImprovement {
            improve: Improve::All,
            after: None,
            moved: false,
        };
        let product = &mut self.products[product];
        product.improve(&first, &mut recorder, &mut effects);
        effects.continues = product.record().pending.is_some();
        let version = product.version();
        Ok(Outcome::Reallocated { effects, version })
    }

    /// Tells what the day alone has changed of a product.
    pub(super) fn pass_day(&mut self, pass: &PassDay, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let product = self.named_product(&pass.sku)?;
        let context = DecisionContext {
            today: pass.today,
            ..context.clone()
        };
        let mut recorder = EventRecorder::new(&context, &mut self.events);
        self.products[product].pass_day(&mut recorder);
        Ok(Outcome::DayPassed {
            done: !self.more_to_break,
        })
    }

    fn named_product(&self, sku: &Sku) -> Result<ProductIndex, Refusal> {
        let product = self.by_sku.get(sku).copied();
        product.ok_or_else(|| Refusal::UnknownSku(Vec::from([sku.clone()])))
    }
}
