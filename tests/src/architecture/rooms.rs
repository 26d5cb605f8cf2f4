//! What each room of the house may touch: the table the architecture tests enforce.

use super::closure::Company;
use super::edges::{Guest, NONE, Outside, Room};
use super::words::Silence;

/// Libraries that talk to a database. Only driven adapters have them.
const DATABASES: &[&str] = &[
    "diesel",
    "diesel-async",
    "diesel_migrations",
    "libsqlite3-sys",
    "rusqlite",
    "sqlx",
    "tokio-postgres",
];

/// The rules of stock and promises.
pub const DOMAIN: Room = Room {
    members: &[],
    normal: Outside::Only(&[Guest::with("jiff", &["alloc"]), Guest::with("thiserror", &[])]),
    dev: Outside::Only(&[Guest::any("criterion"), Guest::any("proptest")]),
    build: NONE,
};

/// Use cases and ports.
pub const APPLICATION: Room = Room {
    members: &["earmark-domain"],
    normal: Outside::Only(&[
        Guest::any("async-trait"),
        Guest::with("jiff", &["alloc"]),
        Guest::with("thiserror", &["std"]),
        // `sync` is queues and locks; `macros` is `select!`. Whatever starts threads, timers or sockets is not here.
        Guest::with("tokio", &["macros", "sync"]),
        Guest::any("tracing"),
    ]),
    dev: Outside::Only(&[Guest::any("criterion"), Guest::any("proptest"), Guest::any("tokio")]),
    build: NONE,
};

/// Where the outside meets the ports. What each adapter brings along is held by [`ADAPTER_COMPANY`].
pub const ADAPTERS: Room = Room {
    members: &["earmark-application", "earmark-domain"],
    normal: Outside::AllBut(&["anyhow", "clap", "config", "indicatif", "tracing-subscriber"]),
    dev: Outside::AllBut(&[]),
    build: Outside::AllBut(&[]),
};

/// The binary: wiring, and no SQL.
pub const BOOTSTRAP: Room = Room {
    members: &["earmark-adapters", "earmark-application", "earmark-domain"],
    normal: Outside::AllBut(DATABASES),
    dev: Outside::AllBut(DATABASES),
    build: NONE,
};

/// What looks at the house from outside.
pub const TESTS: Room = Room {
    members: &["earmark", "earmark-adapters", "earmark-application", "earmark-domain"],
    normal: Outside::AllBut(&[]),
    dev: Outside::AllBut(&[]),
    build: Outside::AllBut(&[]),
};

/// The developer commands. They know nothing of the service's crates.
pub const CHORES: Room = Room {
    members: &[],
    normal: Outside::Only(&[Guest::any("clap"), Guest::any("ctrlc"), Guest::any("tempfile")]),
    dev: NONE,
    build: NONE,
};

/// The bench. It knows the service by its HTTP interface, its command line and its tables, not by its crates.
pub const BENCH: Room = Room {
    members: &["xtask"],
    normal: Outside::Only(&[
        Guest::any("clap"),
        Guest::any("comfy-table"),
        Guest::any("fastrand"),
        Guest::any("futures"),
        Guest::any("httparse"),
        Guest::with("plotters", &["svg_backend"]),
        Guest::any("procfs"),
        Guest::any("reqwest"),
        Guest::any("rusqlite"),
        Guest::any("tempfile"),
        Guest::any("tokio"),
    ]),
    dev: NONE,
    build: NONE,
};

/// What may not come along with the developer commands: Cargo compiles them before anything else. Their slowest part is
/// the derive macro of clap.
pub const CHORES_COMPANY: Company = Company::AllBut(&[
    "cc",
    "libsqlite3-sys",
    "plotters",
    "reqwest",
    "rusqlite",
    "serde",
    "tokio",
]);

/// Every crate of the workspace with its room.
pub const ROOMS: &[(&str, Room)] = &[
    ("earmark-domain", DOMAIN),
    ("earmark-application", APPLICATION),
    ("earmark-adapters", ADAPTERS),
    ("earmark", BOOTSTRAP),
    ("earmark-tests", TESTS),
    ("xtask", CHORES),
    ("earmark-bench", BENCH),
];

/// With whatever features it has: it runs at compile time only, or none of its features reaches outside.
const ANY: Option<&[&str]> = None;

/// What may come along with the domain. (jiff uses portable-atomic where the machine has no 64-bit atomics.)
pub const DOMAIN_COMPANY: Company = Company::Only(&[
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

/// What may come along with the application layer: no runtime, no sockets, no serialisation.
pub const APPLICATION_COMPANY: Company = Company::Only(&[
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

/// Each adapter's feature with what may not come along with it when it is the only one.
pub const ADAPTER_COMPANY: &[(&str, Company)] = &[
    (
        "http",
        Company::AllBut(&["csv", "diesel", "diesel-async", "libsqlite3-sys", "tokio-postgres"]),
    ),
    (
        "files",
        Company::AllBut(&[
            "actix-web",
            "diesel",
            "diesel-async",
            "libsqlite3-sys",
            "tokio-postgres",
        ]),
    ),
    (
        "memory",
        Company::AllBut(&["actix-web", "csv", "diesel", "libsqlite3-sys", "tokio-postgres"]),
    ),
    ("sqlite", Company::AllBut(&["actix-web", "csv", "tokio-postgres"])),
    (
        "postgres",
        Company::AllBut(&["actix-web", "csv", "libsqlite3-sys", "pq-sys", "rusqlite"]),
    ),
    (
        "clock",
        Company::AllBut(&[
            "actix-web",
            "csv",
            "diesel",
            "libsqlite3-sys",
            "serde_json",
            "tokio-postgres",
        ]),
    ),
    (
        "wire",
        Company::AllBut(&["actix-web", "csv", "diesel", "libsqlite3-sys", "tokio-postgres"]),
    ),
];

/// Features of the adapters that are none: they turn nothing on but tests.
pub const NOT_ADAPTERS: &[&str] = &["default", "test-servers"];

/// The aggregates' parts, whose fields nobody outside the domain may see.
pub const ENTITIES: &[&str] = &["Batch", "Ledger", "Line", "Product"];

/// What each room must not say. A driven adapter names no other, a driving one names none; the layers within name no
/// technology of the layers without.
pub const SILENCES: &[Silence] = &[
    Silence {
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
    Silence {
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
    Silence {
        folder: "crates/adapters/src/http",
        words: &["diesel", "postgres", "sqlite", "sql"],
        words_in_names: &["transact", "transaction"],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    Silence {
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
    Silence {
        folder: "crates/adapters/src/memory",
        words: &["actix", "diesel", "http", "postgres", "sqlite", "sql"],
        words_in_names: &[],
        names: &[],
        phrases: CLOCKS,
        no_sql: true,
    },
    Silence {
        folder: "crates/adapters/src/sqlite",
        words: &["actix", "http", "postgres"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: false,
    },
    Silence {
        folder: "crates/adapters/src/postgres",
        words: &["actix", "http", "sqlite"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: false,
    },
    Silence {
        folder: "crates/adapters/src/wire",
        words: &["actix", "diesel", "postgres", "sqlite", "sql"],
        words_in_names: &[],
        names: &["memory"],
        phrases: CLOCKS,
        no_sql: true,
    },
    Silence {
        folder: "crates/bootstrap/src",
        words: &["diesel"],
        words_in_names: &[],
        names: &["HttpResponse", "Responder"],
        phrases: &[],
        no_sql: true,
    },
];

/// Ways round the clock that is handed in.
const CLOCKS: &[&str] = &["Timestamp :: now", "Zoned :: now", "SystemTime :: now"];
