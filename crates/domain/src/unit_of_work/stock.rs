//! Commands on products and batches.

use super::{At, UnitOfWork};
use crate::command::{ChangeBatch, CreateBatch, PutProduct};
use crate::context::DecisionContext;
use crate::event::Fact;
use crate::event_recorder::EventRecorder;
use crate::name::Reference;
use crate::outcome::{Effects, Outcome};
use crate::product::{BatchChange, Why};
use crate::quantity::Count;
use crate::reason::MoveReason;
use crate::refusal::Refusal;

impl UnitOfWork {
    pub(super) fn put_product(&mut self, put: &PutProduct, context: &DecisionContext) -> Outcome {
        let place = self.product_or_new(&put.sku);
        let product = &mut self.products[place];
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let mut effects = Effects::default();
        let named = put
            .name
            .as_ref()
            .is_some_and(|name| product.rename(name, &mut recorder));
        let kept_back = put
            .safety_stock
            .is_some_and(|units| product.keep_back(units, &mut recorder, &mut effects));
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
        if let Some(at) = self.batch_at(&create.reference) {
            let record = self.products[at.product].batches()[at.place].record();
            let same = record.sku == create.sku
                && record.created_quantity == create.quantity
                && record.created_eta == create.eta
                && record.location == create.location;
            return if same {
                Ok(Outcome::BatchCreated {
                    batch: self.view_batch(at, context.today()),
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
        let place = self.products[product].create_batch(create, &mut recorder, &mut effects);
        let at = At { product, place };
        self.batches_by_reference().insert(create.reference.clone(), at);
        Ok(Outcome::BatchCreated {
            batch: self.view_batch(at, context.today()),
            fresh: true,
            effects,
        })
    }

    /// A batch that is named by a command on it.
    fn named_batch(&mut self, reference: &Reference) -> Result<At, Refusal> {
        self.batch_at(reference)
            .ok_or_else(|| Refusal::UnknownBatch(reference.clone()))
    }

    /// A count of a batch, if it may be counted so.
    fn count(&self, at: At, to: Count) -> Result<(), Refusal> {
        let batch = &self.products[at.product].batches()[at.place];
        let reference = || batch.reference().clone();
        if batch.is_closed() && to != batch.quantity() {
            return Err(Refusal::BatchClosed(reference()));
        }
        if to.units() < batch.dispatched() {
            return Err(Refusal::BelowDispatched {
                reference: reference(),
                dispatched: batch.dispatched(),
            });
        }
        Ok(())
    }

    pub(super) fn change_batch(&mut self, change: &ChangeBatch, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let at = self.named_batch(&change.reference)?;
        let batch = &self.products[at.product].batches()[at.place];
        let (from, eta_before, closed) = (batch.quantity(), batch.eta(), batch.is_closed());
        if let Some(to) = change.quantity {
            self.count(at, to)?;
        }
        let reference = || change.reference.clone();
        let counted = change.quantity.filter(|to| *to != from);
        let put_off = change.eta.filter(|eta| Some(*eta) != eta_before);
        if closed && put_off.is_some() {
            return Err(Refusal::BatchClosed(reference()));
        }
        let mut facts = alloc::vec::Vec::new();
        if let Some(to) = counted {
            let reference = reference();
            facts.push(Fact::BatchQuantityChanged { reference, from, to });
        }
        if let Some(to) = put_off {
            facts.push(Fact::BatchEtaChanged {
                reference: reference(),
                from: eta_before,
                to,
            });
        }
        let why = match put_off {
            Some(_) => MoveReason::BatchEtaChanged(reference()),
            None => MoveReason::BatchQuantityChanged(reference()),
        };
        let change = BatchChange {
            quantity: counted,
            eta: put_off.map(Some),
            close: false,
        };
        Ok(self.carry_through(at, &facts, change, why, context))
    }

    pub(super) fn receive_batch(
        &mut self,
        reference: &Reference,
        quantity: Option<Count>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_batch(reference)?;
        let batch = &self.products[at.product].batches()[at.place];
        if batch.is_closed() {
            return Err(Refusal::BatchClosed(reference.clone()));
        }
        // Received before: what was counted then stands, and may have been counted again since.
        let Some(eta) = batch.eta() else {
            return Ok(self.carry_through(
                at,
                &[],
                BatchChange::default(),
                MoveReason::BatchReceived(reference.clone()),
                context,
            ));
        };
        let from = batch.quantity();
        let counted = quantity.filter(|to| *to != from);
        if let Some(to) = counted {
            self.count(at, to)?;
        }
        let mut facts = alloc::vec::Vec::from([Fact::BatchReceived {
            reference: reference.clone(),
            eta: Some(eta),
        }]);
        if let Some(to) = counted {
            let reference = reference.clone();
            facts.push(Fact::BatchQuantityChanged { reference, from, to });
        }
        let change = BatchChange {
            quantity: counted,
            eta: Some(None),
            close: false,
        };
        let why = MoveReason::BatchReceived(reference.clone());
        Ok(self.carry_through(at, &facts, change, why, context))
    }

    pub(super) fn cancel_batch(
        &mut self,
        reference: &Reference,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_batch(reference)?;
        let batch = &self.products[at.product].batches()[at.place];
        let why = MoveReason::BatchCancelled(reference.clone());
        if batch.is_closed() {
            return Ok(self.carry_through(at, &[], BatchChange::default(), why, context));
        }
        let from = batch.quantity();
        let to = Count::new(i128::from(batch.dispatched().get())).expect("no more is dispatched than the batch held");
        let change = BatchChange {
            quantity: Some(to),
            eta: None,
            close: true,
        };
        let reference = reference.clone();
        let facts = [Fact::BatchCancelled { reference, from, to }];
        Ok(self.carry_through(at, &facts, change, why, context))
    }

    /// Carries a change of a batch through to its lines. No facts: nothing has changed.
    fn carry_through(
        &mut self,
        at: At,
        facts: &[Fact],
        change: BatchChange,
        why: MoveReason,
        context: &DecisionContext,
    ) -> Outcome {
        let mut effects = Effects::default();
        if !facts.is_empty() {
            let mut recorder = EventRecorder::new(context, &mut self.events);
            let product = &mut self.products[at.product];
            for fact in facts {
                product.tell(fact.clone(), &mut recorder);
            }
            product.change_batch(at.place, change, &Why::moved(why), &mut recorder, &mut effects);
        }
        Outcome::BatchChanged {
            batch: self.view_batch(at, context.today()),
            changed: !facts.is_empty(),
            effects,
        }
    }
}
