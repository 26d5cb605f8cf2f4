//! Copies of a file in use, and copies in its place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use earmark_application::Views;

use super::super::{BackupError, Occupied, SqliteStore, copy_database, discard_left_behind, put_in_place};
use super::{ShopFile, a_small_shop, instant, renamed, sku, store};

async fn version(path: &Path) -> u64 {
    let shop = SqliteStore::open_to_read(path, 1).await.expect("it opens");
    let product = shop.product(&sku(), instant()).await.expect("an answer");
    product.expect("a product").summary.version
}

impl ShopFile {
    fn copy(&self) -> PathBuf {
        self.file().with_extension("copy")
    }
}

#[tokio::test]
async fn a_copy_of_a_file_in_use_has_all_of_its_log_and_belongs_to_its_owner() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.copy()).await.expect("copied");
    store(&shop, renamed(2)).await.expect("the store goes on");
    assert_eq!(version(&file.copy()).await, 2);
    assert_eq!(file.copy().metadata().expect("a file").mode() & 0o777, 0o600);
    let again = copy_database(&file.file(), &file.copy()).await;
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    assert_eq!(version(&file.copy()).await, 2, "it is as it was");
}

#[tokio::test]
async fn a_copy_that_was_left_behind_is_discarded_and_one_under_way_is_not() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let copying = copy_database(&file.file(), &file.copy()).await.expect("copied");
    let refused = discard_left_behind(&file.copy()).await;
    assert!(matches!(refused, Err(BackupError::UnderWay(_))), "{refused:?}");
    assert!(file.copy().exists());
    drop(copying);
    discard_left_behind(&file.copy()).await.expect("discarded");
    assert!(!file.copy().exists());
    discard_left_behind(&file.copy()).await.expect("nothing to do");
}

#[tokio::test]
async fn a_copy_is_put_where_nothing_is_or_where_it_may_replace_what_is_there() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let place = file.file().with_extension("backup");
    copy_database(&file.file(), &file.copy()).await.expect("copied");
    put_in_place(&file.copy(), &place, Occupied::Keep).await.expect("put");
    assert!(!file.copy().exists());
    store(&shop, renamed(2)).await.expect("stored");
    copy_database(&file.file(), &file.copy()).await.expect("copied");
    let refused = put_in_place(&file.copy(), &place, Occupied::Keep).await;
    assert!(matches!(refused, Err(BackupError::Exists(_))), "{refused:?}");
    assert_eq!(version(&place).await, 2);
    put_in_place(&file.copy(), &place, Occupied::Replace)
        .await
        .expect("put");
    assert_eq!(version(&place).await, 3);
}

#[tokio::test]
async fn a_file_in_use_is_not_replaced_and_a_closed_one_is_moved_aside() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.copy()).await.expect("copied");
    store(&shop, renamed(2)).await.expect("stored");
    for occupied in [Occupied::MoveAside, Occupied::Replace] {
        let refused = put_in_place(&file.copy(), &file.file(), occupied).await;
        assert!(matches!(refused, Err(BackupError::InUse(_))), "{refused:?}");
    }
    store(&shop, renamed(3)).await.expect("the store goes on");
    drop(shop);
    let aside = put_in_place(&file.copy(), &file.file(), Occupied::MoveAside).await;
    let aside = aside.expect("put").expect("a file was there");
    assert_eq!((version(&file.file()).await, version(&aside).await), (2, 4));
    // It is a database like any other.
    let shop = file.open().await;
    store(&shop, renamed(2)).await.expect("stored");
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_with_its_log() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    copy_database(&file.file(), &file.copy()).await.expect("copied");
    drop(shop);
    fs::write(file.file(), "a shopping list").expect("written");
    fs::write(file.file().with_extension("db-wal"), "and another").expect("written");
    let aside = put_in_place(&file.copy(), &file.file(), Occupied::MoveAside).await;
    let aside = aside.expect("put").expect("a file was there");
    assert_eq!(fs::read_to_string(&aside).expect("text"), "a shopping list");
    assert_eq!(version(&file.file()).await, 2);
}
