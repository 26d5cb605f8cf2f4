//! What each crate and each adapter may depend on, and which words it must not contain: the tables that the architecture
//! tests enforce.

use super::closure::ClosureRule;
use super::edges::{CrateRule, External, NONE, PermittedCrate};
use super::forbidden_words::ForbiddenWords;

/// Database libraries. Only driven adapters have them.
const DATABASES: &[&str] = &[
    "diesel",
    "diesel-async",
    "diesel_migrations",
    "libsqlite3-sys",
    "rusqlite",
    "sqlx",
    "tokio-postgres",
];

/// The domain: the rules of stock and promises.
pub const DOMAIN: CrateRule = CrateRule {
    members: &[],
    normal: External::Only(&[
        PermittedCrate::with("jiff", &["alloc"]),
        PermittedCrate::with("thiserror", &[]),
    ]),
    dev: External::Only(&[PermittedCrate::any("criterion"), PermittedCrate::any("proptest")]),
    build: NONE,
};

/// The application layer: use cases and ports.
pub const APPLICATION: CrateRule = CrateRule {
    members: &["earmark-domain"],
    normal: External::Only(&[
        PermittedCrate::any("async-trait"),
        PermittedCrate::with("jiff", &["alloc"]),
        PermittedCrate::with("thiserror", &["std"]),
        // `sync` is queues and locks; `macros` is `select!`. What starts threads, timers or sockets is not permitted.
        PermittedCrate::with("tokio", &["macros", "sync"]),
        PermittedCrate::any("tracing"),
    ]),
    dev: External::Only(&[
        PermittedCrate::any("criterion"),
        PermittedCrate::any("peak_alloc"),
        PermittedCrate::any("proptest"),
        PermittedCrate::any("tokio"),
    ]),
    build: NONE,
};

/// The adapters. What each of them depends on transitively is limited by [`ADAPTER_CLOSURES`].
pub const ADAPTERS: CrateRule = CrateRule {
    members: &["earmark-application", "earmark-domain"],
    normal: External::AllBut(&["anyhow", "clap", "config", "indicatif", "tracing-subscriber"]),
    dev: External::AllBut(&[]),
    build: External::AllBut(&[]),
};

/// The binary: wiring, and no SQL.
pub const BOOTSTRAP: CrateRule = CrateRule {
    members: &["earmark-adapters", "earmark-application", "earmark-domain"],
    normal: External::AllBut(DATABASES),
    dev: External::AllBut(DATABASES),
    build: NONE,
};

/// The tests of the whole workspace.
pub const TESTS: CrateRule = CrateRule {
    members: &["earmark", "earmark-adapters", "earmark-application", "earmark-domain"],
    normal: External::AllBut(&[]),
    dev: External::AllBut(&[]),
    build: External::AllBut(&[]),
};

/// The development tasks. They don't depend on the other crates.
pub const XTASK: CrateRule = CrateRule {
    members: &[],
    normal: External::Only(&[
        PermittedCrate::any("clap"),
        PermittedCrate::any("ctrlc"),
        PermittedCrate::any("serde_json"),
        PermittedCrate::any("tempfile"),
    ]),
    dev: NONE,
    build: NONE,
};

/// The bench. It knows the service by its HTTP interface, its command line and its tables, not by its crates.
pub const BENCH: CrateRule = CrateRule {
    members: &["xtask"],
    normal: External::Only(&[
        PermittedCrate::any("async-nats"),
        PermittedCrate::any("clap"),
        PermittedCrate::any("comfy-table"),
        PermittedCrate::any("fastrand"),
        PermittedCrate::any("futures"),
        PermittedCrate::any("httparse"),
        PermittedCrate::any("jiff"),
        PermittedCrate::with("plotters", &["svg_backend"]),
        PermittedCrate::any("procfs"),
        PermittedCrate::any("rcgen"),
        PermittedCrate::any("reqwest"),
        PermittedCrate::any("rusqlite"),
        PermittedCrate::any("rustix"),
        PermittedCrate::any("serde_json"),
        PermittedCrate::any("tempfile"),
        PermittedCrate::any("tokio"),
    ]),
    dev: NONE,
    build: NONE,
};

