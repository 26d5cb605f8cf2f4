//! Ending holds whose deadline has passed.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::Timestamp;

use crate::answers::outcome::Outcome;
use crate::commands::command::ExpireHolds;
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::name::OrderId;
use crate::language::reason::DeallocationReason;
use crate::records::expiry_step::ExpiryStep;
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;
use crate::stock::product::Product;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    /// Ends the due holds of these orders, and determines again when the next hold on each product ends.
    pub(in crate::unit_of_work) fn expire_holds(&mut self, expire: &ExpireHolds, context: &DecisionContext) -> Outcome {
        let is_past = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= expire.at);
        let (mut affected, mut ended) = (BTreeSet::new(), Vec::new());
        let versions: Vec<u64> = self.products.iter().map(Product::version).collect();
        for order in &expire.orders {
            let lines = self.loaded_lines_of(order);
            let due: Vec<LineAt> = lines.filter(|at| is_past(self.deadline(*at))).collect();
            let Some(deadline) = due.first().and_then(|at| self.deadline(*at)) else {
                continue;
            };
            let version = self.view_order(order, context.today).version();
            for at in due {
                self.products[at.product].expire(at.line);
                affected.insert(at.product);
            }
            self.record_of_order(order, Fact::HoldExpired { deadline }, context);
            ended.push((order, version));
        }
        let cause = Cause::Freed(DeallocationReason::HoldExpired);
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for product in affected {
            self.products[product].emit_line_events(&cause, &mut recorder, None);
        }
        // While a product has other due holds, the freed units are not given away: at this instant all due holds count
        // zero, and the order in which they are ended must not decide which line is served first.
        let mut settled = BTreeSet::new();
        for sku in &expire.skus {
            let Some(&product) = self.by_sku.get(sku) else { continue };
            let elsewhere = self.next_holds.get(sku).copied().flatten();
            let next = self
                .next_deadline(product, &expire.orders)
                .into_iter()
                .chain(elsewhere)
                .min();
            self.products[product].set_next_expiry(next);
            if !is_past(next) {
                settled.insert(product);
            }
        }
        self.serve_backlogs_and_emit(&settled, &cause, context);
        for (product, before) in self.products.iter_mut().zip(versions) {
            product.record_expiry_step(before);
        }
        let orders = ended.len();
        for (order, before) in ended {
            let after = self.view_order(order, context.today).version();
            if let Some(header) = self.headers.get_mut(order) {
                header.record.expiry_step = ExpiryStep::join(None, before, after);
            }
        }
        Outcome::HoldsExpired { orders }
    }

    fn deadline(&self, at: LineAt) -> Option<Timestamp> {
        self.line(at).terms().hold_until
    }

    /// The earliest deadline of a product's lines in these orders.
    fn next_deadline(&self, product: ProductIndex, orders: &BTreeSet<OrderId>) -> Option<Timestamp> {
        let lines = orders.iter().flat_map(|order| self.loaded_lines_of(order));
        let lines = lines.filter(|at| at.product == product);
        lines.filter_map(|at| self.deadline(at)).min()
    }
}
