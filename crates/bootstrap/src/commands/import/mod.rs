//! `earmark import`: sends the rows of a file as commands, in the order of the file, to an engine or a running service.
//!
//! A file is read twice. The survey finds out which rows belong together and that the file has an end; then the rows are
//! planned and sent. The size of the file does not matter: the survey keeps what it finds in temporary files, a bounded
//! number of rows waits to be sent, and a bounded number of commands waits for results.

mod args;
mod bulk;
mod counts;
mod engine;
mod grouping;
mod input;
mod pipeline;
mod plan;
mod progress;
mod reader;
mod result;
mod sink;
mod survey;
mod window;

use std::path::Path;
use std::process::ExitCode;

use earmark_adapters::files::{FileError, Kind};
use earmark_application::{Principal, Roles};
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output;
use crate::settings::Settings;
use crate::wiring::AccessMode;
use grouping::Repeats;
use input::Input;
use survey::Survey;

pub(crate) use args::ImportArgs;
pub(crate) use counts::Counts;
pub(crate) use engine::EngineSink;
pub(crate) use grouping::Grouping;
pub(crate) use pipeline::Pipeline;
pub(crate) use plan::{Planner, Terms};
pub(crate) use progress::Progress;
pub(crate) use reader::RowReader;
pub(crate) use sink::Sink;

/// Imports a file, and prints a summary of its rows.
///
/// # Errors
/// When the file, the database or the service can't be reached. What was imported until then stays.
pub(crate) async fn run(args: ImportArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let kind = Kind::from(args.kind);
    if kind != Kind::Orders && (args.whole_orders || args.split) {
        return Err(Failure::Usage("--whole-orders and --split are for orders".to_owned()));
    }
    check_repeats(kind, args.repeats)?;
    let grouping = Grouping::of(kind, args.repeats, args.whole_orders);
    let name = display_name(&args.file);
    let Input { source, again } = Input::open(&args.file, args.format.map(Into::into))?;
    let mut progress = Progress::start();
    // Reading a file blocks, so it takes a blocking thread of the runtime.
    let survey = spawn_blocking(move || {
        let survey = Survey::take(source, kind, grouping, |rows| progress.read(rows));
        survey.map(|survey| (survey, progress))
    });
    let failed = |error: FileError| Failure::Failed(format!("{name}: {error}; nothing was imported"));
    let (survey, progress) = survey
        .await
        .map_err(|error| Failure::Failed(format!("{name}: {error}")))?
        .map_err(failed)?;
    let terms = Terms {
        on_shortage: args.on_shortage.into(),
        split: args.split,
    };
    let end = survey.first_bad.clone().filter(|_| args.strict);
    let planner = Planner::new(terms, grouping).ending_at(end);
    let reader = RowReader::start(survey, again, kind);
    let import = |sink| Pipeline::new(sink, planner, progress, name, args.strict).run(reader);

    let (counts, end) = match &args.to {
        Some(url) => import(Sink::Bulk(Box::new(bulk::BulkSink::new(url)?))).await,
        None => {
            let app = App::open(settings, AccessMode::Write).await?;
            let outcome = import(Sink::Engine(EngineSink::new(
                &app,
                Principal::new("import", Roles::ALL),
            )))
            .await;
            app.close().await;
            outcome
        }
    };
    output::print(counts.summary(kind))?;
    end?;
    Ok(match counts.bad {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

/// Checks that `--repeats` makes sense for a kind.
fn check_repeats(kind: Kind, repeats: Repeats) -> Result<(), Failure> {
    let sensible = match (kind, repeats) {
        (_, Repeats::Refuse) | (Kind::Orders | Kind::Batches, _) => true,
        (Kind::Counts | Kind::Receipts, repeats) => repeats == Repeats::Add,
        (Kind::Products | Kind::Changes, _) => false,
    };
    sensible
        .then_some(())
        .ok_or_else(|| Failure::Usage(format!("this value of --repeats makes no sense for {kind}")))
}

/// The name of the file in messages.
fn display_name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    }
}
