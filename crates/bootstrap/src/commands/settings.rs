//! `earmark settings`: shows the settings in force.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output::print;
use crate::service;
use crate::settings::Settings;
use crate::wiring;

/// Prints each setting with its value and its source.
///
/// # Errors
/// When the service would refuse a setting, or standard output is closed.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    wiring::check(&settings.store)?;
    service::resolve(&settings.http.listen)?;
    for setting in &settings.list {
        print(format_args!(
            "{:<28} {:<40} {}",
            setting.name, setting.value, setting.source
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
