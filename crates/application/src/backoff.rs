//! Waiting between attempts: exponential backoff with jitter.

use std::time::Duration;

use crate::ports::{Ids, RetryPolicy};

/// How long to wait after so many attempts that failed, at least one.
pub(crate) fn wait_after(attempts: u32, policy: RetryPolicy, ids: &dyn Ids) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let longest = policy.first.saturating_mul(1 << doublings).min(policy.longest);
    // From a half to the whole of it.
    let random = u32::from(ids.token()[0]) + 1;
    longest / 2 + longest / 512 * random
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Ids for Always {
        fn correlation_id(&self) -> [u8; 16] {
            [self.0; 16]
        }

        fn token(&self) -> [u8; 16] {
            [self.0; 16]
        }

        fn secret(&self) -> [u8; 32] {
            unreachable!("no key is made")
        }
    }

    #[test]
    fn each_wait_is_twice_as_long_up_to_the_longest_and_shortened_by_a_random_part() {
        let policy = RetryPolicy {
            first: Duration::from_millis(1_024),
            longest: Duration::from_millis(5_120),
            give_up_after: None,
        };
        let waits =
            |random| [1, 2, 3, 4, 1_000].map(|attempts| wait_after(attempts, policy, &Always(random)).as_millis());
        assert_eq!(waits(255), [1_024, 2_048, 4_096, 5_120, 5_120]);
        assert_eq!(waits(127), [768, 1_536, 3_072, 3_840, 3_840]);
    }
}
