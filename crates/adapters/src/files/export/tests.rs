//! The rows of all tables, in both formats.

use earmark_application::{Books, BooksId, EncodedEvent, Epoch, LineRead};
use earmark_domain::{
    BatchRecord, LineKey, LineRecord, LineState, LineTerms, Locations, OrderRecord, Part, Precedence, Priority,
    Promise, Quantity, Reference, Sku, Subject, Units,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::*;
use crate::files::format::Format;

const TODAY: Date = Date::constant(2030, 1, 31);

/// An instant of that day.
fn now() -> Timestamp {
    "2030-01-31T12:00:00Z".parse().expect("an instant")
}

fn shortly(seconds: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_secs(seconds)
}

fn line(order: &str, id: &str, state: LineState, in_batches: &[(&str, u32, Option<Date>)]) -> LineRead {
    let days = in_batches.iter().map(|(_, _, eta)| eta.unwrap_or(TODAY));
    let promised_on = days.max();
    LineRead {
        record: LineRecord {
            sku: Sku::new("LAMP, small").expect("a name"),
            state,
            placed_version: 1,
            promise: Promise {
                on: promised_on,
                first_on: promised_on,
                due_by: None,
            },
            dispatched: Units::ZERO,
            terms: LineTerms {
                key: LineKey {
                    order: order.parse().expect("a name"),
                    line: id.parse().expect("a name"),
                },
                quantity: Quantity::new(10).expect("a quantity"),
                split: true,
                placed_at: Timestamp::UNIX_EPOCH,
                placed_with_order: false,
                asked: None,
                precedence: Precedence::default(),
                locations: Locations::ANY,
                hold_until: None,
            },
        },
        allocations: in_batches
            .iter()
            .map(|(batch, quantity, eta)| {
                let batch = Reference::new(*batch).expect("a name");
                (
                    Part {
                        batch,
                        quantity: Quantity::new(*quantity).expect("a quantity"),
                    },
                    *eta,
                )
            })
            .collect(),
        dispatches: Vec::new(),
    }
}

/// A line of an order that is held until then.
fn held(mut line: LineRead, until: Timestamp) -> LineRead {
    line.record.terms.hold_until = Some(until);
    line
}

fn urgent() -> Precedence {
    Precedence::of(Priority::new(7).expect("a priority"), Some(TODAY))
}

fn header(hold_until: Option<Timestamp>) -> OrderRecord {
    OrderRecord {
        expiry_step: None,
        id: "O-1".parse().expect("a name"),
        placed_at: Timestamp::UNIX_EPOCH,
        precedence: urgent(),
        asked: None,
        hold_until,
    }
}

/// The last row of a table of orders that has this one.
fn row_of(order: OrderRow) -> String {
    written(Format::Csv, [order])
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

fn written<R: Exported>(format: Format, rows: impl IntoIterator<Item = R>) -> String {
    let mut bytes = Vec::new();
    let mut table = Table::begin::<R>(&mut bytes, format).expect("memory");
    for row in rows {
        table.write(&row).expect("memory");
    }
    table.finish().expect("memory");
    String::from_utf8(bytes).expect("text")
}

#[test]
fn an_allocation_has_a_row_for_each_batch_and_one_where_there_is_none() {
    let split = line(
        "O-1",
        "1",
        LineState::Allocated,
        &[("B-1", 4, None), ("B-2", 6, Some(TODAY.tomorrow().expect("a day")))],
    );
    let waiting = line("O-1", "2", LineState::Backordered, &[]);
    let (split, waiting) = (split.view(now(), TODAY), waiting.view(now(), TODAY));
    let rows = || AllocationRow::of(&split).chain(AllocationRow::of(&waiting));

    assert_eq!(
        written(Format::Csv, rows()),
        "order_id,line_id,sku,quantity,status,batch,allocated,promised_on\n\
         O-1,1,\"LAMP, small\",10,allocated,B-1,4,2030-02-01\n\
         O-1,1,\"LAMP, small\",10,allocated,B-2,6,2030-02-01\n\
         O-1,2,\"LAMP, small\",10,backordered,,,\n"
    );
    let json = written(Format::Ndjson, rows());
    assert_eq!(
        json.lines().last(),
        Some(
            "{\"order_id\":\"O-1\",\"line_id\":\"2\",\"sku\":\"LAMP, small\",\"quantity\":10,\
             \"status\":\"backordered\",\"batch\":null,\"allocated\":null,\"promised_on\":null}"
        )
    );
}

#[test]
fn an_empty_table_still_names_its_columns() {
    let none: [BacklogRow<'_>; 0] = [];
    assert_eq!(
        written(Format::Csv, none),
        "sku,order_id,line_id,quantity,split,placed_at,priority,required_by\n"
    );
}

#[test]
fn an_order_is_promised_with_its_last_line_and_not_while_a_line_is_in_the_backlog() {
    let here = line("O-1", "1", LineState::Allocated, &[("B-1", 10, None)]);
    let later = line(
        "O-1",
        "2",
        LineState::Allocated,
        &[("B-2", 10, Some(TODAY.tomorrow().expect("a day")))],
    );
    let waiting = line("O-1", "3", LineState::Backordered, &[]);

    let mut row = OrderRow::begin(None, here.clone(), now(), TODAY);
    row.add(later, now(), TODAY);
    assert!(row_of(row).contains(",0,0,0,2030-02-01,"));
    let mut row = OrderRow::begin(None, waiting, now(), TODAY);
    row.add(here, now(), TODAY);
    assert_eq!(row_of(row), "O-1,firm,1970-01-01T00:00:00Z,2,10,10,0,0,,0,0,0,,0,");
}

#[test]
fn an_order_is_held_until_its_deadline_and_expired_from_then_on() {
    let row = |deadline: Timestamp| {
        let got = held(line("O-1", "1", LineState::Held, &[("B-1", 10, None)]), deadline);
        let waiting = held(line("O-1", "2", LineState::Backordered, &[]), deadline);
        let mut row = OrderRow::begin(Some(&header(Some(deadline))), got, now(), TODAY);
        row.add(waiting, now(), TODAY);
        row_of(row)
    };
    assert_eq!(
        row(shortly(1)),
        "O-1,held,1970-01-01T00:00:00Z,2,0,10,0,0,,10,0,0,2030-01-31T12:00:01Z,7,2030-01-31"
    );
    assert_eq!(
        row(shortly(0)),
        "O-1,expired,1970-01-01T00:00:00Z,2,0,0,0,0,,0,20,0,2030-01-31T12:00:00Z,7,2030-01-31"
    );
}

#[test]
fn a_confirmed_order_has_no_deadline_and_a_dispatched_one_is_firm() {
    let confirmed = line("O-1", "1", LineState::Allocated, &[("B-1", 10, None)]);
    let gone = line("O-1", "2", LineState::Dispatched, &[]);
    let mut row = OrderRow::begin(Some(&header(Some(shortly(60)))), confirmed, now(), TODAY);
    row.add(gone, now(), TODAY);
    assert_eq!(
        row_of(row),
        "O-1,firm,1970-01-01T00:00:00Z,2,10,0,0,0,2030-01-31,0,0,10,,7,2030-01-31"
    );
}

#[test]
fn a_line_past_its_deadline_has_nothing_allocated() {
    let line = held(line("O-1", "1", LineState::Held, &[("B-1", 10, None)]), shortly(0));
    let before = line.clone().view(shortly(-1), TODAY);
    let after = line.view(now(), TODAY);
    let row = |line| {
        let table = written(Format::Csv, AllocationRow::of(line));
        table.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(row(&before), "O-1,1,\"LAMP, small\",10,held,B-1,10,2030-01-31");
    assert_eq!(row(&after), "O-1,1,\"LAMP, small\",10,expired,,,");
}

#[test]
fn a_line_in_the_backlog_has_its_precedence() {
    let mut waiting = line("O-1", "1", LineState::Backordered, &[]);
    waiting.record.terms.precedence = urgent();
    assert_eq!(
        written(Format::Csv, [BacklogRow::from(&waiting)]).lines().last(),
        Some("\"LAMP, small\",O-1,1,10,true,1970-01-01T00:00:00Z,7,2030-01-31")
    );
}

#[test]
fn a_cancelled_batch_is_closed() {
    let mut batch = BatchRecord::new(
        "B-1".parse().expect("a name"),
        Sku::new("LAMP").expect("a name"),
        1,
        Quantity::new(10).expect("a quantity"),
        Some(TODAY),
    );
    let row = |batch: &BatchRecord| {
        let table = written(Format::Csv, [BatchRow::of(batch)]);
        table.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(row(&batch), "B-1,LAMP,main,10,0,0,10,2030-01-31,inbound");
    batch.quantity = earmark_domain::Count::ZERO;
    batch.closed = true;
    assert_eq!(row(&batch), "B-1,LAMP,main,0,0,0,0,2030-01-31,closed");
}

#[test]
fn columns_are_named_as_the_fields_of_the_objects_in_the_same_order() {
    fn check<R: Exported>(row: R) {
        let object = written(Format::Ndjson, [row]);
        let places: Vec<_> = R::COLUMNS
            .iter()
            .map(|name| object.find(&format!("\"{name}\":")))
            .collect();
        assert!(places.iter().all(Option::is_some), "{object}");
        assert!(places.is_sorted(), "{object}");
    }
    let line = line("O-1", "1", LineState::Allocated, &[("B-1", 10, None)]);
    check(BacklogRow::from(&line));
    check(OrderRow::begin(None, line.clone(), now(), TODAY));
    let line = line.view(now(), TODAY);
    check(AllocationRow::of(&line).next().expect("a row"));
}

#[test]
fn an_event_is_one_record_with_its_data_as_json() {
    let event = EncodedEvent {
        sequence: 7,
        subject: Subject::Product {
            sku: Sku::new("LAMP").expect("a name"),
            version: 3,
        },
        order: None,
        event_type: "ProductNamed",
        occurred_at: Timestamp::UNIX_EPOCH,
        decided_on: TODAY,
        actor: "tester".to_owned(),
        correlation_id: "c-1".to_owned(),
        data: r#"{"name":"Lamp"}"#.to_owned(),
    };
    let books = Books::new(BooksId::of([7; 16]), [Epoch { number: 1, after: 0 }].into());
    assert_eq!(
        written(Format::Csv, [EventRow::of(&event, &books).expect("JSON")])
            .lines()
            .last(),
        Some(
            "7,07070707070707070707070707070707-1-7,ProductNamed,LAMP,3,,1970-01-01T00:00:00Z,tester,c-1,\"{\"\"name\"\":\"\"Lamp\"\"}\""
        )
    );
}

#[test]
fn the_audit_says_who_did_what_and_to_which_order_or_batch() {
    use earmark_application::{AccessDecision, AccessEntry, Caller, EntryId, LoggedEntry, Role};

    let event = |order: Option<&str>, event_type, data: &str| EncodedEvent {
        sequence: 7,
        subject: Subject::Product {
            sku: Sku::new("LAMP").expect("a name"),
            version: 3,
        },
        order: order.map(|order| order.parse().expect("a name")),
        event_type,
        occurred_at: Timestamp::UNIX_EPOCH,
        decided_on: TODAY,
        actor: "shop".to_owned(),
        correlation_id: "c-1".to_owned(),
        data: data.to_owned(),
    };
    let books = Books::new(BooksId::of([7; 16]), [Epoch { number: 1, after: 0 }].into());
    let events = [
        event(Some("O-1"), "Confirmed", r#"{"order_id":"O-1","line_id":"1"}"#),
        event(None, "BatchCreated", r#"{"reference":"B-\u00e9","quantity":1}"#),
        event(None, "ProductNamed", r#"{"name":"Lamp"}"#),
    ];
    let rows = events
        .iter()
        .map(|event| AuditRow::of_event(event, &books).expect("JSON"));
    let needs = Role::Planner;
    let refused = LoggedEntry {
        number: 9,
        entry: AccessEntry {
            decision: AccessDecision::Forbidden { needs },
            about: None,
            count: 3,
            last_at: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(2),
            ..AccessEntry::done(
                EntryId([1; 16]),
                Timestamp::UNIX_EPOCH,
                Caller::known("desk").at("::1".parse().ok()),
                "create_batch",
                "",
            )
        },
    };
    let table = written(Format::Csv, rows.chain([AuditRow::from(&refused)]));
    let rows: Vec<&str> = table.lines().skip(1).collect();
    let (at, later) = ("1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z");
    assert_eq!(
        rows,
        [
            format!("{at},{at},shop,,Confirmed,LAMP,O-1,done,,1,c-1,7"),
            format!("{at},{at},shop,,BatchCreated,LAMP,B-é,done,,1,c-1,7"),
            format!("{at},{at},shop,,ProductNamed,LAMP,,done,,1,c-1,7"),
            format!("{at},{later},desk,::1,create_batch,,,forbidden,planner,3,,"),
        ]
    );
    let object = written(Format::Ndjson, [AuditRow::from(&refused)]);
    let places: Vec<_> = AuditRow::COLUMNS
        .iter()
        .map(|name| object.find(&format!("\"{name}\":")))
        .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{object}");
}
