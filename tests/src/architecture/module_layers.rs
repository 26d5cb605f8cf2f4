//! The order of the modules within each crate: the table that the architecture tests enforce.
//!
//! A module may need those of its own layer and of lower ones, and no two files need each other.

use super::modules::Layers;

/// Every crate, and each adapter, with the order of its modules.
pub const LAYERS: &[Layers] = &[
    DOMAIN,
    APPLICATION,
    ADAPTERS,
    BROKER,
    CLOCK,
    FILES,
    HTTP,
    MAIL,
    MEMORY,
    MESSAGES,
    NATS,
    OPENID,
    POSTGRES,
    REDIS,
    SQL,
    SQLITE,
    WEBHOOK,
    WIRE,
    BOOTSTRAP,
];

/// The values of the language; what commands, events and records are; then the rules that decide.
const DOMAIN: Layers = Layers {
    folder: "crates/domain/src",
    module: "",
    order: &[
        &["language"],
        &["promising"],
        &["context"],
        &["records"],
        &["commands"],
        &["events"],
        &["records::change_set"],
        &["answers"],
        &["replay"],
        &["stock"],
        &["unit_of_work"],
        &[
            "planning::age",
            "planning::composition",
            "planning::risk",
            "planning::standing",
        ],
        &["planning"],
    ],
};

/// What commands, answers and failures are; then the ports; then what runs on them.
const APPLICATION: Layers = Layers {
    folder: "crates/application/src",
    module: "",
    order: &[
        &["access::role"],
        &["access::bounds"],
        &["access::principal"],
        &["access"],
        &["answer", "books", "decision", "envelope"],
        &["store_error"],
        &["read_models"],
        &["ports"],
        &["access_recorder", "key_ring", "signed_in"],
        &["lists"],
        &["outlook::risks"],
        &["outlook"],
        &["bounded::answers", "bounded::events", "bounded::views"],
        &["bounded"],
        &["engine::hints", "engine::job", "engine::progress"],
        &["engine::locked_products"],
        &["engine::holds"],
        &["engine::pending_work"],
        &["engine::shared"],
        &["engine::queue"],
        &["engine::decide"],
        &["engine::transaction"],
        &["engine::group"],
        &["engine::lane"],
        &["engine"],
        &["background"],
        &["backoff"],
        &["delivery::chunk", "delivery::lease", "delivery::letters"],
        &["delivery::window"],
        &["delivery::tail"],
        &["delivery::held", "delivery::subscription"],
        &["delivery::active"],
        &["delivery::lag"],
        &["delivery::retries"],
        &["delivery::failures"],
        &["delivery::search"],
        &["delivery::relay"],
        &["delivery"],
        &["consumer::decisions", "consumer::shared"],
        &["consumer::pending"],
        &["consumer::replays", "consumer::session"],
        &["consumer::receiver", "consumer::settler"],
        &["consumer"],
        &["digest::content", "digest::interval", "digest::tally"],
        &["digest::compose", "digest::ports"],
        &["digest::active"],
        &["digest::attempts"],
        &["digest::relay"],
        &["digest"],
        &["verify::ports", "verify::report"],
        &["verify::order_projection"],
        &["verify"],
    ],
};

const ADAPTERS_FOLDER: &str = "crates/adapters/src";

/// What several adapters share, then the adapters. That no adapter needs another is a rule for words: see
/// [`FORBIDDEN_WORDS`](super::rules::FORBIDDEN_WORDS).
const ADAPTERS: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "",
    order: &[
        &[
            "access_key",
            "broker",
            "clock",
            "html",
            "ids",
            "sql",
            "timeout",
            "tls",
            "wire",
        ],
        &[
            "event_log",
            "files",
            "http",
            "mail",
            "memory",
            "messages",
            "nats",
            "openid",
            "postgres",
            "redis",
            "sqlite",
            "webhook",
        ],
    ],
};

/// Addresses and answers of brokers, then what comes from them and waits with a bound.
const BROKER: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "broker",
    order: &[&["address", "answers"], &["incoming", "patience", "rights"]],
};

/// The clock that does not believe every step, then the port.
const CLOCK: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "clock",
    order: &[&["steady_time"]],
};

/// Rows that are read and rows that are written.
const FILES: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "files",
    order: &[
        &["format"],
        &["rows::gzip", "rows::kind", "rows::place", "rows::values"],
        &["rows"],
        &["export"],
    ],
};

/// Replies, then requests, then the routes that turn one into the other.
const HTTP: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "http",
    order: &[
        &["metrics::registry"],
        &["metrics::consumers", "metrics::deliveries", "metrics::jobs"],
        &[
            "metrics",
            "middleware::headers",
            "open_streams",
            "readiness",
            "site::proxies",
            "write_health",
        ],
        &["encryption::error"],
        &["encryption::files"],
        &["encryption::configuration"],
        &["encryption", "site"],
        &["connection::bounds"],
        &["connection::connections"],
        &["connection::stream"],
        &["connection::transport"],
        &["connection"],
        &["http2::request", "http2::answer"],
        &["http2"],
        &["response"],
        &["limits", "middleware::cors", "middleware::proxy_path"],
        &[
            "idempotency::in_flight",
            "idempotency::key_queue",
            "idempotency::stored_response",
        ],
        &["api"],
        &["request"],
        &["execution"],
        &["openapi", "sign_in::cookie"],
        &["idempotency", "middleware::auth"],
        &["dashboard", "sign_in"],
        &["routes"],
        &["middleware"],
        &["app"],
        &["worker"],
        &["server"],
    ],
};

