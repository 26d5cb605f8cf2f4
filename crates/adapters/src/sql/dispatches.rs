//! Lines of which something has left the building: hardly any does, until it is all gone, so what left is read apart.

use std::collections::BTreeMap;

use earmark_application::LineRead;
use earmark_domain::{DispatchRecord, LineKey};

/// The lines of which something has left.
pub(crate) fn leaving<'l>(lines: impl IntoIterator<Item = &'l LineRead>) -> Vec<LineKey> {
    let lines = lines.into_iter().filter(|line| !line.record.dispatched.is_zero());
    lines.map(|line| line.record.key().clone()).collect()
}

/// Gives each line what has left of it.
pub(crate) fn add_dispatches<'l>(
    lines: impl IntoIterator<Item = &'l mut LineRead>,
    mut dispatches: Vec<DispatchRecord>,
) {
    dispatches.sort_by(|a, b| (a.dispatched_version, &a.batch).cmp(&(b.dispatched_version, &b.batch)));
    let mut of_line: BTreeMap<LineKey, Vec<DispatchRecord>> = BTreeMap::new();
    for dispatch in dispatches {
        of_line.entry(dispatch.key.clone()).or_default().push(dispatch);
    }
    for line in lines {
        let dispatches = of_line.remove(line.record.key()).unwrap_or_default();
        line.dispatches = dispatches.iter().map(Into::into).collect();
    }
}
