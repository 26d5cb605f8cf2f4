//! Which history a file tells.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use earmark_application::{Books, EventFeed, EventFilter, EventId, LogPosition};

use super::super::{Occupied, SqliteStore, copy_database, put_in_place};
use super::{DEFAULT_READERS, ShopFile, a_small_shop, renamed, store};

/// The books of a file that is used as books, and the ids of its events.
async fn history(shop: &SqliteStore) -> (Books, BTreeSet<EventId>) {
    let page = shop.events(&EventFilter::default(), 0, 100).await.expect("a page");
    let ids = page.events.iter().map(|event| page.books.event_id(event.sequence));
    assert_eq!(page.newest, page.events.last().map_or(0, |event| event.sequence));
    (page.books.clone(), ids.collect())
}

async fn open(path: &Path) -> SqliteStore {
    let shop = SqliteStore::open(path, DEFAULT_READERS, true).await;
    shop.expect("the file opens")
}

impl ShopFile {
    fn next_to(&self, name: &str) -> PathBuf {
        self.file().with_extension(name)
    }
}

#[tokio::test]
async fn books_that_are_opened_again_go_on_in_their_epoch() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let (books, ids) = history(&shop).await;
    assert_eq!((books.epoch(), ids.len()), (1, 2));
    drop(shop);
    // Moved within the file system it is the same file.
    fs::rename(file.file(), file.next_to("moved")).expect("moved");
    let shop = open(&file.next_to("moved")).await;
    assert_eq!(history(&shop).await, (books, ids));
}

#[tokio::test]
async fn a_backup_that_is_restored_gives_no_id_again_and_knows_no_cursor_of_what_it_lacks() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.next_to("copy"))
        .await
        .expect("copied");
    store(&shop, renamed(2)).await.expect("stored");
    store(&shop, renamed(3)).await.expect("stored");
    let (books, lost) = history(&shop).await;
    let cursor = books.position_of(4);
    drop(shop);

    put_in_place(&file.next_to("copy"), &file.file(), Occupied::MoveAside)
        .await
        .expect("put");
    let shop = file.open().await;
    for version in 2..6 {
        store(&shop, renamed(version)).await.expect("stored");
    }
    let (restored, ids) = history(&shop).await;
    assert_eq!(restored.id(), books.id());
    assert_eq!(ids.len(), 6);
    let common: BTreeSet<_> = lost.intersection(&ids).map(|id| id.position.sequence).collect();
    assert_eq!(common, [1, 2].into(), "those before the backup, and no other");
    let gone = restored.resolve(cursor, 6).expect_err("it is of the lost history");
    assert_eq!(gone.begin, LogPosition { epoch: 1, sequence: 2 });
    assert_eq!(restored.resolve(gone.begin, 6), Ok(2));
    assert_eq!(restored.resolve(restored.position_of(6), 6), Ok(6));
}

#[tokio::test]
async fn two_copies_of_one_file_tell_two_histories() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.next_to("first"))
        .await
        .expect("copied");
    drop(shop);
    fs::copy(file.next_to("first"), file.next_to("second")).expect("copied");
    // Not marked as a copy, and known by its place.
    fs::copy(file.file(), file.next_to("third")).expect("copied");
    let mut after_the_copy = BTreeSet::new();
    for name in ["first", "second", "third", "db"] {
        let shop = open(&file.next_to(name)).await;
        store(&shop, renamed(2)).await.expect("stored");
        let (_, ids) = history(&shop).await;
        after_the_copy.extend(ids.into_iter().filter(|id| id.position.sequence == 3));
    }
    assert_eq!(after_the_copy.len(), 4, "{after_the_copy:?}");
}

#[tokio::test]
async fn a_copy_is_put_over_the_file_itself() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.next_to("copy"))
        .await
        .expect("copied");
    drop(shop);
    // The place, the device and the inode stay.
    fs::copy(file.next_to("copy"), file.file()).expect("copied");
    let shop = file.open().await;
    assert!(history(&shop).await.0.epoch() > 1);
}

#[tokio::test]
async fn a_copy_that_is_only_read_is_left_as_it_is() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let (books, ids) = history(&shop).await;
    copy_database(&file.file(), &file.next_to("copy"))
        .await
        .expect("copied");
    let before = fs::read(file.next_to("copy")).expect("a file");
    let copy = SqliteStore::open_to_read(file.next_to("copy"), 1)
        .await
        .expect("it opens");
    assert_eq!(history(&copy).await, (books, ids));
    drop(copy);
    assert!(fs::read(file.next_to("copy")).expect("a file") == before);
}

#[tokio::test]
async fn books_that_were_copied_before_they_were_opened_have_names_of_their_own() {
    let file = ShopFile::new();
    SqliteStore::migrate(file.file()).await.expect("migrated");
    fs::copy(file.file(), file.next_to("copy")).expect("copied");
    let (one, other) = (file.open().await, open(&file.next_to("copy")).await);
    let ((one, _), (other, _)) = (history(&one).await, history(&other).await);
    assert_ne!(one.id(), other.id());
    assert_eq!((one.epoch(), other.epoch()), (1, 1));
}

#[tokio::test]
async fn a_file_that_has_lost_its_log_tells_another_history() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    fs::copy(file.file(), file.next_to("without-log")).expect("copied");
    drop(shop);
    fs::copy(file.next_to("without-log"), file.file()).expect("copied");
    assert!(SqliteStore::give_up_log(file.file()).await.expect("given up"));
    let shop = file.open().await;
    assert!(history(&shop).await.0.epoch() > 1);
}
