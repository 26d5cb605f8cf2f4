//! The plan: which command each row becomes, and which rows become one order.

use earmark_adapters::files::{BadRow, Entry, LineEntry, Row};
use earmark_domain::{
    Allocate, Command, MAX_LINES_PER_ORDER, OnOrderShortage, OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder,
    Precedence, Priority,
};
use jiff::civil::Date;

/// How the lines of a file are placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What happens to a line that lacks stock.
    pub(crate) on_shortage: OnShortage,
    /// Whether a line may be split over several batches.
    pub(crate) split: bool,
    /// Whether adjacent lines of one order are placed as one order.
    pub(crate) whole_orders: bool,
}

/// A command to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedCommand {
    /// The line of the file on which its first row begins.
    pub(super) line: u64,
    /// The number of rows that it comes from.
    pub(super) rows: u64,
    /// The command.
    pub(super) command: Command,
}

/// Rows that become no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRows {
    /// The line of the file on which the first of them begins.
    pub(super) line: u64,
    /// How many rows.
    pub(super) rows: u64,
    /// The reason.
    pub(super) why: String,
}

pub(super) type Planned = Result<PlannedCommand, BadRows>;

/// Turns rows into commands, in the order of the rows.
pub(crate) struct Planner {
    terms: Terms,
    /// With whole orders: the order whose rows are being read.
    order: Option<OrderRows>,
}

/// The rows of one order, as far as they have been read.
struct OrderRows {
    order: OrderId,
    /// The line of the file on which the first row begins.
    first: u64,
    lines: Vec<OrderLine>,
    rows: u64,
    /// The order's columns in its first good row, and the line of the file on which that row begins.
    columns: Option<(OrderColumns, u64)>,
    /// Why the order can't be placed, once that is known.
    fault: Option<String>,
}

/// The columns of a row that belong to the order rather than to the line.
#[derive(Debug, Clone, Copy)]
struct OrderColumns {
    priority: Option<Priority>,
    required_by: Option<Date>,
}

impl OrderColumns {
    const fn of(line: &LineEntry) -> Self {
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
    const fn first_set(self) -> Option<&'static str> {
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
    const fn new(order: OrderId, first: u64) -> Self {
        Self {
            order,
            first,
            lines: Vec::new(),
            rows: 0,
            columns: None,
            fault: None,
        }
    }

    fn add(&mut self, entry: LineEntry, line: u64) {
        self.rows += 1;
        let columns = OrderColumns::of(&entry);
        let (first, first_line) = *self.columns.get_or_insert((columns, line));
        if let Some(column) = first.difference(columns) {
            self.fault
                .get_or_insert_with(|| format!("its rows on lines {first_line} and {line} differ in {column}"));
        }
        if self.lines.len() == MAX_LINES_PER_ORDER {
            self.fault
                .get_or_insert_with(|| format!("it has more than {MAX_LINES_PER_ORDER} lines"));
        }
        // An order that can't be placed keeps no more lines in memory, however many rows it has.
        if self.fault.is_none() {
            self.lines.push(OrderLine {
                line: entry.line.key.line,
                sku: entry.line.sku,
                quantity: entry.line.quantity,
                locations: entry.locations,
            });
        }
    }

    fn plan(self, terms: Terms) -> Option<Planned> {
        if self.rows == 0 {
            return None;
        }
        let (line, rows, order) = (self.first, self.rows, self.order.clone());
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
        let placed = match self.fault {
            Some(why) => Err(why),
            None => PlaceOrder::new(self.order, self.lines, terms).map_err(|error| error.to_string()),
        };
        Some(match placed {
            Ok(place) => Ok(PlannedCommand {
                line,
                rows,
                command: Command::PlaceOrder(place),
            }),
            Err(why) => Err(BadRows {
                line,
                rows,
                why: format!("order {order} is skipped: {why}"),
            }),
        })
    }
}

impl Planner {
    /// A planner that places lines on these terms.
    pub(crate) const fn new(terms: Terms) -> Self {
        Self { terms, order: None }
    }

