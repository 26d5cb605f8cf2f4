//! The project's own chores.
//!
//! One module a chore. A chore that needs a server or a program starts it, installs it or says what to install; it
//! leaves nothing running and nothing lying about.

mod bench;
mod lint;
mod server;
mod system;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
The project's own chores: cargo xtask CHORE [ARGUMENT...]

  test [FILTER] [-- ARGUMENT...]
         Runs every test there is. Starts a throwaway PostgreSQL for those that need one, and stops it again; installs
         it, and Chromium, first where they are missing (Debian packages, as root; otherwise says what to install).
         What follows `test` goes to `cargo test`: `cargo xtask test store_contract` runs the tests with that in their
         name.
  bench [--quick] [--scenario NAME[,NAME…]] [--only sqlite|postgres] [--rounds N] [--past LINES] [--out FILE]
         Measures the service over HTTP against the same work done raw in the database, on PostgreSQL and on SQLite.
         Prints tables with what was hoped for, and writes them as Markdown with charts beside. Everything, or the
         scenarios named: allocations, slow-disk, streams, orders, instances, reads, overload, curves, growth.
  lint   Checks the formatting, runs clippy without mercy, holds the crates to their boundaries and compiles each
         adapter alone.
  help   Prints this.
";

/// Why a chore ended badly: told to whoever ran it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match chore {
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "lint" => lint::run(rest),
        "help" | "--help" | "-h" => {
            system::say(HELP);
            Ok(())
        }
        other => Err(format!("there is no chore `{other}`\n\n{HELP}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            system::say(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}
