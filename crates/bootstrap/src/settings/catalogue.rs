//! The catalogue: the names of the settings, their defaults, and their environment variables.

/// The prefix of the environment variables.
pub(super) const PREFIX: &str = "EARMARK";

/// The separator between the parts of an environment variable's name.
pub(super) const SEPARATOR: &str = "__";

/// The names of all settings, in the order in which they are shown.
pub(super) const NAMES: [&str; 47] = [
    "store.url",
    "store.connections",
    "store.migrate",
    "http.listen",
    "http.hosts",
    "http.base_path",
    "http.cors_origins",
    "http.tls_certificate",
    "http.tls_key",
    "http.tls_client_ca",
    "http.trusted_proxies",
    "sign_in.issuer",
    "sign_in.client_id",
    "sign_in.client_secret",
    "sign_in.redirect_url",
    "sign_in.scopes",
    "sign_in.roles_claim",
    "sign_in.roles",
    "sign_in.audience",
    "limits.requests_per_second",
    "limits.unknown_per_second",
    "limits.connections",
    "limits.head_seconds",
    "limits.body_seconds",
    "limits.bulk_streams",
    "limits.event_streams",
    "events.urls",
    "events.after_refusal",
    "events.webhook_secrets",
    "events.webhook_networks",
    "events.webhook_parallel",
    "commands.urls",
    "mail.url",
    "mail.from",
    "mail.to",
    "mail.every_seconds",
    "promising.overdue_grace_days",
    "promising.time_zone",
    "promising.improve",
    "log.format",
    "log.level",
    "telemetry.otlp_url",
    "engine.threads",
    "engine.lanes",
    "engine.queue",
    "engine.queue_timeout_ms",
    "engine.group",
];

/// The defaults, as text. A setting that is missing here has a default that depends on the adapter, the engine or the
/// machine.
pub(super) const DEFAULTS: [(&str, &str); 24] = [
    ("store.url", "sqlite:earmark.db"),
    ("store.migrate", "true"),
    ("http.listen", "127.0.0.1:8080"),
    ("http.base_path", "/"),
    ("http.cors_origins", ""),
    ("sign_in.scopes", "profile,email"),
    ("sign_in.roles_claim", "roles"),
    ("limits.requests_per_second", "off"),
    ("limits.unknown_per_second", "100"),
    ("limits.head_seconds", "10"),
    ("limits.body_seconds", "30"),
    ("limits.bulk_streams", "64"),
    ("limits.event_streams", "2048"),
    ("events.urls", ""),
    ("events.after_refusal", "wait"),
    ("events.webhook_parallel", "256"),
    ("commands.urls", ""),
    ("mail.url", "log:"),
    ("mail.every_seconds", "900"),
    ("promising.overdue_grace_days", "7"),
    ("promising.time_zone", "UTC"),
    ("promising.improve", "at_risk"),
    ("log.format", "auto"),
    // The web server logs each start and stop of its workers at `info`; the service logs its own. A request that is not
    // HTTP is an error to it, at a line each; it is the client's, and could fill the log. The client of NATS logs each
    // connection; whether a subscription gets on, the service says.
    ("log.level", "info,actix_server=warn,actix_http=off,async_nats=warn"),
];

/// The environment variable of a setting.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", name.to_uppercase().replace('.', SEPARATOR))
}

/// The setting whose variable this name misspells, with a single underscore where there should be two. `None` when the
/// name is right, or resembles no setting.
pub(super) fn misspelled(given: &str) -> Option<&'static str> {
    let letters = |name: &str| name.replace('_', "").to_uppercase();
    let meant = letters(given);
    let name = NAMES.iter().find(|name| letters(&variable(name)) == meant)?;
    (!given.to_uppercase().starts_with(&format!("{PREFIX}{SEPARATOR}"))).then_some(name)
}
