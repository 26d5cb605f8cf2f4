//! The small commands: verify, migrate, settings, openapi.

use std::process::ExitCode;

use earmark_adapters::http;
use earmark_application::VerifyPorts;

use crate::failure::{EXIT_FAILED, Failure};
use crate::output::say;
use crate::settings::Settings;
use crate::wiring::{self, Use};

/// Checks the books.
pub(crate) async fn verify(settings: &Settings) -> Result<ExitCode, Failure> {
    let ports = wiring::wire(&settings.store, Use::Read).await?;
    let report = earmark_application::verify(VerifyPorts {
        views: &*ports.views,
        events: &*ports.events,
        exports: &*ports.exports,
        audit: &*ports.audit,
    })
    .await?;
    for (what, count) in &report.checked {
        say(format_args!("{what:<14}{count:>10}"))?;
    }
    for discrepancy in &report.discrepancies {
        say(format_args!("discrepancy: {discrepancy}"))?;
    }
    if report.is_sound() {
        say("all is sound")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("discrepancies {:>10}", report.discrepancies.len()))?;
    Ok(ExitCode::from(EXIT_FAILED))
}

/// Brings the schema up to date, or says whether it is.
pub(crate) async fn migrate(settings: &Settings, check: bool) -> Result<ExitCode, Failure> {
    let migrations = match check {
        true => wiring::pending_migrations(&settings.store).await?,
        false => wiring::migrate(&settings.store).await?,
    };
    for migration in &migrations {
        say(format_args!("{} {migration}", if check { "missing" } else { "done" }))?;
    }
    if check && !migrations.is_empty() {
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    say("the schema is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// Shows the settings in force.
pub(crate) fn settings(settings: &Settings) -> Result<ExitCode, Failure> {
    for told in &settings.told {
        say(format_args!("{:<28} {:<40} {}", told.name, told.value, told.source))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the description of the HTTP interface.
pub(crate) fn openapi() -> Result<ExitCode, Failure> {
    say(http::openapi())?;
    Ok(ExitCode::SUCCESS)
}
