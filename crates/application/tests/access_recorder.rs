//! The recorder of access decisions: what repeats share, what is bounded, and what becomes of what the log does not take.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    AccessDecision, AccessEntry, AccessLog, AccessRecorder, Caller, Clock, EntryId, Ids, LoggedEntry, MAX_OPEN_ENTRIES,
    MAX_OPEN_OF_STRANGERS, Role, StoreError, forget_old_access_entries,
};
use jiff::{SignedDuration, Timestamp};

/// A clock that stands still until it is advanced.
#[derive(Default)]
struct Watch(AtomicI64);

impl Watch {
    fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
    }

    async fn pause(&self, _: Duration) {}
}

/// Ids that count.
#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn correlation_id(&self) -> [u8; 16] {
        self.token()
    }

    fn token(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }

    fn secret(&self) -> [u8; 32] {
        unreachable!("nothing secret is made")
    }
}

/// A log that may be away, and counts how often it is written.
#[derive(Default)]
struct Log {
    entries: Mutex<BTreeMap<EntryId, AccessEntry>>,
    is_away: AtomicBool,
    writes: AtomicU64,
    forgotten: Mutex<Vec<(Timestamp, u64)>>,
}

impl Log {
    fn entries(&self) -> Vec<AccessEntry> {
        let entries = self.entries.lock().expect("not poisoned");
        entries.values().cloned().collect()
    }

    fn decisions(&self) -> u64 {
        self.entries().iter().map(|entry| entry.count).sum()
    }
}

#[async_trait]
impl AccessLog for Log {
    async fn log_access(&self, entries: &[AccessEntry]) -> Result<(), StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("unplugged".into()));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut known = self.entries.lock().expect("not poisoned");
        for entry in entries {
            known.insert(entry.id, entry.clone());
        }
        Ok(())
    }

    async fn access_entries(&self, _: u64, _: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        unreachable!("nobody reads")
    }

    async fn newest_access_entries(&self, _: Option<u64>, _: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        unreachable!("the recorder only writes")
    }

    async fn forget_access_entries(&self, before: Timestamp, keep: u64) -> Result<usize, StoreError> {
        self.forgotten.lock().expect("not poisoned").push((before, keep));
        Ok(usize::from(self.is_away.load(Ordering::Relaxed)))
    }
}

struct Recording {
    recorder: AccessRecorder,
    watch: Arc<Watch>,
    log: Log,
}

impl Recording {
    fn new() -> Self {
        let watch = Arc::new(Watch::default());
        Self {
            recorder: AccessRecorder::new(watch.clone(), Arc::new(Counted::default())),
            watch,
            log: Log::default(),
        }
    }

    fn refused(&self, caller: Caller, action: &str, decision: AccessDecision) {
        self.recorder.refused(caller, action, decision, &Arc::from("request-1"));
    }

    fn guess(&self, host: u32) {
        self.refused(stranger(host), "list_products", AccessDecision::UnknownKey);
    }

    async fn write(&self) -> bool {
        self.recorder.write(&self.log).await.is_ok()
    }
}

/// A caller from one of many addresses.
fn stranger(host: u32) -> Caller {
    Caller::default().at(Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(host)))))
}

#[tokio::test]
async fn ten_thousand_guesses_a_second_are_one_entry_a_minute() {
    let recording = Recording::new();
    for _ in 0..120 {
        for _ in 0..10_000 {
            recording.guess(1);
        }
        recording.watch.advance(1_000);
        assert!(recording.write().await);
    }
    let entries = recording.log.entries();
    assert!((2..=3).contains(&entries.len()), "{}", entries.len());
    assert_eq!(recording.log.decisions(), 1_200_000);
    assert_eq!(recording.recorder.unwritten(), 0);
    for entry in &entries {
        assert!(entry.last_at.duration_since(entry.first_at) < SignedDuration::from_secs(120));
    }
}

#[tokio::test]
async fn what_differs_in_anything_but_its_instant_is_an_entry_of_its_own() {
    let recording = Recording::new();
    let needs = |needs| AccessDecision::Forbidden { needs };
    let shop = || Caller::known("shop");
    for _ in 0..3 {
        recording.refused(shop(), "create_batch", needs(Role::Planner));
        recording.refused(Caller::known("desk"), "create_batch", needs(Role::Planner));
        recording.refused(shop(), "cancel_batch", needs(Role::Planner));
        recording.refused(shop(), "create_batch", needs(Role::Admin));
        recording.refused(shop(), "create_batch", AccessDecision::RevokedKey);
        recording.refused(
            shop().at(stranger(1).address),
            "create_batch",
            AccessDecision::RevokedKey,
        );
        recording.watch.advance(10_000);
    }
    assert!(recording.write().await);
    let entries = recording.log.entries();
    assert_eq!(entries.len(), 6);
    for (entry, index) in entries.iter().zip(0..) {
        assert_eq!(entry.count, 3, "{index}");
        assert_eq!(entry.first_at, Timestamp::UNIX_EPOCH);
        assert_eq!(entry.last_at, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(20));
        assert_eq!(entry.correlation_id.as_deref(), Some("request-1"));
    }
}

