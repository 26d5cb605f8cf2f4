//! The settings in force: the merged layers, parsed.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use earmark_adapters::http::{BasePath, CorsOrigins, EncryptionFiles, Hosts, Site, TrustedProxies};
use earmark_adapters::mail::{Mailbox, SmtpServer};
use earmark_adapters::openid::ProviderSettings;
use earmark_application::{AfterRefusal, EngineSettings};
use earmark_domain::{Calendar, Promising};

use super::catalogue::NAMES;
use super::collector_url::CollectorUrl;
use super::error::SettingsError;
use super::layers::Layers;
use super::limits::LimitSettings;
use super::mail::{Interval, MailUrl, Recipients, Sender};
use super::merged_values::MergedValues;
use super::secrets::{MASK, Secret, masked};
use super::sign_in;
use super::sink_url::{SinkKind, SinkUrl};
use super::source::{Source, Sourced};
use super::source_url::{SourceKind, SourceUrl};
use super::store_url::StoreUrl;
use super::url_list::{ListedUrls, masked_list};
use super::values::{
    AfterRefusalWord, Count, FilePath, GraceDays, ImproveWord, Listen, LogFilter, LogFormat, MAX_COUNT, MAX_THREADS,
    QueueTimeout, Secrets, Switch, Words, Zone,
};

/// The settings in force.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) store: StoreSettings,
    pub(crate) http: HttpSettings,
    /// Who knows people. `None`: they sign in with keys only.
    pub(crate) provider: Option<ProviderSettings>,
    pub(crate) limits: LimitSettings,
    pub(crate) events: EventSettings,
    pub(crate) commands: CommandSettings,
    pub(crate) mail: MailSettings,
    pub(crate) log: LogSettings,
    /// The collector of traces. `None`: there are no traces.
    pub(crate) collector: Option<CollectorUrl>,
    pub(crate) promising: Promising,
    /// The shop's calendar.
    pub(crate) calendar: Calendar,
    pub(crate) engine: EngineOptions,
    /// Each setting with its value and source, for `earmark settings`.
    pub(crate) list: Vec<ListedSetting>,
}

/// Which store to use, and how.
#[derive(Debug, Clone)]
pub(crate) struct StoreSettings {
    pub(crate) url: StoreUrl,
    /// The number of connections; `None`: the adapter's default.
    pub(crate) connections: Option<NonZeroUsize>,
    /// Whether the schema is brought up to date at the start.
    pub(crate) migrate: bool,
}

/// Where the service listens, and how clients reach it.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) listen: Listen,
    pub(crate) site: Site,
    /// The certificate with its key. `None`: connections are not encrypted.
    pub(crate) encryption: Option<EncryptionFiles>,
}

/// Who is told of events, and how.
#[derive(Debug, Clone)]
pub(crate) struct EventSettings {
    pub(crate) sinks: Vec<SinkUrl>,
    /// Whether the events of a product wait behind one that was not taken.
    pub(crate) after_refusal: AfterRefusal,
    /// The secrets that webhooks are signed with: with each of them, so that they can be changed.
    pub(crate) webhook_secrets: Vec<Secret>,
    /// The networks and hosts of the own network that webhooks may reach.
    pub(crate) webhook_networks: Vec<String>,
    /// How many requests to webhooks are under way at once.
    pub(crate) webhook_parallel: NonZeroUsize,
}

/// Where commands come from as messages.
#[derive(Debug, Clone)]
pub(crate) struct CommandSettings {
    pub(crate) sources: Vec<SourceUrl>,
}

/// How digests leave, and how often.
#[derive(Debug, Clone)]
pub(crate) struct MailSettings {
    pub(crate) transport: MailTransport,
    /// The interval: one digest in each at most.
    pub(crate) every: Duration,
}

/// How digests leave.
#[derive(Debug, Clone)]
pub(crate) enum MailTransport {
    /// To the log.
    Log,
    /// To a mail server.
    Smtp {
        server: SmtpServer,
        from: Mailbox,
        /// At least one.
        to: Vec<Mailbox>,
    },
}

/// What is logged, and in which format.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: LogFilter,
}

/// Options of the engine and its runtime; `None`: the default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineOptions {
    threads: Option<NonZeroUsize>,
    lanes: Option<NonZeroUsize>,
    queue: Option<NonZeroUsize>,
    queue_timeout: Option<Duration>,
    group: Option<NonZeroUsize>,
}

