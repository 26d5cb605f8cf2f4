//! The books of each version, kept in `tests/fixtures/books`, are brought up to date and go on.
//!
//! `cargo xtask fixture` keeps those of this version, until it is released; those of a released version stay as they are.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use earmark_tests::service::{Client, Service, earmark};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use reqwest::Method;
use serde_json::{Value, json};

/// Tells the case to keep the books of this version.
const KEEP: &str = "EARMARK_KEEP_BOOKS";

const THIS_VERSION: &str = env!("CARGO_PKG_VERSION");

const CHANGES: &str = include_str!("../../../CHANGELOG.md");

/// A request with a key, whose answer is kept with the books for long after it would be forgotten.
const KEY: &str = "kept-with-the-books";
const UNTIL: &str = "UPDATE idempotency_keys SET expires_at = 4102444800000000";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/books")
}

/// The versions whose books are kept.
fn versions() -> Vec<String> {
    let folders = fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut versions: Vec<String> = folders
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect();
    versions.sort();
    versions
}

/// An order with a key.
async fn order_with_key(client: &Client) -> Value {
    let lines =
        json!([{"line_id": "a", "sku": "LAMP", "quantity": 10}, {"line_id": "b", "sku": "CHAIR", "quantity": 2}]);
    let body = json!({"order_id": "o1", "lines": lines}).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", KEY)];
    let reply = client.send(Method::POST, "/v1/orders", &headers, body).await;
    reply.answers(201)
}

/// An order that waits for stock, in part.
async fn order_that_waits(client: &Client) -> u16 {
    let line = json!({"order_id": "o2", "sku": "CHAIR", "quantity": 9, "on_shortage": "backorder"});
    client.post("/v1/allocations", &line).await.status
}

/// Fills books with one of each.
async fn fill(client: &Client) -> Value {
    let named = client
        .put("/v1/products/LAMP", &json!({"name": "A lamp, rot-weiß"}))
        .await;
    let _ = named.answers(200);
    client.buy("B1", "LAMP", 100).await;
    client.buy_inbound("B2", "LAMP", 50, "2099-06-01").await;
    client.buy("C1", "CHAIR", 5).await;
    let kept = order_with_key(client).await;
    assert_eq!(order_that_waits(client).await, 202);
    let _ = client.allocate("o3", "LAMP", 5).await.answers(201);
    let _ = client.delete("/v1/orders/o3").await.answers(200);
    let part = json!({"lines": [{"line_id": "a"}]});
    let _ = client.post("/v1/orders/o1/dispatch", &part).await.answers(200);
    let _ = client.count("B1", 90).await.answers(200);
    kept
}

/// What is remembered of books: what the API showed of them, and the answer with a key.
async fn shown(client: &Client, kept: &Value) -> Value {
    let state = client.state().await;
    json!({"products": state.products, "waiting": state.waiting, "events": state.events, "kept": kept})
}

/// Whether something says at least what it said before: members may have been added.
fn says(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => before
            .iter()
            .all(|(name, before)| now.get(name).is_some_and(|now| says(now, before))),
        (Value::Array(now), Value::Array(before)) => {
            now.len() == before.len() && now.iter().zip(before).all(|(now, before)| says(now, before))
        }
        _ => now == before,
    }
}

/// Brings books up to date, and has them go on.
async fn go_on(url: &str, before: &Value) {
    drop(earmark(url, &["migrate"]).await.succeeded());
    let verified = earmark(url, &["verify"]).await.succeeded();
    assert!(verified.contains("all is sound"), "{verified}");
    let service = Service::start(url).await;
    let client = service.client();
    assert_eq!(
        order_with_key(&client).await,
        before["kept"],
        "the answer with a key is the first"
    );
    let now = shown(&client, &before["kept"]).await;
    for (name, before) in before.as_object().expect("an object") {
        assert!(
            says(&now[name], before),
            "{name}\nnow {:#}\nbefore {before:#}",
            now[name]
        );
    }
    // Known by what was first asked, without a key.
    assert_eq!(order_that_waits(&client).await, 200);
    let _ = client.allocate("o4", "LAMP", 7).await.answers(201);
    client.buy("C2", "CHAIR", 10).await;
    assert!(client.backlog("CHAIR").await.is_empty(), "who waited is served");
    drop(service);
    drop(earmark(url, &["verify"]).await.succeeded());
}

