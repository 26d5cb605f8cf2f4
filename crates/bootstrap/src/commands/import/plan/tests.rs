//! What rows become, by grouping.

use earmark_adapters::files::{BadRow, RowKey};
use earmark_domain::{LineKey, LineRequest, Locations, MAX_LINES_PER_ORDER, OnShortage, Priority, Quantity, Sku};

use super::*;
use crate::commands::import::grouping::Repeats;

fn step(line: u64, order: &str, sku: &str) -> Step {
    let sku = Sku::new(sku).expect("a name");
    let key = LineKey {
        order: order.parse().expect("a name"),
        line: (&sku).into(),
    };
    let quantity = Quantity::new(1).expect("a quantity");
    by_itself(
        line,
        Ok(Entry::Line(LineEntry {
            line: LineRequest { key, sku, quantity },
            locations: Locations::ANY,
            priority: None,
            required_by: None,
        })),
    )
}

fn by_itself(line: u64, entry: Result<Entry, BadRow>) -> Step {
    Step::by_itself(Row {
        line,
        offset: line,
        bytes: 1,
        entry,
    })
}

fn in_group(group: u64, step: Step) -> Step {
    Step { group, ..step }
}

/// The row, with the priority of its order, or the day of January by which the order is required.
fn with_columns(mut step: Step, priority: Option<i32>, day: Option<i8>) -> Step {
    if let Ok(Entry::Line(entry)) = &mut step.row.entry {
        entry.priority = priority.map(|number| Priority::new(number).expect("a priority"));
        entry.required_by = day.map(|day| jiff::civil::date(2030, 1, day));
    }
    step
}

fn bad(line: u64, order: Option<&str>) -> Step {
    let order = order.map(|order| order.parse().expect("a name"));
    let bad = BadRow {
        why: "nonsense".to_owned(),
        order,
        key: None,
    };
    by_itself(line, Err(bad))
}

fn planner(grouping: Grouping) -> Planner {
    let terms = Terms {
        on_shortage: OnShortage::Backorder,
        split: false,
    };
    Planner::new(terms, grouping)
}

fn planned_by(mut planner: Planner, steps: impl IntoIterator<Item = Step>) -> Vec<Planned> {
    let mut planned = Vec::new();
    for step in steps {
        planner.add(step, &mut planned);
    }
    planner.finish(&mut planned);
    planned
}

/// The plan of some rows: `LINE+ROWS` for a command, `LINE!ROWS` for bad rows.
fn plan(grouping: Grouping, steps: impl IntoIterator<Item = Step>) -> Vec<String> {
    let entries = planned_by(planner(grouping), steps)
        .into_iter()
        .map(|planned| match planned {
            Ok(command) => format!("{}+{}", command.line, command.rows),
            Err(bad) => format!("{}!{}", bad.line, bad.rows),
        });
    entries.collect()
}

/// Why rows of a plan are bad.
fn reasons(grouping: Grouping, steps: impl IntoIterator<Item = Step>) -> Vec<String> {
    let planned = planned_by(planner(grouping), steps);
    planned.into_iter().filter_map(Result::err).map(|bad| bad.why).collect()
}

/// The lines of the one order of a plan, as `ID:UNITS`.
fn lines(grouping: Grouping, steps: impl IntoIterator<Item = Step>) -> Vec<String> {
    let planned = planned_by(planner(grouping), steps);
    let [
        Ok(PlannedCommand {
            command: Command::PlaceOrder(place),
            ..
        }),
    ] = planned.as_slice()
    else {
        unreachable!("one order, not {planned:?}")
    };
    let lines = place.lines().iter();
    lines
        .map(|line| format!("{}:{}", line.line, line.quantity.get()))
        .collect()
}

const WHOLE: Grouping = Grouping::ByOrder(Repeats::Refuse);

#[test]
fn line_by_line_each_good_row_becomes_a_command() {
    let steps = [step(2, "A", "X"), bad(3, Some("A")), step(4, "A", "Y")];
    assert_eq!(plan(Grouping::RefuseRepeats, steps), ["2+1", "3!1", "4+1"]);
}

