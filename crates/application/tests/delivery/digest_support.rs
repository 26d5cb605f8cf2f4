//! A shop whose events and stock are written by hand, a mailer that follows a script, and relays of digests between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    BatchRead, BatchSelection, Books, BooksId, Clock, Digest, DigestPorts, DigestRelay, EncodedEvent, Epoch, EventFeed,
    EventFilter, EventPage, LeaseHolder, LineRead, LogPosition, Mail, MailError, Mailer, OrderRead, OrderSelection,
    Page, ProductRead, ProductSummary, StoreError, Views,
};
use earmark_domain::{
    BatchRecord, Count, Event, Fact, LineId, LineKey, LineRecord, LineState, LineTerms, Locations, MoveReason, OrderId,
    Precedence, Priority, ProductRecord, Promise, Quantity, Reference, SequencedEvent, ServicePosition,
    ShortageOutcome, Sku, Subject, Units,
};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use tokio::task::JoinHandle;

use crate::support::{Memory, NoChance, State, TestClock};

/// The interval of the digests.
pub(crate) const EVERY: u64 = 60;

/// The name of the subscription.
pub(crate) const MAIL: &str = "mail";

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

pub(crate) fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a reference")
}

pub(crate) fn key(order: &str) -> LineKey {
    LineKey {
        order: OrderId::new(order).expect("an order id"),
        line: LineId::new("1").expect("a line id"),
    }
}

