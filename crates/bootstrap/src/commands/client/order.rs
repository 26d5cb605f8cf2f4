//! `earmark order`: orders of a running service.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_domain::{LineId, Location, OrderId, Sku};
use hyper::Method;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::batch::object;
use super::change::{Asks, Change, ConsentArgs, carry_out, show};
use super::consequences::{of_order, of_terms, order_shown, terms_done};
use super::lists::show_page;
use super::remote::{Call, path};
use super::{ClientArgs, PageArgs, tables};
use crate::failure::Failure;
use crate::settings::Settings;

/// Orders of a running service.
#[derive(Debug, Args)]
#[command(after_help = "\
What takes something away, or moves a promise, is shown first, and done if you agree. --yes does it without asking,
--preview only shows it. The variable EARMARK_KEY has the access key, if the service wants one.

Examples:
  earmark order show order-7
  earmark order list --at-risk --to https://stock.example
  earmark order cancel order-7

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
pub(crate) struct OrderArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    command: OrderCommand,
}

/// What is done with orders.
#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Show an order with its lines
    #[command(after_help = "\
Examples:
  earmark order show order-7
  earmark --to https://stock.example order show order-7 --json

Exit codes: 0 shown; 1 there is no such order, or no answer; 2 the command line or a setting is wrong.")]
    Show {
        /// Its id
        order: OrderId,
    },
    /// List orders, by id
    #[command(after_help = "\
Examples:
  earmark order list --at-risk
  earmark order list --sku LAMP-RED --waiting --required-before 2026-12-24

Exit codes: 0 listed; 1 refused, or no answer; 2 the command line or a setting is wrong.")]
    List {
        /// Only those with a line of this product
        #[arg(long)]
        sku: Option<Sku>,
        /// Only those with this status
        #[arg(long, value_parser = ["held", "firm", "dispatched", "cancelled", "expired"])]
        status: Option<String>,
        /// Only those with a line that is at risk
        #[arg(long)]
        at_risk: bool,
        /// Only those with a line that waits
        #[arg(long)]
        waiting: bool,
        /// Only those that are required by a day before this one
        #[arg(long, value_name = "DATE")]
        required_before: Option<Date>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Confirm an order that is held: it is firm from now on
    #[command(after_help = "\
All of it at once. With --line, what is released of the rest is shown first.

Examples:
  earmark order confirm order-8
  earmark order confirm order-8 --line 1 --line 2

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Confirm {
        /// Its id
        order: OrderId,
        #[command(flatten)]
        lines: LineArgs,
        /// Try to get the same units again if the hold has expired
        #[arg(long)]
        reacquire: bool,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Dispatch an order: its units leave the building
    #[command(after_help = "\
What leaves, and what can't yet, is shown first.

Examples:
  earmark order dispatch order-7
  earmark order dispatch order-7 --line 1 --units 2 --all-or-nothing
  earmark order dispatch order-7 --undo

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Dispatch {
        /// Its id
        order: OrderId,
        #[command(flatten)]
        lines: LineArgs,
        /// Nothing leaves unless all of it can
        #[arg(long)]
        all_or_nothing: bool,
        /// They have not left after all
        #[arg(long, conflicts_with_all = ["units", "all_or_nothing"])]
        undo: bool,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Change the terms of an order, or the units of a line
    #[command(after_help = "\
What that does to its lines, and to other orders, is shown first.

Examples:
  earmark order change order-7 --priority 5 --required-by 2026-12-24
  earmark order change order-7 --required-by any --location north --location main
  earmark order change order-7 --line 1 --units 2

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    #[command(group = clap::ArgGroup::new("terms").multiple(true).required(true)
        .args(["line", "priority", "required_by", "locations"]))]
    Change {
        /// Its id
        order: OrderId,
        /// The line whose units change
        #[arg(long, requires = "units", conflicts_with_all = ["priority", "required_by", "locations"])]
        line: Option<LineId>,
        /// How many the line is of
        #[arg(long, value_name = "NUMBER", requires = "line", value_parser = clap::value_parser!(u32).range(1..))]
        units: Option<u32>,
        /// Orders of higher priority are served first
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
        priority: Option<i32>,
        /// The day it is required by, or any
        #[arg(long, value_name = "DATE|any", value_parser = read_day)]
        required_by: Option<Day>,
        /// Where its units may come from, the preferred one first
        #[arg(long = "location", value_name = "LOCATION")]
        locations: Vec<Location>,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Cancel an order, or a line of it: its stock is free
    #[command(after_help = "\
What is cancelled is shown first. What has left the building stays so.

Examples:
  earmark order cancel order-7
  earmark order cancel order-7 --line 1 --yes

Exit codes: 0 done; 1 refused, not agreed to, changed meanwhile, or no answer; 2 the command line or a setting is wrong.")]
    Cancel {
        /// Its id
        order: OrderId,
        /// Only this line
        #[arg(long)]
        line: Option<LineId>,
        #[command(flatten)]
        consent: ConsentArgs,
    },
}

/// Which lines of the order.
#[derive(Debug, Args)]
struct LineArgs {
    /// Only this line; may be given several times
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<LineId>,
    /// So many units of the one line
    #[arg(long, value_name = "NUMBER", requires = "lines", value_parser = clap::value_parser!(u32).range(1..))]
    units: Option<u32>,
}

impl LineArgs {
    /// As a member of a body, if any were named.
    ///
    /// # Errors
    /// When the units are of several lines.
    fn json(&self) -> Result<Option<Value>, Failure> {
        if self.units.is_some() && self.lines.len() != 1 {
            return Err(Failure::Usage("--units is of one --line".to_owned()));
        }
        let line = |line: &LineId| {
            let quantity = self.units.map(Value::from);
            object([("line_id", Some(json!(line.as_str()))), ("quantity", quantity)])
        };
        let lines: Vec<Value> = self.lines.iter().map(line).collect();
        Ok((!lines.is_empty()).then_some(Value::Array(lines)))
    }
}

/// A day by which an order is required, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Any,
    Of(Date),
}

