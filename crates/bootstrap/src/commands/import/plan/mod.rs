//! The plan: which command each row becomes, and which rows become one command.

mod added;
mod order;
mod planned;

use earmark_adapters::files::{Entry, LineEntry, Row};
use earmark_domain::{Allocate, ChangeBatch, Command, LineKey};

use self::added::AddedRows;
use self::order::{OrderColumns, OrderRows};
pub(crate) use self::planned::Terms;
pub(super) use self::planned::{BadRows, Planned, PlannedCommand};
use super::grouping::{Grouping, numbered};
use super::survey::FirstBad;

/// A row, and what the survey found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The row.
    pub(super) row: Row,
    /// The group it belongs to. Steps of a group come one after the other.
    pub(super) group: u64,
    /// 0 in most cases, else by the grouping: the line of another row with its key
    /// ([`RefuseRepeats`](Grouping::RefuseRepeats)), its number ([`NumberRepeats`](Grouping::NumberRepeats)), or the
    /// line of an unreadable row that may belong to its order ([`ByOrder`](Grouping::ByOrder)).
    pub(super) note: u64,
}

impl Step {
    /// A row that belongs to no group.
    pub(super) const fn by_itself(row: Row) -> Self {
        Self {
            group: row.offset,
            row,
            note: 0,
        }
    }
}

/// Turns rows into commands, in the order of the rows.
pub(crate) struct Planner {
    terms: Terms,
    grouping: Grouping,
    /// Of a strict import: where it ends at the latest. No row behind it is part of a command.
    end: Option<FirstBad>,
    /// The group that is being read.
    open: Option<Open>,
}

/// A group whose rows are being read.
struct Open {
    group: u64,
    last_line: u64,
    rows: OpenRows,
}

enum OpenRows {
    Added(AddedRows),
    Order(OrderRows),
}

impl Planner {
    /// A planner for rows of this grouping.
    pub(crate) const fn new(terms: Terms, grouping: Grouping) -> Self {
        Self {
            terms,
            grouping,
            end: None,
            open: None,
        }
    }

    /// The planner of a strict import, which ends at the first bad row.
    pub(super) fn ending_at(self, end: Option<FirstBad>) -> Self {
        Self { end, ..self }
    }

    /// Adds a row. Appends to `planned` what is complete.
    pub(super) fn add(&mut self, step: Step, planned: &mut Vec<Planned>) {
        if self.open.as_ref().is_some_and(|open| open.group != step.group) {
            self.finish(planned);
        }
        let Step { row, group, note } = step;
        match self.grouping {
            Grouping::Apart => planned.push(self.plan_row(row)),
            Grouping::RefuseRepeats => planned.push(match (&row.entry, note) {
                (Ok(entry), 1..) => Err(repeated(entry, row.line, note)),
                _ => self.plan_row(row),
            }),
            Grouping::NumberRepeats => planned.push(match (row, note) {
                (
                    Row {
                        line, entry: Ok(entry), ..
                    },
                    1..,
                ) => with_number(entry, note, line).and_then(|entry| self.plan_entry(entry, line)),
                (row, _) => self.plan_row(row),
            }),
            Grouping::ByKey => {
                let open = self.open.get_or_insert_with(|| Open {
                    group,
                    last_line: row.line,
                    rows: OpenRows::Added(AddedRows::new(row.line)),
                });
                open.last_line = row.line;
                if let OpenRows::Added(rows) = &mut open.rows {
                    planned.extend(rows.add(row).err().map(Err));
                }
            }
            Grouping::ByOrder(repeats) => {
                // A row whose order can't be read is in a group of its own.
                let order = match &row.entry {
                    Ok(entry) => entry.order().cloned(),
                    Err(bad) => bad.order.clone(),
                };
                let Some(order) = order else {
                    return planned.push(self.plan_row(row));
                };
                let open = self.open.get_or_insert_with(|| Open {
                    group,
                    last_line: row.line,
                    rows: OpenRows::Order(OrderRows::new(order, row.line, repeats, note)),
                });
                open.last_line = row.line;
                if let OpenRows::Order(rows) = &mut open.rows {
                    planned.extend(rows.add(row).err().map(Err));
                }
            }
        }
    }

