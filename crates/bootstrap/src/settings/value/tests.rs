//! Which values there are, and what is told of those that can't be.

use super::*;
use crate::settings::{Flag, Layers};

/// Settings of a file's text, an environment and a flag.
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

fn told(settings: &Settings, name: &str) -> (String, String) {
    let told = settings.told.iter().find(|told| told.name == name).expect("a setting");
    let source = told.source.to_string();
    (
        told.value.clone(),
        source.rsplit('/').next().unwrap_or_default().to_owned(),
    )
}

fn refused(file: &str, environment: &[(&str, &str)]) -> String {
    read(file, environment, None)
        .expect_err("settings that can't be")
        .to_string()
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

const DAYS: &str = "a whole number of days from 0 to 3650 is allowed";

const LISTEN_VARIABLE: &str = "EARMARK__HTTP__LISTEN";

#[test]
fn with_no_settings_at_all_the_defaults_hold() {
    let settings = read("", &[], None).expect("settings");
    assert_eq!(settings.store.url, StoreUrl::Sqlite("earmark.db".into()));
    assert!(settings.store.migrate);
    assert_eq!(told(&settings, "http.listen"), pair("127.0.0.1:8080", "default"));
    assert_eq!(told(&settings, "engine.lanes"), pair("1", "default"));
    assert_eq!(told(&settings, "store.connections"), pair("(by adapter)", "default"));
}

#[test]
fn a_flag_outranks_the_environment_which_outranks_the_file_which_outranks_the_default() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\n";
    let environment = [(LISTEN_VARIABLE, "127.0.0.1:2")];

    let settings = read(file, &[], None).expect("settings");
    assert_eq!(told(&settings, "http.listen"), pair("127.0.0.1:1", "earmark.toml"));
    let settings = read(file, &environment, None).expect("settings");
    assert_eq!(
        told(&settings, "http.listen"),
        pair("127.0.0.1:2", &format!("environment variable {LISTEN_VARIABLE}"))
    );
    let settings = read(file, &environment, Some("127.0.0.1:3")).expect("settings");
    assert_eq!(told(&settings, "http.listen"), pair("127.0.0.1:3", "flag --listen"));
    assert_eq!(settings.http.listen, Listen("127.0.0.1:3".to_owned()));
}

#[test]
fn overdue_batches_are_offered_for_good_or_for_some_days() {
    const NAME: &str = "promising.overdue_grace_days";
    let settings = read("", &[], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, None);
    assert_eq!(told(&settings, NAME), pair("none", "default"));

    let settings = read("[promising]\noverdue_grace_days = 0\n", &[], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, Some(0));
    assert_eq!(told(&settings, NAME), pair("0", "earmark.toml"));

    let variable = "EARMARK__PROMISING__OVERDUE_GRACE_DAYS";
    let settings = read("", &[(variable, "3650")], None).expect("settings");
    assert_eq!(settings.promising.overdue_grace_days, Some(3_650));
    assert_eq!(
        told(&settings, NAME),
        pair("3650", &format!("environment variable {variable}"))
    );
}

#[test]
fn callers_wait_for_a_place_in_a_full_queue_for_some_milliseconds_or_not_at_all() {
    const NAME: &str = "engine.queue_timeout_ms";
    let queue_timeout = |given: &str| {
        let settings = read(&format!("[engine]\nqueue_timeout_ms = {given}\n"), &[], None).expect("settings");
        settings.engine.or(EngineSettings::default()).queue_timeout
    };
    assert_eq!(queue_timeout("0"), Duration::ZERO);
    assert_eq!(queue_timeout("60000"), Duration::from_secs(60));
    let settings = read("", &[], None).expect("settings");
    let unset = EngineSettings::default();
    assert_eq!(settings.engine.or(unset).queue_timeout, unset.queue_timeout);
    assert_eq!(
        told(&settings, NAME),
        pair(&unset.queue_timeout.as_millis().to_string(), "default")
    );
    assert_eq!(
        refused("", &[("EARMARK__ENGINE__QUEUE_TIMEOUT_MS", "60001")]),
        "setting engine.queue_timeout_ms (environment variable EARMARK__ENGINE__QUEUE_TIMEOUT_MS) can't be \"60001\": a whole number \
         of milliseconds from 0 to 60000 is allowed"
    );
}

