//! Ids made at random.

use earmark_application::Ids;
use uuid::Uuid;

/// Makes UUIDs: version 7 for correlation ids, version 4 for tokens. Secrets are random bits of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

#[expect(
    clippy::disallowed_methods,
    reason = "these are the ids that are handed to all others"
)]
impl Ids for RandomIds {
    fn correlation_id(&self) -> [u8; 16] {
        Uuid::now_v7().into_bytes()
    }

    fn token(&self) -> [u8; 16] {
        Uuid::new_v4().into_bytes()
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the system gives random bytes, as it does for tokens");
        secret
    }
}