impl EngineOptions {
    /// The number of worker threads of the runtime that the engine and the database connections share.
    pub(crate) fn threads(self) -> NonZeroUsize {
        self.threads.unwrap_or_else(default_threads)
    }

    /// The settings of the engine.
    pub(crate) fn engine_settings(self, promising: Promising) -> EngineSettings {
        let defaults = EngineSettings::default();
        EngineSettings {
            lanes: self.lanes.map_or(defaults.lanes, NonZeroUsize::get),
            queue: self.queue.map_or(defaults.queue, NonZeroUsize::get),
            queue_timeout: self.queue_timeout.unwrap_or(defaults.queue_timeout),
            group: self.group.map_or(defaults.group, NonZeroUsize::get),
            answer_timeout: defaults.answer_timeout,
            promising,
        }
    }
}

/// Half the processors, at least one: the workers of the web server, and a database on the same machine, want the
/// others. With more threads than processors, idle threads are woken for work that another one has done by then.
fn default_threads() -> NonZeroUsize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN)
}

/// A setting as `earmark settings` shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListedSetting {
    pub(crate) name: &'static str,
    /// Passwords are masked.
    pub(crate) value: String,
    pub(crate) source: Source,
}

impl ListedSetting {
    fn new(name: &'static str, sourced: Option<&Sourced>) -> Self {
        match sourced {
            Some(sourced) => Self {
                name,
                value: shown(name, &sourced.list_text().unwrap_or_default()),
                source: sourced.source.clone(),
            },
            None => Self {
                name,
                value: computed_default(name),
                source: Source::Default,
            },
        }
    }
}

/// The value of a setting as it is shown.
fn shown(name: &str, text: &str) -> String {
    match name {
        "events.urls" => masked_list::<SinkKind>(text),
        "commands.urls" => masked_list::<SourceKind>(text),
        "events.webhook_secrets" | "sign_in.client_secret" if text.is_empty() => String::new(),
        "events.webhook_secrets" | "sign_in.client_secret" => MASK.to_owned(),
        _ => masked(text),
    }
}

/// The value of a setting that is not set and has no default in the catalogue.
fn computed_default(name: &str) -> String {
    let engine = EngineSettings::default();
    match name {
        "engine.threads" => default_threads().to_string(),
        "engine.lanes" => engine.lanes.to_string(),
        "engine.queue" => engine.queue.to_string(),
        "engine.queue_timeout_ms" => engine.queue_timeout.as_millis().to_string(),
        "engine.group" => engine.group.to_string(),
        "events.webhook_secrets" | "events.webhook_networks" | "mail.from" | "mail.to" | "telemetry.otlp_url" => {
            "(none)".to_owned()
        }
        "http.tls_certificate" | "http.tls_key" | "http.tls_client_ca" | "http.trusted_proxies" => "(none)".to_owned(),
        "sign_in.issuer"
        | "sign_in.client_id"
        | "sign_in.client_secret"
        | "sign_in.redirect_url"
        | "sign_in.audience" => "(none)".to_owned(),
        "sign_in.roles" => "(by their names)".to_owned(),
        "http.hosts" => "(localhost and addresses)".to_owned(),
        "limits.connections" => "(by the limit on open files)".to_owned(),
        _ => "(by adapter)".to_owned(),
    }
}

