//! The command line: its subcommands and flags, and their manual pages.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::client::batch::BatchArgs;
use crate::commands::client::order::OrderArgs;
use crate::commands::client::product::ProductArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::keys::KeysCommand;
use crate::commands::put_aside::events::EventsCommand;
use crate::commands::put_aside::messages::MessagesCommand;
use crate::failure::Failure;
use crate::settings::{Flag, Layers};

/// Earmark promises orders against stock, in the warehouse and on its way, and never promises the same unit twice.
#[derive(Debug, Parser)]
#[command(
    name = "earmark",
    version,
    after_help = "\
Without a command, earmark runs the service: SQLite in ./earmark.db, on 127.0.0.1:8080.

Settings come from built-in defaults, then earmark.toml in the working directory or --config FILE, then environment
variables (EARMARK__SECTION__KEY, as in EARMARK__STORE__URL), then flags. `earmark settings` shows those in force;
`earmark settings --help` explains them. For packages: `earmark man DIR`, `earmark completions SHELL`.

Examples:
  earmark demo                                      try the service on demo data
  earmark --store postgres://shop@localhost/shop    run the service on PostgreSQL
  earmark import batches batches.csv.gz             read stock from a file
  earmark --to https://stock.example order show 7   ask a running service

Exit codes: 0 success; 1 a failure, or a check found a fault; 2 the command line or a setting is wrong."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    /// The running service that order, product, batch and import speak to
    #[arg(id = "running", long = "to", value_name = "URL")]
    to: Option<String>,

    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// The settings flags and the subcommand.
    ///
    /// # Errors
    /// When a service is named, and the subcommand speaks to none.
    pub(crate) fn into_parts(self) -> Result<(SettingsArgs, Command), Failure> {
        let mut command = self.command.unwrap_or(Command::Serve { insecure: false });
        if let Some(to) = self.to {
            command.speak_to(to)?;
        }
        Ok((self.settings, command))
    }
}

/// Settings that have a flag.
#[derive(Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArgs {
    /// Read settings from this file instead of ./earmark.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The store: sqlite:PATH, postgres://…, memory: (store.url)
    #[arg(long, value_name = "URL", global = true)]
    store: Option<String>,
    /// The address of the service; port 0 picks a free one (http.listen)
    #[arg(long, value_name = "HOST:PORT", global = true)]
    listen: Option<String>,
    /// The format of the log: auto, pretty, json (log.format)
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// What is logged, in the syntax of RUST_LOG (log.level)
    #[arg(long, value_name = "LEVEL", global = true)]
    log_level: Option<String>,
}

impl fmt::Debug for SettingsArgs {
    /// The values may be secrets, so they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsArgs").finish_non_exhaustive()
    }
}

impl SettingsArgs {
    /// The layers of settings, with these flags on top.
    pub(crate) fn into_layers(self) -> Layers {
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

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service
    ///
    /// Prints the address of the dashboard on standard output once the service listens; the log goes to standard error.
    /// SIGTERM or Ctrl-C drains the service: it takes no new work, and finishes and answers what is in flight. A second
    /// signal ends it at once.
    ///
    /// On loopback the service is open to everybody until the first access key is made. At any other address it does not
    /// start without one.
    #[command(after_help = "\
Examples:
  earmark serve
  earmark serve --listen 0.0.0.0:8080 --store postgres://shop@localhost/shop
  EARMARK__LOG__LEVEL=debug earmark serve

Exit codes: 0 drained; 1 it could not start, or failed to drain in time; 2 a setting is wrong; 130 a second signal \
ended it.")]
    Serve {
        /// Start without any access key at an address that others reach: everybody who does may do everything
        #[arg(long)]
        insecure: bool,
    },
    /// Run the service on a temporary database with demo data
    ///
    /// The data is seven months of a bicycle maker's purchases, production and sales, with dates moved so that the
    /// first delivery is due tomorrow. The database is removed when the demo ends.
    #[command(after_help = "\
Examples:
  earmark demo
  earmark demo --listen 127.0.0.1:0

Exit codes: as for `earmark serve`.")]
    Demo,
    /// Import products, batches or orders from a file
    Import(ImportArgs),
    /// Show and change orders of a running service
    Order(OrderArgs),
    /// Show products of a running service, and what can be promised of them
    Product(ProductArgs),
    /// Show, receive and change batches of a running service
    Batch(BatchArgs),
    /// Write a table to standard output
    Export(ExportArgs),
    /// Show who is told of events, and decide on what they have not taken
    #[command(
        subcommand,
        after_help = "\
Each URL in the setting events.urls is a subscription. What its sink does not take is put aside, so that the others
get on, and tried again; what is not taken after that is dead, and somebody has to decide on it. Beside a service on
SQLite, use /v1/subscriptions instead.

Examples:
  earmark events list
  earmark events dead https://shop.example/hook
  earmark events replay https://shop.example/hook
  earmark events schema Allocated

Exit codes: 0 success; 1 the database can't be read or written, or there is no such subscription; 2 a setting is wrong."
    )]
    Events(EventsCommand),
    /// Show which messages that carry commands were put aside, and decide on them
    #[command(
        subcommand,
        after_help = "\
A message that can't be read, or whose command is refused, is put aside with the reason, so that the others get on.
Beside a service on SQLite, use /v1/sources instead.

