//! The plan: which command a row becomes, and which rows become one order.

use earmark_adapters::files::{BadRow, Entry, LineEntry, Row};
use earmark_domain::{
    Allocate, Command, MAX_LINES_PER_ORDER, OrderId, OrderLine, OrderTerms, PlaceOrder, Precedence, Priority,
};
use jiff::civil::Date;

use crate::cli::ShortageArg;

/// On which terms the lines of a file are placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What becomes of what does not fit.
    pub(crate) on_shortage: ShortageArg,
    /// Whether a line may be spread over several batches.
    pub(crate) split: bool,
    /// Whether lines of one order that stand together are placed as one order.
    pub(crate) whole_orders: bool,
}

/// A command to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The line of the file that it begins on.
    pub(crate) line: u64,
    /// How many rows it is made of.
    pub(crate) rows: u64,
    /// The command.
    pub(crate) command: Command,
}

/// Rows that become no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    /// The line of the file.
    pub(crate) line: u64,
    /// How many rows are lost with it.
    pub(crate) rows: u64,
    /// Why.
    pub(crate) why: String,
}

pub(crate) type Planned = Result<Item, Bad>;

/// Makes commands of rows, in their order.
pub(crate) struct Planner {
    terms: Terms,
    gathered: Option<Gathered>,
}

/// An order whose lines are being gathered.
struct Gathered {
    order: OrderId,
    /// The line of the file that its first row stands on.
    first: u64,
    lines: Vec<OrderLine>,
    rows: u64,
    /// What its first row says of the order, and the line of the file that it stands on.
    wanted: Option<(Wanted, u64)>,
    /// Why it can't be placed whole, once that is known.
    spoiled: Option<String>,
}

/// What a row says of its order.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    priority: Option<Priority>,
    required_by: Option<Date>,
}

impl Wanted {
    const fn of(line: &LineEntry) -> Self {
        Self {
            priority: line.priority,
            required_by: line.required_by,
        }
    }

    /// The column in which two rows of one order differ.
    fn differs(self, other: Self) -> Option<&'static str> {
        if self.priority != other.priority {
            return Some("priority");
        }
        (self.required_by != other.required_by).then_some("required_by")
    }

    /// The column that says something.
    const fn says(self) -> Option<&'static str> {
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

impl Gathered {
    fn begin(order: OrderId, first: u64) -> Self {
        Self {
            order,
            first,
            lines: Vec::new(),
            rows: 0,
            wanted: None,
            spoiled: None,
        }
    }

    fn add(&mut self, entry: LineEntry, line: u64) {
        self.rows += 1;
        let wanted = Wanted::of(&entry);
        let (first, of) = *self.wanted.get_or_insert((wanted, line));
        if let Some(column) = first.differs(wanted) {
            self.spoiled
                .get_or_insert_with(|| format!("its rows on lines {of} and {line} differ in {column}"));
        }
        // Nothing more is kept of an order that can't be placed, however many lines it has.
        if self.lines.len() == MAX_LINES_PER_ORDER {
            self.spoiled
                .get_or_insert_with(|| format!("it has more than {MAX_LINES_PER_ORDER} lines"));
        }
        if self.spoiled.is_none() {
            self.lines.push(OrderLine {
                line: entry.line.key.line,
                sku: entry.line.sku,
                quantity: entry.line.quantity,
                locations: entry.locations,
            });
        }
    }

    fn planned(self, terms: Terms) -> Option<Planned> {
        if self.rows == 0 {
            return None;
        }
        let (line, rows, order) = (self.first, self.rows, self.order.clone());
        let terms = OrderTerms {
            on_shortage: terms.on_shortage.into(),
            split: terms.split,
            hold_for: None,
            precedence: self.wanted.map(|(wanted, _)| wanted.precedence()).unwrap_or_default(),
        };
        let placed = match self.spoiled {
            Some(why) => Err(why),
            None => PlaceOrder::new(self.order, self.lines, terms).map_err(|error| error.to_string()),
        };
        Some(match placed {
            Ok(place) => Ok(Item {
                line,
                rows,
                command: Command::PlaceOrder(place),
            }),
            Err(why) => Err(Bad {
                line,
                rows,
                why: format!("order {order} is left out whole: {why}"),
            }),
        })
    }
}