impl Settings {
    /// Whether a setting has been given a value by a flag or by the environment, and not only by a file, which other
    /// commands share.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        let mut given = self.list.iter().filter(|setting| setting.name == name);
        given.any(|setting| matches!(setting.source, Source::Flag(_) | Source::Environment(_)))
    }

    /// Reads and parses all layers; later layers outrank earlier ones.
    ///
    /// # Errors
    /// [`SettingsError`], with a message for the person who set the value.
    pub(crate) fn read(layers: Layers) -> Result<Self, SettingsError> {
        let values = layers.merge()?;
        if let Some((name, sourced)) = values.iter().find(|(name, _)| !NAMES.contains(&name.as_str())) {
            return Err(SettingsError::Unknown {
                name: name.clone(),
                origin: sourced.source.clone(),
            });
        }
        let values = MergedValues::of(values);
        let http = http(&values)?;
        Ok(Self {
            store: StoreSettings {
                url: values.required("store.url")?,
                connections: values.count("store.connections")?,
                migrate: values.required::<Switch>("store.migrate")?.0,
            },
            provider: sign_in::provider(&values, &http.site.base_path)?,
            http,
            limits: LimitSettings::of(&values)?,
            events: EventSettings {
                sinks: values
                    .list::<ListedUrls<SinkKind>>("events.urls")?
                    .unwrap_or_default()
                    .0,
                after_refusal: values.required::<AfterRefusalWord>("events.after_refusal")?.0,
                webhook_secrets: values.list::<Secrets>("events.webhook_secrets")?.unwrap_or_default().0,
                webhook_networks: values.list::<Words>("events.webhook_networks")?.unwrap_or_default().0,
                webhook_parallel: values.required::<Count<MAX_COUNT>>("events.webhook_parallel")?.0,
            },
            commands: CommandSettings {
                sources: values
                    .list::<ListedUrls<SourceKind>>("commands.urls")?
                    .unwrap_or_default()
                    .0,
            },
            mail: mail(&values)?,
            log: LogSettings {
                format: values.required("log.format")?,
                level: values.required("log.level")?,
            },
            collector: values.optional("telemetry.otlp_url")?,
            promising: Promising {
                overdue_grace_days: values.required::<GraceDays>("promising.overdue_grace_days")?.0,
                improve: values.required::<ImproveWord>("promising.improve")?.0,
            },
            calendar: Calendar::new(values.required::<Zone>("promising.time_zone")?.0),
            engine: EngineOptions {
                threads: values
                    .optional::<Count<MAX_THREADS>>("engine.threads")?
                    .map(|count| count.0),
                lanes: values.count("engine.lanes")?,
                queue: values.count("engine.queue")?,
                queue_timeout: values
                    .optional::<QueueTimeout>("engine.queue_timeout_ms")?
                    .map(|timeout| timeout.0),
                group: values.count("engine.group")?,
            },
            list: NAMES
                .into_iter()
                .map(|name| ListedSetting::new(name, values.get(name)))
                .collect(),
        })
    }
}

/// Where the service listens, and how clients reach it. A certificate and its key are of use together alone.
fn http(values: &MergedValues) -> Result<HttpSettings, SettingsError> {
    let missing = |name, why| Err(SettingsError::Missing { name, why });
    let file = |name| Ok(values.optional::<FilePath>(name)?.map(|path| path.0));
    let client_ca = file("http.tls_client_ca")?;
    let encryption = match (file("http.tls_certificate")?, file("http.tls_key")?) {
        (Some(certificate), Some(key)) => Some(EncryptionFiles {
            certificate,
            key,
            client_ca,
        }),
        (Some(_), None) => return missing("http.tls_key", "http.tls_certificate names a certificate"),
        (None, Some(_)) => return missing("http.tls_certificate", "http.tls_key names the key of one"),
        (None, None) if client_ca.is_some() => {
            return missing(
                "http.tls_certificate",
                "http.tls_client_ca asks clients for one, which they show to a service that has its own",
            );
        }
        (None, None) => None,
    };
    Ok(HttpSettings {
        listen: values.required("http.listen")?,
        site: Site {
            hosts: values.list::<Hosts>("http.hosts")?.unwrap_or_default(),
            base_path: values.required::<BasePath>("http.base_path")?,
            cors_origins: values.list::<CorsOrigins>("http.cors_origins")?.unwrap_or_default(),
            proxies: values
                .list::<TrustedProxies>("http.trusted_proxies")?
                .unwrap_or_default(),
            is_encrypted: encryption.is_some(),
        },
        encryption,
    })
}

/// How digests leave. A mail server needs to know from whom and to whom.
fn mail(values: &MergedValues) -> Result<MailSettings, SettingsError> {
    const WHY: &str = "mail.url names a mail server";
    let missing = |name| SettingsError::Missing { name, why: WHY };
    let from = values.optional::<Sender>("mail.from")?;
    let to = values.list::<Recipients>("mail.to")?.unwrap_or_default().0;
    let transport = match values.required::<MailUrl>("mail.url")? {
        MailUrl::Log => MailTransport::Log,
        MailUrl::Smtp(_) if to.is_empty() => return Err(missing("mail.to")),
        MailUrl::Smtp(server) => MailTransport::Smtp {
            server,
            from: from.ok_or_else(|| missing("mail.from"))?.0,
            to,
        },
    };
    Ok(MailSettings {
        transport,
        every: values.required::<Interval>("mail.every_seconds")?.0,
    })
}
