//! The arguments of `earmark import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use earmark_adapters::files::Kind;
use earmark_domain::OnShortage;

use crate::commands::file_format::FormatArg;

/// The arguments of `earmark import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Rows are sent in the order of the file. Sending a row again changes nothing: run an interrupted import again.

Columns, in any order, named in a header row (CSV) or as fields (NDJSON); those in brackets are optional:
  products  sku,name[,safety_stock]                         at least one of name and safety_stock has a value
  batches   reference,sku,quantity,eta[,location]           an empty eta means in the warehouse
  orders    order_id[,line_id],sku,quantity[,ordered_at]    line_id defaults to the SKU; ordered_at is checked, but
            [,priority][,required_by][,locations]           lines are placed as of now

priority and required_by belong to an order: they need --whole-orders, and are equal in all rows of the order.
locations lists where a line's units may come from, the preferred one first, as in north|south.

A bad row is reported on standard error with its file, line and reason, and skipped. A line without enough stock is not
a bad row: it waits in the backlog, or is counted as refused. A busy store is retried for about a minute.

Examples:
  earmark import batches batches.csv.gz
  earmark import orders orders.ndjson --whole-orders --on-shortage reject
  zcat orders.csv.gz | earmark import orders - --to http://localhost:8080

Exit codes: 0 no bad rows; 1 bad rows, or the import ended early; 2 the command line or a setting is wrong.")]
pub(crate) struct ImportArgs {
    /// What the rows are
    pub(crate) kind: KindArg,
    /// The file, plain or gzip; - for standard input
    pub(crate) file: PathBuf,
    /// The format of the rows [default: by the file's name, then by its first character]
    #[arg(long)]
    pub(crate) format: Option<FormatArg>,
    /// Orders: what to do with a line that lacks stock
    #[arg(long, value_name = "WHAT", default_value = "backorder")]
    pub(crate) on_shortage: ShortageArg,
    /// Orders: a line may be split over several batches
    #[arg(long)]
    pub(crate) split: bool,
    /// Orders: place adjacent lines of one order as one order, not line by line
    #[arg(long)]
    pub(crate) whole_orders: bool,
    /// Stop at the first bad row
    #[arg(long)]
    pub(crate) strict: bool,
    /// Send to a running service instead of writing to the database
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
}

/// What the rows of the file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    Products,
    Batches,
    Orders,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Products => Self::Products,
            KindArg::Batches => Self::Batches,
            KindArg::Orders => Self::Orders,
        }
    }
}

/// A value of `--on-shortage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShortageArg {
    Reject,
    Backorder,
}

impl From<ShortageArg> for OnShortage {
    fn from(shortage: ShortageArg) -> Self {
        match shortage {
            ShortageArg::Reject => Self::Reject,
            ShortageArg::Backorder => Self::Backorder,
        }
    }
}
