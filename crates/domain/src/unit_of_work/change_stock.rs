//! Changing products and batches: names, safety stock, counts, ETAs, cancellations.

use alloc::vec::Vec;

use super::{BatchAt, UnitOfWork};
use crate::answers::outcome::{Effects, Outcome};
use crate::answers::refusal::Refusal;
use crate::commands::command::{ChangeBatch, Command, CreateBatch, PutProduct};
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::name::Reference;
use crate::language::quantity::Count;
use crate::language::reason::MoveReason;
use crate::records::pending::Arrival;
use crate::stock::batch::{BatchChange, arrival_fact};
use crate::stock::cause::Cause;

impl UnitOfWork {
    pub(super) fn put_product(&mut self, put: &PutProduct, context: &DecisionContext) -> Outcome {
        let product = self.product_or_new(&put.sku);
        let product = &mut self.products[product];
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let mut effects = Effects::default();
        let named = put
            .name
            .as_ref()
            .is_some_and(|name| product.rename(name, &mut recorder));
        let kept_back = put
            .safety_stock
            .is_some_and(|units| product.set_safety_stock(units, &mut recorder, &mut effects));
        let record = product.record();
        Outcome::ProductPut {
            sku: record.sku.clone(),
            name: record.name.clone(),
            safety_stock: record.safety_stock,
            version: record.version,
            batches: product.batches().iter().map(|batch| batch.record().clone()).collect(),
            effects,
            changed: named || kept_back,
        }
    }

    pub(super) fn create_batch(&mut self, create: &CreateBatch, context: &DecisionContext) -> Result<Outcome, Refusal> {
        if let Some(at) = self.find_batch(&create.reference) {
            let record = self.batch(at).record();
            let same = record.sku == create.sku
                && record.created_quantity == create.quantity
                && record.created_eta == create.eta
                && record.location == create.location;
            return if same {
                Ok(Outcome::BatchCreated {
                    batch: self.view_batch(at),
                    fresh: false,
                    effects: Effects::default(),
                })
            } else {
                Err(Refusal::BatchExists(create.reference.clone()))
            };
        }
        let product = self.product_or_new(&create.sku);
        let mut effects = Effects::default();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let batch = self.products[product].create_batch(create, &mut recorder, &mut effects);
        let at = BatchAt { product, batch };
        self.batches_by_reference().insert(create.reference.clone(), at);
        Ok(Outcome::BatchCreated {
            batch: self.view_batch(at),
            fresh: true,
            effects,
        })
    }

    /// Whether a command that changes a batch needs more of its lines than were read. It has to be decided on another scope
    /// then: first in its transaction, or, if it is that, alone. For a command that shares its transaction.
    #[must_use]
    pub fn lacks_lines(&mut self, command: &Command) -> bool {
        let (Command::ChangeBatch(ChangeBatch { reference, .. })
        | Command::ReceiveBatch { reference, .. }
        | Command::UndoReceipt(reference)
        | Command::CancelBatch(reference)) = command
        else {
            return false;
        };
        let Some(at) = self.find_batch(reference) else {
            return false;
        };
        let product = &self.products[at.product];
        let counted = match command {
            Command::ChangeBatch(ChangeBatch {
                quantity, eta: None, ..
            }) => *quantity,
            // All of its lines were read.
            _ => None,
        };
        product.are_lines_cut(at.batch) || counted.is_some_and(|to| product.may_release_unread_lines(at.batch, to))
    }

    /// Refuses a count of a closed batch, or one below what has been dispatched.
    fn check_count(&self, at: BatchAt, to: Count) -> Result<(), Refusal> {
        let batch = self.batch(at);
        if batch.is_closed() && to != batch.quantity() {
            return Err(Refusal::BatchClosed(batch.reference().clone()));
        }
        if to.units() < batch.dispatched() {
            return Err(Refusal::BelowDispatched {
                reference: batch.reference().clone(),
                dispatched: batch.dispatched(),
            });
        }
        Ok(())
    }

    pub(super) fn change_batch(&mut self, change: &ChangeBatch, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let at = self.named_batch(&change.reference)?;
        if let Some(to) = change.quantity {
            self.check_count(at, to)?;
        }
        let batch = self.batch(at);
        let (from, eta_before) = (batch.quantity(), batch.eta());
        let quantity = change.quantity.filter(|to| *to != from);
        let eta = change.eta.filter(|eta| Some(*eta) != eta_before);
        let reference = &change.reference;
        if batch.is_closed() && eta.is_some() {
            return Err(Refusal::BatchClosed(reference.clone()));
        }
        if let (Some(_), Some(received)) = (eta, batch.record().received()) {
            let reference = reference.clone();
            return Err(Refusal::AlreadyReceived { reference, received });
        }
        let arrival = eta.map(Arrival::On);
        let mut facts = Vec::new();
        if let Some(to) = quantity {
            let reference = reference.clone();
            facts.push(Fact::BatchQuantityChanged { reference, from, to });
        }
        facts.extend(arrival.map(|arrival| arrival_fact(batch, arrival)));
        let reason = match eta {
            Some(_) => MoveReason::BatchEtaChanged(reference.clone()),
            None => MoveReason::BatchQuantityChanged(reference.clone()),
        };
        let change = BatchChange {
            quantity,
            arrival,
            close: false,
        };
        let changed = !facts.is_empty();
        let effects = changed.then(|| self.apply_to_batch(at, facts, change, reason, context));
        Ok(self.changed_batch(at, effects))
    }

    pub(super) fn cancel_batch(
        &mut self,
        reference: &Reference,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_batch(reference)?;
        let batch = self.batch(at);
        if batch.is_closed() {
            return Ok(self.changed_batch(at, None));
        }
        let from = batch.quantity();
        let to = Count::new(i128::from(batch.dispatched().get())).expect("no more is dispatched than the batch had");
        let change = BatchChange {
            quantity: Some(to),
            arrival: None,
            close: true,
        };
        let reason = MoveReason::BatchCancelled(reference.clone());
        let reference = reference.clone();
        let facts = Vec::from([Fact::BatchCancelled { reference, from, to }]);
        let effects = self.apply_to_batch(at, facts, change, reason, context);
        Ok(self.changed_batch(at, Some(effects)))
    }

    /// Records the facts of a change of a batch, and applies it to the batch and its lines. Returns the effects on lines.
    pub(super) fn apply_to_batch(
        &mut self,
        at: BatchAt,
        facts: Vec<Fact>,
        change: BatchChange,
        reason: MoveReason,
        context: &DecisionContext,
    ) -> Effects {
        let mut effects = Effects::default();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let product = &mut self.products[at.product];
        if product.are_lines_cut(at.batch) {
            product.begin_change(at.batch, change, reason, &mut recorder, &mut effects);
        } else {
            for fact in facts {
                product.record_fact(fact, &mut recorder);
            }
            product.change_batch(at.batch, change, &Cause::Moved(reason), &mut recorder, &mut effects);
        }
        effects
    }

    /// The outcome of a change of a batch. `effects`: `None` if nothing has changed.
    pub(super) fn changed_batch(&self, at: BatchAt, effects: Option<Effects>) -> Outcome {
        Outcome::BatchChanged {
            batch: self.view_batch(at),
            changed: effects.is_some(),
            effects: effects.unwrap_or_default(),
        }
    }
}
