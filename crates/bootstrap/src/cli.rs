//! The command line: what can be asked of the binary, with its manual.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use earmark_adapters::files;
use earmark_domain::{OnOrderShortage, OnShortage};

use crate::settings::{Flag, Layers};

/// Earmark promises orders against stock, in the warehouse and on its way, and never promises the same unit twice.
#[derive(Debug, Parser)]
#[command(
    name = "earmark",
    version,
    after_help = "\
Without a command it runs the service: SQLite in ./earmark.db, on 127.0.0.1:8080.

Settings come from built-in defaults, then earmark.toml in the working directory or --config FILE, then environment \
variables (EARMARK__SECTION__KEY, as in EARMARK__STORE__URL), then flags. `earmark settings` shows those in force.

Examples:
  earmark demo                                      a look around, on data of its own
  earmark                                           the service
  earmark --store postgres://shop@localhost/shop    the service on Postgres
  earmark import batches batches.csv.gz             stock from a file
  earmark export allocations > allocations.csv      every promise, as a table

Exit codes: 0 done; 1 it failed, or something was found that should not be; 2 the command line or a setting is wrong."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// What is asked, with what it is to run with.
    pub(crate) fn parts(self) -> (SettingsArgs, Command) {
        (self.settings, self.command.unwrap_or(Command::Serve))
    }
}

/// Settings that have a flag.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArgs {
    /// Read settings from this file instead of ./earmark.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Where the books are kept: sqlite:PATH, postgres://…, memory: (store.url)
    #[arg(long, value_name = "URL", global = true)]
    store: Option<String>,
    /// Where the service listens; port 0 picks a free one (http.listen)
    #[arg(long, value_name = "HOST:PORT", global = true)]
    listen: Option<String>,
    /// How the log is written: auto, pretty, json (log.format)
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// What is logged, in the syntax of RUST_LOG (log.level)
    #[arg(long, value_name = "LEVEL", global = true)]
    log_level: Option<String>,
}

