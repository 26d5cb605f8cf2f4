//! Whether a store agrees with the responses.

use std::time::Duration;

use xtask::Failure;

use crate::service::running::Service;
use crate::stores::store::Store;

/// Reading all of a store takes seconds; with a long history, minutes.
const LIMIT: Duration = Duration::from_secs(1_800);

impl Service {
    /// Runs `earmark verify`, and compares the stored allocations with the acknowledged ones. Up to `in_flight` more
    /// may be stored. Returns what is wrong.
    pub(crate) fn audit(&self, store: &Store, acknowledged: u64, in_flight: u32) -> Result<Option<String>, Failure> {
        let mut verify = self.earmark(store);
        if let Err(failure) = self.programs.run("verify", verify.arg("verify"), LIMIT) {
            return Ok(Some(failure.to_string()));
        }
        let mut export = self.earmark(store);
        export.args(["export", "allocations"]);
        let exported = self.programs.run("export", &mut export, LIMIT)?;
        let header = 1;
        let stored = exported.lines().count().saturating_sub(header) as u64;
        Ok(compare(stored, acknowledged, in_flight))
    }
}

/// Each acknowledged line must be stored. When a load generator ends, each of its connections may have one request in
/// flight, whose response nothing counts.
fn compare(stored: u64, acknowledged: u64, in_flight: u32) -> Option<String> {
    let expected = acknowledged..=acknowledged + u64::from(in_flight);
    (!expected.contains(&stored)).then(|| format!("{acknowledged} lines were acknowledged and {stored} are stored"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_acknowledged_line_is_stored_and_no_more_than_were_requested() {
        assert_eq!(compare(30, 30, 8), None);
        assert_eq!(compare(38, 30, 8), None);
        assert!(compare(29, 30, 8).is_some());
        assert!(compare(39, 30, 8).is_some());
    }
}
