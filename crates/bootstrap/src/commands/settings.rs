//! `earmark settings`: shows the settings in force.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output::print;
use crate::service;
use crate::settings::{MEANINGS, Settings};
use crate::wiring;

/// Prints each setting with its value and its source, or what each is for.
///
/// # Errors
/// When the service would refuse a setting, or standard output is closed.
pub(crate) fn run(settings: &Settings, explain: bool) -> Result<ExitCode, Failure> {
    if explain {
        print(format_args!("{}", MEANINGS.trim_end()))?;
        return Ok(ExitCode::SUCCESS);
    }
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
