//! Whether a request is the one that placed an order or a line, and in what it differs.
//!
//! It is compared with what was first asked for, however the order or the line stands by now: a retry that comes late is
//! still the same request.

use alloc::vec::Vec;

use crate::commands::command::Allocate;
use crate::commands::place_order::PlaceOrder;
use crate::language::asked::AskedLine;
use crate::language::term::Term;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    /// In what a request to allocate a line differs from the one that placed it.
    pub(in crate::unit_of_work) fn differences_of_line(&self, allocate: &Allocate, at: LineAt) -> Vec<Term> {
        let (sku, line) = (self.products[at.product].sku(), self.line(at));
        let terms = line.terms();
        // A line that was placed with its order, whose request is not this one, is compared as it stands.
        let asked = terms
            .asked
            .unwrap_or_else(|| AskedLine::new(line.total(), allocate.on_shortage, &terms.locations));
        differing([
            (Term::Sku, *sku != allocate.line.sku),
            (Term::Quantity, asked.quantity() != allocate.line.quantity),
            (Term::Locations, !asked.is_from(&allocate.locations)),
            (Term::Split, terms.split != allocate.split),
            (Term::OnShortage, asked.on_shortage() != allocate.on_shortage),
        ])
    }

    /// In what a request to place an order differs from the one that placed it. Lines added to it later don't count.
    pub(in crate::unit_of_work) fn differences_of_order(&self, place: &PlaceOrder) -> Vec<Term> {
        let header = self.headers.get(place.order());
        match header.and_then(|header| header.record.asked) {
            Some(asked) => differing(asked.differences(&place.asked())),
            // Its lines were placed alone.
            None if self.lines_stand_as_asked(place, false) => Vec::new(),
            None => Vec::from([Term::Lines]),
        }
    }

    /// Whether the lines that were placed with an order are those of this request, and stand as it asks.
    pub(in crate::unit_of_work) fn stands_as_asked(&self, place: &PlaceOrder) -> bool {
        self.lines_stand_as_asked(place, true)
    }

    fn lines_stand_as_asked(&self, place: &PlaceOrder, placed_with_order: bool) -> bool {
        let placed = self.loaded_lines_of(place.order());
        let placed = placed.filter(|at| self.line(*at).terms().placed_with_order == placed_with_order);
        let asked = place.lines();
        let stands = |at: LineAt| {
            let (sku, line) = (self.products[at.product].sku(), self.line(at));
            asked.iter().any(|asked| {
                asked.line == line.key().line
                    && asked.sku == *sku
                    && asked.quantity == line.total()
                    && asked.locations == line.terms().locations
                    && place.terms().split == line.terms().split
            })
        };
        let placed: Vec<LineAt> = placed.collect();
        placed.len() == asked.len() && placed.into_iter().all(stands)
    }
}

fn differing<const N: usize>(terms: [(Term, bool); N]) -> Vec<Term> {
    let differing = terms.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(term, _)| term).collect()
}