    /// Ends the group that is being read. Appends to `planned` what it becomes. Call it once more behind the last row.
    pub(super) fn finish(&mut self, planned: &mut Vec<Planned>) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let Some(end) = self.end.as_ref().filter(|end| open.last_line >= end.line) {
            return planned.push(Err(BadRows {
                line: end.line,
                rows: 1,
                why: end.why.clone(),
            }));
        }
        match open.rows {
            OpenRows::Order(rows) => planned.extend(rows.plan(self.terms)),
            OpenRows::Added(rows) => planned.extend(rows.finish().map(|added| {
                let added = added?;
                let planned = self.plan_entry(added.entry, added.line)?;
                Ok(PlannedCommand {
                    rows: added.rows,
                    added: added.rows - 1,
                    ..planned
                })
            })),
        }
    }

    fn plan_row(&self, row: Row) -> Planned {
        match row.entry {
            Ok(entry) => self.plan_entry(entry, row.line),
            Err(bad) => Err(BadRows {
                line: row.line,
                rows: 1,
                why: bad.why,
            }),
        }
    }

    /// The command of a row by itself.
    fn plan_entry(&self, entry: Entry, line: u64) -> Planned {
        let mut text = None;
        let command = match entry {
            Entry::Line(entry) => Command::Allocate(self.allocate(entry, line)?),
            Entry::Batch(batch) => Command::CreateBatch(batch),
            Entry::Product(put) => Command::PutProduct(put),
            Entry::Count { reference, quantity } => Command::ChangeBatch(ChangeBatch {
                reference,
                quantity: Some(quantity),
                eta: None,
            }),
            Entry::Receipt { reference, delivery } => Command::ReceiveBatch { reference, delivery },
            Entry::Change { command, text: json } => {
                text = Some(json);
                command
            }
        };
        Ok(PlannedCommand {
            line,
            rows: 1,
            added: 0,
            command,
            text,
        })
    }

    fn allocate(&self, entry: LineEntry, line: u64) -> Result<Allocate, BadRows> {
        // The order's columns are set when the order is placed; a line that is added alone can't set them.
        if let Some(column) = OrderColumns::of(&entry).first_set() {
            return Err(BadRows {
                line,
                rows: 1,
                why: format!("{column}: belongs to an order, not to a line; it needs --whole-orders"),
            });
        }
        Ok(Allocate {
            line: entry.line,
            locations: entry.locations,
            on_shortage: self.terms.on_shortage,
            split: self.terms.split,
            without_grace: false,
        })
    }
}

/// A row whose key is on another row. None of them is imported: nobody knows whether one is a mistake, or both count.
fn repeated(entry: &Entry, line: u64, other: u64) -> BadRows {
    let key = entry.key().map(|key| key.to_string()).unwrap_or_default();
    BadRows {
        line,
        rows: 1,
        why: format!("{key} is on line {other}, too; its rows are imported only if --repeats adds or numbers them"),
    }
}

/// The entry of a row whose key is on earlier rows, with a number behind its name.
fn with_number(entry: Entry, number: u64, line: u64) -> Result<Entry, BadRows> {
    let too_long = |name: &str, error| BadRows {
        line,
        rows: 1,
        why: format!("{name} is on an earlier line, and can't be numbered: {error}"),
    };
    Ok(match entry {
        Entry::Line(mut entry) => {
            let LineKey { line: id, .. } = &mut entry.line.key;
            *id = numbered(id.as_str(), number)
                .parse()
                .map_err(|error| too_long(id.as_str(), error))?;
            Entry::Line(entry)
        }
        Entry::Batch(mut batch) => {
            batch.reference = numbered(batch.reference.as_str(), number)
                .parse()
                .map_err(|error| too_long(batch.reference.as_str(), error))?;
            Entry::Batch(batch)
        }
        // The command line allows numbers for order lines and batches alone.
        other => other,
    })
}

#[cfg(test)]
mod tests;
