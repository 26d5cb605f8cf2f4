//! `earmark events`: who is told of events, how far they have got, and what they have not taken.

use std::process::ExitCode;

use clap::Subcommand;
use earmark_adapters::wire::events::{any_event_schema, event_schema};
use earmark_application::{DeadLetter, DeadLetterAction, LetterState, SubscriptionName, SubscriptionStatus};
use earmark_domain::EVENT_TYPES;

use super::selection::{self, Chosen, Named, print_pages};
use crate::failure::Failure;
use crate::operator;
use crate::output::print;
use crate::settings::Settings;

/// Why a subscription that somebody has disabled is disabled.
const BY_REQUEST: &str = "by request";

/// What is done with subscriptions.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List the subscriptions: how far each has got, and whether it fails
    #[command(after_help = "\
Examples:
  earmark events list

Exit codes: 0 success; 1 the database can't be read; 2 a setting is wrong.")]
    List,
    /// List the events that a subscription has put aside
    #[command(after_help = "\
An event is put aside when its subscriber does not take it, or while it waits behind one of the same product. It is
tried again by itself. After a number of attempts it is dead: then somebody has to decide, by replay or by skip.

Examples:
  earmark events dead nats://broker:4222/EVENTS")]
    Dead(Named),
    /// Deliver dead events once more: all of a subscription, or some
    #[command(after_help = "\
Examples:
  earmark events replay https://shop.example/hook
  earmark events replay https://shop.example/hook 1041 1042")]
    Replay(Chosen),
    /// Drop events that a subscription has put aside: all, or some
    #[command(after_help = "\
The subscriber is not told of these events. What waits behind them follows.

Examples:
  earmark events skip https://shop.example/hook 1041")]
    Skip(Chosen),
    /// Print the JSON Schema of the events of a type, or of any event
    #[command(after_help = "\
What a schema says holds for all events of its version, which is in its $id. What reads events passes over types,
fields and words that it does not know: they may be added within a version.

Examples:
  earmark events schema Allocated > Allocated.json
  earmark events schema > events.json

Exit codes: 0 success; 1 the schema could not be written; 2 there is no such type.")]
    Schema {
        /// The type of event
        #[arg(value_name = "TYPE")]
        event_type: Option<String>,
    },
    /// Deliver events to a subscription again that was disabled
    Enable(Named),
    /// Deliver no events to a subscription until it is enabled; nothing is lost
    Disable(Named),
}

/// Runs the command.
///
/// # Errors
/// When the store can't be read or written, or there is no such subscription.
pub(crate) async fn run(command: &EventsCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    if let EventsCommand::Schema { event_type } = command {
        return schema(event_type.as_deref());
    }
    let changes = !matches!(command, EventsCommand::List | EventsCommand::Dead(_));
    let ports = selection::open(settings, changes).await?;
    let store = &*ports.subscriptions;
    let all = store.subscriptions(ports.clock.now()).await?;
    let find = |Named { name }: &Named| {
        let missing = format!("there is no subscription {name}; `earmark events list` shows those there are");
        let found = selection::find(&all, |status| &status.name, &SubscriptionName::new(name), &missing);
        found.map(|status| &status.name)
    };
    match command {
        // It has been printed: no store is needed for it.
        EventsCommand::Schema { .. } => {}
        EventsCommand::List => list(&all)?,
        EventsCommand::Dead(named) => {
            let name = find(named)?;
            let page_after = async |after, limit| store.dead_letters(name, after, limit).await;
            print_pages(page_after, |letter| letter.sequence, line).await?;
        }
        EventsCommand::Replay(chosen) => {
            let (name, sequences) = (find(&chosen.of)?, chosen.numbers());
            let replay = DeadLetterAction::Replay;
            let events = store.decide_on_dead_letters(name, sequences, replay).await?;
            operator::log(&ports, "replay_dead_letters", name.as_str()).await?;
            print(format_args!("{events} events are delivered once more"))?;
        }
        EventsCommand::Skip(chosen) => {
            let (name, sequences) = (find(&chosen.of)?, chosen.numbers());
            let skip = DeadLetterAction::Skip;
            let events = store.decide_on_dead_letters(name, sequences, skip).await?;
            operator::log(&ports, "skip_dead_letters", name.as_str()).await?;
            print(format_args!("{events} events are dropped"))?;
        }
        EventsCommand::Enable(named) => {
            let name = find(named)?;
            store.disable(name, None).await?;
            operator::log(&ports, "change_subscription", name.as_str()).await?;
            print("enabled")?;
        }
        EventsCommand::Disable(named) => {
            let name = find(named)?;
            store.disable(name, Some(BY_REQUEST)).await?;
            operator::log(&ports, "change_subscription", name.as_str()).await?;
            print("disabled")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn schema(event_type: Option<&str>) -> Result<ExitCode, Failure> {
    let schema = match event_type {
        None => any_event_schema(),
        Some(name) => event_schema(name).ok_or_else(|| {
            Failure::Usage(format!(
                "there is no event type {name}; there are {}",
                EVENT_TYPES.join(", ")
            ))
        })?,
    };
    print(format_args!("{schema:#}"))?;
    Ok(ExitCode::SUCCESS)
}

fn list(all: &[SubscriptionStatus]) -> Result<(), Failure> {
    if all.is_empty() {
        print("there are no subscriptions; the service makes them when it runs")?;
    }
    for status in all {
        let progress = &status.progress;
        print(format_args!("{}", status.name))?;
        let place = if progress.place.sequence == 0 {
            "nothing was delivered yet".to_owned()
        } else {
            format!("delivered up to {}", progress.place)
        };
        let active = if status.is_leased {
            ""
        } else {
            "; no instance delivers now"
        };
        print(format_args!("  {place}{active}"))?;
        if let Some(reason) = &progress.disabled {
            print(format_args!("  disabled: {reason}"))?;
        }
        if let Some(failing) = &progress.failing {
            let (since, attempts, reason) = (failing.since, failing.attempts, &failing.reason);
            print(format_args!("  fails since {since}, attempt {attempts}: {reason}"))?;
        }
        if status.put_aside > 0 {
            print(format_args!(
                "  {} events are put aside, {} of them dead",
                status.put_aside, status.dead
            ))?;
        }
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    let sku = letter.sku.as_ref().map_or("-", |sku| sku.as_str());
    let state = match &letter.state {
        LetterState::Waits => "waits behind an earlier one".to_owned(),
        LetterState::Tried(reason) => format!("tried {} times: {reason}", letter.attempts),
        LetterState::Dead(reason) => format!("dead after {} attempts: {reason}", letter.attempts),
    };
    format!("{}\t{sku}\t{}\t{state}", letter.sequence, letter.since)
}
