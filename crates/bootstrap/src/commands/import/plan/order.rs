//! The rows of an order, wherever they stand: placed as one order or not at all.

use std::collections::HashMap;

use earmark_adapters::files::{Entry, LineEntry, Row};
use earmark_domain::{
    Command, LineId, MAX_LINES_PER_ORDER, OnOrderShortage, OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder,
    Precedence, Priority,
};
use jiff::civil::Date;

use super::added::quantities;
use super::planned::{BadRows, Planned, PlannedCommand, Terms};
use crate::commands::import::grouping::{Repeats, next_number, number_of, numbered};

/// The rows of one order, as far as they have been read.
pub(super) struct OrderRows {
    order: OrderId,
    repeats: Repeats,
    /// The line of the file on which the first row begins.
    first: u64,
    /// The good rows so far.
    rows: u64,
    /// How many of them were added to an earlier line.
    added: u64,
    lines: Vec<OrderLine>,
    /// Where each line id came first: the line of the file, and the index in `lines`.
    ids: HashMap<LineId, (u64, usize)>,
    /// The lines whose id came before, by their index: they get a number once all ids are known.
    repeated: Vec<usize>,
    /// The order's columns in its first good row, and the line of the file on which that row begins.
    columns: Option<(OrderColumns, u64)>,
    /// Why the order can't be placed, once that is known.
    fault: Option<String>,
}

/// The columns of a row that belong to the order rather than to the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderColumns {
    priority: Option<Priority>,
    required_by: Option<Date>,
}

impl OrderColumns {
    pub(super) const fn of(line: &LineEntry) -> Self {
        Self {
            priority: line.priority,
            required_by: line.required_by,
        }
    }

    /// The first column in which two rows of one order differ.
    fn difference(self, other: Self) -> Option<&'static str> {
        if self.priority != other.priority {
            return Some("priority");
        }
        (self.required_by != other.required_by).then_some("required_by")
    }

    /// The first column with a value.
    pub(super) const fn first_set(self) -> Option<&'static str> {
        match (self.priority, self.required_by) {
            (Some(_), _) => Some("priority"),
            (None, Some(_)) => Some("required_by"),
            (None, None) => None,
        }
    }

    fn precedence(self) -> Precedence {
        Precedence::of(self.priority.unwrap_or_default(), self.required_by)
    }
}

impl OrderRows {
    /// No rows yet. `unreadable`: the line of a row that may be one of them, or 0.
    pub(super) fn new(order: OrderId, first: u64, repeats: Repeats, unreadable: u64) -> Self {
        let fault = (unreadable > 0)
            .then(|| format!("the row on line {unreadable} can't be read, and may be one of its lines"));
        Self {
            order,
            repeats,
            first,
            rows: 0,
            added: 0,
            lines: Vec::new(),
            ids: HashMap::new(),
            repeated: Vec::new(),
            columns: None,
            fault,
        }
    }

    /// Adds a row of the order.
    ///
    /// # Errors
    /// The report of a bad row. The order is then not placed at all: placed without the row, it could not be completed
    /// later.
    pub(super) fn add(&mut self, row: Row) -> Result<(), BadRows> {
        let why = match row.entry {
            Ok(Entry::Line(entry)) => {
                self.rows += 1;
                if let Err(fault) = self.add_line(entry, row.line) {
                    self.fault.get_or_insert(fault);
                }
                return Ok(());
            }
            Ok(_) => "is not a line of an order".to_owned(),
            Err(bad) => bad.why,
        };
        self.fault
            .get_or_insert_with(|| format!("its row on line {} is bad", row.line));
        Err(BadRows {
            line: row.line,
            rows: 1,
            why,
        })
    }

