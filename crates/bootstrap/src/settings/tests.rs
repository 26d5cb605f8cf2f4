//! Layers, values, and the messages for values that are not allowed.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use earmark_application::EngineSettings;
use earmark_domain::Improve;

use super::effective::{MailTransport, Settings};
use super::error::SettingsError;
use super::layers::{Flag, Layers};
use super::store_url::StoreUrl;

/// The settings of a file with this text, these environment variables and a flag `--listen`.
fn read(file: &str, environment: &[(&str, &str)], listen: Option<&str>) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().expect("a folder");
    std::fs::write(directory.path().join("earmark.toml"), file).expect("a file");
    let flag = |value: &str| Flag {
        flag: "--listen",
        setting: "http.listen",
        value: value.to_owned(),
    };
    Settings::read(Layers {
        directory: directory.path().to_owned(),
        file: None,
        environment: Some(
            environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        flags: listen.map(flag).into_iter().collect(),
    })
}

/// The value and the source of a setting, as they are listed.
fn listed(settings: &Settings, name: &str) -> (String, String) {
    let listed = settings
        .list
        .iter()
        .find(|setting| setting.name == name)
        .expect("a setting");
    let source = listed.source.to_string();
    (
        listed.value.clone(),
        source.rsplit('/').next().unwrap_or_default().to_owned(),
    )
}

fn refused(file: &str, environment: &[(&str, &str)]) -> String {
    read(file, environment, None)
        .expect_err("settings that are refused")
        .to_string()
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

const DAYS: &str = "a whole number of days from 0 to 3650, or off, is allowed";

const COUNT: &str = "a whole number from 1 to 1000000 is allowed";

const THREADS: &str = "a whole number from 1 to 256 is allowed";

const LISTEN_VARIABLE: &str = "EARMARK__HTTP__LISTEN";

#[test]
fn without_any_setting_the_defaults_hold() {
    let settings = read("", &[], None).expect("settings");
    assert_eq!(settings.store.url, StoreUrl::Sqlite("earmark.db".into()));
    assert!(settings.store.migrate);
    assert_eq!(listed(&settings, "http.listen"), pair("127.0.0.1:8080", "default"));
    assert_eq!(listed(&settings, "engine.lanes"), pair("1", "default"));
    assert_eq!(listed(&settings, "store.connections"), pair("(by adapter)", "default"));
}

#[test]
fn a_flag_outranks_the_environment_which_outranks_the_file_which_outranks_the_default() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\n";
    let environment = [(LISTEN_VARIABLE, "127.0.0.1:2")];

    let settings = read(file, &[], None).expect("settings");
    assert_eq!(listed(&settings, "http.listen"), pair("127.0.0.1:1", "earmark.toml"));
    let settings = read(file, &environment, None).expect("settings");
    assert_eq!(
        listed(&settings, "http.listen"),
        pair("127.0.0.1:2", &format!("environment variable {LISTEN_VARIABLE}"))
    );
    let settings = read(file, &environment, Some("127.0.0.1:3")).expect("settings");
    assert_eq!(listed(&settings, "http.listen"), pair("127.0.0.1:3", "flag --listen"));
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:3");
}

#[test]
fn overdue_batches_are_offered_for_some_days_or_without_limit() {
    const NAME: &str = "promising.overdue_grace_days";
    let settings = read("", &[], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, Some(7));
    assert_eq!(listed(&settings, NAME), pair("7", "default"));

    let settings = read("[promising]\novderdue_grace_days = \"off\"\n", &[], None);
    assert!(settings.is_err(), "a name that is misspelled");
    let settings = read("[promising]\noverdue_grace_days = \"off\"\n", &[], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, None);

    let settings = read("[promising]\noverdue_grace_days = 0\n", &[], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, Some(0));
    assert_eq!(listed(&settings, NAME), pair("0", "earmark.toml"));

    let variable = "EARMARK__PROMISING__OVERDUE_GRACE_DAYS";
    let settings = read("", &[(variable, "3650")], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, Some(3_650));
    assert_eq!(
        listed(&settings, NAME),
        pair("3650", &format!("environment variable {variable}"))
    );
}

