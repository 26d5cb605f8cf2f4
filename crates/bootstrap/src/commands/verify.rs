//! `earmark verify`: checks the stored balances against the allocations and the events.

use std::process::ExitCode;

use earmark_application::VerifyPorts;

use crate::failure::{EXIT_FAILED, Failure};
use crate::output::print;
use crate::settings::Settings;
use crate::wiring::{self, AccessMode, Ports};

/// Prints what was checked, with counts, and each discrepancy.
///
/// # Errors
/// When the store can't be read or standard output is closed.
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let ports = wiring::wire(&settings.store, &settings.calendar, AccessMode::Read).await?;
    Ok(match report(&ports).await? {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_FAILED),
    })
}

/// Checks a store, prints the report, and answers whether all is sound.
///
/// # Errors
/// When the store can't be read or standard output is closed.
pub(super) async fn report(ports: &Ports) -> Result<bool, Failure> {
    let report = earmark_application::verify(VerifyPorts {
        views: &*ports.views,
        events: &*ports.events,
        audit: &*ports.audit,
    })
    .await?;
    for (what, count) in &report.checked {
        print(format_args!("{what:<14}{count:>10}"))?;
    }
    for discrepancy in &report.discrepancies {
        print(format_args!("discrepancy: {discrepancy}"))?;
    }
    if report.is_sound() {
        print("all is sound")?;
    } else {
        if report.untold > 0 {
            print(format_args!("and {} more", report.untold))?;
        }
        let told = u64::try_from(report.discrepancies.len()).unwrap_or(u64::MAX);
        print(format_args!("discrepancies {:>10}", told.saturating_add(report.untold)))?;
    }
    Ok(report.is_sound())
}