fn read_day(text: &str) -> Result<Day, String> {
    match text {
        "any" => Ok(Day::Any),
        day => day
            .parse()
            .map(Day::Of)
            .map_err(|_| "a day as in 2026-12-24, or any is allowed".to_owned()),
    }
}

/// A change of an order that answers with the order.
fn change(order: &OrderId, method: Method, below: &[&str], body: Option<Value>) -> Change {
    let subject = path(&["orders", order.as_str()]);
    Change {
        call: Call {
            method,
            path: path(&[&["orders", order.as_str()], below].concat()),
            body,
        },
        subject,
        asks: Asks::Always,
        consequences: of_order,
        result: order_shown,
    }
}

/// Runs the command.
///
/// # Errors
/// When it is refused, or the service can't be reached.
pub(crate) async fn run(arguments: &OrderArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let (service, json) = (arguments.client.service(settings)?, arguments.client.json);
    let (change, consent) = match &arguments.command {
        OrderCommand::Show { order } => {
            let reply = service.get(path(&["orders", order.as_str()])).await?;
            return show(&reply, order_shown, json);
        }
        OrderCommand::List {
            sku,
            status,
            at_risk,
            waiting,
            required_before,
            page,
        } => {
            let query = [
                ("sku", sku.as_ref().map(ToString::to_string)),
                ("status", status.clone()),
                ("at_risk", at_risk.then(|| "true".to_owned())),
                ("waiting", waiting.then(|| "true".to_owned())),
                ("required_before", required_before.map(|day| day.to_string())),
            ];
            return show_page(&service, &path(&["orders"]), &query, page, json, tables::orders).await;
        }
        OrderCommand::Confirm {
            order,
            lines,
            reacquire,
            consent,
        } => {
            let lines = lines.json()?;
            let asks = if lines.is_some() { Asks::Always } else { Asks::Never };
            let body = object([("lines", lines), ("reacquire", reacquire.then_some(json!(true)))]);
            let change = Change {
                asks,
                ..change(order, Method::POST, &["confirmation"], Some(body))
            };
            (change, consent)
        }
        OrderCommand::Dispatch {
            order,
            lines,
            all_or_nothing,
            undo,
            consent,
        } => {
            let all_or_nothing = all_or_nothing.then_some(json!(true));
            let body = object([("lines", lines.json()?), ("all_or_nothing", all_or_nothing)]);
            let method = if *undo { Method::DELETE } else { Method::POST };
            (change(order, method, &["dispatch"], Some(body)), consent)
        }
        OrderCommand::Change {
            order,
            line: Some(line),
            units,
            consent,
            ..
        } => {
            let body = object([("quantity", units.map(Value::from))]);
            let below = ["lines", line.as_str()];
            (change(order, Method::PATCH, &below, Some(body)), consent)
        }
        OrderCommand::Change {
            order,
            priority,
            required_by,
            locations,
            consent,
            ..
        } => {
            let day = required_by.map(|day| match day {
                Day::Any => Value::Null,
                Day::Of(day) => json!(day.to_string()),
            });
            let locations: Vec<&str> = locations.iter().map(Location::as_str).collect();
            let body = object([
                ("priority", priority.map(Value::from)),
                ("required_by", day),
                ("locations", (!locations.is_empty()).then_some(json!(locations))),
            ]);
            let change = Change {
                consequences: of_terms,
                result: terms_done,
                ..change(order, Method::PATCH, &[], Some(body))
            };
            (change, consent)
        }
        OrderCommand::Cancel { order, line, consent } => {
            let below: Vec<&str> = line.iter().flat_map(|line| ["lines", line.as_str()]).collect();
            (change(order, Method::DELETE, &below, None), consent)
        }
    };
    carry_out(&service, &change, consent, json).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_or_any() {
        assert_eq!(read_day("any"), Ok(Day::Any));
        assert_eq!(read_day("2026-12-24"), Ok(Day::Of(jiff::civil::date(2026, 12, 24))));
        assert!(read_day("soon").is_err());
    }

    #[test]
    fn units_are_of_one_line() {
        let line = |text: &str| LineId::new(text).expect("a name");
        let arguments = |lines: &[&str], units| LineArgs {
            lines: lines.iter().map(|text| line(text)).collect(),
            units,
        };
        assert_eq!(arguments(&[], None).json().expect("right"), None);
        assert_eq!(
            arguments(&["1"], Some(2)).json().expect("right"),
            Some(json!([{"line_id": "1", "quantity": 2}]))
        );
        assert!(arguments(&["1", "2"], Some(2)).json().is_err());
    }
}
