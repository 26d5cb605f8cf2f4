//! The document: who is talked to, and the parts put together.

use std::sync::LazyLock;

use earmark_adapters::wire::EVENT_FORMAT;
use serde_json::{Value, json};

use super::parts::Parts;
use super::{commands, events, schemas};

/// The AsyncAPI 3.0 document as JSON: the same for all services of this version.
pub(crate) fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", value()));
    &DOCUMENT
}

/// The document as a value.
pub(super) fn value() -> Value {
    let mut parts = Parts::default();
    events::describe(&mut parts);
    commands::describe(&mut parts);
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:earmark",
        "info": {
            "title": "Earmark: events and commands by messages",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "What the service sends to those in the setting `events.urls`, and takes from those in `commands.urls`.\n\n\
                 Events are sent at least once, and those of a product in order; a repeat has the same `id`. Their format \
                 has the version {EVENT_FORMAT}: within it there may be more types, more fields and more words, and what \
                 is here stays. Pass over what you do not know.\n\n\
                 Commands are carried out once, however often they are delivered, if they bear an id."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "contact": {"name": "The maintainers of Earmark"},
            "tags": [
                {"name": "events", "description": "What has happened."},
                {"name": "commands", "description": "What others ask for."},
            ],
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": server("nats", "4222", "NATS with JetStream, as a URL `nats://HOST:PORT/STREAM` names it."),
            "redis": server("redis", "6379", "Redis 6 or later, as a URL `redis://HOST:PORT` names it."),
            "receiver": server("https", "443", "The receiver of a webhook, as a URL `https://HOST/PATH` names it."),
        },
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {"schemas": schemas::all(), "messages": parts.messages},
    })
}

fn server(protocol: &str, port: &str, description: &str) -> Value {
    json!({
        "host": "{host}:{port}",
        "protocol": protocol,
        "description": description,
        "variables": {
            "host": {"description": "The name or the address of the host.", "default": "localhost"},
            "port": {"description": "Its port.", "default": port},
        },
    })
}