fn pack(folder: &Path, name: &str, content: &[u8]) {
    let file = File::create(folder.join(format!("{name}.gz"))).expect("it is made");
    // No time and no name: the same content is the same file.
    let mut packed = GzBuilder::new().write(file, Compression::best());
    packed.write_all(content).expect("it is written");
    packed.finish().expect("it is written");
}

fn unpack(version: &str, name: &str) -> Vec<u8> {
    let packed = File::open(folder().join(version).join(format!("{name}.gz"))).expect("it is kept");
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(packed), &mut content).expect("it is whole");
    content
}

fn remembered(version: &str) -> Value {
    serde_json::from_slice(&unpack(version, "shown.json")).expect("JSON")
}

async fn keep() {
    let released = format!("\n## {THIS_VERSION}");
    let bracketed = format!("\n## [{THIS_VERSION}]");
    assert!(
        !CHANGES.contains(&released) && !CHANGES.contains(&bracketed),
        "the books of {THIS_VERSION}, which is released, stay as they are: write a migration, and raise the version"
    );
    let kept = folder().join(THIS_VERSION);
    fs::create_dir_all(&kept).expect("a folder");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("books.db");
    let mut service = Service::start(&format!("sqlite:{}", path.display())).await;
    let client = service.client();
    let answer = fill(&client).await;
    let shown_then = shown(&client, &answer).await;
    service.terminate();
    assert!(service.ended().await.success());
    let mut connection = SqliteConnection::establish(&path.to_string_lossy()).expect("it opens");
    connection.batch_execute(UNTIL).expect("it is changed");
    drop(connection);
    pack(&kept, "books.db", &fs::read(&path).expect("it is read"));
    pack(&kept, "shown.json", shown_then.to_string().as_bytes());
    #[cfg(feature = "servers")]
    on_postgres::keep(&kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_this_version_are_kept() {
    if env::var_os(KEEP).is_some() {
        keep().await;
    }
    assert!(
        versions().iter().any(|version| version == THIS_VERSION),
        "no books of {THIS_VERSION} are kept: `cargo xtask fixture` does it"
    );
}

/// A row of what SQLite knows of tables.
#[derive(QueryableByName)]
struct Definition {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    sql: String,
}

/// The definitions of a file, without comments and spaces.
fn definitions(path: &Path) -> Vec<(String, String)> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy()).expect("it opens");
    let question =
        "SELECT name, coalesce(sql, '') AS sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";
    let rows: Vec<Definition> = diesel::sql_query(question).load(&mut connection).expect("it answers");
    let plain = |sql: &str| -> String {
        let lines = sql
            .lines()
            .map(|line| line.split_once("--").map_or(line, |(code, _)| code));
        lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(|row| (row.name.clone(), plain(&row.sql))).collect()
}

const EDITED: &str = "a migration was changed after books were made by it: write another one. (As long as the version is not \
     released, `cargo xtask fixture` keeps its books anew.)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_books_of_every_version_go_on() {
    for version in versions() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let path = scratch.path().join("books.db");
        fs::write(&path, unpack(&version, "books.db")).expect("it is written");
        let url = format!("sqlite:{}", path.display());
        go_on(&url, &remembered(&version)).await;
        let new = scratch.path().join("new.db");
        drop(
            earmark(&format!("sqlite:{}", new.display()), &["migrate"])
                .await
                .succeeded(),
        );
        assert_eq!(definitions(&path), definitions(&new), "{version}: {EDITED}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_books_of_a_later_version_are_refused_in_a_sentence() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("books.db");
    let url = format!("sqlite:{}", path.display());
    drop(earmark(&url, &["migrate"]).await.succeeded());
    let mut connection = SqliteConnection::establish(&path.to_string_lossy()).expect("it opens");
    connection
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .expect("a later version was here");
    drop(connection);
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["migrate", "--check"],
        &["verify"],
    ] {
        let told = earmark(&url, command).await.ended_with(1).err;
        assert!(
            told.contains("the database schema is newer than this program (unknown: 9999)"),
            "{told}"
        );
    }
}

