//! `cargo xtask test`: every test there is, with the servers they need.

use std::time::Instant;

use crate::Failure;
use crate::server::Server;
use crate::system::{self, Interruptions, cargo, say};

/// Where the tests look for the server to use.
const POSTGRES: &str = "EARMARK_TEST_POSTGRES";

/// The browser that shows the page in tests.
const BROWSER: &str = "chromium";

/// What turns on the tests that need a server, in each crate that has some.
pub(crate) const FEATURES: &str = "earmark-tests/servers,earmark-adapters/test-servers";

/// Runs all tests, or those that `arguments` leave of them: they go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let interruptions = Interruptions::listen()?;
    let begun = Instant::now();

    if system::folder_of(BROWSER, &[]).is_none() {
        system::install(BROWSER, &interruptions)?;
    }
    let server = Server::start(&interruptions)?;
    say(&format!("A throwaway PostgreSQL answers at {}", server.url()));

    let mut tests = cargo();
    tests.args(["test", "--workspace", "--features", FEATURES]);
    // With everything run in spite of a failure, one run tells all there is to mend.
    tests.arg("--no-fail-fast").args(arguments);
    tests.env(POSTGRES, server.url());
    let outcome = interruptions.step(&mut tests);
    drop(server);

    let seconds = begun.elapsed().as_secs();
    match outcome {
        Ok(()) => {
            say(&format!(
                "\nAll tests passed, in {seconds} s. The throwaway PostgreSQL is stopped and gone."
            ));
            Ok(())
        }
        Err(failure) => Err(format!("after {seconds} s: {failure}").into()),
    }
}