#[test]
fn the_day_is_that_of_a_time_zone_of_the_shop() {
    let day = |file: &str| {
        let settings = read(file, &[], None).expect("settings");
        settings
            .calendar
            .day_of("2030-06-10T20:00:00Z".parse().expect("an instant"))
    };
    assert_eq!(day(""), jiff::civil::date(2030, 6, 10));
    assert_eq!(
        day("[promising]\ntime_zone = \"Asia/Tokyo\"\n"),
        jiff::civil::date(2030, 6, 11)
    );
    let error = read("[promising]\ntime_zone = \"Mars/Olympus\"\n", &[], None).expect_err("no such zone");
    assert!(error.to_string().contains("Mars/Olympus"), "{error}");
}

#[test]
fn lines_at_risk_move_to_better_stock_or_all_or_none() {
    let improve = |file: &str| read(file, &[], None).map(|settings| settings.promising.improve);
    assert_eq!(improve("").expect("settings"), Improve::AtRisk);
    let all = improve("[promising]\nimprove = \"all\"\n");
    assert_eq!(all.expect("settings"), Improve::All);
    assert!(improve("[promising]\nimprove = \"some\"\n").is_err());
}

#[test]
fn the_queue_timeout_is_zero_or_some_milliseconds() {
    const NAME: &str = "engine.queue_timeout_ms";
    let engine = |file: &str| {
        let settings = read(file, &[], None).expect("settings");
        settings.engine.engine_settings(settings.promising)
    };
    assert_eq!(engine("[engine]\nqueue_timeout_ms = 0\n").queue_timeout, Duration::ZERO);
    assert_eq!(
        engine("[engine]\nqueue_timeout_ms = 60000\n").queue_timeout,
        Duration::from_secs(60)
    );
    let default = EngineSettings::default().queue_timeout;
    assert_eq!(engine("").queue_timeout, default);
    let settings = read("", &[], None).expect("settings");
    assert_eq!(
        listed(&settings, NAME),
        pair(&default.as_millis().to_string(), "default")
    );
    assert_eq!(
        refused("", &[("EARMARK__ENGINE__QUEUE_TIMEOUT_MS", "60001")]),
        "setting engine.queue_timeout_ms (environment variable EARMARK__ENGINE__QUEUE_TIMEOUT_MS) can't be \"60001\": \
         a whole number of milliseconds from 0 to 60000 is allowed"
    );
}

#[test]
fn the_engine_has_half_as_many_threads_as_processors_or_as_many_as_are_set() {
    const NAME: &str = "engine.threads";
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let half = (processors / 2).max(1);
    let settings = read("", &[], None).expect("settings");
    assert_eq!(settings.engine.threads().get(), half);
    assert_eq!(listed(&settings, NAME), pair(&half.to_string(), "default"));

    let settings = read("[engine]\nthreads = 256\n", &[], None).expect("settings");
    assert_eq!(settings.engine.threads().get(), 256);
    assert_eq!(listed(&settings, NAME), pair("256", "earmark.toml"));
}

#[test]
fn an_unknown_setting_is_refused_with_its_source_and_the_known_names() {
    let message = refused("", &[("EARMARK__STORE__ULR", "memory:")]);
    assert_eq!(
        message,
        "unknown setting store.ulr (environment variable EARMARK__STORE__ULR); the settings are store.url, \
         store.connections, store.migrate, http.listen, http.hosts, http.base_path, http.cors_origins, \
         http.tls_certificate, http.tls_key, http.tls_client_ca, http.trusted_proxies, sign_in.issuer, sign_in.client_id, sign_in.client_secret, \
         sign_in.redirect_url, sign_in.scopes, sign_in.roles_claim, sign_in.roles, sign_in.audience, \
         limits.requests_per_second, limits.unknown_per_second, limits.connections, limits.head_seconds, \
         limits.body_seconds, limits.bulk_streams, limits.event_streams, events.urls, \
         events.after_refusal, events.webhook_secrets, events.webhook_networks, events.webhook_parallel, \
         commands.urls, mail.url, mail.from, mail.to, mail.every_seconds, promising.overdue_grace_days, \
         promising.time_zone, promising.improve, log.format, log.level, telemetry.otlp_url, \
         engine.threads, engine.lanes, engine.queue, engine.queue_timeout_ms, engine.group"
    );
    assert!(refused("[mail]\nserver = \"log:\"\n", &[]).starts_with("unknown setting mail.server ("));
    assert!(refused("store = \"memory:\"\n", &[]).starts_with("unknown setting store ("));
}