Examples:
  earmark commands list
  earmark commands dead nats/ORDERS
  earmark commands replay nats/ORDERS

Exit codes: 0 success; 1 the database can't be read or written, or there is no such source; 2 a setting is wrong."
    )]
    Commands(MessagesCommand),
    /// Make, list and revoke access keys, and who has signed in with them
    #[command(
        subcommand,
        after_help = "\
As long as no key was made, the service answers everybody on loopback, and does not start elsewhere. From the first
key on it wants one from everybody, within a second. The keys are in the database: all instances know them.

Examples:
  earmark keys create --name admin --role admin
  earmark keys create --name web-shop --role sales --expires 365d
  earmark keys list
  earmark keys rotate web-shop
  earmark keys revoke web-shop
  earmark keys sessions
  earmark keys sign-out --key anna

Exit codes: 0 success; 1 the database can't be read or written, or there is no such key; 2 a setting is wrong."
    )]
    Keys(KeysCommand),
    /// Check every balance against the allocations and the events
    ///
    /// Recomputes the stored balances from the allocations and again from the events, and checks every rule that must
    /// always hold. Changes nothing, and can run beside the service.
    #[command(after_help = "\
Examples:
  earmark verify
  earmark verify --store sqlite:/var/lib/earmark/earmark.db

Exit codes: 0 all is sound; 1 there are discrepancies, which are printed, or the database can't be read; 2 a setting \
is wrong.")]
    Verify,
    /// Copy the SQLite database to a file, also while the service runs
    ///
    /// The copy is of one instant, and checked as `earmark verify` does it before it gets its name. The command gives way
    /// to the service. PostgreSQL has programs of its own for this: pg_basebackup, pg_dump, pgBackRest.
    #[command(after_help = "\
Examples:
  earmark backup /var/backups/earmark.db
  earmark backup --replace latest.db --store sqlite:/var/lib/earmark/earmark.db

Exit codes: 0 copied; 1 it could not be copied, or the copy has a fault; 2 a setting is wrong.")]
    Backup {
        /// Where to put the copy
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        replace: bool,
    },
    /// Put a copy of `earmark backup` in the place of the SQLite database
    ///
    /// The service must be stopped. The copy is checked first; the database that was there is kept under another name.
    /// PostgreSQL has programs of its own for this.
    #[command(after_help = "\
Examples:
  earmark restore /var/backups/earmark.db
  earmark restore latest.db --store sqlite:/var/lib/earmark/earmark.db

Exit codes: 0 restored; 1 it could not be restored, or the copy has a fault; 2 a setting is wrong.")]
    Restore {
        /// The copy
        file: PathBuf,
    },
    /// Bring the schema of the database up to date
    #[command(after_help = "\
Examples:
  earmark migrate
  earmark migrate --check && earmark serve

Exit codes: 0 the schema is up to date; 1 it is not (--check), or a migration failed; 2 a setting is wrong.")]
    Migrate {
        /// Change nothing: print the missing migrations, and exit with 1 if there are any
        #[arg(long)]
        check: bool,
        /// Go on with a SQLite database whose log is missing: the commits in the log are lost
        #[arg(long, conflicts_with = "check")]
        without_log: bool,
    },
    /// Ask the running service whether it is ready
    ///
    /// For containers, units and scripts. Asks /health/ready at the address of http.listen, on this machine, or at that of
    /// --url, and waits two seconds for the answer. An encrypted service is asked by --url, with the name in its certificate.
    #[command(after_help = "\
Examples:
  earmark health
  earmark health --url http://stock.example/earmark

