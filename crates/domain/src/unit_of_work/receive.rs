//! Receipts: a batch arrives, whole or in part, and a receipt that was a mistake is undone.

use alloc::vec::Vec;

use super::{BatchAt, UnitOfWork};
use crate::answers::outcome::{Effects, Outcome};
use crate::answers::refusal::Refusal;
use crate::commands::command::CreateBatch;
use crate::commands::delivery::{Delivery, Rest};
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::name::Reference;
use crate::language::quantity::{Count, Quantity};
use crate::language::reason::MoveReason;
use crate::language::receipt::Receipt;
use crate::records::pending::Arrival;
use crate::stock::batch::{Batch, BatchChange, arrival_fact};

impl UnitOfWork {
    pub(super) fn receive_batch(
        &mut self,
        reference: &Reference,
        delivery: &Delivery,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_batch(reference)?;
        if self.batch(at).is_closed() {
            return Err(Refusal::BatchClosed(reference.clone()));
        }
        match delivery {
            Delivery::Whole { counted } => self.receive_whole(at, *counted, context),
            Delivery::Part { arrived, rest } => self.receive_part(at, *arrived, rest, context),
        }
    }

    fn receive_whole(
        &mut self,
        at: BatchAt,
        counted: Option<Count>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let batch = self.batch(at);
        let Some(eta) = batch.eta() else {
            return match counted {
                Some(counted) if batch.record().received() != Some(counted) => Err(already_received(batch)),
                _ => Ok(self.received(at, None, None)),
            };
        };
        let (reference, from) = (batch.reference().clone(), batch.quantity());
        let quantity = counted.filter(|to| *to != from);
        let arrival = Arrival::Received(Receipt {
            eta,
            expected: from,
            counted: quantity.unwrap_or(from),
        });
        let mut facts = Vec::from([arrival_fact(batch, arrival)]);
        if let Some(to) = quantity {
            let reference = reference.clone();
            facts.push(Fact::BatchQuantityChanged { reference, from, to });
        }
        let change = BatchChange {
            quantity,
            arrival: Some(arrival),
            close: false,
        };
        let effects = self.apply_to_batch(at, facts, change, MoveReason::BatchReceived(reference), context);
        Ok(self.received(at, None, Some(effects)))
    }

    /// Receives a part of a batch, and leaves the rest inbound as a batch of its own.
    fn receive_part(
        &mut self,
        at: BatchAt,
        arrived: Quantity,
        rest: &Rest,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let name = self.rest_reference(at, rest)?;
        let taken = self.find_batch(&name);
        let batch = self.batch(at);
        let Some(eta) = batch.eta() else {
            return match taken.filter(|other| self.is_rest(*other, at, rest)) {
                Some(rest) if batch.record().received() == Some(arrived.into()) => {
                    Ok(self.received(at, Some(rest), None))
                }
                _ => Err(already_received(batch)),
            };
        };
        let expected = batch.quantity();
        let left = i128::from(expected.get()) - i128::from(arrived.get());
        let Ok(left) = Quantity::new(left) else {
            return Err(Refusal::NoRest {
                reference: batch.reference().clone(),
                expected,
                arrived,
            });
        };
        if taken.is_some() {
            return Err(Refusal::RestExists {
                reference: name,
                of: batch.reference().clone(),
            });
        }
        let receipt = Receipt {
            eta,
            expected: arrived.into(),
            counted: arrived.into(),
        };
        let create = CreateBatch {
            reference: name,
            sku: batch.sku().clone(),
            quantity: left,
            eta: Some(rest.eta.unwrap_or(eta)),
            location: batch.record().location.clone(),
        };
        let mut effects = Effects::default();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let product = &mut self.products[at.product];
        let rest = BatchAt {
            product: at.product,
            batch: product.receive_part(at.batch, receipt, &create, &mut recorder, &mut effects),
        };
        self.batches_by_reference().insert(create.reference, rest);
        Ok(self.received(at, Some(rest), Some(effects)))
    }

    /// The reference of the rest of a batch: the given one, or the one that follows from that of the batch. If the batch
    /// is a rest itself, that is the next number.
    fn rest_reference(&mut self, of: BatchAt, rest: &Rest) -> Result<Reference, Refusal> {
        if let Some(given) = &rest.reference {
            return Ok(given.clone());
        }
        let reference = self.batch(of).reference().clone();
        let as_rest = reference.as_rest().filter(|(whole, _)| {
            let whole = self.find_batch(whole);
            whole.is_some_and(|whole| whole.product == of.product)
        });
        let derived = as_rest.map_or_else(|| reference.first_rest(), |(_, next)| next);
        derived.map_err(|_too_long| Refusal::RestUnnamed(reference))
    }

    /// Whether a batch is what was left of a batch that has arrived, on these terms.
    fn is_rest(&self, at: BatchAt, of: BatchAt, rest: &Rest) -> bool {
        let (record, of) = (self.batch(at).record(), self.batch(of).record());
        let expected_on = rest.eta.or(of.receipt.map(|receipt| receipt.eta));
        (&record.sku, &record.location, record.created_eta) == (&of.sku, &of.location, expected_on)
            && record.reference != of.reference
    }

    /// The outcome of a receipt. `effects`: `None` if nothing has changed.
    fn received(&self, at: BatchAt, rest: Option<BatchAt>, effects: Option<Effects>) -> Outcome {
        Outcome::BatchReceived {
            batch: self.view_batch(at),
            rest: rest.map(|rest| self.view_batch(rest)),
            changed: effects.is_some(),
            effects: effects.unwrap_or_default(),
        }
    }

    pub(super) fn undo_receipt(
        &mut self,
        reference: &Reference,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_batch(reference)?;
        let batch = self.batch(at);
        if batch.is_closed() {
            return Err(Refusal::BatchClosed(reference.clone()));
        }
        if batch.eta().is_some() {
            return Ok(self.changed_batch(at, None));
        }
        let Some(Receipt { eta, expected, .. }) = batch.record().receipt else {
            return Err(Refusal::NotReceived(reference.clone()));
        };
        if !batch.dispatched().is_zero() {
            return Err(Refusal::BatchDispatched {
                reference: reference.clone(),
                dispatched: batch.dispatched(),
            });
        }
        let arrival = Arrival::ReceiptUndone(eta);
        let (from, to) = (batch.quantity(), expected);
        let mut facts = Vec::from([arrival_fact(batch, arrival)]);
        if from != to {
            let reference = reference.clone();
            facts.push(Fact::BatchQuantityChanged { reference, from, to });
        }
        let change = BatchChange {
            quantity: Some(to),
            arrival: Some(arrival),
            close: false,
        };
        let reason = MoveReason::BatchReceiptUndone(reference.clone());
        let effects = self.apply_to_batch(at, facts, change, reason, context);
        Ok(self.changed_batch(at, Some(effects)))
    }
}

/// Refuses to receive a batch that is in the warehouse otherwise than it was.
fn already_received(batch: &Batch) -> Refusal {
    let received = batch.record().received();
    Refusal::AlreadyReceived {
        reference: batch.reference().clone(),
        received: received.expect("the units of a batch in the warehouse have arrived"),
    }
}
