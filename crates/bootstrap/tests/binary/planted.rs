//! Planted secrets: passwords, tokens and keys that occur in nothing else are given to the service in every way there is, and
//! nothing that it produces has them: no log at its finest level, no error, no answer, no table, no file, no list of
//! processes. What they are given to is mean: brokers and receivers that refuse them, and say back what they were sent.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::{Run, Sandbox};
use crate::service::Service;

/// Where each secret is planted.
const NATS: &str = "pl4ntedNatsPassw0rd";
const REDIS: &str = "pl4ntedRedisPassw0rd";
const SOURCE: &str = "pl4ntedSourcePassw0rd";
const STREAM: &str = "pl4ntedStreamPassw0rd";
const TOKEN: &str = "pl4ntedWebhookT0ken";
const SIGNING: &str = "whsec_cGw0bnRlZFdlYmhvb2tTZWNyZXQxMjM0";
const MAIL: &str = "pl4ntedMailPassw0rd";
const STORE: &str = "pl4ntedStorePassw0rd";

/// The longest that the test waits. Generous, because the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Everything that was produced, each with its source.
#[derive(Default)]
struct Produced(Vec<(String, Vec<u8>)>);

impl Produced {
    fn add(&mut self, source: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((source.into(), bytes.into()));
    }

    /// What a command has printed.
    fn add_run(&mut self, source: &str, run: &Run) {
        assert!(!run.out.is_empty() || !run.err.is_empty(), "{source} printed nothing");
        self.add(source, format!("{}{}", run.out, run.err));
    }

    /// Every file of a folder, but for those that the test has written itself.
    fn add_files(&mut self, folder: &Path, own: &[&str]) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_file() && !own.contains(&name.as_str()) {
                self.add(name, fs::read(&path).expect("a file"));
            }
        }
    }

    /// Asserts that no secret is in anything, plain or encoded.
    fn keeps(&self, secrets: &[&str], at_least: usize) {
        let bytes: usize = self.0.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes > at_least, "only {bytes} bytes were produced");
        for secret in secrets {
            for needle in spellings(secret) {
                for (source, bytes) in &self.0 {
                    if let Some(at) = find(bytes, needle.as_bytes()) {
                        let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
                        unreachable!(
                            "{source} has {secret} as {needle}:\n{}",
                            String::from_utf8_lossy(around)
                        );
                    }
                }
            }
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// A secret as it is, as a list of bytes is printed, and as base64 has it behind nothing, one byte or two.
fn spellings(secret: &str) -> Vec<String> {
    let listed: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut spellings = vec![secret.to_owned(), listed.join(", ")];
    for before in 0..3 {
        let mut text = vec![0_u8; before];
        text.extend(secret.bytes());
        // The characters that depend on a neighbour are left out.
        let encoded = base64(&text);
        let end = text.len() / 3 * 4;
        spellings.push(encoded[4 * before.min(1)..end].to_owned());
    }
    spellings
}

/// Whole groups only.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[bits >> shift & 63]));
        }
    }
    text
}

/// Something that the service is sent to.
struct Peer {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Peer {
    /// Greets whoever connects, and answers whatever it reads.
    fn start(greeting: &'static str, answer: fn(&[u8]) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                thread::spawn(move || converse(stream, greeting, answer, &counter));
            }
        });
        Self { port, asked }
    }

    fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }
}

fn converse(mut stream: TcpStream, greeting: &str, answer: fn(&[u8]) -> Vec<u8>, asked: &AtomicUsize) {
    if stream.write_all(greeting.as_bytes()).is_err() {
        return;
    }
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 || stream.write_all(&answer(&buffer[..read])).is_err() {
            return;
        }
        asked.fetch_add(1, Ordering::Relaxed);
    }
}

fn nats() -> Peer {
    const INFO: &str = "INFO {\"server_id\":\"x\",\"server_name\":\"x\",\"version\":\"2.12.0\",\"go\":\"go\",\
        \"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"proto\":1,\
        \"auth_required\":true}\r\n";
    Peer::start(INFO, |_| b"-ERR 'Authorization Violation'\r\n".to_vec())
}

/// What a Redis says that knows no AUTH: with its arguments.
fn redis() -> Peer {
    Peer::start("", |read| {
        let text = String::from_utf8_lossy(read);
        let lines = || text.split("\r\n");
        let words = lines().filter(|word| !word.starts_with(['*', '$']));
        let words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        let error = format!(
            "-ERR unknown command, with args beginning with: {}\r\n",
            words.join(" ")
        );
        let commands = lines().filter(|word| word.starts_with('*')).count();
        error.repeat(commands).into_bytes()
    })
}