    /// Adds a row. Appends to `planned` what is complete.
    pub(super) fn add(&mut self, row: Row, planned: &mut Vec<Planned>) {
        let line = row.line;
        let command = match row.entry {
            Err(bad) => {
                if self.terms.whole_orders {
                    self.fail_order(&bad, line, planned);
                }
                return planned.push(Err(BadRows {
                    line,
                    rows: 1,
                    why: bad.why,
                }));
            }
            Ok(Entry::Line(entry)) if self.terms.whole_orders => {
                return self.order_rows(&entry.line.key.order, line, planned).add(entry, line);
            }
            Ok(Entry::Line(entry)) => {
                // The order's columns are set when the order is placed; a line that is added alone can't set them.
                if let Some(column) = OrderColumns::of(&entry).first_set() {
                    return planned.push(Err(BadRows {
                        line,
                        rows: 1,
                        why: format!("{column}: belongs to an order, not to a line; it needs --whole-orders"),
                    }));
                }
                Command::Allocate(Allocate {
                    line: entry.line,
                    locations: entry.locations,
                    on_shortage: self.terms.on_shortage,
                    split: self.terms.split,
                })
            }
            Ok(Entry::Batch(batch)) => Command::CreateBatch(batch),
            Ok(Entry::Product(put)) => Command::PutProduct(put),
        };
        planned.push(Ok(PlannedCommand { line, rows: 1, command }));
    }

    /// Ends the plan. Appends to `planned` the last order.
    pub(super) fn finish(&mut self, planned: &mut Vec<Planned>) {
        if let Some(order) = self.order.take() {
            planned.extend(order.plan(self.terms));
        }
    }

    /// Records that an order has a bad row. Such an order is not placed at all: placed without the row, it could not be
    /// completed later. A row whose order can't be read counts as a row of the order around it.
    fn fail_order(&mut self, bad: &BadRow, line: u64, planned: &mut Vec<Planned>) {
        let order = match &bad.order {
            Some(order) => Some(self.order_rows(order, line, planned)),
            None => self.order.as_mut(),
        };
        if let Some(order) = order {
            order
                .fault
                .get_or_insert_with(|| format!("its row on line {line} is bad"));
        }
    }

    /// The rows of this order. If another order was being read, that one is complete.
    fn order_rows(&mut self, order: &OrderId, line: u64, planned: &mut Vec<Planned>) -> &mut OrderRows {
        if self.order.as_ref().is_some_and(|rows| rows.order != *order) {
            self.finish(planned);
        }
        self.order.get_or_insert_with(|| OrderRows::new(order.clone(), line))
    }
}

#[cfg(test)]
mod tests {
    use earmark_domain::{LineKey, LineRequest, Locations, Quantity, Sku};

    use super::*;

    fn row(line: u64, order: &str, sku: &str) -> Row {
        let sku = Sku::new(sku).expect("a name");
        let key = LineKey {
            order: order.parse().expect("a name"),
            line: (&sku).into(),
        };
        let quantity = Quantity::new(1).expect("a quantity");
        Row {
            line,
            entry: Ok(Entry::Line(LineEntry {
                line: LineRequest { key, sku, quantity },
                locations: Locations::ANY,
                priority: None,
                required_by: None,
            })),
        }
    }

    /// The row, with the priority of its order, or the day of January by which the order is required.
    fn with_columns(row: Row, priority: Option<i32>, day: Option<i8>) -> Row {
        let Ok(Entry::Line(entry)) = row.entry else {
            unreachable!("a line of an order")
        };
        Row {
            line: row.line,
            entry: Ok(Entry::Line(LineEntry {
                priority: priority.map(|number| Priority::new(number).expect("a priority")),
                required_by: day.map(|day| jiff::civil::date(2030, 1, day)),
                ..entry
            })),
        }
    }

    fn bad(line: u64, order: Option<&str>) -> Row {
        let order = order.map(|order| order.parse().expect("a name"));
        Row {
            line,
            entry: Err(BadRow {
                why: "nonsense".to_owned(),
                order,
            }),
        }
    }

    fn planned(whole_orders: bool, rows: impl IntoIterator<Item = Row>) -> Vec<Planned> {
        let mut planner = Planner::new(Terms {
            on_shortage: OnShortage::Backorder,
            split: false,
            whole_orders,
        });
        let mut planned = Vec::new();
        for row in rows {
            planner.add(row, &mut planned);
        }
        planner.finish(&mut planned);
        planned
    }