#[test]
fn a_misspelled_environment_variable_is_refused() {
    assert_eq!(
        refused("", &[("EARMARK_STORE__URL", "memory:")]),
        "environment variable EARMARK_STORE__URL has no effect; the variable of store.url is EARMARK__STORE__URL"
    );
    assert!(
        refused("", &[("EARMARK_HTTP_LISTEN", "127.0.0.1:1")])
            .ends_with("the variable of http.listen is EARMARK__HTTP__LISTEN")
    );
    // Other programs may use variables with the same prefix.
    read("", &[("EARMARK_HOME", "/srv"), ("EARMARK", "here")], None).expect("settings");
}

#[test]
fn a_wrong_value_is_refused_with_its_source_and_what_is_allowed() {
    assert_eq!(
        refused("", &[("EARMARK__LOG__FORMAT", "xml")]),
        "setting log.format (environment variable EARMARK__LOG__FORMAT) can't be \"xml\": \
         auto, pretty and json are allowed"
    );
    for (name, value, allowed) in [
        ("STORE__MIGRATE", "perhaps", "true and false are allowed"),
        ("STORE__CONNECTIONS", "0", COUNT),
        ("ENGINE__QUEUE", "1000001", COUNT),
        ("ENGINE__THREADS", "0", THREADS),
        ("ENGINE__THREADS", "257", THREADS),
        ("PROMISING__OVERDUE_GRACE_DAYS", "-1", DAYS),
        ("PROMISING__OVERDUE_GRACE_DAYS", "3651", DAYS),
        ("PROMISING__OVERDUE_GRACE_DAYS", "1.5", DAYS),
        ("PROMISING__OVERDUE_GRACE_DAYS", "none", DAYS),
        (
            "HTTP__LISTEN",
            "8080",
            "HOST:PORT is allowed, as in 127.0.0.1:8080; port 0 picks a free one",
        ),
        (
            "HTTP__LISTEN",
            "",
            "HOST:PORT is allowed, as in 127.0.0.1:8080; port 0 picks a free one",
        ),
        (
            "LOG__LEVEL",
            "loud",
            "error, warn, info, debug, trace, off, or a list such as info,earmark=debug are allowed",
        ),
    ] {
        let message = refused("", &[(&format!("EARMARK__{name}"), value)]);
        assert!(
            message.ends_with(&format!("can't be {value:?}: {allowed}")),
            "{message}"
        );
    }
    assert!(refused("[http]\nlisten = [\"a\"]\n", &[]).ends_with("can't be a list: a single value is allowed"));
}