/// What may not come along with the developer commands: Cargo compiles them before anything else. Their slowest part is
/// the derive macro of clap.
pub const XTASK_CLOSURE: ClosureRule = ClosureRule::AllBut(&[
    "cc",
    "libsqlite3-sys",
    "plotters",
    "reqwest",
    "rusqlite",
    "serde",
    "tokio",
]);

/// Every crate of the workspace with its rule.
pub const CRATE_RULES: &[(&str, CrateRule)] = &[
    ("earmark-domain", DOMAIN),
    ("earmark-application", APPLICATION),
    ("earmark-adapters", ADAPTERS),
    ("earmark", BOOTSTRAP),
    ("earmark-tests", TESTS),
    ("xtask", XTASK),
    ("earmark-bench", BENCH),
];

/// Any features: the package runs at compile time only, or none of its features does any I/O.
const ANY: Option<&[&str]> = None;

/// The closure of the domain. (jiff uses portable-atomic where the machine has no 64-bit atomics.)
pub const DOMAIN_CLOSURE: ClosureRule = ClosureRule::Only(&[
    ("earmark-domain", ANY),
    ("jiff", Some(&["alloc"])),
    ("jiff-core", Some(&["alloc"])),
    ("portable-atomic", ANY),
    ("portable-atomic-util", ANY),
    ("proc-macro2", ANY),
    ("quote", ANY),
    ("syn", ANY),
    ("thiserror", Some(&[])),
    ("thiserror-impl", ANY),
    ("unicode-ident", ANY),
]);

/// The closure of the application layer: no runtime, no sockets, no serialisation.
pub const APPLICATION_CLOSURE: ClosureRule = ClosureRule::Only(&[
    ("async-trait", ANY),
    ("earmark-application", ANY),
    ("earmark-domain", ANY),
    ("jiff", Some(&["alloc"])),
    ("jiff-core", Some(&["alloc"])),
    ("once_cell", ANY),
    ("pin-project-lite", ANY),
    ("portable-atomic", ANY),
    ("portable-atomic-util", ANY),
    ("proc-macro2", ANY),
    ("quote", ANY),
    ("syn", ANY),
    ("thiserror", Some(&["std"])),
    ("thiserror-impl", ANY),
    ("tokio", Some(&["macros", "sync", "tokio-macros"])),
    ("tokio-macros", ANY),
    ("tracing", ANY),
    ("tracing-attributes", ANY),
    ("tracing-core", ANY),
    ("unicode-ident", ANY),
]);

/// Each adapter's feature with the closure it may have when it is the only one.
pub const ADAPTER_CLOSURES: &[(&str, ClosureRule)] = &[
    (
        "http",
        ClosureRule::AllBut(&["csv", "diesel", "diesel-async", "libsqlite3-sys", "tokio-postgres"]),
    ),
    (
        "files",
        ClosureRule::AllBut(&[
            "actix-web",
            "diesel",
            "diesel-async",
            "libsqlite3-sys",
            "tokio-postgres",
        ]),
    ),
    (
        "messages",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "tokio-postgres",
            "utoipa",
        ]),
    ),
    (
        "memory",
        ClosureRule::AllBut(&["actix-web", "csv", "diesel", "libsqlite3-sys", "tokio-postgres"]),
    ),
    ("sqlite", ClosureRule::AllBut(&["actix-web", "csv", "tokio-postgres"])),
    (
        "postgres",
        ClosureRule::AllBut(&["actix-web", "csv", "libsqlite3-sys", "pq-sys", "rusqlite"]),
    ),
    (
        "webhook",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "reqwest",
            "tokio-postgres",
        ]),
    ),
    (
        "event_log",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "hyper",
            "libsqlite3-sys",
            "serde_json",
            "tokio-postgres",
        ]),
    ),
    (
        "mail",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "hyper",
            "libsqlite3-sys",
            "native-tls",
            "tokio-postgres",
        ]),
    ),
    (
        "openid",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "native-tls",
            "openssl",
            "reqwest",
            "tokio-postgres",
        ]),
    ),
    (
        "clock",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "serde_json",
            "tokio-postgres",
        ]),
    ),
    (
        "nats",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "redis",
            "tokio-postgres",
            "utoipa",
        ]),
    ),
    (
        "redis",
        ClosureRule::AllBut(&[
            "actix-web",
            "async-nats",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "tokio-postgres",
            "utoipa",
        ]),
    ),
    (
        "access_key",
        ClosureRule::AllBut(&[
            "actix-web",
            "async-nats",
            "csv",
            "diesel",
            "hyper",
            "libsqlite3-sys",
            "redis",
            "serde_json",
            "tokio-postgres",
        ]),
    ),
    (
        "tls",
        ClosureRule::AllBut(&[
            "actix-web",
            "async-nats",
            "csv",
            "diesel",
            "hyper",
            "libsqlite3-sys",
            "native-tls",
            "redis",
            "serde_json",
            "tokio-postgres",
        ]),
    ),
    (
        "wire",
        ClosureRule::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "tokio-postgres",
            "utoipa",
        ]),
    ),
    // The types of `wire` with their schemas.
    (
        "schema",
        ClosureRule::AllBut(&["actix-web", "csv", "diesel", "libsqlite3-sys", "tokio-postgres"]),
    ),
];

