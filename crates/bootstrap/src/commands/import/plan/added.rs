//! Rows with one key: added up, or found to contradict each other.

use earmark_adapters::files::{Entry, Row};
use earmark_domain::{Count, Delivery, Quantity};

use super::planned::BadRows;

/// The rows with one key, as far as they have been read.
pub(super) struct AddedRows {
    /// The line on which the first row begins.
    first: u64,
    /// The good rows so far.
    rows: u64,
    /// What they say together.
    entry: Option<Entry>,
    /// Why they can't become one command, once that is known.
    fault: Option<String>,
}

/// Rows with one key as one row.
pub(super) struct Added {
    /// The line on which the first of them begins.
    pub(super) line: u64,
    /// How many they are.
    pub(super) rows: u64,
    /// What they say together.
    pub(super) entry: Entry,
}

impl AddedRows {
    pub(super) const fn new(first: u64) -> Self {
        Self {
            first,
            rows: 0,
            entry: None,
            fault: None,
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The report of a bad row, which spoils the others: without it they would be too few.
    pub(super) fn add(&mut self, row: Row) -> Result<(), BadRows> {
        let entry = match row.entry {
            Ok(entry) => entry,
            Err(bad) => {
                self.fault
                    .get_or_insert_with(|| format!("its row on line {} is bad", row.line));
                return Err(BadRows {
                    line: row.line,
                    rows: 1,
                    why: bad.why,
                });
            }
        };
        self.rows += 1;
        match &mut self.entry {
            None => self.entry = Some(entry),
            Some(sum) => {
                if let Err(why) = add(sum, entry) {
                    let (first, line) = (self.first, row.line);
                    self.fault
                        .get_or_insert_with(|| format!("its rows on lines {first} and {line} {why}"));
                }
            }
        }
        Ok(())
    }

    /// What the rows become. `None`: there was no good row.
    pub(super) fn finish(self) -> Option<Result<Added, BadRows>> {
        let entry = self.entry?;
        Some(match self.fault {
            None => Ok(Added {
                line: self.first,
                rows: self.rows,
                entry,
            }),
            Some(why) => {
                let key = entry.key().map(|key| key.to_string()).unwrap_or_default();
                Err(BadRows {
                    line: self.first,
                    rows: self.rows,
                    why: format!("{key} is skipped: {why}"),
                })
            }
        })
    }
}

/// Adds a row to those before it with the same key. The error: why that can't be done.
fn add(sum: &mut Entry, row: Entry) -> Result<(), String> {
    match (sum, row) {
        (Entry::Product(sum), Entry::Product(row)) => {
            same("name", sum.name == row.name).and_then(|()| same("safety_stock", sum.safety_stock == row.safety_stock))
        }
        (Entry::Batch(sum), Entry::Batch(row)) => {
            same("sku", sum.sku == row.sku)?;
            same("eta", sum.eta == row.eta)?;
            same("location", sum.location == row.location)?;
            sum.quantity = quantities(sum.quantity, row.quantity)?;
            Ok(())
        }
        (Entry::Line(sum), Entry::Line(row)) => {
            same("sku", sum.line.sku == row.line.sku)?;
            same("priority", sum.priority == row.priority)?;
            same("required_by", sum.required_by == row.required_by)?;
            same("locations", sum.locations == row.locations)?;
            sum.line.quantity = quantities(sum.line.quantity, row.line.quantity)?;
            Ok(())
        }
        (Entry::Count { quantity: sum, .. }, Entry::Count { quantity: row, .. }) => {
            *sum = counts(*sum, row)?;
            Ok(())
        }
        (
            Entry::Receipt {
                delivery: Delivery::Whole { counted: Some(sum) },
                ..
            },
            Entry::Receipt {
                delivery: Delivery::Whole { counted: Some(row) },
                ..
            },
        ) => {
            *sum = counts(*sum, row)?;
            Ok(())
        }
        (
            Entry::Receipt {
                delivery: Delivery::Part { .. },
                ..
            },
            _,
        )
        | (
            _,
            Entry::Receipt {
                delivery: Delivery::Part { .. },
                ..
            },
        ) => Err("can't be added up: one has a rest".to_owned()),
        _ => Err("can't be added up: one has no quantity".to_owned()),
    }
}

fn same(column: &str, same: bool) -> Result<(), String> {
    same.then_some(()).ok_or_else(|| format!("differ in {column}"))
}

/// The sum of two quantities.
pub(super) fn quantities(first: Quantity, second: Quantity) -> Result<Quantity, String> {
    let sum = i128::from(first.get()) + i128::from(second.get());
    Quantity::new(sum).map_err(|error| format!("can't be added up: the quantity {error}"))
}

fn counts(first: Count, second: Count) -> Result<Count, String> {
    let sum = i128::from(first.get()) + i128::from(second.get());
    Count::new(sum).map_err(|error| format!("can't be added up: the quantity {error}"))
}