#[test]
fn an_unknown_scheme_is_refused_with_those_that_are_allowed_and_without_the_password() {
    let message = refused("", &[("EARMARK__STORE__URL", "mysql://root:secret@db/shop")]);
    assert!(
        message.ends_with("sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE and memory: are allowed"),
        "{message}"
    );
    assert!(!message.contains("secret"), "{message}");
    assert!(refused("", &[("EARMARK__STORE__URL", "sqlite:")]).contains("needs the path of a file"));
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_name() {
    let message = refused("[store\n", &[]);
    assert!(
        message.starts_with("settings can't be read from ") && message.contains("earmark.toml"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_named_must_exist() {
    let layers = Layers {
        file: Some("no/such/file.toml".into()),
        ..Layers::default()
    };
    let message = Settings::read(layers).expect_err("no file").to_string();
    assert!(
        message.starts_with("settings can't be read from no/such/file.toml: "),
        "{message}"
    );
}

#[test]
fn sinks_are_shown_without_their_secrets() {
    let urls = "nats://me:s3cret@broker/EVENTS,https://hook.example/in?token=s3cret";
    let variables = [
        ("EARMARK__EVENTS__URLS", urls),
        ("EARMARK__EVENTS__WEBHOOK_SECRETS", "whsec_s3cret"),
    ];
    let settings = read("", &variables, None).expect("they are right");
    assert_eq!(settings.events.sinks.len(), 2);
    let shown = format!("{:?} {:?}", settings.events, settings.list);
    assert!(shown.contains("broker/EVENTS") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn sources_are_shown_without_their_secrets() {
    let urls = "nats://me:s3cret@broker,other/COMMANDS,redis://:s3cret@cache?stream=desk";
    let settings = read("", &[("EARMARK__COMMANDS__URLS", urls)], None).expect("they are right");
    assert_eq!(settings.commands.sources.len(), 2);
    let shown = format!("{:?} {:?}", settings.commands, settings.list);
    assert!(
        shown.contains("broker,other/COMMANDS") && !shown.contains("s3cret"),
        "{shown}"
    );
    let message = refused("", &[("EARMARK__COMMANDS__URLS", "kafka://me:s3cret@a")]);
    assert!(
        message.contains("commands.urls") && !message.contains("s3cret"),
        "{message}"
    );
}

#[test]
fn digests_go_to_the_log_every_quarter_of_an_hour_unless_another_is_set() {
    let settings = read("", &[], None).expect("settings");
    assert!(matches!(settings.mail.transport, MailTransport::Log));
    assert_eq!(settings.mail.every, Duration::from_secs(900));
    assert_eq!(listed(&settings, "mail.url"), pair("log:", "default"));
    assert_eq!(listed(&settings, "mail.to"), pair("(none)", "default"));
    let allowed = "a whole number of seconds from 1 to 86400 is allowed";
    for wrong in ["0", "86401", "15m"] {
        let message = refused("", &[("EARMARK__MAIL__EVERY_SECONDS", wrong)]);
        assert!(
            message.ends_with(&format!("can't be {wrong:?}: {allowed}")),
            "{message}"
        );
    }
}

#[test]
fn a_mail_server_needs_a_sender_and_recipients() {
    let server = ("EARMARK__MAIL__URL", "smtp://me:s3cret@mail");
    let from = ("EARMARK__MAIL__FROM", "Earmark <earmark@shop.example>");
    let to = ("EARMARK__MAIL__TO", "a@shop.example,b@shop.example");
    let missing = |name: &str| format!("setting {name} is missing: mail.url names a mail server");
    assert_eq!(refused("", &[server]), missing("mail.to"));
    assert_eq!(refused("", &[server, from]), missing("mail.to"));
    assert_eq!(refused("", &[server, to]), missing("mail.from"));

    let settings = read("", &[server, from, to], None).expect("settings");
    let MailTransport::Smtp { to, .. } = &settings.mail.transport else {
        unreachable!("a mail server is set");
    };
    assert_eq!(to.len(), 2);
    assert_eq!(listed(&settings, "mail.url").0, "smtp://me:***@mail");
    assert!(!format!("{settings:?}").contains("s3cret"));

    for (name, value) in [
        ("URL", "smtp://s3cret@mail"),
        ("FROM", "earmark"),
        ("TO", "a@shop.example,buyers"),
    ] {
        let name = format!("EARMARK__MAIL__{name}");
        let message = refused("", &[server, from, (&name, value)]);
        assert!(message.contains(&name) && !message.contains("s3cret"), "{message}");
    }
}

#[test]
fn a_certificate_and_its_key_are_set_together() {
    let certificate = ("EARMARK__HTTP__TLS_CERTIFICATE", "cert.pem");
    let key = ("EARMARK__HTTP__TLS_KEY", "key.pem");
    let client_ca = ("EARMARK__HTTP__TLS_CLIENT_CA", "ca.pem");
    let settings = read("", &[], None).expect("settings");
    assert!(settings.http.encryption.is_none() && !settings.http.site.is_encrypted);
    assert_eq!(listed(&settings, "http.tls_key"), pair("(none)", "default"));
    let settings = read("", &[certificate, key, client_ca], None).expect("settings");
    let files = settings.http.encryption.expect("files");
    assert_eq!(files.client_ca, Some("ca.pem".into()));
    assert!(settings.http.site.is_encrypted);

    let missing = |given: &[(&str, &str)], name: &str| {
        let message = refused("", given);
        assert!(
            message.starts_with(&format!("setting {name} is missing: ")),
            "{message}"
        );
    };
    missing(&[certificate], "http.tls_key");
    missing(&[key], "http.tls_certificate");
    missing(&[client_ca], "http.tls_certificate");
    let message = refused("", &[key, ("EARMARK__HTTP__TLS_CERTIFICATE", "")]);
    assert!(message.contains("the path of a file is allowed"), "{message}");
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let settings = read("[http]\ntrusted_proxies = [\"10.0.0.5\", \"fd00::/8\"]\n", &[], None).expect("settings");
    assert_eq!(listed(&settings, "http.trusted_proxies").0, "10.0.0.5,fd00::/8");
    let message = refused("", &[("EARMARK__HTTP__TRUSTED_PROXIES", "proxy.example")]);
    assert!(message.contains("addresses and networks are allowed"), "{message}");
}