/// A web server that fails, and shows the request that it failed on.
fn web_server() -> Peer {
    Peer::start("", |read| {
        let head = format!(
            "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            read.len()
        );
        [head.as_bytes(), read].concat()
    })
}

fn mail_server() -> Peer {
    Peer::start("220 mail.example\r\n", |read| match read {
        [b'E', b'H', ..] => b"250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n".to_vec(),
        _ => [b"535 5.7.8 refused: ", read].concat(),
    })
}

/// A PostgreSQL that asks for a password, and refuses it.
fn postgres() -> Peer {
    Peer::start("", |read| match read {
        // It has no encryption.
        [0, 0, 0, 8, 4, 210, ..] => b"N".to_vec(),
        [b'p', ..] => {
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"shop\"\0\0";
            let length = u32::try_from(fields.len() + 4).expect("a short message");
            [b"E", &length.to_be_bytes()[..], fields].concat()
        }
        _ => vec![b'R', 0, 0, 0, 8, 0, 0, 0, 3],
    })
}

/// Waits for something.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < TIMEOUT, "not in time: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A key that `earmark keys` has printed, which may be shown this once. What else it has printed may not have it.
fn key(produced: &mut Produced, sandbox: &Sandbox, arguments: &[&str]) -> String {
    let run = sandbox.run([&["keys"], arguments].concat()).succeeds();
    produced.add("keys", run.err.clone());
    run.out.trim().to_owned()
}

