//! `cargo xtask run-test`: one test program, as Cargo starts it for `cargo xtask test`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use xtask::{Failure, Interruptions, say};

/// The programs that wait for servers more than they work: the processors are idle while one of their cases runs.
const WAITING: [&str; 5] = ["binary", "brokers", "encrypted", "http_api", "mail"];

/// How many cases of such a program run at a time.
const CASES_AT_A_TIME: &str = "4";

/// The variable that tells a test program how many cases it may run at a time.
const THREADS: &str = "RUST_TEST_THREADS";

/// Programs that take less long need not be told.
const WORTH_TELLING_SECONDS: u64 = 5;

/// Has Cargo start every test program by this one.
///
/// # Errors
/// Where this program is can't be found out.
pub(crate) fn run_by_this(tests: &mut Command) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let own = own.to_str().ok_or("the path of this program is not UTF-8")?;
    // Of every target: there is one.
    let runner = format!("target.'cfg(all())'.runner = [{own:?}, \"run-test\"]");
    tests.args(["--config", &runner]);
    Ok(())
}

/// Runs a test program to its end, and says how long it took.
///
/// # Errors
/// It fails, or is interrupted.
pub(crate) fn run(arguments: &[OsString], interruptions: &Interruptions) -> Result<(), Failure> {
    let (program, arguments) = arguments.split_first().ok_or("there is no program to run")?;
    let mut test = Command::new(program);
    test.args(arguments);
    let name = name_of(program);
    if WAITING.contains(&name.as_str()) && std::env::var_os(THREADS).is_none() {
        test.env(THREADS, CASES_AT_A_TIME);
    }
    let began = Instant::now();
    let status = interruptions.run(&mut test)?;
    let seconds = began.elapsed().as_secs();
    if seconds >= WORTH_TELLING_SECONDS {
        say(&format!("{name} took {seconds} s"));
    }
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name} failed").into())
    }
}

/// The name of a test program, without the digest that Cargo puts behind it.
fn name_of(program: &OsStr) -> String {
    let stem = Path::new(program).file_stem().unwrap_or(program).to_string_lossy();
    let name = stem.rsplit_once('-').map_or(&*stem, |(name, _)| name);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_known_by_its_name() {
        for (program, name) in [
            ("/target/debug/deps/told-0bc6bd6f48156895", "told"),
            ("/target/debug/deps/store_contract-0bc6bd6f48156895", "store_contract"),
            ("earmark", "earmark"),
        ] {
            assert_eq!(name_of(OsStr::new(program)), name);
        }
    }
}
