//! The plan: which command a row becomes, and which rows become one order.

use earmark_adapters::files::{BadRow, Entry, Row};
use earmark_domain::{Allocate, Command, MAX_LINES_PER_ORDER, OrderId, OrderLine, PlaceOrder, Wish};

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
    /// Why it can't be placed whole, once that is known.
    spoiled: Option<String>,
}

impl Gathered {
    fn begin(order: OrderId, first: u64) -> Self {
        Self {
            order,
            first,
            lines: Vec::new(),
            rows: 0,
            spoiled: None,
        }
    }

    fn add(&mut self, wish: Wish) {
        self.rows += 1;
        // Nothing more is kept of an order that can't be placed, however many lines it has.
        if self.lines.len() == MAX_LINES_PER_ORDER {
            self.spoiled
                .get_or_insert_with(|| format!("it has more than {MAX_LINES_PER_ORDER} lines"));
        }
        if self.spoiled.is_none() {
            self.lines.push(OrderLine {
                line: wish.key.line,
                sku: wish.sku,
                quantity: wish.quantity,
            });
        }
    }

    fn planned(self, terms: Terms) -> Option<Planned> {
        if self.rows == 0 {
            return None;
        }
        let (line, rows, order) = (self.first, self.rows, self.order.clone());
        let placed = match self.spoiled {
            Some(why) => Err(why),
            None => PlaceOrder::new(self.order, self.lines, terms.on_shortage.into(), terms.split)
                .map_err(|error| error.to_string()),
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
            Ok(Entry::Line(wish)) if self.terms.whole_orders => return self.gather(wish, line, planned),
            Ok(Entry::Line(wish)) => Command::Allocate(Allocate {
                wish,
                on_shortage: self.terms.on_shortage.into(),
                split: self.terms.split,
            }),
            Ok(Entry::Batch(batch)) => Command::CreateBatch(batch),
            Ok(Entry::Product { sku, name }) => Command::NameProduct { sku, name },
        };
        planned.push(Ok(Item { line, rows: 1, command }));
    }

    /// There are no more rows: adds what is left.
    pub(crate) fn finish(&mut self, planned: &mut Vec<Planned>) {
        if let Some(gathered) = self.gathered.take() {
            planned.extend(gathered.planned(self.terms));
        }
    }

    fn gather(&mut self, wish: Wish, line: u64, planned: &mut Vec<Planned>) {
        self.turn_to(&wish.key.order, line, planned).add(wish);
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
    use earmark_domain::{LineKey, Quantity, Sku};

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
            entry: Ok(Entry::Line(Wish { key, sku, quantity })),
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

    /// What rows become: `LINE+ROWS` for a command, `LINE!ROWS` for what becomes none.
    fn plan(whole_orders: bool, rows: impl IntoIterator<Item = Row>) -> Vec<String> {
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
        let told = planned.into_iter().map(|planned| match planned {
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
    fn an_order_that_names_a_line_twice_is_left_out_whole() {
        assert_eq!(plan(true, [row(2, "A", "X"), row(3, "A", "X")]), ["2!2"]);
    }

    #[test]
    fn an_order_with_too_many_lines_is_left_out_whole_and_not_kept_in_memory() {
        let rows = (0..=MAX_LINES_PER_ORDER).map(|i| row(i as u64 + 2, "A", &format!("S-{i}")));
        assert_eq!(plan(true, rows), [format!("2!{}", MAX_LINES_PER_ORDER + 1)]);
    }
}