/// The service with secrets in every setting but the store's, and what it is sent to.
fn secrets_of_neighbours() -> (Vec<Peer>, Vec<(&'static str, String)>) {
    let peers = vec![nats(), redis(), web_server(), mail_server(), nats(), redis()];
    let [nats, redis, web, mail, orders, stream] = &peers[..] else {
        unreachable!("there are six")
    };
    let variables = vec![
        (
            "EARMARK__EVENTS__URLS",
            format!(
                "nats://shop:{NATS}@127.0.0.1:{}/EVENTS,redis://shop:{REDIS}@127.0.0.1:{}/0?stream=events,\
                 http://127.0.0.1:{}/hook?token={TOKEN}",
                nats.port, redis.port, web.port
            ),
        ),
        ("EARMARK__EVENTS__WEBHOOK_SECRETS", SIGNING.to_owned()),
        ("EARMARK__EVENTS__WEBHOOK_NETWORKS", "127.0.0.0/8".to_owned()),
        (
            "EARMARK__COMMANDS__URLS",
            format!(
                "nats://shop:{SOURCE}@127.0.0.1:{}/ORDERS,redis://shop:{STREAM}@127.0.0.1:{}/0?stream=orders",
                orders.port, stream.port
            ),
        ),
        (
            "EARMARK__MAIL__URL",
            format!("smtp://shop:{MAIL}@127.0.0.1:{}?tls=off", mail.port),
        ),
        ("EARMARK__MAIL__FROM", "shop@shop.example".to_owned()),
        ("EARMARK__MAIL__TO", "buyer@shop.example".to_owned()),
        ("EARMARK__MAIL__EVERY_SECONDS", "1".to_owned()),
        ("EARMARK__LOG__LEVEL", "trace".to_owned()),
    ];
    (peers, variables)
}

/// Calls of every kind, with good and bad keys.
fn calls(produced: &mut Produced, service: &Service, good: &str, bad: &[&str]) {
    const PATHS: [&str; 16] = [
        "/v1/products",
        "/v1/events",
        "/v1/subscriptions",
        "/v1/sources",
        "/v1/keys",
        "/v1/audit",
        "/metrics",
        "/openapi.json",
        "/asyncapi.json",
        "/",
        "/docs/",
        "/health/ready",
        "/nothing",
        "/v1/orders/none",
        "/v1/products?limit=x",
        "/v1/events?after=9-9",
    ];
    for path in PATHS {
        let with = |key: &str| format!("authorization: Bearer {key}\r\n");
        produced.add(path, service.get(path));
        for key in bad {
            produced.add(path, service.get_with(path, &with(key)));
        }
        produced.add(path, service.get_with(path, &with(good)));
    }
    for odd in [
        format!("authorization: Basic {good}\r\n"),
        format!("authorization: {good}\r\n"),
        format!("authorization: Bearer {good}\r\nauthorization: Bearer {good}\r\n"),
        format!("authorization: Bearer {good}\r\nx-forwarded-for: x\r\nhost: evil.example\r\n"),
        format!("x-api-key: {good}\r\n"),
        format!("cookie: key={good}\r\n"),
    ] {
        produced.add("an odd header", service.get_with("/v1/products", &odd));
    }
}

#[test]
fn nothing_that_is_produced_has_a_planted_secret() {
    let (sandbox, elsewhere) = (Sandbox::stocked(), Sandbox::empty());
    let mut produced = Produced::default();
    let admin = key(
        &mut produced,
        &sandbox,
        &["create", "--name", "root", "--role", "admin"],
    );
    let shop_roles = ["create", "--name", "shop", "--role", "sales", "--role", "planner"];
    let shop = key(&mut produced, &sandbox, &shop_roles);
    let old = key(
        &mut produced,
        &sandbox,
        &["create", "--name", "old", "--role", "viewer"],
    );
    let rotated = key(&mut produced, &sandbox, &["rotate", "old"]);
    produced.add_run("keys revoke", &sandbox.run(["keys", "revoke", "old"]));
    let strange = key(&mut produced, &elsewhere, &["create", "--name", "x", "--role", "admin"]);

    let (peers, variables) = secrets_of_neighbours();
    let log = sandbox.folder().join("service.log");
    let start = || {
        let mut command = sandbox.command(["serve", "--listen", "127.0.0.1:0"]);
        command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", sandbox.folder())
            .stderr(File::options().create(true).append(true).open(&log).expect("a file"));
        Service::spawn(&mut command)
    };
    let service = start();
    let cmdline = fs::read(format!("/proc/{}/cmdline", service.id())).expect("the list of processes");
    assert!(find(&cmdline, b"serve").is_some());
    produced.add("the list of processes", cmdline);

    // A shortage for the mail, and events for all others.
    let file = sandbox.file(
        "orders.csv",
        "order_id,sku,quantity\nO-1,CL-9009,1\nO-2,CL-9009,900\nO-3,NONE-SUCH,1\n",
    );
    let import = |key: &str, to: &str| {
        let mut command = sandbox.command(["import", "orders", &file, "--to", to]);
        command.env("EARMARK_KEY", key).env("EARMARK__LOG__LEVEL", "trace");
        Run::of(&mut command)
    };
    let mirror = web_server();
    let mirror_url = format!("http://127.0.0.1:{}", mirror.port);
    let with_password = format!("http://shop:{STORE}@127.0.0.1:1");
    // Some try for a while.
    let imports = [
        (shop.as_str(), service.url()),
        (&strange, service.url()),
        (&admin[..40], service.url()),
        (&shop, mirror_url),
        (&shop, with_password),
    ];
    thread::scope(|scope| {
        let import = &import;
        let imports = imports.each_ref().map(|(key, to)| scope.spawn(move || import(key, to)));
        for run in imports {
            produced.add_run("import", &run.join().expect("an end"));
        }
    });

    until("all are asked", || peers.iter().all(Peer::was_asked));
    let with = |key: &str| format!("authorization: Bearer {key}\r\n");
    until("all subscriptions fail", || {
        let shown = service.get_with("/v1/subscriptions", &with(&admin));
        shown.matches("\"reason\"").count() >= 4
    });
    calls(&mut produced, &service, &admin, &[&strange, &old, &rotated, &shop]);
    let settings = |command: &mut Command| Run::of(command.envs(variables.iter().map(|(name, value)| (name, value))));
    for arguments in [
        &["settings"][..],
        &["verify"],
        &["events", "list"],
        &["commands", "list"],
        &["keys", "list"],
        &["export", "events"],
        &["export", "orders"],
        &["migrate", "--check"],
        &["backup", "copy.db"],
        &["openapi"],
        &["asyncapi"],
    ] {
        produced.add_run(arguments[0], &settings(&mut sandbox.command(arguments)).succeeds());
    }
    let ended = service.end();
    produced.add("the service", [ended.stdout, ended.stderr].concat());
    // What was refused is in the database, too, and what is in it is exported.
    for format in ["csv", "ndjson"] {
        let audit = sandbox.run(["export", "audit", "--format", format]).succeeds();
        for outcome in ["no_key", "unknown_key", "revoked_key", "forbidden", "done"] {
            assert!(audit.out.contains(outcome), "no {outcome}:\n{}", audit.out);
        }
        produced.add_run("export audit", &audit);
    }
    produced.add_files(sandbox.folder(), &[]);
    let secrets = [
        NATS,
        REDIS,
        SOURCE,
        STREAM,
        TOKEN,
        &SIGNING["whsec_".len()..],
        MAIL,
        STORE,
        &admin,
        &shop,
        &old,
        &rotated,
        &strange,
    ];
    produced.keeps(&secrets, 500_000);
}

#[test]
fn no_error_of_a_store_or_a_setting_has_a_planted_secret() {
    let sandbox = Sandbox::empty();
    let mut produced = Produced::default();
    let (database, redis) = (postgres(), redis());
    let stores = [
        format!(
            "postgres://shop:{STORE}@127.0.0.1:{}/shop?sslmode=disable",
            database.port
        ),
        format!("postgres://shop:{STORE}@127.0.0.1:{}/shop", database.port),
        format!(
            "postgres://shop:{STORE}@127.0.0.1:{}/shop?sslmode=require",
            database.port
        ),
        format!("postgres://shop:{STORE}@127.0.0.1:1/shop"),
        format!("postgres://shop:{STORE}@no-such-host.invalid/shop"),
    ];
    let commands = [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["verify"],
        &["migrate"],
        &["keys", "list"],
        &["export", "audit"],
        &["settings"],
    ];
    for store in &stores {
        for arguments in commands {
            let mut command = sandbox.command(arguments);
            command
                .env("EARMARK__STORE__URL", store)
                .env("EARMARK__LOG__LEVEL", "trace");
            produced.add_run(arguments[0], &Run::of(&mut command));
        }
    }
    assert!(database.was_asked());
    // Settings of each kind that are wrong, from the environment and from a file.
    let wrong = |secret: &str| {
        [
            ("events.urls", format!("kafka://shop:{secret}@127.0.0.1")),
            ("events.urls", format!("nats:/shop:{secret}@127.0.0.1/E")),
            ("events.urls", format!("nats://shop:{secret}@127.0.0.1:port/E")),
            (
                "events.urls",
                format!("redis://shop:{secret}@127.0.0.1:1/x?stream=events"),
            ),
            (
                "events.urls",
                format!("redis://:{secret}@127.0.0.1:{}/0?strem=x", redis.port),
            ),
            ("events.urls", format!("https://shop.example/hook?token={secret} x")),
            ("events.urls", format!("http://shop.example/hook?token={secret}")),
            ("events.urls", format!("https://shop:{secret}@shop.example:0/hook")),
            ("events.webhook_secrets", format!("whsec_{secret}")),
            ("events.webhook_secrets", secret.to_owned()),
            ("sign_in.client_secret", secret.to_owned()),
            ("sign_in.client_secret", format!("{secret} {secret}")),
            ("commands.urls", format!("nats://shop:{secret}@127.0.0.1")),
            ("commands.urls", format!("https://shop:{secret}@127.0.0.1")),
            ("commands.urls", format!("redis://shop:{secret}@127.0.0.1:port")),
            ("mail.url", format!("smtp://shop:{secret}@127.0.0.1:port")),
            ("mail.url", format!("smtp:shop:{secret}@127.0.0.1")),
            ("mail.url", format!("imap://shop:{secret}@127.0.0.1")),
            (
                "store.url",
                format!("postgres://shop:{secret}@127.0.0.1/shop?sslmode=maybe"),
            ),
        ]
    };
    for (name, value) in wrong(STORE) {
        let variable = format!("EARMARK__{}", name.to_uppercase().replace('.', "__"));
        for command in ["settings", "serve"] {
            let mut by_variable = sandbox.command([command]);
            by_variable
                .env(&variable, &value)
                .env("EARMARK__HTTP__LISTEN", "127.0.0.1:1");
            produced.add_run(name, &Run::of(&mut by_variable));
        }
        let (section, setting) = name.split_once('.').expect("a section");
        sandbox.file("earmark.toml", &format!("[{section}]\n{setting} = \"{value}\"\n"));
        produced.add_run(name, &sandbox.run(["settings"]));
        sandbox.file("earmark.toml", &format!("[{section}]\n{setting}_ = \"{value}\"\n"));
        produced.add_run(name, &sandbox.run(["settings"]));
    }
    produced.keeps(&[STORE], 50_000);
}
