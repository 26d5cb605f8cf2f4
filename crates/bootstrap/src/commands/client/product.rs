//! `earmark product`: products of a running service.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_domain::{Location, Sku};

use super::change::show;
use super::lists::show_page;
use super::models::{Availability, Product};
use super::remote::{Reply, path, with_query};
use super::{ClientArgs, PageArgs, tables};
use crate::failure::Failure;
use crate::settings::Settings;

/// Products of a running service.
#[derive(Debug, Args)]
#[command(after_help = "\
The variable EARMARK_KEY has the access key, if the service wants one.

Examples:
  earmark product list lamp
  earmark product show LAMP-RED --to https://stock.example

Exit codes: 0 shown; 1 refused, or no answer; 2 the command line or a setting is wrong.")]
pub(crate) struct ProductArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    command: ProductCommand,
}

/// What is done with products.
#[derive(Debug, Subcommand)]
enum ProductCommand {
    /// Show a product with its batches, in the order they are tried
    #[command(after_help = "\
Examples:
  earmark product show LAMP-RED

Exit codes: 0 shown; 1 there is no such product, or no answer; 2 the command line or a setting is wrong.")]
    Show {
        /// Its SKU
        sku: Sku,
    },
    /// List products, by SKU
    #[command(after_help = "\
Examples:
  earmark product list
  earmark product list lamp --limit 500

Exit codes: 0 listed; 1 refused, or no answer; 2 the command line or a setting is wrong.")]
    List {
        /// Only those whose SKU or name contains it, in any case
        search: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show what can be promised of a product, by date
    #[command(after_help = "\
Examples:
  earmark product availability LAMP-RED --location north

Exit codes: 0 shown; 1 there is no such product, or no answer; 2 the command line or a setting is wrong.")]
    Availability {
        /// Its SKU
        sku: Sku,
        /// Only from this location
        #[arg(long)]
        location: Option<Location>,
    },
    /// List the lines that wait for a product, in order of service
    #[command(after_help = "\
Examples:
  earmark product backlog LAMP-RED

Exit codes: 0 listed; 1 there is no such product, or no answer; 2 the command line or a setting is wrong.")]
    Backlog {
        /// Its SKU
        sku: Sku,
        #[command(flatten)]
        page: PageArgs,
    },
}

/// Runs the command.
///
/// # Errors
/// When it is refused, or the service can't be reached.
pub(crate) async fn run(arguments: &ProductArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let (service, json) = (arguments.client.service(settings)?, arguments.client.json);
    let of = |sku: &Sku, more: &[&str]| path(&[&["products", sku.as_str()], more].concat());
    match &arguments.command {
        ProductCommand::Show { sku } => show(&service.get(of(sku, &[])).await?, product_text, json),
        ProductCommand::List { search, page } => {
            let query = [("search", search.clone())];
            show_page(&service, &path(&["products"]), &query, page, json, tables::products).await
        }
        ProductCommand::Availability { sku, location } => {
            let query = [("location", location.as_ref().map(ToString::to_string))];
            let reply = service.get(with_query(of(sku, &["availability"]), &query)).await?;
            show(&reply, availability_text, json)
        }
        ProductCommand::Backlog { sku, page } => {
            let list = of(sku, &["backlog"]);
            show_page(&service, &list, &[], page, json, tables::lines_of_orders).await
        }
    }
}

fn product_text(reply: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let product: Product = reply.read()?;
    let name = product.name.map(|name| format!(": {name}")).unwrap_or_default();
    let safety_stock = match product.safety_stock {
        0 => String::new(),
        units => format!(", {units} kept back"),
    };
    let batches = match product.batches.as_slice() {
        [] => String::new(),
        batches => format!("\n{}", tables::batches_of_product(batches, width)),
    };
    Ok(format!(
        "Product {}{name}\n{} on hand, {} inbound, {} allocated, {} dispatched{safety_stock}\n{} can be promised, {} \
         waited for\n{batches}",
        product.sku,
        product.on_hand,
        product.inbound,
        product.allocated,
        product.dispatched,
        product.available,
        product.backordered
    ))
}

fn availability_text(reply: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let availability: Availability = reply.read()?;
    Ok(match availability.timeline.as_slice() {
        [] => "nothing can be promised".to_owned(),
        days => tables::timeline(days, width),
    })
}