    /// The plan of some rows: `LINE+ROWS` for a command, `LINE!ROWS` for bad rows.
    fn plan(whole_orders: bool, rows: impl IntoIterator<Item = Row>) -> Vec<String> {
        let entries = planned(whole_orders, rows).into_iter().map(|planned| match planned {
            Ok(command) => format!("{}+{}", command.line, command.rows),
            Err(bad) => format!("{}!{}", bad.line, bad.rows),
        });
        entries.collect()
    }

    #[test]
    fn line_by_line_each_good_row_becomes_a_command() {
        assert_eq!(
            plan(false, [row(2, "A", "X"), bad(3, Some("A")), row(4, "A", "Y")]),
            ["2+1", "3!1", "4+1"]
        );
    }

    #[test]
    fn adjacent_lines_of_an_order_become_one_order() {
        let rows = [row(2, "A", "X"), row(3, "A", "Y"), row(4, "B", "X"), row(5, "A", "Z")];
        assert_eq!(plan(true, rows), ["2+2", "4+1", "5+1"]);
    }

    #[test]
    fn an_order_with_a_bad_row_is_skipped_wherever_the_row_is() {
        let first = [row(2, "A", "X"), bad(3, Some("B")), row(4, "B", "X"), row(5, "C", "X")];
        assert_eq!(plan(true, first), ["2+1", "3!1", "3!1", "5+1"]);
        let last = [row(2, "A", "X"), row(3, "A", "Y"), bad(4, None), row(5, "B", "X")];
        assert_eq!(plan(true, last), ["4!1", "2!2", "5+1"]);
        assert_eq!(plan(true, [bad(2, Some("A"))]), ["2!1"]);
    }

    #[test]
    fn the_columns_of_an_order_need_whole_orders() {
        let rows = [
            with_columns(row(2, "A", "X"), Some(0), None),
            with_columns(row(3, "A", "Y"), None, Some(31)),
            row(4, "A", "Z"),
        ];
        let why: Vec<_> = planned(false, rows).into_iter().filter_map(Result::err).collect();
        let bad = |line: u64, column: &str| BadRows {
            line,
            rows: 1,
            why: format!("{column}: belongs to an order, not to a line; it needs --whole-orders"),
        };
        assert_eq!(why, [bad(2, "priority"), bad(3, "required_by")]);
    }

    #[test]
    fn the_columns_of_an_order_set_its_precedence() {
        let rows = ["X", "Y"].map(|sku| with_columns(row(2, "A", sku), Some(5), Some(31)));
        let [Ok(planned)] = &*planned(true, rows) else {
            unreachable!("one command")
        };
        let Command::PlaceOrder(place) = &planned.command else {
            unreachable!("an order")
        };
        let precedence = place.terms().precedence;
        assert_eq!(
            (precedence.priority().get(), precedence.required_by()),
            (5, Some(jiff::civil::date(2030, 1, 31)))
        );
    }

    #[test]
    fn an_order_whose_rows_disagree_is_skipped() {
        let rows = [
            with_columns(row(2, "A", "X"), Some(5), None),
            row(3, "A", "Y"),
            row(4, "B", "X"),
            with_columns(row(5, "B", "Y"), None, Some(30)),
            with_columns(row(6, "C", "X"), Some(1), Some(30)),
        ];
        let planned = planned(true, rows);
        let reasons: Vec<_> = planned
            .iter()
            .filter_map(|planned| planned.as_ref().err().map(|bad| bad.why.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [
                "order A is skipped: its rows on lines 2 and 3 differ in priority",
                "order B is skipped: its rows on lines 4 and 5 differ in required_by",
            ]
        );
        assert_eq!(planned.len(), 3);
    }

    #[test]
    fn an_order_that_names_a_line_twice_is_skipped() {
        assert_eq!(plan(true, [row(2, "A", "X"), row(3, "A", "X")]), ["2!2"]);
    }

    #[test]
    fn an_order_with_too_many_lines_is_skipped_and_not_kept_in_memory() {
        let rows = (0..=MAX_LINES_PER_ORDER).map(|i| row(i as u64 + 2, "A", &format!("S-{i}")));
        assert_eq!(plan(true, rows), [format!("2!{}", MAX_LINES_PER_ORDER + 1)]);
    }
}