impl SettingsArgs {
    /// The layers of settings, with these flags on top.
    pub(crate) fn layers(self) -> Layers {
        let flag = |flag, setting, value: Option<String>| value.map(|value| Flag { flag, setting, value });
        let flags = [
            flag("--store", "store.url", self.store),
            flag("--listen", "http.listen", self.listen),
            flag("--log-format", "log.format", self.log_format),
            flag("--log-level", "log.level", self.log_level),
        ];
        Layers {
            directory: PathBuf::new(),
            file: self.config,
            environment: None,
            flags: flags.into_iter().flatten().collect(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service
    ///
    /// The address of the dashboard is printed on standard output once the service listens; the log goes to standard
    /// error. SIGTERM or Ctrl-C drains it: no new work is taken, what is in flight is finished and answered. A second
    /// signal ends it at once.
    #[command(after_help = "\
Examples:
  earmark serve
  earmark serve --listen 0.0.0.0:8080 --store postgres://shop@localhost/shop
  EARMARK__LOG__LEVEL=debug earmark serve

Exit codes: 0 drained; 1 it could not start, or the drain took too long; 2 a setting is wrong; 130 ended by a second signal.")]
    Serve,
    /// Run the service on a fresh database with the demo data
    ///
    /// Seven months of a bicycle maker's purchases, production and sales, their dates moved so that the first delivery
    /// is due tomorrow. The database is a temporary one and goes when the demo ends.
    #[command(after_help = "\
Examples:
  earmark demo
  earmark demo --listen 127.0.0.1:0

Exit codes: as for `earmark serve`.")]
    Demo,
    /// Take products, batches or orders from a file
    Import(ImportArgs),
    /// Write a table to standard output
    Export(ExportArgs),
    /// Check every balance against the allocations and the events
    ///
    /// Recomputes what is stored from the allocations and again from the events, and checks every rule that must always
    /// hold. Changes nothing, and works beside a running service.
    #[command(after_help = "\
Examples:
  earmark verify
  earmark verify --store sqlite:/var/lib/earmark/earmark.db

Exit codes: 0 all is sound; 1 something is not, and each discrepancy is printed, or the books can't be read; 2 a setting is wrong.")]
    Verify,
    /// Bring the schema of the database up to date
    #[command(after_help = "\
Examples:
  earmark migrate
  earmark migrate --check && earmark serve

Exit codes: 0 it is up to date; 1 it is not (--check), or it could not be brought there; 2 a setting is wrong.")]
    Migrate {
        /// Change nothing: say which migrations are missing, and exit 1 if any is
        #[arg(long)]
        check: bool,
    },
    /// Show the settings in force, each with where it came from
    ///
    /// Passwords are masked.
    #[command(after_help = "\
Examples:
  earmark settings
  EARMARK__HTTP__LISTEN=127.0.0.1:9000 earmark settings

Exit codes: 0; 2 a setting is wrong.")]
    Settings,
    /// Print the OpenAPI document of the service
    #[command(after_help = "\
Examples:
  earmark openapi > earmark.openapi.json

Exit codes: 0; 1 it could not be written.")]
    Openapi,
}

/// Rows are sent in the order of the file. Sending a row again changes nothing, so an import that was interrupted is simply
/// run again.
#[derive(Debug, Args)]
#[command(after_help = "\
Columns, in any order, named in a header row (CSV) or as fields (NDJSON); those in brackets may be left out:
  products  sku,name[,safety_stock]                         a row has one of both at least
  batches   reference,sku,quantity,eta[,location]           an empty eta: in the warehouse
  orders    order_id[,line_id],sku,quantity[,ordered_at]    line_id is the SKU where there is none; ordered_at is
            [,priority][,required_by][,locations]           checked, but lines are placed as of now

priority and required_by are an order's, so they want --whole-orders, and all of its rows have the same. locations: \
where a line's units may come from, the preferred one first, as in north|south.

A bad row is told with its file, line and reason on standard error, and skipped. What does not fit the stock is no bad
row: it waits in the backlog, or is counted as refused. A store that is busy is tried again for about a minute.

Examples:
  earmark import batches batches.csv.gz
  earmark import orders orders.ndjson --whole-orders --on-shortage reject
  zcat orders.csv.gz | earmark import orders - --to http://localhost:8080

Exit codes: 0 every row was understood; 1 there were bad rows, or it ended early; 2 the command line or a setting is wrong.")]
pub(crate) struct ImportArgs {
    /// What the rows are
    pub(crate) kind: KindArg,
    /// The file, plain or gzip; - for standard input
    pub(crate) file: PathBuf,
    /// How the rows are written; else by the file's name, else by its first character
    #[arg(long)]
    pub(crate) format: Option<FormatArg>,
    /// Orders: what becomes of a line that does not fit
    #[arg(long, value_name = "WHAT", default_value = "backorder")]
    pub(crate) on_shortage: ShortageArg,
    /// Orders: a line may be spread over several batches
    #[arg(long)]
    pub(crate) split: bool,
    /// Orders: place lines of one order that stand together as one order, not line by line
    #[arg(long)]
    pub(crate) whole_orders: bool,
    /// End at the first bad row
    #[arg(long)]
    pub(crate) strict: bool,
    /// Send to a running service instead of writing to the database
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Columns of the CSV, and fields of the NDJSON:
  allocations  a line and batch a row: order_id,line_id,sku,quantity,status,batch,allocated,promised_on
               one row with an empty batch for a line without stock
  orders       order_id,status,placed_at,lines,allocated,backordered,refused,cancelled,promised_on,held,expired,
               dispatched,hold_expires_at,priority,required_by
               those named after a state are units; promised_on is the day of the last line, empty while one waits
  batches      reference,sku,location,quantity,allocated,dispatched,available,eta,status
  backlog      sku,order_id,line_id,quantity,split,placed_at,priority,required_by, in order of service
  events       sequence,id,type,sku,version,order_id,occurred_at,actor,correlation_id,data

Examples:
  earmark export allocations > allocations.csv
  earmark export events --format ndjson | gzip > events.ndjson.gz

Exit codes: 0 all was written, or the reader had seen enough; 1 it failed; 2 the command line or a setting is wrong.")]
pub(crate) struct ExportArgs {
    /// Which table
    pub(crate) what: TableArg,
    /// How the rows are written
    #[arg(long, default_value = "csv")]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    Products,
    Batches,
    Orders,
}

impl From<KindArg> for files::Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Products => Self::Products,
            KindArg::Batches => Self::Batches,
            KindArg::Orders => Self::Orders,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    Csv,
    Ndjson,
}

impl From<FormatArg> for files::Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Csv => Self::Csv,
            FormatArg::Ndjson => Self::Ndjson,
        }
    }
}

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

impl From<ShortageArg> for OnOrderShortage {
    fn from(shortage: ShortageArg) -> Self {
        match shortage {
            ShortageArg::Reject => Self::Reject,
            ShortageArg::Backorder => Self::Backorder,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableArg {
    Allocations,
    Orders,
    Batches,
    Backlog,
    Events,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// What a manual page of one screen may have.
    const SCREEN_LINES: usize = 50;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_manual_page_fits_a_screen_and_has_examples_and_exit_codes() {
        let commands = Cli::command();
        let names = commands.get_subcommands().map(|command| command.get_name());
        for name in names.map(Some).chain([None]) {
            let asked = ["earmark"].into_iter().chain(name).chain(["--help"]);
            let page = Cli::try_parse_from(asked).expect_err("a manual page").to_string();
            assert!(
                page.lines().count() <= SCREEN_LINES,
                "{name:?} has {} lines",
                page.lines().count()
            );
            assert!(page.contains("Examples:") && page.contains("Exit codes:"), "{name:?}");
        }
    }

    #[test]
    fn no_command_means_serve() {
        let (_, command) = Cli::parse_from(["earmark", "--listen", "127.0.0.1:0"]).parts();
        assert!(matches!(command, Command::Serve));
    }
}
