//! The log of access decisions: what is written into it, in which order it is read, and what is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_application::{
    ACCESS_LOG_PURGE_BATCH, AccessDecision, AccessEntry, AccessLog, Caller, EntryId, LoggedEntry, Role,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Barrier;

use crate::databases::Db;

/// The port.
type Port = Arc<dyn AccessLog>;

/// So many seconds after each case begins, with all digits that every store keeps: whole microseconds.
fn after(seconds: i64) -> Timestamp {
    let start = Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant");
    start + SignedDuration::from_secs(seconds)
}

fn id(number: u64) -> EntryId {
    let mut id = [0xa5; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    EntryId(id)
}

/// A refusal.
fn refusal(number: u64, at: Timestamp) -> AccessEntry {
    AccessEntry {
        caller: Caller::default(),
        about: None,
        decision: AccessDecision::NoKey,
        ..AccessEntry::done(id(number), at, Caller::default(), "list_products", "")
    }
}

async fn write(port: &Port, entries: &[AccessEntry]) {
    port.log_access(entries).await.expect("they are written");
}

async fn read(port: &Port, after: u64, limit: usize) -> Vec<LoggedEntry> {
    port.access_entries(after, limit).await.expect("entries")
}

async fn all(port: &Port) -> Vec<AccessEntry> {
    let entries = read(port, 0, 10_000).await;
    entries.into_iter().map(|logged| logged.entry).collect()
}

/// Whoever looks at what was decided last need not read all that was decided before.
pub async fn the_newest_entries_are_read_first_and_older_ones_behind_them(db: Db) {
    let port = db.open().await.access_log;
    let newest = async |before, limit| {
        let entries = port.newest_access_entries(before, limit).await.expect("entries");
        entries
            .into_iter()
            .map(|logged| (logged.number, logged.entry.id))
            .collect::<Vec<_>>()
    };
    assert_eq!(newest(None, 3).await, []);
    let entries: Vec<AccessEntry> = (1..=5_i64).map(|at| refusal(at.unsigned_abs(), after(at))).collect();
    write(&port, &entries).await;
    let mut descending: Vec<_> = read(&port, 0, 9)
        .await
        .iter()
        .map(|logged| (logged.number, logged.entry.id))
        .collect();
    descending.reverse();
    assert_eq!(newest(None, 9).await, descending);
    assert_eq!(newest(None, 2).await, descending[..2]);
    assert_eq!(newest(Some(descending[1].0), 2).await, descending[2..4]);
    assert_eq!(newest(Some(descending[4].0), 2).await, []);
    assert_eq!(newest(Some(u64::MAX), 1).await, descending[..1]);
}

/// With all that an entry may have, or not have.
pub async fn an_entry_is_read_back_as_it_was_written(db: Db) {
    let port = db.open().await.access_log;
    write(&port, &[]).await;
    assert_eq!(all(&port).await, []);
    let addresses = ["127.0.0.1", "2001:db8::7", "::ffff:192.0.2.1"].map(|text| text.parse().expect("an address"));
    let decisions = [
        AccessDecision::Done,
        AccessDecision::NoKey,
        AccessDecision::UnknownKey,
        AccessDecision::ExpiredKey,
        AccessDecision::RevokedKey,
        AccessDecision::NotRecorded,
    ];
    let forbidden = Role::ALL.map(|needs| AccessDecision::Forbidden { needs });
    let written: Vec<AccessEntry> = decisions
        .into_iter()
        .chain(forbidden)
        .zip(1..)
        .map(|(decision, number): (_, u64)| AccessEntry {
            id: id(number),
            first_at: after(i64::try_from(number).expect("a few")),
            last_at: after(i64::try_from(number * 2).expect("a few")),
            caller: Caller {
                name: (number % 2 == 0).then(|| "öffner's \"key\"".into()),
                address: addresses.get(usize::from(number.to_le_bytes()[0] % 4)).copied(),
            },
            action: "create_batch".into(),
            about: (number % 3 == 0).then(|| "web-shop".into()),
            decision,
            count: number * 1_000_000_000_000,
            correlation_id: (number % 2 == 1).then(|| "request-1".into()),
        })
        .collect();
    write(&port, &written).await;
    assert_eq!(all(&port).await, written);
}

/// Its count and its last instant are those it has now, however often they are written.
pub async fn an_entry_that_is_written_again_is_counted_on_and_keeps_its_place(db: Db) {
    let port = db.open().await.access_log;
    let (first, second) = (refusal(1, after(0)), refusal(2, after(1)));
    write(&port, &[first.clone(), second.clone()]).await;
    let before = read(&port, 0, 10).await;
    let more = AccessEntry {
        count: 7,
        last_at: after(30),
        ..first
    };
    let third = refusal(3, after(30));
    for _ in 0..2 {
        // A step may run twice, when the connection is lost before its answer.
        write(&port, &[more.clone(), third.clone()]).await;
    }
    let now = read(&port, 0, 10).await;
    assert_eq!(all(&port).await, [more, second, third]);
    assert_eq!(now[0].number, before[0].number);
    assert_eq!(now[1], before[1]);
    // Repeats take no numbers: how many entries there are is told by them.
    assert_eq!(now[2].number, before[1].number + 1);
}

/// A page ends where it is told to, and the next begins behind it.
pub async fn entries_are_read_page_by_page(db: Db) {
    let port = db.open().await.access_log;
    let written: Vec<AccessEntry> = (0..25).map(|number| refusal(number, after(0))).collect();
    write(&port, &written).await;
    let (mut seen, mut last) = (Vec::new(), 0);
    loop {
        let page = read(&port, last, 10).await;
        assert!(page.len() <= 10);
        let Some(end) = page.last() else { break };
        assert!(page.is_sorted_by_key(|logged| logged.number) && page[0].number > last);
        last = end.number;
        seen.extend(page.into_iter().map(|logged| logged.entry));
    }
    assert_eq!(seen, written);
    assert_eq!(read(&port, u64::MAX, 10).await, []);
}

/// An entry goes by when it was last counted on. A clock that was ahead for a while keeps no older ones.
pub async fn what_is_old_is_forgotten_and_what_follows_keeps_its_number(db: Db) {
    const KEEP: u64 = 1_000_000;
    let port = db.open().await.access_log;
    let future = refusal(1, after(1_000_000));
    let repeated = AccessEntry {
        last_at: after(100),
        ..refusal(2, after(0))
    };
    let mut written = vec![future.clone(), repeated.clone()];
    let done = AccessEntry::done(id(3), after(0), Caller::known("root"), "create_key", "shop");
    written.push(done);
    written.extend((4..10).map(|number| refusal(number, after(0))));
    let young = refusal(10, after(100));
    written.push(young.clone());
    write(&port, &written).await;
    let forgotten = port.forget_access_entries(after(100), KEEP).await;
    assert_eq!(forgotten.expect("an outcome"), 7);
    assert_eq!(all(&port).await, [future, repeated, young]);
    assert_eq!(
        port.forget_access_entries(after(100), KEEP).await.expect("an outcome"),
        0
    );
    // Even when nothing is left, a number is not used again: readers go on behind it.
    let last = read(&port, 0, 10).await.last().expect("the young one").number;
    let forgotten = port.forget_access_entries(after(2_000_000), KEEP).await;
    assert_eq!(forgotten.expect("an outcome"), 3);
    write(&port, &[refusal(11, after(200))]).await;
    assert_eq!(read(&port, last, 10).await.len(), 1);
}

/// Nobody pushes out what was done by guessing keys.
pub async fn refusals_beyond_the_bound_are_forgotten_and_what_was_done_is_not(db: Db) {
    const MANY: u64 = 2 * ACCESS_LOG_PURGE_BATCH as u64 + 500;
    let port = db.open().await.access_log;
    let done = AccessEntry::done(id(0), after(0), Caller::known("root"), "create_key", "shop");
    write(&port, std::slice::from_ref(&done)).await;
    let refusals: Vec<AccessEntry> = (1..=MANY).map(|number| refusal(number, after(1))).collect();
    for some in refusals.chunks(500) {
        write(&port, some).await;
    }
    let mut steps = Vec::new();
    loop {
        let forgotten = port.forget_access_entries(after(0), 100).await.expect("an outcome");
        steps.push(forgotten);
        if forgotten == 0 {
            break;
        }
    }
    assert_eq!(steps, [ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_PURGE_BATCH, 400, 0]);
    let left = all(&port).await;
    assert_eq!(left[0], done);
    assert_eq!(left[1..], refusals[refusals.len() - 100..]);
}

/// Instances write at once, while somebody reads on behind what was read last.
pub async fn a_reader_behind_a_number_misses_no_entry_of_any_instance(db: Db) {
    const WRITERS: u8 = 4;
    const WRITES: u64 = 50;
    let barrier = Arc::new(Barrier::new(usize::from(WRITERS)));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (port, barrier) = (db.open().await.access_log, barrier.clone());
        writers.push(tokio::spawn(async move {
            barrier.wait().await;
            for write_of in 0..WRITES {
                let first = (u64::from(writer) * WRITES + write_of) * 3;
                let entries: Vec<AccessEntry> = (first..first + 3).map(|number| refusal(number, after(0))).collect();
                write(&port, &entries).await;
            }
        }));
    }
    let port = db.open().await.access_log;
    let (mut last, mut seen) = (0, BTreeSet::new());
    loop {
        let have_ended = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = read(&port, last, 100).await;
        if page.is_empty() && have_ended {
            break;
        }
        last = page.last().map_or(last, |logged| logged.number);
        seen.extend(page.into_iter().map(|logged| logged.entry.id));
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("it ends");
    }
    assert_eq!(seen.len() as u64, u64::from(WRITERS) * WRITES * 3);
}

/// With its numbers.
pub async fn the_log_survives_a_restart(db: Db) {
    let first = db.open().await.access_log;
    write(&first, &[refusal(1, after(0)), refusal(2, after(1))]).await;
    let before = read(&first, 0, 10).await;
    drop(first);
    let again = db.open().await.access_log;
    assert_eq!(read(&again, 0, 10).await, before);
    write(&again, &[refusal(3, after(2))]).await;
    assert_eq!(read(&again, before[1].number, 10).await.len(), 1);
}
