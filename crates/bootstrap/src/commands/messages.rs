//! `earmark commands`: which messages that carry commands were put aside, and what becomes of them.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_application::{DeadMessage, DeadMessageAction, Inbox, SourceName, SourceStatus, decide_on_dead_messages};

use crate::failure::Failure;
use crate::output::print;
use crate::settings::Settings;
use crate::wiring::{self, AccessMode};

/// How many dead messages are read at once.
const PAGE: usize = 500;

/// How much of a message is shown, in characters: it has its place on a line.
const SHOWN_CHARS: usize = 200;

/// What is done with dead messages.
#[derive(Debug, Subcommand)]
pub(crate) enum MessagesCommand {
    /// List the sources that have dead messages
    #[command(after_help = "\
Examples:
  earmark commands list

Exit codes: 0 success; 1 the database can't be read; 2 a setting is wrong.")]
    List,
    /// List the dead messages of a source, each with its reason and how it begins
    #[command(after_help = "\
A message is dead when it can't be read, or when its command was refused: somebody has to decide, by replay or by skip.

Examples:
  earmark commands dead nats://broker:4222/ORDERS")]
    Dead(Named),
    /// Try dead messages once more: all of a source, or some
    #[command(after_help = "\
The service tries them within seconds. Each is carried out once, or is dead with one attempt more.

Examples:
  earmark commands replay nats://broker:4222/ORDERS
  earmark commands replay nats://broker:4222/ORDERS 17 18")]
    Replay(Chosen),
    /// Drop dead messages: all of a source, or some
    #[command(after_help = "\
What they asked for is not done.

Examples:
  earmark commands skip nats://broker:4222/ORDERS 17")]
    Skip(Chosen),
}

/// A source.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The source, as `earmark commands list` shows it
    #[arg(value_name = "NAME")]
    name: String,
}

/// Messages of a source.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The source, as `earmark commands list` shows it
    #[arg(value_name = "NAME")]
    name: String,
    /// The numbers of the messages; all where none is given
    #[arg(value_name = "NUMBER")]
    numbers: Vec<u64>,
}

/// Runs the command.
///
/// # Errors
/// When the store can't be read or written, or there is no such source.
pub(crate) async fn run(command: &MessagesCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    let mode = match command {
        MessagesCommand::List | MessagesCommand::Dead(_) => AccessMode::Read,
        MessagesCommand::Replay(_) | MessagesCommand::Skip(_) => AccessMode::Write,
    };
    let ports = wiring::wire(&settings.store, &settings.calendar, mode).await?;
    let inbox = &*ports.inbox;
    let all = inbox.sources().await?;
    let find = |name: &str| {
        let name = SourceName::new(name);
        let found = all.iter().find(|status| status.name == name);
        found.map(|status| status.name.clone()).ok_or_else(|| {
            Failure::Failed(format!(
                "there is no source {name} with dead messages; `earmark commands list` shows those there are"
            ))
        })
    };
    match command {
        MessagesCommand::List => list(&all)?,
        MessagesCommand::Dead(Named { name }) => dead(inbox, &find(name)?).await?,
        MessagesCommand::Replay(chosen) => {
            let messages = decide(inbox, &find(&chosen.name)?, chosen, DeadMessageAction::Replay).await?;
            print(format_args!("{messages} messages are tried once more"))?;
        }
        MessagesCommand::Skip(chosen) => {
            let messages = decide(inbox, &find(&chosen.name)?, chosen, DeadMessageAction::Skip).await?;
            print(format_args!("{messages} messages are dropped"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(all: &[SourceStatus]) -> Result<(), Failure> {
    if all.is_empty() {
        print("there are no dead messages")?;
    }
    for SourceStatus { name, dead, replayed } in all {
        print(format_args!("{name}"))?;
        let replayed = match replayed {
            0 => String::new(),
            some => format!("; {some} of them are tried once more"),
        };
        print(format_args!("  dead messages: {dead}{replayed}"))?;
    }
    Ok(())
}

async fn dead(inbox: &dyn Inbox, name: &SourceName) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = inbox.dead_messages(name, after, PAGE).await?;
        for message in &page {
            print(format_args!("{}", line(message)))?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = last.number,
            _ => return Ok(()),
        }
    }
}

fn line(message: &DeadMessage) -> String {
    let id = if message.id.is_empty() { "-" } else { &message.id };
    let replayed = if message.replayed { ", tried once more" } else { "" };
    let body = String::from_utf8_lossy(&message.body);
    // What others have sent must do nothing to a terminal.
    let shown = body.chars().take(SHOWN_CHARS);
    let shown: String = shown.map(|char| if char.is_control() { ' ' } else { char }).collect();
    let (number, since, attempts) = (message.number, message.since, message.attempts);
    let (reason, bytes) = (&message.reason, message.bytes);
    format!("{number}\t{id}\t{since}\tattempt {attempts}{replayed}: {reason}\t{bytes} bytes: {shown}")
}

async fn decide(
    inbox: &dyn Inbox,
    name: &SourceName,
    chosen: &Chosen,
    action: DeadMessageAction,
) -> Result<u64, Failure> {
    let numbers = (!chosen.numbers.is_empty()).then_some(chosen.numbers.as_slice());
    Ok(decide_on_dead_messages(inbox, name, numbers, action).await?)
}