#[test]
fn a_repeated_row_is_reported_with_the_line_of_the_other() {
    let repeated = |line, other| Step {
        note: other,
        ..step(line, "A", "X")
    };
    let steps = [repeated(2, 4), step(3, "A", "Y"), repeated(4, 2)];
    assert_eq!(
        reasons(Grouping::RefuseRepeats, steps),
        [
            "line A/X is on line 4, too; its rows are imported only if --repeats adds or numbers them",
            "line A/X is on line 2, too; its rows are imported only if --repeats adds or numbers them",
        ]
    );
}

#[test]
fn a_row_with_a_number_gets_a_line_id_of_its_own() {
    let second = Step {
        note: 2,
        ..step(4, "A", "X")
    };
    let planned = planned_by(planner(Grouping::NumberRepeats), [step(2, "A", "X"), second]);
    let ids = planned.iter().map(|planned| match planned {
        Ok(PlannedCommand {
            command: Command::Allocate(allocate),
            ..
        }) => (allocate.line.key.to_string(), allocate.line.sku.to_string()),
        other => unreachable!("a line, not {other:?}"),
    });
    let expected = [("A/X", "X"), ("A/X-2", "X")].map(|(key, sku)| (key.to_owned(), sku.to_owned()));
    assert_eq!(ids.collect::<Vec<_>>(), expected);

    let long = "L".repeat(63);
    let too_long = Step {
        note: 2,
        ..step(4, "A", &long)
    };
    let why = reasons(Grouping::NumberRepeats, [too_long]);
    assert!(
        why[0].contains("can't be numbered: must have at most 64 characters"),
        "{why:?}"
    );
}

#[test]
fn rows_with_one_key_are_added_up() {
    let steps = [
        in_group(2, step(2, "A", "X")),
        in_group(2, step(9, "A", "X")),
        step(3, "A", "Y"),
    ];
    let planned = planned_by(planner(Grouping::ByKey), steps);
    let units = planned.iter().map(|planned| match planned {
        Ok(PlannedCommand {
            command: Command::Allocate(allocate),
            rows,
            added,
            ..
        }) => (*rows, *added, allocate.line.quantity.get()),
        other => unreachable!("a line, not {other:?}"),
    });
    assert_eq!(units.collect::<Vec<_>>(), [(2, 1, 2), (1, 0, 1)]);
}

#[test]
fn rows_that_contradict_each_other_or_are_bad_are_not_added_up() {
    let other_sku = |line| {
        let mut other = in_group(2, step(line, "A", "X"));
        if let Ok(Entry::Line(entry)) = &mut other.row.entry {
            entry.line.sku = Sku::new("Y").expect("a name");
        }
        other
    };
    let spoiled = |mut bad: Step| {
        if let Err(bad) = &mut bad.row.entry {
            bad.key = Some(RowKey::Product(Sku::new("X").expect("a name")));
        }
        in_group(2, bad)
    };
    assert_eq!(
        reasons(Grouping::ByKey, [in_group(2, step(2, "A", "X")), other_sku(5)]),
        ["line A/X is skipped: its rows on lines 2 and 5 differ in sku"]
    );
    let mut most = in_group(2, step(2, "A", "X"));
    if let Ok(Entry::Line(entry)) = &mut most.row.entry {
        entry.line.quantity = Quantity::new(1_000_000_000).expect("a quantity");
    }
    let why = reasons(Grouping::ByKey, [most, in_group(2, step(3, "A", "X"))]);
    assert!(why[0].contains("can't be added up: the quantity must be"), "{why:?}");
    assert_eq!(
        reasons(Grouping::ByKey, [in_group(2, step(2, "A", "X")), spoiled(bad(5, None))]),
        ["nonsense", "line A/X is skipped: its row on line 5 is bad"]
    );
}

#[test]
fn the_rows_of_an_order_become_one_order_wherever_they_stand() {
    let steps = [
        in_group(2, step(2, "A", "X")),
        in_group(2, step(3, "A", "Y")),
        in_group(2, step(9, "A", "Z")),
        in_group(4, step(4, "B", "X")),
    ];
    assert_eq!(plan(WHOLE, steps), ["2+3", "4+1"]);
}

