//! Faults of the machine: a clock that steps, a disk that is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use super::Site;

/// The size of the disk that can be full: more than a run of an hour writes.
const DISK: &str = "size=512m";

/// By how much a clock steps, in seconds: a second, an hour, a day, a year, either way.
const STEPS: [i64; 8] = [-31_536_000, -86_400, -3_600, -1, 1, 3_600, 86_400, 31_536_000];

/// How long a clock stays wrong, in milliseconds: the service doubts a step for some seconds, and then believes it.
const WRONG_FOR: std::ops::RangeInclusive<u64> = 200..=8_000;

/// How often the service looks how wrong its clock is, in seconds.
const LOOKS_EVERY: &str = "1";

/// The clock of a service, which the test sets.
pub(crate) struct WrongClock {
    library: PathBuf,
    /// Has the file that says by how much it is wrong.
    folder: TempDir,
}

impl WrongClock {
    /// A clock that is right as yet. `None`: libfaketime is not installed.
    pub(crate) fn find() -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").ok()?.flatten();
        let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
        let clock = Self {
            library: libraries.find(|library| library.is_file())?,
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        clock.set(0);
        Some(clock)
    }

    /// The variables by which a service has this clock. Its monotonic clock and the times of files stay right.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", path(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", path(&self.file())),
            ("FAKETIME_CACHE_DURATION", LOOKS_EVERY.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Sets it so many seconds ahead.
    fn set(&self, seconds: i64) {
        // By a rename: the service never reads half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).expect("it is written");
        fs::rename(new, self.file()).expect("it is renamed");
    }
}

/// A file system of its own, in memory, which can be full.
pub(crate) struct Disk(TempDir);

impl Disk {
    /// Mounts one. `None`: only root may.
    pub(crate) fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("there is room for a name");
        let mut piece = vec![0; 1024 * 1024];
        while !piece.is_empty() {
            if ballast.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    fn empty(&self) {
        fs::remove_file(self.ballast()).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a service that is being killed may still have files open.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "{} is unmounted",
            self.path().display()
        );
    }
}

impl Site {
    pub(super) async fn step_clock(&mut self) {
        let step = STEPS[self.rng.usize(..STEPS.len())];
        let wrong_for = Duration::from_millis(self.rng.u64(WRONG_FOR));
        let clock = self.clock.as_ref().expect("the fault is made where there is a clock");
        clock.set(step);
        sleep(wrong_for).await;
        clock.set(0);
        // The service looks, and doubts this step, too.
        sleep(Duration::from_secs(1)).await;
    }

    pub(super) async fn fill_disk(&self, lasts: Duration) {
        let disk = self.disk.as_ref().expect("the fault is made where there is a disk");
        disk.fill();
        sleep(lasts).await;
        disk.empty();
    }
}
