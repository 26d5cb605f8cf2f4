//! Whether a request is the one that placed an order or a line, and in what it differs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{LineAt, UnitOfWork};
use crate::commands::command::Allocate;
use crate::commands::place_order::PlaceOrder;
use crate::language::name::{LineId, LineKey, Sku};
use crate::language::term::Term;
use crate::stock::line::Line;

impl UnitOfWork {
    /// In what a request to allocate a line differs from the line that exists.
    pub(super) fn differences_of_line(&self, allocate: &Allocate, at: LineAt) -> Vec<Term> {
        let (sku, terms) = (self.products[at.product].sku(), self.line(at).terms());
        differing([
            (Term::Sku, *sku != allocate.line.sku),
            (Term::Quantity, self.line(at).total() != allocate.line.quantity),
            (Term::Locations, terms.locations != allocate.locations),
            (Term::Split, terms.split != allocate.split),
        ])
    }

    /// In what a request to place an order differs from the order that exists. Lines added to it later don't count.
    pub(super) fn differences_of_order(&self, place: &PlaceOrder) -> Vec<Term> {
        let header = self.headers.get(place.order()).map(|header| &header.record);
        let asked = place.terms();
        let mut differs = self.differences_of_lines(place, header.is_some());
        if let Some(header) = header {
            let (now, asked_precedence) = (header.precedence, asked.precedence);
            differs.extend(differing([
                (
                    Term::HoldSeconds,
                    header.hold_until.is_some() != asked.hold_for.is_some(),
                ),
                (Term::Priority, now.priority() != asked_precedence.priority()),
                (Term::RequiredBy, now.required_by() != asked_precedence.required_by()),
            ]));
        }
        differs
    }

    /// In what its lines differ from those that were placed with the order, or, if not `placed_with_order`, alone.
    pub(super) fn differences_of_lines(&self, place: &PlaceOrder, placed_with_order: bool) -> Vec<Term> {
        let placed = self.loaded_lines_of(place.order()).map(|at| self.line(at));
        let placed = placed.filter(|line| line.terms().placed_with_order == placed_with_order);
        let placed: BTreeMap<&LineId, &Line> = placed.map(|line| (&line.key().line, line)).collect();
        let asked = place.lines();
        let pairs = || {
            asked
                .iter()
                .filter_map(|asked| Some((*placed.get(&asked.line)?, asked)))
        };
        let same = pairs().filter(|(placed, asked)| {
            placed.total() == asked.quantity && self.sku_of_line(placed.key()) == Some(&asked.sku)
        });
        let same = same.count();
        differing([
            (Term::Lines, same < asked.len() || same < placed.len()),
            (
                Term::Locations,
                pairs().any(|(placed, asked)| placed.terms().locations != asked.locations),
            ),
            (
                Term::Split,
                pairs().any(|(placed, _)| placed.terms().split != place.terms().split),
            ),
        ])
    }

    /// The SKU of a line of a product that was loaded.
    fn sku_of_line(&self, key: &LineKey) -> Option<&Sku> {
        let at = self.lines.get(key).copied().flatten()?;
        Some(self.products[at.product].sku())
    }
}

fn differing<const N: usize>(terms: [(Term, bool); N]) -> Vec<Term> {
    let differing = terms.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(term, _)| term).collect()
}
