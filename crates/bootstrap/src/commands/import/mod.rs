//! `earmark import`: sends the rows of a file as commands, in the order of the file, to an engine or a running service.
//!
//! The size of the file does not matter: a thread reads the rows, a bounded number of rows waits to be sent, and a
//! bounded number of commands waits for results.

mod args;
mod bulk;
mod counts;
mod engine;
mod pipeline;
mod plan;
mod progress;
mod reader;
mod result;
mod sink;

use std::path::Path;
use std::process::ExitCode;

use earmark_adapters::files::Kind;
use earmark_application::Principal;

use crate::app::App;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output;
use crate::settings::Settings;
use crate::wiring::AccessMode;

pub(crate) use args::ImportArgs;
pub(crate) use counts::Counts;
pub(crate) use engine::EngineSink;
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
    let reader = RowReader::open(&args.file, kind, args.format.map(Into::into))?;
    let progress = Progress::start(reader.size);
    let planner = Planner::new(Terms {
        on_shortage: args.on_shortage.into(),
        split: args.split,
        whole_orders: args.whole_orders,
    });
    let name = display_name(&args.file);
    let import = |sink| Pipeline::new(sink, planner, progress, name, args.strict).run(reader);

    let (counts, end) = match &args.to {
        Some(url) => import(Sink::Bulk(bulk::BulkSink::new(url)?)).await,
        None => {
            let app = App::open(settings, AccessMode::Write).await?;
            let outcome = import(Sink::Engine(EngineSink::new(&app, Principal::new("import")))).await;
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

/// The name of the file in messages.
fn display_name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    }
}
