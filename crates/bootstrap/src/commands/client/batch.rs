//! `earmark batch`: batches of a running service.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_domain::{Location, Reference, Sku};
use hyper::Method;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::change::{Asks, Change, ConsentArgs, carry_out, show};
use super::consequences::{batch_done, of_batch};
use super::lists::show_page;
use super::models::Batch;
use super::remote::{Call, Reply, path};
use super::{ClientArgs, PageArgs, tables};
use crate::failure::Failure;
use crate::settings::Settings;

/// Batches of a running service.
#[derive(Debug, Args)]
#[command(after_help = "\
What takes something away, or moves a promise, is shown first, and done if you agree. --yes does it without asking,
--preview only shows it. The variable EARMARK_KEY has the access key, if the service wants one.

Examples:
  earmark batch list --overdue
  earmark batch receive PO-1042 --units 60 --rest 2026-12-14
  earmark batch change PO-1042 --eta 2026-12-14 --preview

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    command: BatchCommand,
}

/// What is done with batches.
#[derive(Debug, Subcommand)]
enum BatchCommand {
    /// Show a batch
    #[command(after_help = "\
Examples:
  earmark batch show PO-1042
  earmark --to https://stock.example batch show PO-1042 --json

Exit codes: 0 shown; 1 there is no such batch, or no answer; 2 the command line or a setting is wrong.")]
    Show {
        /// Its reference
        reference: Reference,
    },
    /// List batches, by reference
    #[command(after_help = "\
Examples:
  earmark batch list --overdue
  earmark batch list --sku LAMP-RED --status inbound

Exit codes: 0 listed; 1 refused, or no answer; 2 the command line or a setting is wrong.")]
    List {
        /// Only those of this product
        #[arg(long)]
        sku: Option<Sku>,
        /// Only those at this location, or on their way to it
        #[arg(long)]
        location: Option<Location>,
        /// Only those with this status
        #[arg(long, value_parser = ["in_warehouse", "inbound", "overdue", "closed"])]
        status: Option<String>,
        /// Only those that are overdue
        #[arg(long)]
        overdue: bool,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Receive a batch: it is in the warehouse from now on
    #[command(after_help = "\
As expected, it is received at once. With another count, a rest, or --undo, what that does to orders is shown first.

Examples:
  earmark batch receive PO-1042
  earmark batch receive PO-1042 --units 60 --rest 2026-12-14
  earmark batch receive PO-1042 --undo

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Receive {
        /// Its reference
        reference: Reference,
        /// The units counted [default: as many as are expected]
        #[arg(long, value_name = "NUMBER", conflicts_with = "undo")]
        units: Option<u32>,
        /// What has not arrived: expected on this day; expected, as the batch was; or close, nothing more comes
        #[arg(long, value_name = "DATE|expected|close", requires = "units", value_parser = read_rest)]
        rest: Option<Rest>,
        /// It has not arrived after all
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Change the units or the date of a batch
    #[command(after_help = "\
What that does to orders is shown first: who moves, who waits, and who is told another date.

Examples:
  earmark batch change PO-1042 --eta 2026-12-14
  earmark batch change PO-1042 --units 80 --preview

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Change {
        /// Its reference
        reference: Reference,
        /// The units counted; 0 for a batch that is lost
        #[arg(long, value_name = "NUMBER", required_unless_present = "eta")]
        units: Option<u32>,
        /// The day on which it arrives
        #[arg(long, value_name = "DATE")]
        eta: Option<Date>,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Cancel a batch: it will not arrive, or is given up
    #[command(after_help = "\
What that does to orders is shown first: who moves, and who waits.

Examples:
  earmark batch cancel PO-1042
  earmark batch cancel PO-1042 --yes

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Cancel {
        /// Its reference
        reference: Reference,
        #[command(flatten)]
        consent: ConsentArgs,
    },
}

/// What becomes of units that have not arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rest {
    Close,
    Expected(Option<Date>),
}

fn read_rest(text: &str) -> Result<Rest, String> {
    match text {
        "close" => Ok(Rest::Close),
        "expected" => Ok(Rest::Expected(None)),
        day => day
            .parse()
            .map(|day| Rest::Expected(Some(day)))
            .map_err(|_| "a day as in 2026-12-14, expected, or close is allowed".to_owned()),
    }
}

/// Those members that have a value, as an object.
pub(super) fn object(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let members = members.into_iter();
    Value::Object(
        members
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
    )
}

/// Runs the command.
///
/// # Errors
/// When it is refused, or the service can't be reached.
pub(crate) async fn run(arguments: &BatchArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let (service, json) = (arguments.client.service(settings)?, arguments.client.json);
    let of = |reference: &Reference| path(&["batches", reference.as_str()]);
    let change = |reference: &Reference, method, below: &str, body, asks| Change {
        call: Call {
            method,
            path: of(reference) + below,
            body,
        },
        subject: of(reference),
        asks,
        consequences: of_batch,
        result: batch_done,
    };
    let (change, consent) = match &arguments.command {
        BatchCommand::Show { reference } => {
            let reply = service.get(of(reference)).await?;
            let people = |reply: &Reply, width| Ok(tables::batches(&[reply.read::<Batch>()?], width));
            return show(&reply, people, json);
        }
        BatchCommand::List {
            sku,
            location,
            status,
            overdue,
            page,
        } => {
            let query = [
                ("sku", sku.as_ref().map(ToString::to_string)),
                ("location", location.as_ref().map(ToString::to_string)),
                ("status", status.clone()),
                ("overdue", overdue.then(|| "true".to_owned())),
            ];
            return show_page(&service, &path(&["batches"]), &query, page, json, tables::batches).await;
        }
        BatchCommand::Receive {
            reference,
            undo: true,
            consent,
            ..
        } => (
            change(reference, Method::DELETE, "/receipt", None, Asks::Always),
            consent,
        ),
        BatchCommand::Receive {
            reference,
            units,
            rest,
            undo: false,
            consent,
        } => {
            let asks = match (units, rest) {
                (None, _) => Asks::Never,
                (Some(units), None) => Asks::UnlessUnitsAre(*units),
                (Some(_), Some(_)) => Asks::Always,
            };
            let rest = rest.as_ref().map(|rest| match rest {
                Rest::Close => json!("close"),
                Rest::Expected(day) => object([("eta", day.map(|day| json!(day.to_string())))]),
            });
            let body = object([("quantity", units.map(Value::from)), ("rest", rest)]);
            (change(reference, Method::POST, "/receipt", Some(body), asks), consent)
        }
        BatchCommand::Change {
            reference,
            units,
            eta,
            consent,
        } => {
            let eta = eta.map(|day| json!(day.to_string()));
            let body = object([("quantity", units.map(Value::from)), ("eta", eta)]);
            (change(reference, Method::PATCH, "", Some(body), Asks::Always), consent)
        }
        BatchCommand::Cancel { reference, consent } => {
            (change(reference, Method::DELETE, "", None, Asks::Always), consent)
        }
    };
    carry_out(&service, &change, consent, json).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_a_day_or_a_word() {
        assert_eq!(read_rest("close"), Ok(Rest::Close));
        assert_eq!(read_rest("expected"), Ok(Rest::Expected(None)));
        assert_eq!(
            read_rest("2026-12-14"),
            Ok(Rest::Expected(Some(jiff::civil::date(2026, 12, 14))))
        );
        assert!(read_rest("soon").is_err());
    }
}
