//! `earmark settings`: shows the settings in force.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output::print;
use crate::settings::Settings;

/// Prints each setting with its value and its source.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    for setting in &settings.list {
        print(format_args!(
            "{:<28} {:<40} {}",
            setting.name, setting.value, setting.source
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
