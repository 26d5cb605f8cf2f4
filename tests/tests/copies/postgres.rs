//! The recipes for PostgreSQL, as they stand in `docs/guide/backup.md`: they are read from there and carried out.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use earmark_tests::databases::{Database, OwnPostgres};
use earmark_tests::service::{Service, in_time};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::load::{Callers, Restored, now, stock};

const MANUAL: &str = include_str!("../../../docs/guide/backup.md");

/// Orders that are acknowledged between two steps.
const BETWEEN: usize = 300;

/// The commands in a section of the manual.
fn commands(section: &str) -> Vec<String> {
    let begin = format!("\n## {section}\n");
    let (_, rest) = MANUAL.split_once(&begin).expect("a section of the manual");
    let rest = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
    let blocks = rest.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").expect("the block ends").0.to_owned())
        .collect()
}

/// A server, whose backups lie beside its data.
struct Shop {
    server: OwnPostgres,
    backups: PathBuf,
}

impl Shop {
    async fn open() -> Self {
        let server = OwnPostgres::create().await;
        server.keep_address();
        server.launch().await;
        let backups = server.data().with_file_name("backups");
        Self { server, backups }
    }

    /// Carries out commands of the manual, as the user who runs the server.
    async fn run(&self, commands: &str, instant: &str) {
        let mut shell = self.server.shell();
        shell.arg(format!("set -euo pipefail\n{commands}"));
        shell
            .env("PGHOST", self.server.data().parent().expect("a folder"))
            .env("BACKUPS", &self.backups)
            .env("CONFIG", self.backups.with_extension("conf"))
            // The tool's own folder may be another user's.
            .env("PGBACKREST_LOCK_PATH", self.backups.with_extension("lock"))
            .env("INSTANT", instant);
        // A server that is started here keeps them: a pipe would have no end.
        let printed = tempfile::NamedTempFile::new().expect("a temporary file");
        let file = File::create(printed.path()).expect("it is written");
        shell.stdout(file.try_clone().expect("a second handle")).stderr(file);
        let status = in_time("the commands of the manual", spawn_blocking(move || status(shell))).await;
        let status = status.expect("they are awaited");
        let printed = std::fs::read_to_string(printed.path()).unwrap_or_default();
        let log = std::fs::read_to_string(self.server.data().with_extension("log")).unwrap_or_default();
        assert!(
            status,
            "{commands}\n--- failed\n{printed}\n--- log of the server\n{log}"
        );
    }
}

fn status(mut shell: Command) -> bool {
    shell.stdin(Stdio::null()).status().expect("a shell runs").success()
}

/// Has a copy taken under load, and comes back to an instant of the load.
async fn comes_back_to_an_instant(section: &str) {
    let commands = commands(section);
    let [once, each_night, back] = &commands[..] else {
        unreachable!("three steps: {commands:?}")
    };
    let shop = Shop::open().await;
    shop.run(once, "").await;
    let service = Service::start(&shop.server.url()).await;
    let client = service.client();
    stock(&client).await;
    let callers = Callers::begin("order", &service, Duration::ZERO);
    callers.more(BETWEEN).await;
    shop.run(each_night, "").await;
    callers.more(BETWEEN).await;
    // Tools count in seconds.
    sleep(Duration::from_millis(1_100)).await;
    let instant = now();
    callers.more(BETWEEN).await;
    let diary = callers.end().await;
    assert_eq!(diary.failed, 0, "a backup disturbs nobody");
    let all = client.events().await;
    drop(service);

    let told = jiff::Timestamp::try_from(instant).expect("an instant of this age");
    shop.run(back, &told.strftime("%F %T%.6f+00").to_string()).await;
    let copy = Restored::of(&shop.server.url(), &all).await;
    copy.is_of(&diary, instant, instant);
    assert!(copy.events.len() < all.len(), "it is of its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pg_basebackup_with_an_archive_brings_back_an_instant_of_the_load() {
    comes_back_to_an_instant("PostgreSQL with pg_basebackup").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgbackrest_brings_back_an_instant_of_the_load() {
    comes_back_to_an_instant("PostgreSQL with pgBackRest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_is_of_one_instant_of_the_load() {
    let commands = commands("PostgreSQL with pg_dump");
    let [all_steps] = &commands[..] else {
        unreachable!("one step: {commands:?}")
    };
    let shop = Shop::open().await;
    shop.run("mkdir -p \"$BACKUPS\"; createdb shop", "").await;
    let server = shop.server.url();
    let server = server.strip_suffix("/postgres").expect("the name of a database");
    let of = |name: &str| format!("{server}/{name}");
    let url = of("shop");
    let service = Service::start(&url).await;
    let client = service.client();
    stock(&client).await;
    let callers = Callers::begin("order", &service, Duration::ZERO);
    callers.more(BETWEEN).await;
    let began = now();
    shop.run(all_steps, "").await;
    let ended = now();
    callers.more(BETWEEN).await;
    let diary = callers.end().await;
    let all = client.events().await;
    drop(service);
    let copy = Restored::of(&of("shop_restored"), &all).await;
    copy.is_of(&diary, began, ended);
    assert!(copy.events.len() < all.len(), "it is of its time");
}
