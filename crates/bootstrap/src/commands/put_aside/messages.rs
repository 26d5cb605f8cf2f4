//! `earmark commands`: which messages that carry commands were put aside, and what becomes of them.

use std::process::ExitCode;

use clap::Subcommand;
use earmark_application::{DeadMessage, DeadMessageAction, SourceName, SourceStatus, decide_on_dead_messages};

use super::selection::{self, Chosen, Named, print_pages};
use crate::failure::Failure;
use crate::operator;
use crate::output::print;
use crate::settings::Settings;

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
  earmark commands dead nats/ORDERS")]
    Dead(Named),
    /// Try dead messages once more: all of a source, or some
    #[command(after_help = "\
A service that takes commands from the source tries them within seconds. Each is carried out once, or is dead with one attempt more.

Examples:
  earmark commands replay nats/ORDERS
  earmark commands replay nats/ORDERS 17 18")]
    Replay(Chosen),
    /// Drop dead messages: all of a source, or some
    #[command(after_help = "\
What they asked for is not done.

Examples:
  earmark commands skip nats/ORDERS 17")]
    Skip(Chosen),
}

/// Runs the command.
///
/// # Errors
/// When the store can't be read or written, or there is no such source.
pub(crate) async fn run(command: &MessagesCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    let changes = matches!(command, MessagesCommand::Replay(_) | MessagesCommand::Skip(_));
    let ports = selection::open(settings, changes).await?;
    let inbox = &*ports.inbox;
    let all = inbox.sources().await?;
    let find = |Named { name }: &Named| {
        let missing =
            format!("there is no source {name} with dead messages; `earmark commands list` shows those there are");
        let found = selection::find(&all, |status| &status.name, &SourceName::new(name), &missing);
        found.map(|status| &status.name)
    };
    match command {
        MessagesCommand::List => list(&all)?,
        MessagesCommand::Dead(named) => {
            let name = find(named)?;
            let page_after = async |after, limit| inbox.dead_messages(name, after, limit).await;
            print_pages(page_after, |message| message.number, line).await?;
        }
        MessagesCommand::Replay(chosen) => {
            let (name, numbers) = (find(&chosen.of)?, chosen.numbers());
            let messages = decide_on_dead_messages(inbox, name, numbers, DeadMessageAction::Replay).await?;
            operator::log(&ports, "replay_dead_messages", name.as_str()).await?;
            print(format_args!(
                "{messages} messages are tried once more, by whichever service takes commands from {name}"
            ))?;
        }
        MessagesCommand::Skip(chosen) => {
            let (name, numbers) = (find(&chosen.of)?, chosen.numbers());
            let messages = decide_on_dead_messages(inbox, name, numbers, DeadMessageAction::Skip).await?;
            operator::log(&ports, "skip_dead_messages", name.as_str()).await?;
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
