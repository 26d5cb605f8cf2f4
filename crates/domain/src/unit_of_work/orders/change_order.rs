//! Changing the terms of an order.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::answers::outcome::{Effects, Outcome};
use crate::answers::refusal::Refusal;
use crate::answers::view::OrderStatus;
use crate::commands::command::ChangeOrder;
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{OrderId, Sku};
use crate::language::precedence::Precedence;
use crate::language::terms_change::TermsChange;
use crate::records::order::OrderRecord;
use crate::stock::index::{LineIndex, ProductIndex};
use crate::unit_of_work::{Header, LineAt, UnitOfWork};

impl UnitOfWork {
    /// Changes the terms of an order that is held or firm. Lines whose units are where they may no longer come from move,
    /// or wait; what they leave serves the backlog.
    pub(in crate::unit_of_work) fn change_order(
        &mut self,
        command: &ChangeOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = &command.order;
        let lines = self.named_order(order)?;
        self.check_not_ended(order, &lines, context)?;
        self.check_locations(&command.change.locations)?;
        let change = self.differing_terms(&command.change, order, &lines);
        let (changed, mut effects) = (!change.is_empty(), Effects::default());
        if changed {
            let fact = Fact::OrderChanged { change: change.clone() };
            self.record_of_order(order, fact, context);
            self.change_header(order, &lines, &change);
            let mut by_sku: BTreeMap<Sku, (ProductIndex, Vec<LineIndex>)> = BTreeMap::new();
            for at in lines.into_iter().filter(|at| self.line(*at).state().is_open()) {
                let sku = self.products[at.product].sku().clone();
                let (_, lines) = by_sku.entry(sku).or_insert((at.product, Vec::new()));
                lines.push(at.line);
            }
            let mut recorder = EventRecorder::new(context, &mut self.events);
            for (product, lines) in by_sku.into_values() {
                self.products[product].change_terms(&lines, &change, &mut recorder, &mut effects);
            }
        }
        Ok(Outcome::OrderTermsChanged {
            order: self.view_order(order, context.today),
            changed,
            effects,
        })
    }

    /// Refuses the change of an order that has ended.
    fn check_not_ended(&self, order: &OrderId, lines: &[LineAt], context: &DecisionContext) -> Result<(), Refusal> {
        match self.view_order(order, context.today).status {
            OrderStatus::Held | OrderStatus::Firm => Ok(()),
            OrderStatus::Cancelled => Err(Refusal::OrderCancelled(order.clone())),
            OrderStatus::Expired => Err(Refusal::hold_expired(order)),
            OrderStatus::Dispatched => {
                let mut lines = lines.iter().map(|at| self.line(*at));
                let first = lines.find(|line| line.state() == LineState::Dispatched);
                let first = first.expect("a dispatched order has a dispatched line");
                Err(Refusal::AlreadyDispatched {
                    key: first.key().clone(),
                    dispatched: first.dispatched_units(),
                })
            }
        }
    }

    /// Those of the new terms that the order, or one of its lines, does not have.
    fn differing_terms(&self, asked: &TermsChange, order: &OrderId, lines: &[LineAt]) -> TermsChange {
        let lines = lines.iter().map(|at| self.line(*at));
        let open: Vec<&LineTerms> = lines
            .filter(|line| line.state().is_open())
            .map(|line| line.terms())
            .collect();
        let of_order = self.precedence_of(order);
        let differs = |has: &dyn Fn(Precedence) -> bool| {
            let mut all = open.iter().map(|terms| terms.precedence).chain([of_order]);
            !all.all(has)
        };
        TermsChange {
            priority: asked.priority.filter(|new| differs(&|now| now.priority() == *new)),
            required_by: asked
                .required_by
                .filter(|new| differs(&|now| now.required_by() == *new)),
            locations: asked
                .locations
                .clone()
                .filter(|new| open.iter().any(|terms| terms.locations != *new)),
        }
    }

    /// The precedence of an order.
    pub(in crate::unit_of_work) fn precedence_of(&self, order: &OrderId) -> Precedence {
        let header = self.headers.get(order);
        header.map_or_else(Precedence::default, |header| header.record.precedence)
    }

    /// Changes the header of an order. Lines that were allocated one by one get one: it keeps the terms of their order,
    /// for lines that are added to it later.
    fn change_header(&mut self, order: &OrderId, lines: &[LineAt], change: &TermsChange) {
        let precedence = change.precedence(self.precedence_of(order));
        if let Some(header) = self.headers.get_mut(order) {
            header.record.precedence = precedence;
            return;
        }
        let placed = lines.iter().map(|at| self.line(*at).terms().placed_at);
        let record = OrderRecord {
            id: order.clone(),
            placed_at: placed.min().expect("an order has a line"),
            precedence,
            asked: None,
            hold_until: None,
            expiry_step: None,
        };
        self.headers.insert(order.clone(), Header { record, stored: None });
    }
}
