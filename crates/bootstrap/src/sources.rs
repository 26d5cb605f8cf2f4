//! Sources: where the settings say that commands come from, each behind the port that consumers take messages from.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fmt::Write as _;
use std::sync::Arc;

use earmark_adapters::messages::{BookMessages, CommandMessages};
use earmark_adapters::nats::{NatsCommandSource, NatsCommandsAddress};
use earmark_adapters::redis::{CHANGE_BATCH_QUANTITY, RedisChannelSource, RedisCommandSource, RedisCommandsAddress};
use earmark_application::{Clock, CommandSource, Ids, MessageFormat, SourceName};

use crate::consumers::Source;
use crate::failure::Failure;
use crate::publishers::Subscribers;
use crate::settings::{CommandSettings, SourceKind, SourceUrl};

/// The sources of the settings. None of them is connected to yet. A Redis is two of them: its stream, and the book's
/// channel, which all databases of a server share.
///
/// # Errors
/// When a URL is none of its kind, when two name the same source, or when one names a stream that events go to.
pub(crate) fn sources_of(
    settings: &CommandSettings,
    subscribers: &Subscribers,
    clock: &Arc<dyn Clock>,
    ids: &dyn Ids,
) -> Result<Vec<Source>, Failure> {
    let instance = instance_of(ids);
    let mut sources: Vec<Source> = Vec::new();
    let mut names_by_ids: BTreeMap<String, SourceName> = BTreeMap::new();
    for url in &settings.sources {
        let Found { found, ids_of } = sources_at(url, &instance, clock)?;
        let name = found[0].name.clone();
        if let Some(other) = names_by_ids.insert(ids_of, name.clone()) {
            tracing::warn!(
                %name, %other,
                "two sources of commands have streams of one name, and share their ids: of two messages with one id, in \
                 whichever of them, one acts"
            );
        }
        for source in found {
            if sources.iter().any(|other| other.name == source.name) {
                if source.source.redelivers() {
                    return Err(wrong(format_args!("{} is there twice", source.name)));
                }
                // The channel of another database of the same server.
                continue;
            }
            if subscribers.has(source.name.as_str()) {
                return Err(wrong(format_args!(
                    "{} is a stream that events go to, as events.urls says",
                    source.name
                )));
            }
            sources.push(source);
        }
    }
    Ok(sources)
}

/// What is at a URL.
struct Found {
    /// At least one; the stream is the first.
    found: Vec<Source>,
    /// What ids of the stream's messages name as their source.
    ids_of: String,
}

fn sources_at(url: &SourceUrl, instance: &str, clock: &Arc<dyn Clock>) -> Result<Found, Failure> {
    let commands: Arc<dyn MessageFormat> = Arc::new(CommandMessages);
    let text = url.url.expose();
    Ok(match url.kind {
        SourceKind::Nats => {
            let address: NatsCommandsAddress = text.parse().map_err(wrong)?;
            let name = SourceName::new(&address.to_string());
            let ids_of = address.id_source();
            let source = Arc::new(NatsCommandSource::new(address, Arc::clone(clock)));
            Found {
                found: vec![of(name, source, commands)],
                ids_of,
            }
        }
        SourceKind::Redis => {
            let address: RedisCommandsAddress = text.parse().map_err(wrong)?;
            let name = SourceName::new(&address.to_string());
            let channel_name = SourceName::new(&format!("redis://{}/{CHANGE_BATCH_QUANTITY}", address.server()));
            let ids_of = address.id_source();
            let channel = Arc::new(RedisChannelSource::new(address.clone(), instance, Arc::clone(clock)));
            let stream = Arc::new(RedisCommandSource::new(address, instance, Arc::clone(clock)));
            Found {
                found: vec![
                    of(name, stream, commands),
                    of(channel_name, channel, Arc::new(BookMessages)),
                ],
                ids_of,
            }
        }
    })
}

fn of(name: SourceName, source: Arc<dyn CommandSource>, format: Arc<dyn MessageFormat>) -> Source {
    Source { name, source, format }
}

/// The name of this instance, which no other has.
fn instance_of(ids: &dyn Ids) -> String {
    ids.token().iter().fold("earmark-".to_owned(), |mut name, byte| {
        write!(name, "{byte:02x}").expect("a string takes all that is written to it");
        name
    })
}

fn wrong(why: impl Display) -> Failure {
    Failure::Usage(format!("the setting commands.urls is wrong: {why}"))
}