Exit codes: 0 ready; 1 it is not, which is said why, or nobody answers; 2 the address or a setting is wrong.")]
    Health {
        /// The address of the service, with the path that a proxy puts before it
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Show the settings in force, each with its source; secrets are masked
    #[command(after_help = "\
A setting comes from the defaults, from earmark.toml or the file of --config, from the environment, and from flags; each
outranks those before it. In the environment EARMARK__STORE__URL is store.url, and commas separate the parts of a list.

store       where the books are
http        where the service listens, and by which names it is called
limits      what clients may take
events      who is told of events
commands    where commands come from as messages
mail        who hears of shortages
promising   the shop's rules of promises
log         what is logged
engine      how commands are run

Examples:
  earmark settings
  earmark settings --explain
  EARMARK__HTTP__LISTEN=127.0.0.1:9000 earmark settings

Exit codes: 0 success; 2 a setting is wrong.")]
    Settings {
        /// Say of each setting what it is for and what is allowed, instead of its value
        #[arg(long)]
        explain: bool,
    },
    /// Print the OpenAPI document of the service
    #[command(after_help = "\
Examples:
  earmark openapi > earmark.openapi.json

Exit codes: 0 success; 1 the document could not be written.")]
    Openapi,
    /// Print the AsyncAPI document: the messages that the service sends and takes
    #[command(after_help = "\
Examples:
  earmark asyncapi > earmark.asyncapi.json

Exit codes: 0 success; 1 the document could not be written.")]
    Asyncapi,
    /// Write the manual pages of all commands into a folder, or the first one to standard output
    ///
    /// For those who make packages. The list of commands leaves it out: whoever runs the service needs it once at most.
    #[command(
        hide = true,
        after_help = "\
Examples:
  earmark man /usr/local/share/man/man1
  earmark man | man -l -

Exit codes: 0 success; 1 a page could not be written."
    )]
    Man {
        /// Where to put them
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Print completions of the command line for a shell
    ///
    /// For those who make packages. The list of commands leaves it out: whoever runs the service needs it once at most.
    #[command(
        hide = true,
        after_help = "\
Examples:
  earmark completions bash > /usr/share/bash-completion/completions/earmark
  earmark completions zsh > /usr/share/zsh/site-functions/_earmark
  earmark completions fish > /usr/share/fish/vendor_completions.d/earmark.fish

Exit codes: 0 success; 1 they could not be written; 2 the shell is not known."
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// Lets it speak to the running service at an address, which stands before it on the command line.
    fn speak_to(&mut self, to: String) -> Result<(), Failure> {
        match self {
            Self::Order(arguments) => arguments.client.speak_to(to),
            Self::Product(arguments) => arguments.client.speak_to(to),
            Self::Batch(arguments) => arguments.client.speak_to(to),
            Self::Import(arguments) => {
                arguments.to.get_or_insert(to);
            }
            _ => {
                return Err(Failure::Usage(
                    "--to names the service that order, product, batch and import speak to; this command speaks to none"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::documents::man;

    /// The most lines of a manual page that fits one screen.
    const SCREEN_LINES: usize = 50;

    fn manual_page(command: Option<&str>) -> String {
        let arguments = ["earmark"].into_iter().chain(command).chain(["--help"]);
        Cli::try_parse_from(arguments).expect_err("a manual page").to_string()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_manual_page_fits_a_screen_and_has_examples_and_exit_codes() {
        let commands = Cli::command();
        let names = commands.get_subcommands().map(|command| command.get_name());
        for name in names.map(Some).chain([None]) {
            let page = manual_page(name);
            assert!(
                page.lines().count() <= SCREEN_LINES,
                "{name:?} has {} lines",
                page.lines().count()
            );
            assert!(page.contains("Examples:") && page.contains("Exit codes:"), "{name:?}");
        }
    }

    /// Each command, with the name of its page.
    fn with_subcommands(command: &clap::Command, name: &str, all: &mut Vec<(String, clap::Command)>) {
        all.push((format!("{name}.1"), command.clone()));
        for command in command.get_subcommands() {
            with_subcommands(command, &format!("{name}-{}", command.get_name()), all);
        }
    }

    #[test]
    fn the_manual_has_a_page_for_every_command_with_each_of_its_options() {
        let pages = man::pages(Cli::command()).expect("pages");
        let mut all = Vec::new();
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        with_subcommands(&command, "earmark", &mut all);
        assert!(all.len() > 25, "{}", all.len());
        let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            names(pages.iter().map(|(name, _)| name.as_str()).collect()),
            names(all.iter().map(|(name, _)| name.as_str()).collect())
        );
        for ((name, page), (_, command)) in pages.iter().zip(&all) {
            for argument in command.get_arguments() {
                let written = match (argument.get_long(), argument.get_value_names()) {
                    (Some(long), _) => format!("--{long}").replace('-', "\\-"),
                    (None, Some(names)) => names.join(" "),
                    (None, None) => argument.get_id().to_string(),
                };
                assert!(page.contains(&written), "{name} does not explain {written}");
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert_eq!(page.contains(".SH EXAMPLES"), help.contains("Examples:"), "{name}");
            assert_eq!(
                page.contains(".SH \"EXIT STATUS\""),
                help.contains("Exit codes:"),
                "{name}"
            );
        }
    }

    #[test]
    fn no_command_means_serve() {
        let parts = Cli::parse_from(["earmark", "--listen", "127.0.0.1:0"]).into_parts();
        let (_, command) = parts.expect("a command");
        assert!(matches!(command, Command::Serve { insecure: false }));
    }
}