/// Addresses, names and words, then the two versions of a mail, then how it leaves.
const MAIL: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "mail",
    order: &[
        &["address", "log"],
        &["wording::names", "wording::words"],
        &["wording::text"],
        &["wording::html"],
        &["wording::render"],
        &["wording"],
        &["smtp::answers", "smtp::bounded", "smtp::deferred", "smtp::server"],
        &["smtp::encryption"],
        &["smtp::connect", "smtp::conversation", "smtp::message"],
        &["smtp::mailer"],
        &["smtp"],
    ],
};

/// The tables, then the ports on them.
const MEMORY: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "memory",
    order: &[
        &[
            "tables::access_keys",
            "tables::access_log",
            "tables::dead_messages",
            "tables::idempotency",
            "tables::inbox",
            "tables::sessions",
            "tables::subscriptions",
        ],
        &["tables"],
        &["constraints", "load", "reads"],
        &["memory_store"],
        &[
            "access_keys",
            "access_log",
            "audit",
            "event_feed",
            "exports",
            "idempotency",
            "inbox",
            "sessions",
            "subscriptions",
            "views",
            "worklist",
        ],
        &["outlook"],
    ],
};

/// Answers, then the formats.
const MESSAGES: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "messages",
    order: &[&["answers"], &["book", "commands"]],
};

/// Addresses and answers, then the connection and the stream, then what is published to it and comes from it, then the ports.
const NATS: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "nats",
    order: &[
        &["address", "answers", "subject", "trust"],
        &["last_message", "session", "stream"],
        &["commands::address", "commands::unreadable", "delivery"],
        &["commands::message", "commands::pull", "commands::stream"],
        &["commands::session"],
        &["commands", "publisher"],
    ],
};

/// Sessions, statements and connections, then rows, then loading and writing, then the ports.
const POSTGRES: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "postgres",
    order: &[
        &["error", "schema"],
        &["session"],
        &["batcher", "statement"],
        &["numbering"],
        &["epochs", "migrate", "server"],
        &["connect"],
        &["connections"],
        &["inspect"],
        &["rows"],
        &["read::expired_holds"],
        &["store::load", "store::write", "store::inbox", "store::fast_path"],
        &["lookups"],
        &["store"],
        &["step"],
        &["dead_messages"],
        &["access_log"],
        &[
            "access_keys",
            "idempotency",
            "inbox",
            "read",
            "sessions",
            "subscriptions",
        ],
    ],
};

/// Which addresses are safe and what claims mean, then how the provider is asked, then what is known of it and which tokens are
/// its own, then the port.
const OPENID: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "openid",
    order: &[&["address", "claims"], &["client"], &["known", "tokens"], &["provider"]],
};

/// Addresses, answers and ids, then the connection and the stream, then what is appended to it and comes from it, then the
/// ports.
const REDIS: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "redis",
    order: &[
        &["address", "answers", "entry_id", "line_allocated"],
        &["append", "connection", "last_entry"],
        &["commands::address"],
        &["commands::scripts"],
        &["commands::session"],
        &["commands", "channel::heard"],
        &["channel", "publisher"],
    ],
};

/// Encodings of rows, and the product cache.
const SQL: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "sql",
    order: &[
        &["dispatches", "new_lines", "rank"],
        &["decode"],
        &[
            "access_keys",
            "access_log",
            "audited_orders",
            "books",
            "inbox",
            "pending",
            "product_cache",
            "subscriptions",
        ],
        &["sessions"],
    ],
};

/// Statements, then rows, then loading and writing, then connections, then the ports.
const SQLITE: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "sqlite",
    order: &[
        &["error", "schema"],
        &["builder", "ngrams", "statement"],
        &["file::paths"],
        &["file::header", "file::held_file", "file::log"],
        &["file::binding"],
        &["file"],
        &["rows"],
        &["read::dispatches"],
        &["cursors", "read::holds", "read::line_reads"],
        &["store"],
        &["epochs", "migrations"],
        &["connection"],
        &["snapshot"],
        &["backup", "sqlite_store"],
        &[
            "access_keys",
            "access_log",
            "idempotency",
            "inbox",
            "read",
            "sessions",
            "subscriptions",
        ],
    ],
};

/// Which addresses are public and what is sent, then the client that connects to nothing else, then the publisher.
const WEBHOOK: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "webhook",
    order: &[
        &["address", "answer", "batch", "error", "resolver"],
        &["allowed", "secrets"],
        &["endpoint", "guard"],
        &["client"],
        &["publisher"],
    ],
};

/// Reading of JSON, then events, then what the service shows, then answers and commands.
const WIRE: Layers = Layers {
    folder: ADAPTERS_FOLDER,
    module: "wire",
    order: &[
        &["text", "words"],
        &["reading"],
        &["events"],
        &["views"],
        &["answers::kinds", "answers::members", "answers::outcomes"],
        &["answers::problem"],
        &["answers::refusals"],
        &["answers", "commands"],
    ],
};

/// Settings, then wiring, then the subcommands.
const BOOTSTRAP: Layers = Layers {
    folder: "crates/bootstrap/src",
    module: "",
    order: &[
        &[
            "asyncapi",
            "failure",
            "http_client",
            "output",
            "service::open_files",
            "service::supervisor",
            "signals",
        ],
        &["settings"],
        &["traces", "wiring"],
        &["telemetry"],
        &["app", "operator"],
        &[
            "service::background_jobs",
            "service::consumers",
            "service::digests",
            "service::publishers",
        ],
        &["service::relays", "service::sources"],
        &["service"],
        &["commands"],
        &["cli"],
        &["dispatch"],
    ],
};