    /// Adds a line, read on this line of the file. The error: why the order can't be placed.
    fn add_line(&mut self, entry: LineEntry, at: u64) -> Result<(), String> {
        // An order that can't be placed keeps no more lines in memory, however many rows it has.
        if self.fault.is_some() {
            return Ok(());
        }
        let columns = OrderColumns::of(&entry);
        let (first, first_line) = *self.columns.get_or_insert((columns, at));
        if let Some(column) = first.difference(columns) {
            return Err(format!("its rows on lines {first_line} and {at} differ in {column}"));
        }
        let line = OrderLine {
            line: entry.line.key.line,
            sku: entry.line.sku,
            quantity: entry.line.quantity,
            locations: entry.locations,
        };
        if let Some((first_line, index)) = self.ids.get(&line.line).copied() {
            match self.repeats {
                Repeats::Refuse => {
                    return Err(format!(
                        "its line {} is on lines {first_line} and {at}, and only --repeats adds or numbers them",
                        line.line
                    ));
                }
                Repeats::Add => {
                    let rows = format!("its rows on lines {first_line} and {at}");
                    return self.add_units(index, &line).map_err(|why| format!("{rows} {why}"));
                }
                Repeats::Number => self.repeated.push(self.lines.len()),
            }
        } else {
            self.ids.insert(line.line.clone(), (at, self.lines.len()));
        }
        if self.lines.len() == MAX_LINES_PER_ORDER {
            return Err(format!("it has more than {MAX_LINES_PER_ORDER} lines"));
        }
        self.lines.push(line);
        Ok(())
    }

    /// Adds the units of a row to those of an earlier one with the same line id.
    fn add_units(&mut self, to: usize, line: &OrderLine) -> Result<(), String> {
        let sum = &mut self.lines[to];
        if sum.sku != line.sku {
            return Err("differ in sku".to_owned());
        }
        if sum.locations != line.locations {
            return Err("differ in locations".to_owned());
        }
        sum.quantity = quantities(sum.quantity, line.quantity)?;
        self.added += 1;
        Ok(())
    }

    /// Gives each line whose id came before a number that no other line of the order has.
    fn number_lines(&mut self) -> Result<(), String> {
        let mut taken: HashMap<String, u64> = HashMap::new();
        for (name, number) in self.ids.keys().filter_map(|id| number_of(id.as_str())) {
            let most = taken.entry(name.to_owned()).or_default();
            *most = number.max(*most);
        }
        let mut repeats: HashMap<LineId, u64> = HashMap::new();
        for index in &self.repeated {
            let line = &mut self.lines[*index];
            let repeat = repeats.entry(line.line.clone()).or_default();
            *repeat += 1;
            let taken = taken.get(line.line.as_str()).copied().unwrap_or_default();
            line.line = numbered(line.line.as_str(), next_number(taken, *repeat))
                .parse()
                .map_err(|error| format!("its line {} occurs twice and can't be numbered: {error}", line.line))?;
        }
        Ok(())
    }

    /// What the order becomes. `None`: it has no good row.
    pub(super) fn plan(mut self, terms: Terms) -> Option<Planned> {
        if self.rows == 0 {
            return None;
        }
        let (line, rows, added, order) = (self.first, self.rows, self.added, self.order.clone());
        let terms = OrderTerms {
            on_shortage: match terms.on_shortage {
                OnShortage::Reject => OnOrderShortage::Reject,
                OnShortage::Backorder => OnOrderShortage::Backorder,
            },
            split: terms.split,
            hold_for: None,
            precedence: self
                .columns
                .map(|(columns, _)| columns.precedence())
                .unwrap_or_default(),
        };
        let placed = match self.fault.take() {
            Some(why) => Err(why),
            None => self
                .number_lines()
                .and_then(|()| PlaceOrder::new(self.order, self.lines, terms).map_err(|error| error.to_string())),
        };
        Some(match placed {
            Ok(place) => Ok(PlannedCommand {
                line,
                rows,
                added,
                command: Command::PlaceOrder(place),
                text: None,
            }),
            Err(why) => Err(BadRows {
                line,
                rows,
                why: format!("order {order} is skipped: {why}"),
            }),
        })
    }
}
