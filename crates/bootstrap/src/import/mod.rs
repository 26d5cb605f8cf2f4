//! `earmark import`: rows of a file as commands, in the order of the file, through the engine or to a running service.
//!
//! A file of any size goes through: rows are read on a thread of their own, a bounded number of them waits to be sent,
//! and a bounded number of commands waits for an answer.

mod bulk;
mod link;
mod pipeline;
mod plan;
mod progress;
mod reading;
mod spelt;
mod tally;

use std::path::Path;
use std::process::ExitCode;

use earmark_adapters::files::Kind;
use earmark_application::Principal;

use crate::cli::{ImportArgs, KindArg};
use crate::failure::{EXIT_FAILED, Failure};
use crate::output;
use crate::run::Books;
use crate::settings::Settings;
use crate::wiring::Use;

pub(crate) use link::{EngineLink, Link};
pub(crate) use pipeline::Pipeline;
pub(crate) use plan::{Planner, Terms};
pub(crate) use progress::Progress;
pub(crate) use reading::Reading;
pub(crate) use tally::Tally;

/// Imports a file, and says what became of its rows.
///
/// # Errors
/// When the file, the database or the service can't be had at all; what was imported until then stays.
pub(crate) async fn import(args: ImportArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    if args.kind != KindArg::Orders && (args.whole_orders || args.split) {
        return Err(Failure::Usage("--whole-orders and --split are for orders".to_owned()));
    }
    let kind = Kind::from(args.kind);
    let reading = Reading::of_file(&args.file, kind, args.format.map(Into::into))?;
    let progress = Progress::begin(reading.size);
    let planner = Planner::new(Terms {
        on_shortage: args.on_shortage,
        split: args.split,
        whole_orders: args.whole_orders,
    });
    let name = name_of(&args.file);
    let run = |link| Pipeline::new(link, planner, progress, name, args.strict).run(reading);

    let (tally, end) = match &args.to {
        Some(url) => run(Link::Bulk(bulk::BulkLink::to(url)?)).await,
        None => {
            let books = Books::open(settings, Use::Change).await?;
            let outcome = run(Link::Engine(EngineLink::new(&books, Principal::new("import")))).await;
            books.close().await;
            outcome
        }
    };
    output::say(tally.summary(kind))?;
    end?;
    Ok(match tally.bad {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

/// What a file is called in what people are told.
fn name_of(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    }
}
