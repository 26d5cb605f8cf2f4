//! The files themselves: deleted, replaced, cut short, copied alone, or beside another's log.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use earmark_application::{Health, StoreError, Views};

use super::super::file::length;
use super::super::{DEFAULT_READERS, OpenError, SqliteStore};
use super::{ShopFile, a_small_shop, instant, number, renamed, sku, store};

impl ShopFile {
    /// The log, or its index.
    fn beside(&self, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}{ending}", self.file().display()))
    }

    async fn reopen(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(self.file(), DEFAULT_READERS, true).await
    }
}

/// What a caller is told after something was done to the files of a store in use; every later call is told the same.
async fn refused_after(harm: impl FnOnce(&ShopFile)) -> String {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    harm(&file);
    let mut told = Vec::new();
    told.push(store(&shop, renamed(2)).await.map_err(|why| why.to_string()));
    told.push(store(&shop, renamed(2)).await.map_err(|why| why.to_string()));
    told.push(shop.ready().await.map_err(|why| why.to_string()));
    told.push(
        shop.product(&sku(), instant())
            .await
            .map(drop)
            .map_err(|why| why.to_string()),
    );
    let first = told[0].clone().expect_err("nothing may be acknowledged");
    assert!(first.contains("stop the service"), "{first}");
    for (at, told) in told.into_iter().enumerate() {
        assert_eq!(told, Err(first.clone()), "{at}");
    }
    first
}

fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("it opens");
    file.set_len(bytes).expect("cut");
}