fn units(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

pub(crate) fn day(day: i8) -> Date {
    date(1970, 1, day)
}

/// The terms of a line.
pub(crate) fn terms(order: &str, quantity: u32, required_by: Option<Date>) -> LineTerms {
    LineTerms {
        key: key(order),
        quantity: units(quantity),
        split: false,
        placed_at: Timestamp::UNIX_EPOCH,
        placed_with_order: false,
        asked: None,
        precedence: Precedence::of(Priority::default(), required_by),
        locations: Locations::ANY,
        hold_until: None,
    }
}

/// The events that buyers hear of.
pub(crate) fn refused(order: &str, quantity: u32, available: u64) -> Fact {
    Fact::OutOfStock {
        line: terms(order, quantity, None),
        available: Units::new(available),
        kept: ShortageOutcome::Nothing,
    }
}

pub(crate) fn backordered(order: &str, quantity: u32) -> Fact {
    Fact::Backordered {
        line: terms(order, quantity, None),
        from: Vec::new(),
        why: None,
    }
}

pub(crate) fn broken(order: &str, required_by: Date, to: Date) -> Fact {
    Fact::PromiseBroken {
        key: key(order),
        required_by,
        from: required_by,
        to,
        why: MoveReason::BatchCancelled(reference("b")),
    }
}

pub(crate) fn overdue(batch: &str, eta: Date) -> Fact {
    Fact::BatchOverdue {
        reference: reference(batch),
        eta,
    }
}

/// The log and the stock, as both are written by hand.
#[derive(Default)]
pub(crate) struct Shop {
    events: Mutex<Vec<SequencedEvent>>,
    epochs: Mutex<Vec<Epoch>>,
    /// What waits for a product, in order of service.
    pub(crate) waiting: Mutex<BTreeMap<Sku, Vec<LineTerms>>>,
    pub(crate) batches: Mutex<BTreeMap<Reference, BatchRecord>>,
    pub(crate) orders: Mutex<BTreeMap<OrderId, LineRead>>,
    /// How many questions were asked, and how long the longest page of the log was.
    pub(crate) questions: AtomicUsize,
    pub(crate) longest_page: AtomicUsize,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

impl Shop {
    /// Writes an event about a product.
    pub(crate) fn write(&self, of: &str, now: Timestamp, fact: Fact) -> u64 {
        let mut events = held(&self.events);
        let sequence = events.last().map_or(0, |last| last.sequence) + 1;
        let subject = Subject::Product {
            sku: sku(of),
            version: sequence,
        };
        let event = Event {
            subject,
            occurred_at: now,
            decided_on: day(1),
            actor: "test".into(),
            correlation_id: "test".into(),
            fact,
        };
        events.push(SequencedEvent { sequence, event });
        sequence
    }

    /// Loses the last events, and tells another history from there on.
    pub(crate) fn restore(&self, until: u64, epoch: u64) {
        held(&self.events).retain(|event| event.sequence <= until);
        held(&self.epochs).push(Epoch {
            number: epoch,
            after: until,
        });
    }

    /// Lets lines wait for a product.
    pub(crate) fn waits(&self, of: &str, lines: &[(&str, u32)]) {
        let lines = lines.iter().map(|(order, quantity)| terms(order, *quantity, None));
        held(&self.waiting).insert(sku(of), lines.collect());
    }

    pub(crate) fn batch(&self, batch: &str, of: &str, quantity: u32, eta: Option<Date>) {
        let record = BatchRecord::new(reference(batch), sku(of), 0, units(quantity), eta);
        held(&self.batches).insert(reference(batch), record);
    }

    /// Stores a line of an order as it stands.
    pub(crate) fn line(&self, order: &str, state: LineState, promised_on: Option<Date>, required_by: Date) {
        let record = LineRecord {
            sku: sku("LAMP"),
            state,
            placed_version: 1,
            promise: Promise {
                on: promised_on,
                ..Promise::NONE
            },
            dispatched: Units::ZERO,
            terms: terms(order, 1, Some(required_by)),
        };
        let line = LineRead {
            record,
            allocations: Vec::new(),
            dispatches: Vec::new(),
        };
        held(&self.orders).insert(key(order).order, line);
    }

    fn books(&self) -> Books {
        Books::new(BooksId::of([7; 16]), held(&self.epochs).clone().into())
    }

    fn asked(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl EventFeed for Shop {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let books = self.books();
        let events = held(&self.events);
        let newest = events.last().map_or(0, |last| last.sequence);
        let from = events.partition_point(|event| event.sequence <= after);
        let wanted = |event: &&SequencedEvent| filter.types.iter().any(|known| known == event.event.fact.name());
        let page: Vec<SequencedEvent> = events[from..].iter().filter(wanted).take(limit).cloned().collect();
        self.longest_page.fetch_max(page.len(), Ordering::Relaxed);
        let is_full = page.len() >= limit;
        let next = page.last().filter(|_| is_full).map_or(newest, |last| last.sequence);
        Ok(EventPage {
            complete: !is_full,
            events: page,
            next: next.max(after),
            newest,
            books,
        })
    }

    async fn encoded_events(&self, _: &EventFilter, _: u64, _: usize) -> Result<EventPage<EncodedEvent>, StoreError> {
        unreachable!("digests read events that they understand")
    }
}

#[async_trait]
impl Views for Shop {
    async fn batch(&self, reference: &Reference, _: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        self.asked();
        let record = held(&self.batches).get(reference).cloned();
        Ok(record.map(|record| BatchRead { record, version: 1 }))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        self.asked();
        let line = held(&self.orders).get(id).cloned();
        Ok(line.map(|line| OrderRead {
            id: id.clone(),
            header: None,
            lines: vec![line],
        }))
    }

    async fn list_batches(
        &self,
        _: &BatchSelection,
        _: Option<&Reference>,
        _: Timestamp,
        _: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        unreachable!("digests list no batches")
    }

    async fn list_orders(
        &self,
        _: &OrderSelection,
        _: Option<&OrderId>,
        _: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        unreachable!("digests list no orders")
    }

    async fn product(&self, sku: &Sku, _: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        self.asked();
        let batches: Vec<BatchRecord> = held(&self.batches)
            .values()
            .filter(|batch| batch.sku == *sku)
            .cloned()
            .collect();
        let waiting = held(&self.waiting);
        let lines = waiting.get(sku).map(Vec::as_slice).unwrap_or_default();
        let backordered = lines.iter().map(|line| line.quantity.units()).sum();
        let product = ProductRecord {
            sku: sku.clone(),
            name: None,
            version: 1,
            batches_created: 0,
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
            expiry_step: None,
            at_risk: false,
            pending: None,
        };
        Ok(Some(ProductRead {
            summary: ProductSummary::of(product, batches.iter(), backordered),
            batches,
        }))
    }

    async fn products(
        &self,
        _: Option<&str>,
        _: Option<&Sku>,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        unreachable!("digests list no products")
    }

    async fn backlog(
        &self,
        sku: &Sku,
        _: Option<&ServicePosition>,
        _: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        self.asked();
        let waiting = held(&self.waiting);
        let lines = waiting.get(sku).map(Vec::as_slice).unwrap_or_default();
        let read = |terms: &LineTerms| LineRead {
            record: LineRecord {
                sku: sku.clone(),
                state: LineState::Backordered,
                placed_version: 1,
                promise: Promise::NONE,
                dispatched: Units::ZERO,
                terms: terms.clone(),
            },
            allocations: Vec::new(),
            dispatches: Vec::new(),
        };
        Ok(Some(lines.iter().take(limit).map(read).collect()))
    }
}

/// What the mailer does with a mail.
pub(crate) enum Answer {
    Takes,
    Fails(MailError),
    /// It has taken the mail, and does not say so.
    TakesAndHangs,
    Hangs,
}

/// A mailer that follows a script, and takes everything once that has ended.
#[derive(Default)]
pub(crate) struct Post {
    script: Mutex<VecDeque<Answer>>,
    /// The mails that were sent, whatever became of them, with the seconds of the clock.
    pub(crate) sent: Mutex<Vec<(u64, Mail)>>,
    /// Those that were taken.
    pub(crate) taken: Mutex<Vec<Mail>>,
}

/// The clock and the post of an instance.
struct Desk {
    post: Arc<Post>,
    clock: Arc<TestClock>,
    /// Nothing can be stored from the moment on when a mail was sent and may have been taken.
    breaks: Option<Arc<Memory>>,
}

#[async_trait]
impl Mailer for Desk {
    async fn send(&self, mail: &Mail, _until: Duration) -> Result<(), MailError> {
        let seconds = self.clock.monotonic().as_secs();
        held(&self.post.sent).push((seconds, mail.clone()));
        let answer = held(&self.post.script).pop_front();
        match answer {
            None | Some(Answer::Takes) => {
                held(&self.post.taken).push(mail.clone());
                if let Some(memory) = &self.breaks {
                    memory.is_down.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
            Some(Answer::Fails(error)) => {
                if let (MailError::Unknown(_), Some(memory)) = (&error, &self.breaks) {
                    memory.is_down.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
            Some(Answer::TakesAndHangs) => {
                held(&self.post.taken).push(mail.clone());
                std::future::pending().await
            }
            Some(Answer::Hangs) => std::future::pending().await,
        }
    }
}

/// A shop with instances that send digests.
pub(crate) struct House {
    pub(crate) shop: Arc<Shop>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) post: Arc<Post>,
    pub(crate) clock: Arc<TestClock>,
    /// What was put into words.
    pub(crate) digests: Arc<Mutex<Vec<Digest>>>,
    pub(crate) jobs: Vec<(JoinHandle<()>, Arc<DigestRelay>)>,
    /// Whether the store breaks when a mail is taken, or may be.
    pub(crate) breaks: bool,
    pub(crate) state: Arc<State>,
}

impl House {
    /// A house whose mailer answers so, without any instance.
    pub(crate) fn answering(script: impl IntoIterator<Item = Answer>) -> Self {
        let shop = Arc::new(Shop::default());
        held(&shop.epochs).push(Epoch { number: 1, after: 0 });
        Self {
            shop,
            memory: Arc::default(),
            post: Arc::new(Post {
                script: Mutex::new(script.into_iter().collect()),
                ..Post::default()
            }),
            clock: Arc::new(TestClock::new()),
            digests: Arc::default(),
            jobs: Vec::new(),
            breaks: false,
            state: Arc::default(),
        }
    }

    /// A house with one instance.
    pub(crate) fn open(script: impl IntoIterator<Item = Answer>) -> Self {
        let mut house = Self::answering(script);
        house.start(1);
        house
    }

    /// Starts an instance.
    pub(crate) fn start(&mut self, instance: u8) {
        let digests = Arc::clone(&self.digests);
        let desk = Desk {
            post: Arc::clone(&self.post),
            clock: Arc::clone(&self.clock),
            breaks: self.breaks.then(|| Arc::clone(&self.memory)),
        };
        let relay = DigestRelay::new(DigestPorts {
            subscriptions: Arc::clone(&self.memory) as _,
            feed: Arc::clone(&self.shop) as _,
            views: Arc::clone(&self.shop) as _,
            mailer: Arc::new(desk),
            render: Box::new(move |digest| {
                held(&digests).push(digest.clone());
                Mail {
                    id: digest.id.clone(),
                    date: digest.at,
                    subject: String::new(),
                    text: String::new(),
                    html: String::new(),
                }
            }),
            clock: Arc::clone(&self.clock) as _,
            ids: Arc::new(NoChance),
            meter: Arc::clone(&self.state) as _,
            holder: LeaseHolder([instance; 16]),
            every: Duration::from_secs(EVERY),
            mail_limit: Duration::from_secs(EVERY / 2),
            start: LogPosition::START,
        });
        let relay = Arc::new(relay);
        let runs = Arc::clone(&relay);
        self.jobs.push((tokio::spawn(async move { runs.run().await }), relay));
    }

    /// Stops the last instance as a crash does.
    pub(crate) fn kill(&mut self) {
        self.jobs.pop().expect("an instance").0.abort();
    }

    /// Writes an event, now.
    pub(crate) fn write(&self, of: &str, fact: Fact) -> u64 {
        self.shop.write(of, self.clock.now(), fact)
    }

    /// The ids of the mails that were taken, without the name of the books.
    pub(crate) fn taken(&self) -> Vec<String> {
        held(&self.post.taken).iter().map(|mail| bounds(&mail.id)).collect()
    }

    /// When mails were sent, whatever became of them, with their ids.
    pub(crate) fn sent(&self) -> Vec<(u64, String)> {
        let sent = held(&self.post.sent);
        sent.iter()
            .map(|(seconds, mail)| (*seconds, bounds(&mail.id)))
            .collect()
    }

    /// The products that each digest told of, with the units that each lacks.
    pub(crate) fn told(&self) -> Vec<Vec<(String, u64)>> {
        let digests = held(&self.digests);
        let told = |digest: &Digest| {
            let short = digest.short.items.iter();
            short
                .map(|product| (product.sku.to_string(), product.missing().get()))
                .collect()
        };
        digests.iter().map(told).collect()
    }

    pub(crate) fn last_digest(&self) -> Digest {
        held(&self.digests).last().cloned().expect("a digest")
    }

    /// Why the last attempt failed, and how many have.
    pub(crate) fn failing(&self) -> Option<(u32, String)> {
        let failing = self.memory.progress(MAIL).failing;
        failing.map(|failing| (failing.attempts, failing.reason))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.jobs.iter().for_each(|(job, _)| job.abort());
    }
}

fn bounds(id: &str) -> String {
    let books = BooksId::of([7; 16]).to_string();
    id.strip_prefix(&format!("{books}.")).expect("the books").to_owned()
}

/// The server is away, or puts us off.
pub(crate) fn unavailable() -> MailError {
    MailError::Unavailable("450 try again".to_owned())
}
