//! Sessions, by the hashes of their ids.

use std::collections::BTreeMap;

use earmark_application::{MAX_SESSIONS_OF_A_HOLDER, Session, SessionHash};
use jiff::Timestamp;

/// Every session.
#[derive(Debug, Default)]
pub(crate) struct SessionTable(BTreeMap<SessionHash, Session>);

/// Sessions by the names of their holders, and by when they began.
fn in_order<'a>(sessions: impl Iterator<Item = &'a Session>) -> Vec<Session> {
    let mut sessions: Vec<Session> = sessions.cloned().collect();
    sessions.sort_by(|a, b| (a.holder.name(), a.began_at, a.hash).cmp(&(b.holder.name(), b.began_at, b.hash)));
    sessions
}

impl SessionTable {
    /// Begins a session; those that are over go, and the oldest of its holder that are too many.
    pub(crate) fn begin(&mut self, session: &Session) {
        self.0.retain(|_, other| other.lasts_at(session.began_at));
        let of_holder = in_order(
            self.0
                .values()
                .filter(|other| other.holder.name() == session.holder.name()),
        );
        let too_many = (of_holder.len() + 1).saturating_sub(MAX_SESSIONS_OF_A_HOLDER);
        for oldest in of_holder.iter().take(too_many) {
            self.0.remove(&oldest.hash);
        }
        self.0.insert(session.hash, session.clone());
    }

    /// The session of an id.
    pub(crate) fn of(&self, hash: SessionHash) -> Option<Session> {
        self.0.get(&hash).cloned()
    }

    /// Ends a session; answers whether there was one.
    pub(crate) fn end(&mut self, hash: SessionHash) -> bool {
        self.0.remove(&hash).is_some()
    }

    /// Those that are not over.
    pub(crate) fn all(&self, now: Timestamp) -> Vec<Session> {
        in_order(self.0.values().filter(|session| session.lasts_at(now)))
    }
}
