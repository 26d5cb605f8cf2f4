//! Running: from the command line to an exit code.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use earmark_application::{Engine, EngineSettings, Meter, NoMeter};
use earmark_domain::Promising;
use tokio::runtime;
use tokio::task::JoinSet;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::{self, Ports, Use};
use crate::{commands, demo, export, import, lifecycle, output, telemetry};

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    match begin() {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::tell(format_args!("earmark: {failure}"));
            failure.exit_code()
        }
    }
}

fn begin() -> Result<ExitCode, Failure> {
    let (arguments, command) = Cli::parse().parts();
    let settings = Settings::read(arguments.layers()).map_err(|error| Failure::Usage(error.to_string()))?;
    telemetry::begin(&settings.log)?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(engine_threads())
        .enable_all()
        .thread_name("earmark")
        .build()
        .map_err(|error| Failure::Failed(format!("can't start the runtime: {error}")))?;
    let outcome = runtime.block_on(dispatch(command, &settings));
    // All that matters has been waited for; a thread that still reads standard input would be waited for in vain.
    runtime.shutdown_background();
    outcome
}

/// How many threads the engine and the connections to the database share: one for each two processors. The web server's
/// workers, and a database on the same machine, want the others. With more than there are processors for, they would
/// wake one another for work that one of them has done by then.
fn engine_threads() -> usize {
    thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

async fn dispatch(command: Command, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve => lifecycle::serve(settings).await,
        Command::Demo => demo::demo(settings).await,
        Command::Import(arguments) => import::import(arguments, settings).await,
        Command::Export(arguments) => export::export(&arguments, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Verify => commands::verify(settings).await,
        Command::Migrate { check } => commands::migrate(settings, check).await,
        Command::Settings => commands::settings(settings),
        Command::Openapi => commands::openapi(),
    }
}

/// Open books with an engine that runs on them.
pub(crate) struct Books {
    pub(crate) engine: Engine,
    pub(crate) ports: Ports,
    /// By which rules of the shop the engine promises.
    pub(crate) promising: Promising,
    lanes: JoinSet<()>,
}

impl Books {
    /// Opens the books for a command that nobody measures.
    ///
    /// # Errors
    /// When they can't be opened.
    pub(crate) async fn open(settings: &Settings, to: Use) -> Result<Self, Failure> {
        let ports = wiring::wire(&settings.store, to).await?;
        Ok(Self::run(ports, settings, Arc::new(NoMeter)))
    }

    /// Runs an engine on these ports.
    pub(crate) fn run(ports: Ports, settings: &Settings, meter: Arc<dyn Meter>) -> Self {
        let bounds = settings.engine.or(EngineSettings {
            promising: settings.promising,
            ..EngineSettings::default()
        });
        let (engine, lanes) = Engine::new(
            Arc::clone(&ports.store),
            Arc::clone(&ports.worklist),
            Arc::clone(&ports.clock),
            meter,
            bounds,
        );
        Self {
            engine,
            ports,
            promising: settings.promising,
            lanes: lanes.into_iter().map(|lane| lane.run()).collect(),
        }
    }

    /// Waits until a lane ends although nobody told it to: a defect took it, and its commands go unanswered from then on.
    pub(crate) async fn lane_lost(&mut self) -> String {
        match self.lanes.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "it found its queue closed".to_owned(),
        }
    }

    /// Takes no more commands, and waits until those that were taken are stored and answered.
    pub(crate) async fn close(mut self) {
        self.engine.drain().await;
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane of the engine ended by itself");
            }
        }
    }
}
