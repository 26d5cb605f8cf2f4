//! Verify on a past that is made up while it is read: what it finds, and how much memory it takes.

use std::sync::Mutex;

use async_trait::async_trait;
use earmark_application::{
    Audit, BatchRead, BatchSelection, Books, BooksId, EncodedEvent, Epoch, EventFeed, EventFilter, EventPage, LineRead,
    OrderRead, OrderSelection, Page, ProductRead, ProductSummary, Report, StoreError, VerifyPorts, Views, verify,
};
use earmark_domain::{
    AllocationRecord, AuditedOrder, AuditedProduct, BatchRecord, Event, Fact, LineId, LineKey, LineRecord, LineState,
    LineTerms, Location, Locations, OrderId, Part, Precedence, ProductRecord, Promise, Quantity, Reference,
    ReleaseRank, SequencedEvent, ServicePosition, Sku, Subject, Units,
};
use jiff::Timestamp;
use jiff::civil::date;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A product with one batch and so many lines of one unit, each under an order id of its own.
/// Its events have no order id, and are found through their lines.
struct Past {
    lines: u32,
    /// Lines that are not stored.
    lost: Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    None,
    One(u32),
    All,
}

fn lamp() -> Sku {
    Sku::new("LAMP").expect("a SKU")
}

fn one() -> Quantity {
    Quantity::new(1).expect("a quantity")
}

fn batch() -> Reference {
    Reference::new("B1").expect("a reference")
}

fn key(number: u32) -> LineKey {
    LineKey {
        order: OrderId::new(format!("o-{number:09}")).expect("an order id"),
        line: LineId::new("LAMP").expect("a line id"),
    }
}

fn number_of(order: &OrderId) -> u32 {
    let number = order.as_str().strip_prefix("o-").expect("made by `key`");
    number.parse().expect("a number")
}

fn terms(number: u32) -> LineTerms {
    LineTerms {
        key: key(number),
        quantity: one(),
        split: false,
        placed_at: Timestamp::UNIX_EPOCH,
        placed_with_order: false,
        asked: None,
        precedence: Precedence::default(),
        locations: Locations::ANY,
        hold_until: None,
    }
}

/// The event of version 1 creates the batch, that of version n + 1 allocates line n.
fn event(version: u32) -> SequencedEvent {
    let fact = match version {
        1 => Fact::BatchCreated {
            reference: batch(),
            location: Location::default(),
            ordinal: 1,
            quantity: Quantity::new(1_000_000_000).expect("a quantity"),
            eta: None,
        },
        _ => Fact::Allocated {
            line: terms(version - 1),
            allocations: vec![Part {
                batch: batch(),
                quantity: one(),
            }],
            from_backlog: false,
            promised_on: date(1970, 1, 1),
        },
    };
    SequencedEvent {
        sequence: u64::from(version),
        event: Event {
            subject: Subject::Product {
                sku: lamp(),
                version: u64::from(version),
            },
            occurred_at: Timestamp::UNIX_EPOCH,
            decided_on: date(1970, 1, 1),
            actor: "test".into(),
            correlation_id: "test".into(),
            fact,
        },
    }
}

impl Past {
    fn is_lost(&self, number: u32) -> bool {
        self.lost == Lost::All || self.lost == Lost::One(number)
    }

    fn order(number: u32) -> AuditedOrder {
        let version = u64::from(number) + 1;
        let line = LineRecord {
            sku: lamp(),
            state: LineState::Allocated,
            placed_version: version,
            promise: Promise {
                on: Some(date(1970, 1, 1)),
                first_on: Some(date(1970, 1, 1)),
                due_by: None,
            },
            dispatched: Units::ZERO,
            terms: terms(number),
        };
        let allocation = AllocationRecord {
            key: key(number),
            batch: batch(),
            quantity: one(),
            release_rank: ReleaseRank::of(Precedence::default(), false),
            allocated_version: version,
        };
        AuditedOrder {
            id: key(number).order,
            header: None,
            lines: vec![line],
            allocations: vec![allocation],
            dispatches: Vec::new(),
            events: vec![event(number + 1)],
        }
    }

    async fn verify(&self) -> Report {
        let ports = VerifyPorts {
            views: self,
            events: self,
            audit: self,
        };
        verify(ports).await.expect("it can be read")
    }
}

#[async_trait]
impl Audit for Past {
    async fn last_event(&self) -> Result<u64, StoreError> {
        Ok(u64::from(self.lines) + 1)
    }

    async fn audited_product(&self, _: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
        let quantity = Quantity::new(1_000_000_000).expect("a quantity");
        Ok(Some(AuditedProduct {
            product: ProductRecord {
                version: u64::from(self.lines) + 1,
                batches_created: 1,
                ..ProductRecord::new(lamp())
            },
            batches: vec![BatchRecord {
                allocated: Units::new(u64::from(self.lines)),
                ..BatchRecord::new(batch(), lamp(), 1, quantity, None)
            }],
            first_deadline: None,
        }))
    }