impl Planner {
    pub(crate) const fn new(terms: Terms) -> Self {
        Self { terms, gathered: None }
    }

    /// Takes a row; adds what is ready to be sent.
    pub(crate) fn take(&mut self, row: Row, planned: &mut Vec<Planned>) {
        let line = row.line;
        let command = match row.entry {
            Err(bad) => {
                if self.terms.whole_orders {
                    self.spoil(&bad, line, planned);
                }
                return planned.push(Err(Bad {
                    line,
                    rows: 1,
                    why: bad.why,
                }));
            }
            Ok(Entry::Line(entry)) if self.terms.whole_orders => {
                return self.turn_to(&entry.line.key.order, line, planned).add(entry, line);
            }
            Ok(Entry::Line(entry)) => {
                // What is said of an order is said when it is placed: a line that is added to one has no say in it.
                if let Some(column) = Wanted::of(&entry).says() {
                    return planned.push(Err(Bad {
                        line,
                        rows: 1,
                        why: format!("{column}: is said of an order that is placed whole (--whole-orders)"),
                    }));
                }
                Command::Allocate(Allocate {
                    line: entry.line,
                    locations: entry.locations,
                    on_shortage: self.terms.on_shortage.into(),
                    split: self.terms.split,
                })
            }
            Ok(Entry::Batch(batch)) => Command::CreateBatch(batch),
            Ok(Entry::Product(put)) => Command::PutProduct(put),
        };
        planned.push(Ok(Item { line, rows: 1, command }));
    }

    /// There are no more rows: adds what is left.
    pub(crate) fn finish(&mut self, planned: &mut Vec<Planned>) {
        if let Some(gathered) = self.gathered.take() {
            planned.extend(gathered.planned(self.terms));
        }
    }

    /// An order with a bad row is not placed without that row: placed short, it could not be placed right any more.
    /// A row that does not even tell its order is taken for one of the order it stands in.
    fn spoil(&mut self, bad: &BadRow, line: u64, planned: &mut Vec<Planned>) {
        let spoiled = match &bad.order {
            Some(order) => Some(self.turn_to(order, line, planned)),
            None => self.gathered.as_mut(),
        };
        if let Some(order) = spoiled {
            order
                .spoiled
                .get_or_insert_with(|| format!("its row on line {line} is bad"));
        }
    }