#[test]
fn an_unknown_setting_is_named_with_its_source_and_what_there_is() {
    let told = refused("", &[("EARMARK__STORE__ULR", "memory:")]);
    assert_eq!(
        told,
        "unknown setting store.ulr (environment variable EARMARK__STORE__ULR); there are store.url, \
         store.connections, store.migrate, http.listen, promising.overdue_grace_days, log.format, log.level, \
         engine.lanes, engine.queue, engine.queue_timeout_ms, engine.group"
    );
    assert!(refused("[mail]\nurl = \"log:\"\n", &[]).starts_with("unknown setting mail.url ("));
    assert!(refused("store = \"memory:\"\n", &[]).starts_with("unknown setting store ("));
}

#[test]
fn a_variable_that_is_nearly_that_of_a_setting_is_not_passed_over() {
    assert_eq!(
        refused("", &[("EARMARK_STORE__URL", "memory:")]),
        "environment variable EARMARK_STORE__URL sets nothing; store.url is set by EARMARK__STORE__URL"
    );
    assert!(refused("", &[("EARMARK_HTTP_LISTEN", "127.0.0.1:1")]).ends_with("set by EARMARK__HTTP__LISTEN"));
    // Others may have variables with our name in front.
    read("", &[("EARMARK_HOME", "/srv"), ("EARMARK", "here")], None).expect("settings");
}

#[test]
fn a_wrong_value_is_told_with_its_source_and_what_is_allowed() {
    assert_eq!(
        refused("", &[("EARMARK__LOG__FORMAT", "xml")]),
        "setting log.format (environment variable EARMARK__LOG__FORMAT) can't be \"xml\": auto, pretty and json are allowed"
    );
    for (name, value, allowed) in [
        ("STORE__MIGRATE", "perhaps", "true and false are allowed"),
        ("STORE__CONNECTIONS", "0", WHOLE_NUMBER),
        ("ENGINE__QUEUE", "1000001", WHOLE_NUMBER),
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
        let told = refused("", &[(&format!("EARMARK__{name}"), value)]);
        assert!(told.ends_with(&format!("can't be {value:?}: {allowed}")), "{told}");
    }
    assert!(refused("[http]\nlisten = [\"a\"]\n", &[]).ends_with("can't be a list: a single value is allowed"));
}

#[test]
fn an_unknown_scheme_is_answered_with_those_that_exist() {
    let told = refused("", &[("EARMARK__STORE__URL", "mysql://root:secret@db/shop")]);
    assert!(
        told.ends_with("sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE and memory: are allowed"),
        "{told}"
    );
    assert!(!told.contains("secret"), "{told}");
    assert!(refused("", &[("EARMARK__STORE__URL", "sqlite:")]).contains("needs the path of a file"));
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_name() {
    let told = refused("[store\n", &[]);
    assert!(
        told.starts_with("settings can't be read from ") && told.contains("earmark.toml"),
        "{told}"
    );
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let layers = Layers {
        file: Some("no/such/file.toml".into()),
        ..Layers::default()
    };
    let told = Settings::read(layers).expect_err("no file").to_string();
    assert!(
        told.starts_with("settings can't be read from no/such/file.toml: "),
        "{told}"
    );
}

#[test]
fn a_password_is_never_shown() {
    assert_eq!(masked("postgres://shop:s3:cr@t@db/shop"), "postgres://shop:***@db/shop");
    assert_eq!(
        masked("postgres://shop@db/shop?password=s3cret&sslmode=off"),
        "postgres://shop@db/shop?password=***&sslmode=off"
    );
    assert_eq!(masked("sqlite:a@b:c.db"), "sqlite:a@b:c.db");
    let url = "postgres://shop:s3cret@db/shop".parse::<StoreUrl>().expect("a URL");
    assert!(!format!("{url} {url:?}").contains("s3cret"));
}

#[test]
fn the_schemes_choose_the_adapters() {
    let parse = |text: &str| text.parse::<StoreUrl>();
    assert_eq!(
        parse("sqlite:///var/lib/shop.db"),
        Ok(StoreUrl::Sqlite("/var/lib/shop.db".into()))
    );
    assert_eq!(
        parse("postgresql://db/shop"),
        Ok(StoreUrl::Postgres("postgresql://db/shop".to_owned()))
    );
    assert_eq!(parse("memory:"), Ok(StoreUrl::Memory));
    assert!(parse("memory:shop").is_err());
    assert!(parse("sqlite::memory:").is_err());
}
