//! Digests for the buyers: one an interval, whatever is killed, and whatever the mail server does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::servers::{Deed, NatsServer, SmtpSink, Stage, TakenMail};
use earmark_tests::service::{Client, Desk, PATIENCE, Service, signal, until};
use mail_parser::MessageParser;

use crate::sinks::{in_nats, nats_url};
use crate::{Load, a_while, any_of, has_all, ids, log_of, rounds, subscriptions};

/// The interval, in seconds.
const EVERY: u64 = 2;

/// How many products are short in each round.
const SHORT: u32 = 12;

/// After so many rounds all must be told: a digest names 40 products, and counts the others.
const ROUNDS_AT_ONCE: u32 = 40 / SHORT;

/// For how long an instance is stopped: longer than its lease of six seconds.
const STOPPED_MILLISECONDS: u64 = 8_000;

/// The settings of a service that sends digests to a mail server, and events to these URLs.
fn variables(sink: &SmtpSink, urls: &[&str]) -> Vec<(String, String)> {
    let variables = [
        ("MAIL__URL", format!("smtp://127.0.0.1:{}", sink.port())),
        ("MAIL__FROM", "Earmark <earmark@shop.example>".to_owned()),
        ("MAIL__TO", "buyers@shop.example,till@shop.example".to_owned()),
        ("MAIL__EVERY_SECONDS", EVERY.to_string()),
        ("EVENTS__URLS", urls.join(",")),
    ];
    variables
        .map(|(name, value)| (format!("EARMARK__{name}"), value))
        .to_vec()
}

async fn desk_of(db: Db, sink: &SmtpSink, urls: &[&str]) -> Desk {
    Desk::open_with(db, variables(sink, urls)).await
}

/// A digest as it arrived.
#[derive(Debug)]
struct Arrived {
    id: String,
    at: SystemTime,
    /// The products that it tells of.
    products: BTreeSet<String>,
}

fn arrived(mail: &TakenMail) -> Arrived {
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a mail");
    let text = parsed.body_text(0).expect("a plain text").into_owned();
    let html = parsed.body_html(0).expect("a page").into_owned();
    let products: BTreeSet<String> = (text.lines())
        .filter(|line| line.starts_with("SHORT-"))
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert!(
        products.iter().all(|product| html.contains(product)),
        "both versions tell the same"
    );
    Arrived {
        id: parsed.message_id().expect("an id").to_owned(),
        at: mail.at,
        products,
    }
}

/// All mails that arrived, repeats too.
fn all_arrived(sink: &SmtpSink) -> Vec<Arrived> {
    sink.script.taken().iter().map(arrived).collect()
}

/// The products that were told.
fn told(sink: &SmtpSink) -> BTreeSet<String> {
    all_arrived(sink).into_iter().flat_map(|mail| mail.products).collect()
}

/// Waits until all of these products are told, which comes to an end: leases do, and what nobody knows of is repeated.
async fn all_are_told(sink: &SmtpSink, expected: &BTreeSet<String>) {
    let deadline = tokio::time::Instant::now() + 2 * PATIENCE;
    loop {
        let told = told(sink);
        if told == *expected {
            return;
        }
        let missing: Vec<&String> = expected.difference(&told).collect();
        assert!(tokio::time::Instant::now() < deadline, "not told: {missing:?}");
        a_while(200).await;
    }
}

/// Whether each interval has one mail at most, each repeat tells the same, and what was told for certain is told in no
/// other digest.
fn are_one_an_interval(arrived: &[Arrived]) {
    let interval = |at: SystemTime| {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        at.as_millis() / Duration::from_secs(EVERY).as_millis()
    };
    let intervals: BTreeSet<u128> = arrived.iter().map(|mail| interval(mail.at)).collect();
    assert_eq!(intervals.len(), arrived.len(), "one an interval: {arrived:#?}");
    let mut by_id: BTreeMap<&str, &BTreeSet<String>> = BTreeMap::new();
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    for mail in arrived {
        let known = *by_id.entry(&mail.id).or_insert(&mail.products);
        assert_eq!(*known, mail.products, "a repeat of {} tells the same", mail.id);
        // A digest of which nobody knows is told again with what came meanwhile, from the same event on.
        let place = mail.id.split('.').nth(1).expect("a place");
        for product in &mail.products {
            let first = *begun.entry(product).or_insert(place);
            assert_eq!(first, place, "{product} is told in two digests: {arrived:#?}");
        }
    }
}

/// Something that mail servers do.
fn some_deed() -> Deed {
    let deeds = [
        Deed::Takes,
        Deed::Takes,
        Deed::TakesAndDrops,
        Deed::TakesAndHangs,
        Deed::HangsAt(Stage::End),
        Deed::HangsAt(Stage::Greeting),
        Deed::DropsAt(Stage::Data),
        Deed::Says(Stage::Recipient, "450 come again"),
        Deed::Says(Stage::Greeting, "421 too busy"),
        Deed::Says(Stage::End, "421 too busy"),
    ];
    deeds[fastrand::usize(..deeds.len())].clone()
}

/// Orders more of a new product than there is.
async fn run_short(client: &Client, product: &str) {
    client.buy(&format!("b-{product}"), product, 1).await;
    let refused = client.allocate(&format!("o-{product}"), product, 5).await;
    drop(refused.refuses(409, "out_of_stock"));
}

