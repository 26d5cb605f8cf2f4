//! Recipients who are put off: a server that does not know us may want to be asked again some minutes later.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;

/// For how long a mail waits for a recipient who is put off. Servers that put strangers off do so for five minutes; a
/// mailbox that is full stays so for longer, and must not keep the others from their mails.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Since when recipients were put off, in the clock's monotonic time.
#[derive(Debug, Default)]
pub(super) struct Deferred(Mutex<BTreeMap<Address, Duration>>);

impl Deferred {
    /// A recipient was put off. Answers whether the mail waits for them.
    pub(super) fn put_off(&self, recipient: &Address, now: Duration) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *all.entry(recipient.clone()).or_insert(now);
        now.saturating_sub(since) < PATIENCE
    }

    /// A recipient was taken.
    pub(super) fn taken(&self, recipient: &Address) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(recipient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_waited_for_until_patience_ends_and_anew_once_taken() {
        let recipient = Address::new("buyers", "shop.example").expect("an address");
        let deferred = Deferred::default();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert!(deferred.put_off(&recipient, minutes(100)));
        assert!(deferred.put_off(&recipient, minutes(109)));
        assert!(!deferred.put_off(&recipient, minutes(110)));
        assert!(
            !deferred.put_off(&recipient, minutes(10_000)),
            "a full mailbox delays the others once"
        );
        deferred.taken(&recipient);
        assert!(deferred.put_off(&recipient, minutes(10_000)));
    }
}
