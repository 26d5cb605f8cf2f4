//! The scenarios: what is measured, against what, and with which goals.

mod allocations;
mod backlog;
mod backup;
mod curves;
mod growth;
mod guarded;
mod holds;
mod instances;
mod orders;
mod overload;
mod reads;
mod slow_disk;
mod streams;
mod subscribers;
mod verify;

use xtask::Failure;

use crate::bench::Bench;
use crate::options::Scenario;
use crate::report::section::Section;

/// Runs a scenario. It may have no section, or several.
pub(crate) fn run(bench: &Bench, scenario: Scenario) -> Result<Vec<Section>, Failure> {
    let optional = |section: Option<Section>| section.into_iter().collect();
    let one = |section| vec![section];
    match scenario {
        Scenario::Allocations => allocations::run(bench).map(one),
        Scenario::SlowDisk => slow_disk::run(bench).map(optional),
        Scenario::Streams => streams::run(bench).map(one),
        Scenario::Orders => orders::run(bench).map(one),
        Scenario::Instances => instances::run(bench).map(optional),
        Scenario::Subscribers => subscribers::run(bench).map(one),
        Scenario::Guarded => guarded::run(bench).map(one),
        Scenario::Reads => reads::run(bench).map(one),
        Scenario::Overload => overload::run(bench).map(one),
        Scenario::Curves => Ok(vec![curves::run(bench)?, backlog::run(bench)?]),
        Scenario::Growth => growth::run(bench).map(one),
        Scenario::Holds => holds::run(bench).map(one),
        Scenario::Backup => backup::run(bench).map(optional),
        Scenario::Verify => verify::run(bench).map(one),
    }
}