#[cfg(feature = "servers")]
pub(crate) mod on_postgres {
    use std::process::Stdio;

    use earmark_tests::databases::{Database, OwnPostgres};

    use super::*;

    /// Runs commands beside a server, and answers what they print.
    pub(crate) fn run(server: &OwnPostgres, commands: &str) -> Vec<u8> {
        let mut shell = server.shell();
        shell.arg(format!("set -euo pipefail\n{commands}")).stdin(Stdio::null());
        shell.env("PGHOST", "127.0.0.1").stderr(Stdio::inherit());
        let output = shell.output().expect("a shell runs");
        assert!(output.status.success(), "{commands}");
        output.stdout
    }

    pub(super) async fn keep(kept: &Path) {
        let server = OwnPostgres::start().await;
        let mut service = Service::start(&server.url()).await;
        let client = service.client();
        let answer = fill(&client).await;
        let shown_then = shown(&client, &answer).await;
        service.terminate();
        assert!(service.ended().await.success());
        run(
            &server,
            "psql -X -c \"UPDATE idempotency_keys SET expires_at = '2100-01-01'\"",
        );
        let dump = run(&server, "pg_dump --no-owner --no-privileges --inserts postgres");
        // Some versions write what no other reads, or nobody twice.
        let own = |line: &&str| !line.starts_with('\\') && !line.starts_with("SET transaction_timeout");
        let dump = String::from_utf8(dump).expect("text");
        let dump: String = dump.lines().filter(own).map(|line| format!("{line}\n")).collect();
        pack(kept, "books.sql", dump.as_bytes());
        pack(kept, "shown-postgres.json", shown_then.to_string().as_bytes());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_postgres_books_of_every_version_go_on() {
        let server = OwnPostgres::start().await;
        let url = server.url();
        let url = url.strip_suffix("/postgres").expect("the name of a database");
        run(&server, "createdb made");
        drop(earmark(&format!("{url}/made"), &["migrate"]).await.succeeded());
        // As the others have come: a rule is told in other words once it was read back.
        run(
            &server,
            "createdb new; pg_dump --schema-only --no-owner made | psql -X -q -v ON_ERROR_STOP=1 -d new >/dev/null",
        );
        let schema = |database: &str| {
            let dumped = run(
                &server,
                &format!("pg_dump --schema-only --no-owner {database} | grep -v '^.restrict\\|^.unrestrict\\|^--'"),
            );
            String::from_utf8(dumped).expect("text")
        };
        for (number, version) in versions().into_iter().enumerate() {
            let name = format!("books{number}");
            let script = server.data().with_file_name("books.sql");
            fs::write(&script, unpack(&version, "books.sql")).expect("it is written");
            run(
                &server,
                &format!(
                    "createdb {name}; psql -X -q -v ON_ERROR_STOP=1 -d {name} -f {} >/dev/null",
                    script.display()
                ),
            );
            let before = serde_json::from_slice(&unpack(&version, "shown-postgres.json")).expect("JSON");
            go_on(&format!("{url}/{name}"), &before).await;
            let (old, new) = (schema(&name), schema("new"));
            let differ = old.lines().zip(new.lines()).find(|(old, new)| old != new);
            assert_eq!(differ, None, "{version}: {EDITED}");
            assert_eq!(old.lines().count(), new.lines().count(), "{version}: {EDITED}");
        }
    }
}
