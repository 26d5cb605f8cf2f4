//! Dispatch: from the command line to an exit code. Reads the settings, starts the log and the runtime, and runs the
//! subcommand.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::runtime;

use crate::cli::{Cli, Command};
use crate::commands::documents::{asyncapi, completions, man, openapi};
use crate::commands::put_aside::{events, messages};
use crate::commands::{backup, client, demo, export, health, import, keys, migrate, serve, settings, verify};
use crate::failure::Failure;
use crate::output;
use crate::settings::{Settings, masked_arguments};
use crate::telemetry;
use crate::traces::Traces;

/// Runs the subcommand of the command line.
pub(crate) fn run() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // An argument that is quoted may be a URL in the wrong place.
            let message = masked_arguments(&failure.to_string(), std::env::args());
            output::eprint(format_args!("earmark: {message}"));
            failure.exit_code()
        }
    }
}

fn start() -> Result<ExitCode, Failure> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let (arguments, command) = cli.into_parts()?;
    let settings = Settings::read(arguments.into_layers()).map_err(|error| Failure::Usage(error.to_string()))?;
    if matches!(command, Command::Backup { .. }) {
        // Before there are other threads.
        backup::give_way();
    }
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(settings.engine.threads().get())
        .enable_all()
        .thread_name("earmark")
        .build()
        .map_err(|error| Failure::Failed(format!("can't start the runtime: {error}")))?;
    // Of commands that end somebody knows when they began and how they ended.
    let traces = match (&command, &settings.collector) {
        (Command::Serve { .. } | Command::Demo, Some(collector)) => Some(Traces::to(collector, runtime.handle())?),
        _ => None,
    };
    telemetry::start(&settings.log, traces.as_ref())?;
    let outcome = runtime.block_on(dispatch(command, &settings));
    if let Some(traces) = traces {
        traces.end();
    }
    // All work that matters has ended. A thread that still reads standard input would keep a regular shutdown waiting
    // for ever.
    runtime.shutdown_background();
    outcome
}

/// Prints what the command-line parser has to say: a manual page, or what is wrong with the arguments, which may have
/// passwords in them.
fn refuse(error: &clap::Error) -> Result<ExitCode, Failure> {
    let message = error.to_string();
    let masked = masked_arguments(&message, std::env::args());
    if masked == message {
        error.print()?;
    } else {
        output::eprint(masked.trim_end());
    }
    Ok(u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

async fn dispatch(command: Command, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { insecure } => serve::run(settings, insecure).await,
        Command::Demo => demo::run(settings).await,
        Command::Import(arguments) => import::run(arguments, settings).await,
        Command::Order(arguments) => client::order::run(&arguments, settings).await,
        Command::Product(arguments) => client::product::run(&arguments, settings).await,
        Command::Batch(arguments) => client::batch::run(&arguments, settings).await,
        Command::Export(arguments) => export::run(&arguments, settings).await,
        Command::Commands(command) => messages::run(&command, settings).await,
        Command::Keys(command) => keys::run(&command, settings).await,
        Command::Events(command) => events::run(&command, settings).await,
        Command::Verify => verify::run(settings).await,
        Command::Backup { file, replace } => backup::back_up(settings, &file, replace).await,
        Command::Restore { file } => backup::restore(settings, &file).await,
        Command::Migrate { check, without_log } => migrate::run(settings, check, without_log).await,
        Command::Settings { explain } => settings::run(settings, explain),
        Command::Openapi => openapi::run(),
        Command::Asyncapi => asyncapi::run(),
        Command::Health { url } => health::run(settings, url.as_deref()).await,
        Command::Man { folder } => man::run(Cli::command(), folder.as_deref()),
        Command::Completions { shell } => completions::run(Cli::command(), shell),
    }
}
