//! `earmark backup` beside a service under load.

use std::time::Duration;

use earmark_tests::service::{Service, earmark};

use crate::load::{Callers, Restored, now, stock};

/// Backups, one after the other.
const BACKUPS: usize = 2;

/// How long a caller waits before the next order: a backup is checked, and so takes as long as there are events.
const PAUSE: Duration = Duration::from_millis(20);

/// Orders that are acknowledged before each, and after the last.
const BETWEEN: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_what_was_acknowledged_before_and_nothing_that_was_sent_after() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let url = |name: &str| format!("sqlite:{}", path(name));
    let service = Service::start(&url("shop.db")).await;
    let client = service.client();
    stock(&client).await;
    let callers = Callers::begin("order", &service, PAUSE);
    let mut made = Vec::new();
    for number in 0..BACKUPS {
        callers.more(BETWEEN).await;
        let backup = format!("backup-{number}.db");
        let began = now();
        let told = earmark(&url("shop.db"), &["backup", &path(&backup)]).await.succeeded();
        assert!(told.contains("all is sound"), "{told}");
        made.push((backup, began, now()));
    }
    callers.more(BETWEEN).await;
    let diary = callers.end().await;
    assert_eq!(diary.failed, 0, "a backup disturbs nobody");
    let all = client.events().await;
    drop(service);

    let mut before = 0;
    for (number, (backup, began, ended)) in made.into_iter().enumerate() {
        let restored = format!("restored-{number}.db");
        drop(earmark(&url(&restored), &["restore", &path(&backup)]).await.succeeded());
        let copy = Restored::of(&url(&restored), &all).await;
        copy.is_of(&diary, began, ended);
        assert!(
            before < copy.events.len() && copy.events.len() < all.len(),
            "it is of its time"
        );
        before = copy.events.len();
    }
}