fn replace(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).expect("copied");
    fs::rename(copy, path).expect("renamed");
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_file_or_its_log_is_deleted() {
    for ending in ["", "-wal", "-shm"] {
        let told = refused_after(|file| fs::remove_file(file.beside(ending)).expect("deleted")).await;
        assert!(told.contains(&format!("shop.db{ending} was removed")), "{told}");
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_once_another_file_has_taken_the_place_of_one() {
    for ending in ["", "-wal"] {
        let told = refused_after(|file| replace(&file.beside(ending))).await;
        assert!(told.contains("another file took the place of"), "{told}");
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_file_is_cut_short() {
    let told = refused_after(|file| cut(&file.file(), 0)).await;
    assert!(told.contains("shop.db was cut short"), "{told}");
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_log_is_cut_short() {
    let told = refused_after(|file| cut(&file.beside("-wal"), 0)).await;
    assert!(told.contains("has lost commits"), "{told}");
    let told = refused_after(|file| {
        // The file may be longer than what is in use of it.
        let pages = length(&mut file.other_program()).expect("a length").log;
        let used = 32 + u64::try_from(pages).expect("a number") * (24 + 4_096);
        cut(&file.beside("-wal"), used - 1);
    })
    .await;
    assert!(told.contains("has lost commits"), "{told}");
}

#[tokio::test]
async fn readiness_notices_without_any_command() {
    let file = ShopFile::new();
    let shop = file.open().await;
    shop.ready().await.expect("ready");
    fs::remove_file(file.file()).expect("deleted");
    assert!(matches!(shop.ready().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_store_that_lost_its_file_leaves_alone_what_took_its_place() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    replace(&file.file());
    fs::remove_file(file.beside("-wal")).expect("deleted");
    fs::write(file.beside("-wal"), "the log of the file that took its place").expect("written");
    store(&shop, renamed(2)).await.expect_err("refused");
    drop(shop);
    let log = fs::read_to_string(file.beside("-wal")).expect("it is still there");
    assert!(log.starts_with("the log of"), "{log}");
}

#[tokio::test]
async fn a_file_that_another_program_made_smaller_is_in_order() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let mut other = file.other_program();
    let long = "CREATE TABLE notes (note TEXT); INSERT INTO notes VALUES (printf('%.9000000c', 'x')); \
         PRAGMA wal_checkpoint(PASSIVE)";
    other.batch_execute(long).expect("stored");
    store(&shop, renamed(2)).await.expect("stored");
    let before = file.file().metadata().expect("a file").len();
    other
        .batch_execute("DROP TABLE notes; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("smaller");
    assert!(file.file().metadata().expect("a file").len() < before / 2);
    store(&shop, renamed(3)).await.expect("stored");
    shop.ready().await.expect("ready");
}

#[tokio::test]
async fn a_file_without_the_log_it_was_used_with_is_refused() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let copy = ShopFile::new();
    fs::copy(file.file(), copy.file()).expect("copied");
    let refused = copy.reopen().await.expect_err("the log is missing");
    assert!(matches!(refused, OpenError::LogMissing(_)), "{refused:?}");
    assert!(refused.to_string().contains("earmark backup"), "{refused}");
    let refused = SqliteStore::open_to_read(copy.file(), 1)
        .await
        .expect_err("the log is missing");
    assert!(matches!(refused, OpenError::LogMissing(_)), "{refused:?}");

    assert!(
        SqliteStore::give_up_log(copy.file()).await.expect("an answer"),
        "it was missing"
    );
    assert!(
        !SqliteStore::give_up_log(copy.file()).await.expect("an answer"),
        "it was given up"
    );
    copy.reopen().await.expect("it goes on without the log");
}

#[tokio::test]
async fn a_file_with_its_log_has_everything_though_its_program_was_killed() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    store(&shop, renamed(2)).await.expect("stored");
    // As a kill leaves them.
    let copy = ShopFile::new();
    for ending in ["", "-wal"] {
        fs::copy(file.beside(ending), copy.beside(ending)).expect("copied");
    }
    let again = copy.reopen().await.expect("the log is the file's");
    let product = again
        .product(&sku(), instant())
        .await
        .expect("an answer")
        .expect("a product");
    assert_eq!(product.summary.version, 3);
    // Its log may be looked at, and recovered from, before the service starts again.
    drop(again);
    assert!(!copy.beside("-wal").exists(), "the file is complete");
    copy.reopen().await.expect("it opens");
}

#[tokio::test]
async fn a_log_of_another_file_or_of_another_time_is_refused() {
    let (file, other) = (ShopFile::new(), ShopFile::new());
    let (shop, neighbour) = (file.open().await, other.open().await);
    store(&shop, a_small_shop()).await.expect("stored");
    store(&neighbour, a_small_shop()).await.expect("stored");
    let copy = ShopFile::new();
    fs::copy(file.file(), copy.file()).expect("copied");
    fs::copy(other.beside("-wal"), copy.beside("-wal")).expect("copied");
    let refused = copy.reopen().await.expect_err("another's log");
    assert!(matches!(refused, OpenError::ForeignLog(_)), "{refused:?}");

    // The file of today, closed, beside the log of yesterday.
    fs::copy(file.beside("-wal"), copy.beside("-wal")).expect("copied");
    drop(shop);
    fs::copy(file.file(), copy.file()).expect("copied");
    let refused = copy.reopen().await.expect_err("a log of another time");
    assert!(matches!(refused, OpenError::ForeignLog(_)), "{refused:?}");
}

#[tokio::test]
async fn the_binding_follows_the_log_however_often_it_restarts() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let mut other = file.other_program();
    let generation = |file: &ShopFile| {
        let log = fs::read(file.beside("-wal")).expect("a log");
        i64::from(i32::from_be_bytes(*log[16..].first_chunk().expect("a header")))
    };
    let first = generation(&file);
    for version in 2..6 {
        other.batch_execute("PRAGMA wal_checkpoint(RESTART)").expect("copied");
        store(&shop, renamed(version)).await.expect("stored");
        let bound = number(&mut other, "PRAGMA user_version");
        assert_eq!(bound, generation(&file), "{version}");
    }
    assert_ne!(first, generation(&file));
}

#[tokio::test]
async fn another_program_that_stays_connected_leaves_a_file_that_opens() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let uri = format!("{}", file.file().display());
    let mut shell = <diesel::SqliteConnection as diesel::Connection>::establish(&uri).expect("it opens");
    assert_eq!(number(&mut shell, "SELECT count(*) FROM products"), 1);
    drop(shop);
    // It closes last, and takes the log along.
    drop(shell);
    assert!(!file.beside("-wal").exists());
    file.reopen().await.expect("it opens");
}

#[tokio::test]
async fn what_is_made_belongs_to_its_owner_alone() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    for ending in ["", "-wal", "-shm"] {
        let mode = file.beside(ending).metadata().expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}");
    }
}

#[tokio::test]
async fn why_a_file_cannot_be_opened_is_said() {
    async fn why(path: &Path) -> String {
        let refused = SqliteStore::open(path, DEFAULT_READERS, true).await;
        refused.expect_err("it can't be opened").to_string()
    }
    let file = ShopFile::new();
    let folder = file.file().parent().expect("a folder").to_owned();
    assert!(
        why(&folder.join("no/shop.db")).await.contains("the folder of"),
        "a missing folder"
    );
    assert!(why(&folder).await.contains("is a folder"));

    let other = folder.join("other.db");
    let mut connection =
        <diesel::SqliteConnection as diesel::Connection>::establish(&other.display().to_string()).expect("it opens");
    connection
        .batch_execute("CREATE TABLE notes (note TEXT)")
        .expect("a table");
    drop(connection);
    assert!(why(&other).await.contains("another program made its tables"));

    // A user with all rights is refused nothing.
    let closed = folder.join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o500)).expect("no right to write");
    if File::create(closed.join("probe")).is_err() {
        assert!(
            why(&closed.join("shop.db"))
                .await
                .contains("can't be used by this user")
        );
    }
}

#[tokio::test]
async fn a_closed_file_is_read_without_being_written() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    drop(shop);
    let before = fs::read(file.file()).expect("bytes");
    let reader = SqliteStore::open_to_read(file.file(), 1).await.expect("it opens");
    assert!(reader.product(&sku(), instant()).await.expect("an answer").is_some());
    store(&reader, renamed(2)).await.expect_err("it was opened to be read");
    drop(reader);
    let missing = SqliteStore::pending_migrations(file.file()).await.expect("an answer");
    assert!(missing.is_empty());
    assert!(!file.beside("-wal").exists() && !file.beside("-shm").exists());
    assert_eq!(before, fs::read(file.file()).expect("bytes"));
}