#[test]
fn an_order_with_a_bad_row_is_skipped_wherever_the_row_is() {
    let steps = [
        step(2, "A", "X"),
        in_group(3, bad(3, Some("B"))),
        in_group(3, step(4, "B", "X")),
        step(5, "C", "X"),
    ];
    assert_eq!(plan(WHOLE, steps), ["2+1", "3!1", "3!1", "5+1"]);
    assert_eq!(plan(WHOLE, [bad(2, Some("A"))]), ["2!1"]);
}

#[test]
fn an_order_beside_a_row_that_can_not_be_read_is_skipped() {
    let beside = Step {
        note: 3,
        ..step(2, "A", "X")
    };
    assert_eq!(
        reasons(WHOLE, [beside, bad(3, None), step(4, "B", "X")]),
        [
            "order A is skipped: the row on line 3 can't be read, and may be one of its lines",
            "nonsense",
        ]
    );
}

#[test]
fn the_columns_of_an_order_need_whole_orders() {
    let steps = [
        with_columns(step(2, "A", "X"), Some(0), None),
        with_columns(step(3, "A", "Y"), None, Some(31)),
        step(4, "A", "Z"),
    ];
    assert_eq!(
        reasons(Grouping::RefuseRepeats, steps),
        ["priority", "required_by"]
            .map(|column| format!("{column}: belongs to an order, not to a line; it needs --whole-orders"))
    );
}

#[test]
fn the_columns_of_an_order_set_its_precedence() {
    let steps = ["X", "Y"].map(|sku| with_columns(step(2, "A", sku), Some(5), Some(31)));
    let [Ok(planned)] = &*planned_by(planner(WHOLE), steps) else {
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
    let steps = [
        in_group(2, with_columns(step(2, "A", "X"), Some(5), None)),
        in_group(2, step(3, "A", "Y")),
        in_group(4, step(4, "B", "X")),
        in_group(4, with_columns(step(5, "B", "Y"), None, Some(30))),
        with_columns(step(6, "C", "X"), Some(1), Some(30)),
    ];
    assert_eq!(
        reasons(WHOLE, steps),
        [
            "order A is skipped: its rows on lines 2 and 3 differ in priority",
            "order B is skipped: its rows on lines 4 and 5 differ in required_by",
        ]
    );
}

#[test]
fn a_line_that_an_order_has_twice_is_refused_added_up_or_numbered() {
    let steps = || ["X", "X-2", "X", "X"].map(|sku| in_group(2, step(2, "A", sku)));
    assert_eq!(
        reasons(WHOLE, steps()),
        ["order A is skipped: its line X is on lines 2 and 2, and only --repeats adds or numbers them"]
    );
    assert_eq!(lines(Grouping::ByOrder(Repeats::Add), steps()), ["X:3", "X-2:1"]);
    assert_eq!(
        lines(Grouping::ByOrder(Repeats::Number), steps()),
        ["X:1", "X-2:1", "X-3:1", "X-4:1"]
    );
}

#[test]
fn an_order_with_too_many_lines_is_skipped_and_not_kept_in_memory() {
    let steps = (0..=MAX_LINES_PER_ORDER).map(|i| in_group(2, step(i as u64 + 2, "A", &format!("S-{i}"))));
    assert_eq!(plan(WHOLE, steps), [format!("2!{}", MAX_LINES_PER_ORDER + 1)]);
}

#[test]
fn a_strict_import_plans_no_group_with_a_row_behind_the_first_bad_one() {
    let end = FirstBad {
        line: 3,
        why: "nonsense".to_owned(),
    };
    let steps = [
        in_group(2, step(2, "A", "X")),
        in_group(2, step(4, "A", "Y")),
        bad(3, None),
    ];
    let planned = planned_by(planner(WHOLE).ending_at(Some(end.clone())), steps);
    let first = planned.into_iter().next();
    let bad = BadRows {
        line: 3,
        rows: 1,
        why: "nonsense".to_owned(),
    };
    assert_eq!(first, Some(Err(bad)));
    let before = planned_by(planner(WHOLE).ending_at(Some(end)), [step(2, "A", "X")]);
    assert!(before[0].is_ok());
}