    async fn audited_orders(&self, after: Option<&OrderId>, rows: usize) -> Result<Vec<AuditedOrder>, StoreError> {
        let next = after.map_or(1, |order| number_of(order) + 1);
        // An order of which nothing is stored is not found.
        let stored = (next..=self.lines).filter(|number| !self.is_lost(*number));
        Ok(stored.take(rows).map(Self::order).collect())
    }

    async fn missing_lines(&self, lines: &[LineKey]) -> Result<Vec<LineKey>, StoreError> {
        let is_lost = |key: &&LineKey| self.is_lost(number_of(&key.order));
        Ok(lines.iter().filter(is_lost).cloned().collect())
    }
}

#[async_trait]
impl EventFeed for Past {
    async fn events(&self, _: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let first = u32::try_from(after).expect("a version") + 1;
        let events: Vec<SequencedEvent> = (first..=self.lines + 1).take(limit).map(event).collect();
        let next = events.last().map_or(after, |last| last.sequence);
        Ok(EventPage {
            next,
            complete: next > u64::from(self.lines),
            newest: u64::from(self.lines) + 1,
            books: Books::new(BooksId::of([7; 16]), [Epoch { number: 1, after: 0 }].into()),
            events,
        })
    }

    async fn encoded_events(&self, _: &EventFilter, _: u64, _: usize) -> Result<EventPage<EncodedEvent>, StoreError> {
        unreachable!("verify reads events")
    }
}

#[async_trait]
impl Views for Past {
    async fn batch(&self, _: &Reference, _: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        unreachable!("verify reads through the audit")
    }

    async fn order(&self, _: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        unreachable!("verify reads through the audit")
    }

    async fn list_batches(
        &self,
        _: &BatchSelection,
        _: Option<&Reference>,
        _: Timestamp,
        _: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        unreachable!("verify reads through the audit")
    }

    async fn list_orders(
        &self,
        _: &OrderSelection,
        _: Option<&OrderId>,
        _: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        unreachable!("verify reads through the audit")
    }

    async fn product(&self, _: &Sku, _: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        unreachable!("verify reads through the audit")
    }

    async fn products(
        &self,
        _: Option<&str>,
        after: Option<&Sku>,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        let summary = ProductSummary::of(ProductRecord::new(lamp()), [].iter(), Units::ZERO);
        Ok(after.is_none().then_some(summary).into_iter().collect())
    }

    async fn backlog(
        &self,
        _: &Sku,
        _: Option<&ServicePosition>,
        _: Timestamp,
        _: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        unreachable!("verify reads through the audit")
    }
}

/// Runs alone: no other test allocates meanwhile.
fn alone<T>(case: impl Future<Output = T>) -> T {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(case)
}

/// The most memory that verify takes for so many lines, in bytes.
async fn memory_for(lines: u32) -> usize {
    let past = Past {
        lines,
        lost: Lost::None,
    };
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = past.verify().await;
    let most = MEMORY.peak_usage() - before;
    assert_eq!(report.discrepancies, Vec::<String>::new());
    let checked = |what| {
        report
            .checked
            .iter()
            .find(|(name, _)| *name == what)
            .map(|(_, count)| *count)
    };
    assert_eq!(checked("lines"), Some(u64::from(lines)));
    assert_eq!(checked("events"), Some(u64::from(lines) + 1));
    most
}

#[test]
fn a_product_with_twenty_times_the_lines_takes_no_more_memory() {
    alone(async {
        // Several pages of each kind, both times.
        let few = memory_for(5_000).await;
        let many = memory_for(100_000).await;
        assert!(many < few + few / 10, "{few} bytes for 5,000 lines, {many} for 100,000");
    });
}

#[test]
fn a_line_that_is_not_stored_is_found_though_nothing_leads_to_its_order() {
    alone(async {
        let past = Past {
            lines: 5_000,
            lost: Lost::One(2_500),
        };
        let report = past.verify().await;
        let told = "LAMP: event 2501 tells of line o-000002500/LAMP, which is not stored";
        assert_eq!(report.discrepancies, [told]);
    });
}

#[test]
fn a_report_tells_a_bounded_number_of_discrepancies_and_counts_the_rest() {
    alone(async {
        let past = Past {
            lines: 5_000,
            lost: Lost::All,
        };
        let report = past.verify().await;
        assert_eq!(report.discrepancies.len(), 1_000);
        assert_eq!(report.untold, 4_000);
        assert!(!report.is_sound());
    });
}