#[tokio::test]
async fn a_minute_later_it_is_another_entry() {
    let recording = Recording::new();
    for _ in 0..3 {
        recording.guess(1);
        assert!(recording.write().await);
        recording.watch.advance(60_000);
        assert!(recording.write().await);
    }
    let counts: Vec<u64> = recording.log.entries().iter().map(|entry| entry.count).collect();
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_strangers_do_not_take_the_room_of_others() {
    let recording = Recording::new();
    let strangers = u32::try_from(MAX_OPEN_OF_STRANGERS).expect("a few");
    for host in 0..100_000 {
        recording.guess(host);
    }
    let others = MAX_OPEN_ENTRIES - MAX_OPEN_OF_STRANGERS - 1;
    for action in 0..others {
        let needs = Role::Admin;
        let decision = AccessDecision::Forbidden { needs };
        recording.refused(Caller::known("shop"), &format!("call-{action}"), decision);
    }
    assert!(recording.write().await);
    let entries = recording.log.entries();
    assert_eq!(entries.len(), MAX_OPEN_ENTRIES);
    let of = |decision| entries.iter().filter(move |entry| entry.decision == decision);
    let lost: Vec<&AccessEntry> = of(AccessDecision::NotRecorded).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].count, u64::from(100_000 - strangers));
    let needs = Role::Admin;
    assert_eq!(of(AccessDecision::Forbidden { needs }).count(), others);
    assert_eq!(recording.log.decisions(), 100_000 + others as u64);
    // There is room again when their minute is over.
    recording.watch.advance(60_000);
    assert!(recording.write().await);
    recording.guess(1_000_000);
    assert!(recording.write().await);
    assert_eq!(recording.log.entries().len(), MAX_OPEN_ENTRIES + 1);
}

#[tokio::test]
async fn what_the_log_does_not_take_is_kept_within_the_bound_and_written_later() {
    let recording = Recording::new();
    recording.log.is_away.store(true, Ordering::Relaxed);
    for minute in 0..30 {
        for host in 0..1_000 {
            recording.guess(minute * 1_000 + host);
        }
        recording.guess(0);
        recording.watch.advance(60_000);
        assert!(!recording.write().await);
    }
    assert_eq!(recording.recorder.unwritten(), 30 * 1_001);
    recording.log.is_away.store(false, Ordering::Relaxed);
    assert!(recording.write().await);
    assert_eq!(recording.log.decisions(), 30 * 1_001);
    assert_eq!(recording.log.entries().len(), MAX_OPEN_OF_STRANGERS + 1);
    assert_eq!(recording.recorder.unwritten(), 0);
}

#[tokio::test]
async fn nothing_is_written_where_nothing_is_new() {
    let recording = Recording::new();
    for _ in 0..10 {
        assert!(recording.write().await);
    }
    recording.guess(1);
    for _ in 0..10 {
        recording.watch.advance(1_000);
        assert!(recording.write().await);
    }
    assert_eq!(recording.log.writes.load(Ordering::Relaxed), 1);
}

/// As from the threads of a server.
#[test]
fn decisions_of_many_threads_are_all_counted() {
    let recording = Recording::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|host| recording.guess(host % 300)));
        }
    });
    assert_eq!(recording.recorder.unwritten(), 40_000);
}

#[tokio::test]
async fn what_is_older_than_ninety_days_is_forgotten_and_refusals_beyond_a_million() {
    let (log, watch) = (Log::default(), Watch::default());
    watch.advance(90 * 24 * 60 * 60 * 1_000 + 17);
    assert!(!forget_old_access_entries(&log, &watch).await.expect("an outcome"));
    let before = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(17);
    assert_eq!(*log.forgotten.lock().expect("not poisoned"), [(before, 1_000_000)]);
    // Here it has something to forget: there may be more.
    log.is_away.store(true, Ordering::Relaxed);
    assert!(forget_old_access_entries(&log, &watch).await.expect("an outcome"));
}
