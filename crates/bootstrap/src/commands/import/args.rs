//! The arguments of `earmark import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use earmark_adapters::files::Kind;
use earmark_domain::OnShortage;

use super::grouping::Repeats;
use crate::commands::file_format::FormatArg;

/// The arguments of `earmark import`.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is read to its end first; then rows are sent in its order. Sending a row again changes nothing: run an
interrupted import again.

Columns, in any order, named in a header row (CSV) or as fields (NDJSON); those in brackets are optional:
  products  sku,name[,safety_stock]                         at least one of name and safety_stock has a value
  batches   reference,sku,quantity,eta[,location]           an empty eta means in the warehouse
  orders    order_id[,line_id],sku,quantity[,ordered_at]    line_id defaults to the SKU; ordered_at is checked, but
            [,priority][,required_by][,locations]           lines are placed as of now
  counts    reference,quantity                              receipts  reference[,quantity][,rest]
  changes   NDJSON only: the commands of /v1/bulk, as in {\"change_batch\": {\"reference\": \"B-1\", \"quantity\": 3}}

The rest of a receipt is the day on which the units that have not arrived are expected, or close (the default).
priority and required_by belong to an order: they need --whole-orders. locations is a list, as in north|south.
A bad row is reported on standard error with its file, line and reason, and skipped. A line without enough stock is not
a bad row: it waits in the backlog, or is counted as refused. A busy store is retried for about a minute. With --to, the
variable EARMARK_KEY has the access key, if the service wants one.

Examples:
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
    /// Orders: place the lines of an order, wherever they stand, as one order or not at all
    #[arg(long)]
    pub(crate) whole_orders: bool,
    /// What to do with a key that is on several rows: an order line, a batch
    #[arg(long, value_name = "WHAT", default_value = "refuse", hide_possible_values = true)]
    pub(crate) repeats: Repeats,
    /// Stop at the first bad row, and store nothing behind it: one command at a time, so it is slow
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
    Counts,
    Receipts,
    Changes,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Products => Self::Products,
            KindArg::Batches => Self::Batches,
            KindArg::Orders => Self::Orders,
            KindArg::Counts => Self::Counts,
            KindArg::Receipts => Self::Receipts,
            KindArg::Changes => Self::Changes,
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
