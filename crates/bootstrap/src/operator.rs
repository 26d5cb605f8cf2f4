//! The operator: who has started a command that changes what is the service's own.

use earmark_application::{AccessEntry, AccessRecorder, Caller, StoreError};

use crate::wiring::Ports;

/// With what the names of operators begin. No key has a colon in its name, so nobody is taken for another.
const PREFIX: &str = "cli:";

/// The entry of the log for what the operator does.
pub(crate) fn entry(ports: &Ports, action: &str, about: &str) -> AccessEntry {
    let recorder = AccessRecorder::new(ports.clock.clone(), ports.ids.clone());
    recorder.entry(caller(), action, about)
}

/// Logs what the operator has done.
///
/// # Errors
/// When the store can't be written.
pub(crate) async fn log(ports: &Ports, action: &str, about: &str) -> Result<(), StoreError> {
    ports.access_log.log_access(&[entry(ports, action, about)]).await
}

/// The user of the operating system. Whoever may open the database may write anything into it; so this is no proof of who it
/// was, but tells those apart who have nothing to hide.
fn caller() -> Caller {
    let name = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    Caller::known(format!("{PREFIX}{name}"))
}
