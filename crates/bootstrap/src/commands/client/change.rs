//! Changes: those that take something away or move it are shown first, and done only if somebody agrees.

use std::process::ExitCode;

use clap::Args;

use super::ask::agreed;
use super::models::Batch;
use super::remote::{Call, CallError, RemoteService, Reply};
use super::screen::Screen;
use super::shown::shown_json;
use crate::failure::Failure;
use crate::output::eprint;

/// How often a change is shown again because what it is about has changed between two calls. A product that sells every
/// second is still between two of them most of the time.
const ATTEMPTS: usize = 5;

/// Whether somebody is asked.
#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// Do it without asking, whatever it does to others
    #[arg(long, conflicts_with = "preview")]
    yes: bool,
    /// Show what it would do, and do nothing
    #[arg(long)]
    preview: bool,
}

/// When a change is shown before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// It takes nothing away.
    Never,
    Always,
    /// It is as expected if the batch has so many units.
    UnlessUnitsAre(u32),
}

/// What is done.
pub(super) struct Change {
    pub(super) call: Call,
    /// The path of what it is about.
    pub(super) subject: String,
    pub(super) asks: Asks,
    /// What it does, from what was there and the answer: nothing, or a text.
    pub(super) consequences: fn(&Reply, &Reply, Option<u16>) -> Result<String, Failure>,
    /// The answer, when it is done.
    pub(super) result: fn(&Reply, Option<u16>) -> Result<String, Failure>,
}

/// Carries out a change.
///
/// # Errors
/// When it is refused, or nobody has agreed to it.
pub(super) async fn carry_out(
    service: &RemoteService,
    change: &Change,
    consent: &ConsentArgs,
    json: bool,
) -> Result<ExitCode, Failure> {
    if !consent.preview && (consent.yes || change.asks == Asks::Never) {
        let reply = service.send(&change.call, None).await?;
        return show(&reply, change.result, json);
    }
    for _ in 0..ATTEMPTS {
        match ask_and_do(service, change, consent, json).await {
            Err(CallError::Stale) => {}
            Err(CallError::Other(failure)) => return Err(failure),
            Ok(code) => return Ok(code),
        }
    }
    Err(Failure::Failed(
        "nothing was done, since it changes too fast to be shown; --yes does it without".to_owned(),
    ))
}

/// Shows a change and does it.
///
/// # Errors
/// `Stale` before anything was shown: it may be tried again.
async fn ask_and_do(
    service: &RemoteService,
    change: &Change,
    consent: &ConsentArgs,
    json: bool,
) -> Result<ExitCode, CallError> {
    let before = service.get(change.subject.clone()).await.map_err(CallError::Other)?;
    let version = before.etag.as_deref();
    let preview = service.preview(&change.call, version).await?;
    let consequences = |screen: Screen| (change.consequences)(&before, &preview, screen.width());
    if consent.preview {
        let text = consequences(Screen::Answers).map_err(CallError::Other)?;
        let shown = match (json, text.is_empty()) {
            (true, _) => shown_json(&preview.text),
            (false, true) => "nothing would change".to_owned(),
            (false, false) => text,
        };
        let shown = Screen::Answers.show(&shown).map_err(Failure::from);
        return shown.map(|()| ExitCode::SUCCESS).map_err(CallError::Other);
    }
    let text = consequences(Screen::Questions).map_err(CallError::Other)?;
    let is_expected = match change.asks {
        Asks::Never => true,
        Asks::Always => false,
        Asks::UnlessUnitsAre(units) => {
            let batch: Batch = before.read().map_err(CallError::Other)?;
            batch.quantity == u64::from(units)
        }
    };
    let asked = !is_expected && !text.is_empty();
    if asked {
        eprint(format_args!("This would be done:\n\n{text}"));
        if !agreed().map_err(CallError::Other)? {
            return Err(CallError::Other(Failure::Failed("nothing was done".to_owned())));
        }
    }
    let done = service.send(&change.call, version).await;
    let done = match done {
        // Somebody has agreed to something else.
        Err(stale @ CallError::Stale) if asked => return Err(CallError::Other(stale.into())),
        done => done?,
    };
    show(&done, change.result, json).map_err(CallError::Other)
}

/// Shows an answer.
///
/// # Errors
/// When it does not come from Earmark, or standard output is closed.
pub(super) fn show(
    reply: &Reply,
    people: impl FnOnce(&Reply, Option<u16>) -> Result<String, Failure>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let screen = Screen::Answers;
    let text = match json {
        true => {
            let _: serde_json::Value = reply.read()?;
            shown_json(&reply.text)
        }
        false => people(reply, screen.width())?,
    };
    screen.show(text.trim_end_matches('\n'))?;
    Ok(ExitCode::SUCCESS)
}