    /// The order being gathered: where it is another one, that is complete.
    fn turn_to(&mut self, order: &OrderId, line: u64, planned: &mut Vec<Planned>) -> &mut Gathered {
        if self.gathered.as_ref().is_some_and(|gathered| gathered.order != *order) {
            self.finish(planned);
        }
        self.gathered
            .get_or_insert_with(|| Gathered::begin(order.clone(), line))
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

    /// The row, saying how important its order is, or by which day of January it is required.
    fn saying(row: Row, priority: Option<i32>, day: Option<i8>) -> Row {
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
            on_shortage: ShortageArg::Backorder,
            split: false,
            whole_orders,
        });
        let mut planned = Vec::new();
        for row in rows {
            planner.take(row, &mut planned);
        }
        planner.finish(&mut planned);
        planned
    }

    /// What rows become: `LINE+ROWS` for a command, `LINE!ROWS` for what becomes none.
    fn plan(whole_orders: bool, rows: impl IntoIterator<Item = Row>) -> Vec<String> {
        let told = planned(whole_orders, rows).into_iter().map(|planned| match planned {
            Ok(item) => format!("{}+{}", item.line, item.rows),
            Err(bad) => format!("{}!{}", bad.line, bad.rows),
        });
        told.collect()
    }

    #[test]
    fn line_by_line_each_row_is_a_command_and_a_bad_one_is_none() {
        assert_eq!(
            plan(false, [row(2, "A", "X"), bad(3, Some("A")), row(4, "A", "Y")]),
            ["2+1", "3!1", "4+1"]
        );
    }

    #[test]
    fn lines_of_an_order_that_stand_together_are_one_order() {
        let rows = [row(2, "A", "X"), row(3, "A", "Y"), row(4, "B", "X"), row(5, "A", "Z")];
        assert_eq!(plan(true, rows), ["2+2", "4+1", "5+1"]);
    }

    #[test]
    fn an_order_with_a_bad_row_is_left_out_whole_wherever_the_row_stands() {
        let first = [row(2, "A", "X"), bad(3, Some("B")), row(4, "B", "X"), row(5, "C", "X")];
        assert_eq!(plan(true, first), ["2+1", "3!1", "3!1", "5+1"]);
        let last = [row(2, "A", "X"), row(3, "A", "Y"), bad(4, None), row(5, "B", "X")];
        assert_eq!(plan(true, last), ["4!1", "2!2", "5+1"]);
        assert_eq!(plan(true, [bad(2, Some("A"))]), ["2!1"]);
    }

    #[test]
    fn what_is_said_of_an_order_needs_the_whole_order() {
        let rows = [
            saying(row(2, "A", "X"), Some(0), None),
            saying(row(3, "A", "Y"), None, Some(31)),
            row(4, "A", "Z"),
        ];
        let why: Vec<_> = planned(false, rows).into_iter().filter_map(Result::err).collect();
        let told = |line: u64, column: &str| Bad {
            line,
            rows: 1,
            why: format!("{column}: is said of an order that is placed whole (--whole-orders)"),
        };
        assert_eq!(why, [told(2, "priority"), told(3, "required_by")]);
    }

    #[test]
    fn rows_that_agree_say_what_goes_before_the_time_of_placing() {
        let rows = ["X", "Y"].map(|sku| saying(row(2, "A", sku), Some(5), Some(31)));
        let [Ok(item)] = &*planned(true, rows) else {
            unreachable!("one command")
        };
        let Command::PlaceOrder(place) = &item.command else {
            unreachable!("an order")
        };
        let precedence = place.terms().precedence;
        assert_eq!(
            (precedence.priority().get(), precedence.required_by()),
            (5, Some(jiff::civil::date(2030, 1, 31)))
        );
    }

    #[test]
    fn an_order_whose_rows_differ_in_what_they_say_of_it_is_left_out_whole() {
        let rows = [
            saying(row(2, "A", "X"), Some(5), None),
            row(3, "A", "Y"),
            row(4, "B", "X"),
            saying(row(5, "B", "Y"), None, Some(30)),
            saying(row(6, "C", "X"), Some(1), Some(30)),
        ];
        let planned = planned(true, rows);
        let told: Vec<_> = planned
            .iter()
            .filter_map(|planned| planned.as_ref().err().map(|bad| bad.why.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                "order A is left out whole: its rows on lines 2 and 3 differ in priority",
                "order B is left out whole: its rows on lines 4 and 5 differ in required_by",
            ]
        );
        assert_eq!(planned.len(), 3);
    }

    #[test]
    fn an_order_that_names_a_line_twice_is_left_out_whole() {
        assert_eq!(plan(true, [row(2, "A", "X"), row(3, "A", "X")]), ["2!2"]);
    }

    #[test]
    fn an_order_with_too_many_lines_is_left_out_whole_and_not_kept_in_memory() {
        let rows = (0..=MAX_LINES_PER_ORDER).map(|i| row(i as u64 + 2, "A", &format!("S-{i}")));
        assert_eq!(plan(true, rows), [format!("2!{}", MAX_LINES_PER_ORDER + 1)]);
    }
}