/// The service is killed at any moment, and the mail server does whatever it likes: in the end each shortage was told in
/// one digest, and each interval had one at most.
async fn each_interval_has_one_digest_through_kills(db: Db) {
    let sink = SmtpSink::start().await;
    let mut desk = desk_of(db, &sink, &[]).await;
    let mut expected = BTreeSet::new();
    for round in 0..rounds() {
        sink.script.plays(std::iter::repeat_with(some_deed).take(6));
        for number in 0..SHORT {
            let product = format!("SHORT-{round}-{number}");
            run_short(&desk, &product).await;
            expected.insert(product);
            a_while(any_of(50..600)).await;
        }
        a_while(any_of(0..2 * EVERY * 1_000)).await;
        desk.service.kill();
        desk.restart().await;
        if (round + 1) % ROUNDS_AT_ONCE == 0 || round + 1 == rounds() {
            sink.script.plays([]);
            all_are_told(&sink, &expected).await;
        }
    }
    are_one_an_interval(&all_arrived(&sink));
}

/// The instance that sends is stopped within a conversation, for longer than its lease, and goes on: another has taken
/// over, and each interval has one digest all the same.
async fn a_sender_that_was_stopped_sends_nothing_late(db: Db) {
    let sink = SmtpSink::start().await;
    let desk = desk_of(db.clone(), &sink, &[]).await;
    let settings = variables(&sink, &[]);
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let second = Service::start_with(&db.url(), &settings).await;
    let mut expected = BTreeSet::new();
    let stages = [Stage::Data, Stage::End, Stage::Greeting, Stage::Recipient];
    for (round, stage) in (0..2 * rounds()).zip(stages.into_iter().cycle()) {
        let (stopped, other) = if round % 2 == 0 {
            (&desk.service, &second)
        } else {
            (&second, &desk.service)
        };
        let begun = sink.script.conversations();
        sink.script.plays([Deed::WaitsAt(stage)]);
        for number in 0..2 {
            let product = format!("SHORT-{round}-{number}");
            run_short(&other.client(), &product).await;
            expected.insert(product);
            if number == 0 {
                until("a mail is on its way", async || {
                    (sink.script.conversations() > begun).then_some(())
                })
                .await;
                assert!(signal("STOP", &[stopped.pid()]), "it is stopped");
            }
        }
        a_while(STOPPED_MILLISECONDS).await;
        all_are_told(&sink, &expected).await;
        let before = sink.script.taken().len();
        assert!(signal("CONT", &[stopped.pid()]), "it goes on");
        a_while(any_of(500..EVERY * 1_000)).await;
        assert_eq!(sink.script.taken().len(), before, "it sends nothing any more");
    }
    a_while(2 * EVERY * 1_000).await;
    are_one_an_interval(&all_arrived(&sink));
}

/// A mail server that hangs keeps neither commands nor other subscribers waiting, and the list says that it fails.
async fn a_mail_server_that_hangs_keeps_nobody_waiting(db: Db) {
    let (sink, nats) = (SmtpSink::start().await, NatsServer::start(""));
    sink.script.always(Deed::HangsAt(Stage::End));
    let url = nats_url(&nats);
    let desk = desk_of(db, &sink, &[&url]).await;
    for product in 0..crate::PRODUCTS {
        desk.buy(&format!("b-{product}"), &format!("SKU-{product}"), 1_000_000)
            .await;
    }
    run_short(&desk, "SHORT-1").await;
    let load = Load::start("hangs", || desk.service.client());
    until("the list says that it fails", async || {
        let all = subscriptions(&desk).await;
        let of_mail = all.iter().find(|one| one["name"] == "mail")?;
        of_mail["failing"]["reason"].as_str().map(|_| ())
    })
    .await;
    run_short(&desk, "SHORT-2").await;
    a_while(2 * EVERY * 1_000).await;
    load.stop().await;
    let log = ids(&log_of(&desk).await);
    has_all("NATS has all events although the mail server hangs", &log, || {
        in_nats(&nats)
    })
    .await;
    assert_eq!(sink.script.taken(), []);
    sink.script.always(Deed::Takes);
    let both = BTreeSet::from(["SHORT-1".to_owned(), "SHORT-2".to_owned()]);
    until("both are told when it takes mails", async || {
        (told(&sink) == both).then_some(())
    })
    .await;
    until("nothing fails any more", async || {
        let all = subscriptions(&desk).await;
        all.iter().all(|one| one["failing"].is_null()).then_some(())
    })
    .await;
}

/// Without a mail server the digests are records of the log.
async fn without_a_mail_server_digests_go_to_the_log(db: Db) {
    let every = vec![("EARMARK__MAIL__EVERY_SECONDS".to_owned(), "1".to_owned())];
    let desk = Desk::open_with(db, every).await;
    run_short(&desk, "SHORT-1").await;
    until("the log has the digest", async || {
        let log = desk.service.log();
        let has = ["earmark::mail", "[Earmark] 1 product short", "4 units missing"];
        has.iter().all(|part| log.contains(part)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_digests_go_to_the_log_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(without_a_mail_server_digests_go_to_the_log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_interval_has_one_digest_through_kills_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(each_interval_has_one_digest_through_kills).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_interval_has_one_digest_through_kills_on_postgres() {
    on_fresh::<PostgresDatabase, _>(each_interval_has_one_digest_through_kills).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_was_stopped_sends_nothing_late_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_sender_that_was_stopped_sends_nothing_late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_hangs_keeps_nobody_waiting_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_mail_server_that_hangs_keeps_nobody_waiting).await;
}
