//! What a change set says of the lines that it places: which units each begins with, and which event tells of it.
//!
//! Nearly every line is placed with units of one batch, and one event tells so. A store that keeps both in the line's own
//! row writes less for each line; this is where it is decided which allocation and which event those are.

use std::collections::HashMap;

use earmark_domain::{AllocationRecord, Change, ChangeSet, Event, Fact, LineKey, LineRecord};

/// A new line with what its row says beside the line itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLine<'a> {
    pub(crate) line: &'a LineRecord,
    /// The place, in the change set, of the event that tells that it was placed and what it got.
    pub(crate) placing_event: Option<usize>,
    /// The units that it is placed with: the first of its allocations, where an event tells of it and it is as old as the
    /// line.
    pub(crate) units: Option<&'a AllocationRecord>,
}

impl<'a> NewLine<'a> {
    /// The version of its product that tells of it, if the events are those of its change set.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "another store has a line bear the number of its event")
    )]
    pub(crate) fn placing_version(&self, events: &'a [Event]) -> Option<u64> {
        let (_, version) = events.get(self.placing_event?)?.product()?;
        Some(version)
    }
}

/// What a change set places.
#[derive(Debug, Default)]
pub(crate) struct NewLines<'a> {
    /// The new lines, in the order of the change set.
    pub(crate) lines: Vec<NewLine<'a>>,
    /// All other allocations that it makes.
    pub(crate) further: Vec<&'a AllocationRecord>,
    /// Of each event, whether a new line says that it is told by it.
    by_line: Vec<bool>,
}

impl<'a> NewLines<'a> {
    pub(crate) fn of(changes: &'a ChangeSet) -> Self {
        let mut lines: Vec<NewLine<'a>> = Vec::with_capacity(changes.lines.len());
        let mut place: HashMap<&LineKey, usize> = HashMap::with_capacity(changes.lines.len());
        for change in &changes.lines {
            if let Change::New(line) = change {
                place.insert(&line.terms.key, lines.len());
                let (placing_event, units) = (None, None);
                lines.push(NewLine {
                    line,
                    placing_event,
                    units,
                });
            }
        }
        let mut by_line = vec![false; changes.events.len()];
        for (at, event) in changes.events.iter().enumerate() {
            if let Fact::Allocated { line, .. } = &event.fact
                && let Some(new) = place.get(&line.key).map(|at| &mut lines[*at])
                && new.placing_event.is_none()
                && event.product().is_some_and(|(sku, _)| *sku == new.line.sku)
            {
                new.placing_event = Some(at);
                by_line[at] = true;
            }
        }
        let mut further = Vec::new();
        for allocation in &changes.earmarked {
            match place.get(&allocation.key).map(|at| &mut lines[*at]) {
                Some(new)
                    if new.placing_event.is_some()
                        && new.units.is_none()
                        && new.line.terms.placed_at == allocation.allocated_at =>
                {
                    new.units = Some(allocation);
                }
                _ => further.push(allocation),
            }
        }
        Self {
            lines,
            further,
            by_line,
        }
    }

    /// The events, each with whether it is found by a new line, and not by its order.
    pub(crate) fn events(&self, events: &'a [Event]) -> impl Iterator<Item = (&'a Event, bool)> {
        events.iter().zip(self.by_line.iter().copied())
    }
}
