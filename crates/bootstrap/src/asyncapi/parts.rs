//! The parts of the document that channels are described by.

use serde_json::{Map, Value, json};

/// Channels and operations, each with the messages that it has.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) channels: Map<String, Value>,
    pub(super) operations: Map<String, Value>,
    pub(super) messages: Map<String, Value>,
}

impl Parts {
    /// Adds a message that channels can name.
    pub(super) fn message(&mut self, name: &str, message: Value) {
        self.messages.insert(name.to_owned(), message);
    }

    /// Adds a channel with these messages.
    pub(super) fn channel<'m>(&mut self, name: &str, mut channel: Value, messages: impl IntoIterator<Item = &'m str>) {
        let named = |message: &str| (message.to_owned(), reference("components/messages", message));
        channel["messages"] = messages.into_iter().map(named).collect::<Map<_, _>>().into();
        self.channels.insert(name.to_owned(), channel);
    }

    /// Adds what is done on a channel: `send` or `receive`, with all of its messages.
    pub(super) fn operation(&mut self, name: &str, action: &str, channel: &str, mut operation: Value) {
        operation["action"] = json!(action);
        operation["channel"] = reference("channels", channel);
        self.operations.insert(name.to_owned(), operation);
    }
}

/// A reference to a part of the document.
pub(super) fn reference(place: &str, name: &str) -> Value {
    json!({"$ref": format!("#/{place}/{name}")})
}