/// Features of the adapters crate that are no adapters.
pub const NOT_ADAPTERS: &[&str] = &["default", "test-servers"];

/// The unit of work and the parts of the aggregates, which have no public fields.
pub const ENTITIES: &[&str] = &["Batch", "Line", "Product", "UnitOfWork"];

/// What each layer and each adapter must not contain. A driven adapter names no other adapter, a driving one names no
/// driven one; the inner layers name no technology of the outer ones.
pub const FORBIDDEN_WORDS: &[ForbiddenWords] = &[
    ForbiddenWords {
        folder: "crates/domain/src",
        words: &["actix", "diesel", "http", "json", "serde", "sql", "tokio", "tracing"],
        words_in_names: &[],
        names: &[
            "async",
            "await",
            "dbg",
            "eprint",
            "eprintln",
            "include",
            "print",
            "println",
            "rand",
            "uuid",
            "Instant",
            "SystemTime",
        ],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/application/src",
        words: &[
            "actix", "anyhow", "axum", "diesel", "http", "hyper", "json", "postgres", "reqwest", "rusqlite", "serde",
            "sql", "sqlite", "sqlx", "utoipa",
        ],
        words_in_names: &[],
        names: &[
            "dbg",
            "eprint",
            "eprintln",
            "include",
            "print",
            "println",
            "rand",
            "SystemTime",
        ],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/http",
        words: &["diesel", "postgres", "sqlite", "sql"],
        words_in_names: &["transact", "transaction"],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/files",
        words: &[
            "actix",
            "diesel",
            "postgres",
            "sqlite",
            "sql",
            "transact",
            "transaction",
        ],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/messages",
        words: &[
            "actix",
            "diesel",
            "http",
            "nats",
            "postgres",
            "redis",
            "sqlite",
            "sql",
            "transact",
            "transaction",
        ],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/memory",
        words: &["actix", "diesel", "http", "postgres", "sqlite", "sql"],
        words_in_names: &[],
        names: &[],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/sqlite",
        words: &["actix", "http", "postgres"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: false,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/postgres",
        words: &["actix", "http", "sqlite"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: false,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/webhook",
        words: &["actix", "diesel", "nats", "postgres", "redis", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/broker",
        words: &["actix", "diesel", "http", "nats", "postgres", "redis", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/event_log.rs",
        words: &[
            "actix", "diesel", "http", "nats", "postgres", "redis", "sqlite", "sql", "webhook",
        ],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/mail",
        words: &[
            "actix", "diesel", "http", "nats", "postgres", "redis", "sqlite", "sql", "webhook",
        ],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/openid",
        words: &[
            "actix", "diesel", "nats", "postgres", "redis", "sqlite", "sql", "webhook",
        ],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/nats",
        words: &["actix", "diesel", "http", "postgres", "redis", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/redis",
        words: &["actix", "diesel", "http", "nats", "postgres", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/adapters/src/wire",
        words: &["actix", "diesel", "postgres", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    ForbiddenWords {
        folder: "crates/bootstrap/src",
        words: &["diesel"],
        words_in_names: &[],
        names: &["HttpResponse", "Responder"],
        phrases: &[],
        no_sql: true,
    },
];

/// Ways to read the time without the clock that is handed in.
const CLOCKS: &[&str] = &["Timestamp :: now", "Zoned :: now", "SystemTime :: now"];
