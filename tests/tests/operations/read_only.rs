//! `earmark verify`, `migrate --check` and exports look at a SQLite database where nothing can be written: without the right
//! to, and on a read-only file system; closed, as a kill has left it, copied without the index of its log, and in use.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use earmark_tests::service::{Service, earmark, earmark_without_rights};
use tempfile::TempDir;

/// The name of the database.
const DATABASE: &str = "shop.db";

/// The database, its log, and the index of the log.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join(DATABASE).display())
}

/// A folder that everybody may enter.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is this user's");
    folder
}

/// A service with ten orders in a folder. The newest are in the log alone.
async fn shop(folder: &Path) -> Service {
    let service = Service::start(&url(folder)).await;
    let client = service.client();
    client.buy("B1", "LAMP", 100).await;
    for order in 0..10 {
        let _ = client.allocate(&format!("order-{order}"), "LAMP", 1).await.answers(201);
    }
    service
}

/// Copies some of the files, which everybody may read then.
fn copy(from: &Path, to: &Path, endings: &[&str]) {
    for ending in endings {
        let name = format!("{DATABASE}{ending}");
        fs::copy(from.join(&name), to.join(&name)).expect("it is copied");
        fs::set_permissions(to.join(&name), Permissions::from_mode(0o444)).expect("it is this user's");
    }
}

/// The files of a folder with what is in them.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("it can be read").flatten();
    let entry = |path: PathBuf| (path.clone(), fs::read(path).expect("it can be read"));
    entries.map(|it| entry(it.path())).collect()
}

/// Everything that only looks sees all ten orders, and leaves the files as they are.
async fn looks(folder: &Path, state: &str, rights: bool) {
    let before = contents(folder);
    let run = async |arguments: &[&str]| {
        let finished = match rights {
            true => earmark(&url(folder), arguments).await,
            false => earmark_without_rights(&url(folder), arguments).await,
        };
        assert_eq!(
            finished.code,
            Some(0),
            "{state}, {arguments:?}: {}{}",
            finished.out,
            finished.err
        );
        finished.out
    };
    let verified = run(&["verify"]).await;
    assert!(verified.contains("all is sound"), "{state}: {verified}");
    let checked = run(&["migrate", "--check"]).await;
    assert!(checked.contains("up to date"), "{state}: {checked}");
    let exported = run(&["export", "orders"]).await;
    for order in 0..10 {
        assert!(exported.contains(&format!("order-{order},")), "{state}: {exported}");
    }
    drop(run(&["keys", "list"]).await);
    assert_eq!(contents(folder), before, "{state}");
}

/// The states in which a database may lie somewhere, each in a folder of its own.
async fn states() -> Vec<(&'static str, TempDir)> {
    let original = open_folder();
    let mut service = shop(original.path()).await;
    let states = [
        ("as a kill has left it", &ENDINGS[..]),
        ("without the index of its log", &ENDINGS[..2]),
    ];
    let mut found = Vec::new();
    for (state, endings) in states {
        let folder = open_folder();
        copy(original.path(), folder.path(), endings);
        let log = folder.path().join(format!("{DATABASE}-wal"));
        assert!(
            log.metadata().expect("it is there").len() > 0,
            "the newest are in the log"
        );
        found.push((state, folder));
    }
    service.terminate();
    assert_eq!(service.ended().await.code(), Some(0));
    let folder = open_folder();
    copy(original.path(), folder.path(), &ENDINGS[..1]);
    found.push(("closed", folder));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_right_to_write_can_look_at_a_database() {
    for (state, folder) in states().await {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).expect("it is this user's");
        looks(folder.path(), state, false).await;
        // So that it can be removed.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is this user's");
    }
}

/// A file system, mounted on a folder. Unmounted when it is dropped.
struct Mount(TempDir);

impl Mount {
    /// Mounts one by these options. `None`: only root may.
    fn new(options: &[&str]) -> Option<Self> {
        let folder = open_folder();
        let mut mount = Command::new("mount");
        mount.args(options).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    /// Makes it read-only.
    fn protect(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", options]).arg(self.0.path());
        let remounted = mount.status().expect("it was mounted by the same program");
        assert!(remounted.success(), "it is read-only");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "{} is unmounted",
            self.0.path().display()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_on_a_read_only_file_system_can_be_looked_at() {
    for (state, folder) in states().await {
        let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=64m", "tmpfs"]) else {
            println!("left out: only root can mount a file system");
            return;
        };
        for ending in ENDINGS {
            let name = format!("{DATABASE}{ending}");
            if folder.path().join(&name).exists() {
                copy(folder.path(), mount.0.path(), &[ending]);
            }
        }
        mount.protect("remount,ro");
        looks(mount.0.path(), state, true).await;
        let told = earmark(&url(mount.0.path()), &["serve", "--listen", "127.0.0.1:0"]).await;
        let told = told.ended_with(1).err;
        assert!(told.contains("is on a read-only file system"), "{state}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_can_be_looked_at_through_a_read_only_mount() {
    let original = open_folder();
    let service = shop(original.path()).await;
    let path = original.path().to_str().expect("a path in UTF-8");
    let Some(mount) = Mount::new(&["--bind", path]) else {
        println!("left out: only root can mount a file system");
        return;
    };
    mount.protect("remount,bind,ro");
    looks(mount.0.path(), "in use", true).await;
    // What is stored meanwhile is seen, too.
    let client = service.client();
    let _ = client.allocate("one-more", "LAMP", 1).await.answers(201);
    let exported = earmark(&url(mount.0.path()), &["export", "orders"]).await.succeeded();
    assert!(exported.contains("one-more,"), "{exported}");
}
