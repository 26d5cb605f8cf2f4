//! The new lines of a change set: which units each is placed with, and which event reports its placing.
//!
//! Nearly every line is placed with units of one batch, and one event reports that. A store that keeps both in the
//! line's own row writes less for each line. This module decides which allocation and which event those are.

use std::collections::HashMap;

use earmark_domain::{AllocationRecord, Change, ChangeSet, Event, Fact, LineKey, LineRecord};

/// A new line with what its row stores beside the line itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLine<'a> {
    pub(crate) line: &'a LineRecord,
    /// The index, in the change set, of the event that reports that it was placed and with which units: the one of its
    /// placed version. A line that was placed without units has none.
    pub(crate) placing_event: Option<usize>,
    /// The units that it is placed with: the first of its allocations, if an event reports the placing and the
    /// allocation is as old as the line.
    pub(crate) units: Option<&'a AllocationRecord>,
}

/// The new lines and allocations of a change set.
#[derive(Debug, Default)]
pub(crate) struct NewLines<'a> {
    /// The new lines, in the order of the change set.
    pub(crate) lines: Vec<NewLine<'a>>,
    /// All other new allocations.
    pub(crate) further: Vec<&'a AllocationRecord>,
    /// Of each event, whether a new line names it.
    by_line: Vec<bool>,
}

impl<'a> NewLines<'a> {
    pub(crate) fn of(changes: &'a ChangeSet) -> Self {
        let mut lines: Vec<NewLine<'a>> = Vec::with_capacity(changes.lines.len());
        let mut index_of: HashMap<&LineKey, usize> = HashMap::with_capacity(changes.lines.len());
        for change in &changes.lines {
            if let Change::New(line) = change {
                index_of.insert(&line.terms.key, lines.len());
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
                && let Some(new) = index_of.get(&line.key).map(|at| &mut lines[*at])
                && new.placing_event.is_none()
                && event.product() == Some((&new.line.sku, new.line.placed_version))
            {
                new.placing_event = Some(at);
                by_line[at] = true;
            }
        }
        let mut further = Vec::new();
        for allocation in &changes.earmarked {
            match index_of.get(&allocation.key).map(|at| &mut lines[*at]) {
                Some(new)
                    if new.placing_event.is_some()
                        && new.units.is_none()
                        && new.line.placed_version == allocation.allocated_version =>
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

    /// The events, each with whether it is found through a new line and not by its order.
    pub(crate) fn events(&self, events: &'a [Event]) -> impl Iterator<Item = (&'a Event, bool)> {
        events.iter().zip(self.by_line.iter().copied())
    }
}
