//! Sources: where the settings say that commands come from, each behind the port that consumers take messages from.

use std::fmt::Display;
use std::fmt::Write as _;
use std::sync::Arc;

use earmark_adapters::messages::{BookMessages, CommandMessages};
use earmark_adapters::nats::{NatsCommandSource, NatsCommandsAddress};
use earmark_adapters::redis::{CHANGE_BATCH_QUANTITY, RedisChannelSource, RedisCommandSource, RedisCommandsAddress};
use earmark_application::{Clock, Ids, MessageFormat};

use crate::failure::Failure;
use crate::service::consumers::Source;
use crate::service::publishers::Subscribers;
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
    for url in &settings.sources {
        for source in sources_at(url, &instance, clock)? {
            if sources.iter().any(|other| other.address == source.address) {
                if source.source.redelivers() {
                    return Err(wrong(format_args!("{} is there twice", source.address)));
                }
                // The channel of another database of the same server.
                continue;
            }
            if subscribers.has(&source.address) {
                return Err(wrong(format_args!(
                    "{} is a stream that events go to, as events.urls says",
                    source.address
                )));
            }
            if source.source.redelivers()
                && let Some(other) = sources.iter().find(|other| other.name == source.name)
            {
                tracing::warn!(
                    name = %source.name, address = source.address, other = other.address,
                    "two sources of commands have streams of one name, and share their ids: of two messages with one id, in \
                     whichever of them, one acts"
                );
            }
            sources.push(source);
        }
    }
    Ok(sources)
}

fn sources_at(url: &SourceUrl, instance: &str, clock: &Arc<dyn Clock>) -> Result<Vec<Source>, Failure> {
    let commands: Arc<dyn MessageFormat> = Arc::new(CommandMessages);
    let text = url.url.expose();
    Ok(match url.kind {
        SourceKind::Nats => {
            let address: NatsCommandsAddress = text.parse().map_err(wrong)?;
            vec![Source {
                name: address.source().clone(),
                principal: address.principal(),
                address: address.to_string(),
                source: Arc::new(NatsCommandSource::new(address, Arc::clone(clock))),
                format: commands,
            }]
        }
        SourceKind::Redis => {
            let address: RedisCommandsAddress = text.parse().map_err(wrong)?;
            let channel = Source {
                name: RedisChannelSource::name(),
                principal: address.principal(&RedisChannelSource::name()),
                address: format!("redis://{}/{CHANGE_BATCH_QUANTITY}", address.server()),
                source: Arc::new(RedisChannelSource::new(address.clone(), instance, Arc::clone(clock))),
                format: Arc::new(BookMessages),
            };
            let stream = Source {
                name: address.source().clone(),
                principal: address.principal(address.source()),
                address: address.to_string(),
                source: Arc::new(RedisCommandSource::new(address, instance, Arc::clone(clock))),
                format: commands,
            };
            vec![stream, channel]
        }
    })
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
