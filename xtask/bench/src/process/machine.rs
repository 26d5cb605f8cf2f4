//! The machine and the versions that the figures were measured on.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use procfs::{CpuInfo, Current, Meminfo};

/// Shown where the system does not report a value.
const UNKNOWN: &str = "unknown";

/// A name and a value of the report.
pub(crate) type Fact = (&'static str, String);

/// The machine, the system and the commit. Contains no path.
pub(crate) fn facts(workspace: &Path, scratch: &Path) -> Vec<Fact> {
    let unknown = || UNKNOWN.to_owned();
    let cores = available_parallelism().map_or_else(|_| unknown(), |cores| cores.to_string());
    vec![
        ("Date", output_of(Command::new("date").args(["-u", "+%Y-%m-%d"]))),
        ("Commit", commit(workspace)),
        (
            "Cores",
            format!("{cores}, shared by the service, the database and the load generator"),
        ),
        ("Processor", processor().unwrap_or_else(unknown)),
        ("Memory", memory().unwrap_or_else(unknown)),
        ("Kernel", output_of(Command::new("uname").arg("-r"))),
        (
            "File system",
            output_of(Command::new("stat").args(["--file-system", "--format=%T"]).arg(scratch)),
        ),
        ("Load generator", load_generator()),
    ]
}

fn processor() -> Option<String> {
    Some(CpuInfo::current().ok()?.model_name(0)?.to_owned())
}

fn memory() -> Option<String> {
    Some(format!("{} MiB", Meminfo::current().ok()?.mem_total >> 20))
}

fn commit(workspace: &Path) -> String {
    let git = |arguments: &[&str]| output_of(Command::new("git").arg("-C").arg(workspace).args(arguments));
    let commit = git(&["rev-parse", "--short", "HEAD"]);
    // The status of an unchanged tree is empty.
    match git(&["status", "--porcelain", "--untracked-files=no"]).as_str() {
        UNKNOWN => commit,
        _ => format!("{commit} with changes"),
    }
}

/// From the banner that `wrk` prints before its usage.
fn load_generator() -> String {
    let output = Command::new("wrk").arg("--version").output();
    let banner = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let name = banner.split(" [").next().map(str::trim).filter(|name| !name.is_empty());
    name.unwrap_or(UNKNOWN).to_owned()
}

fn output_of(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    printed
        .filter(|printed| !printed.is_empty())
        .unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_program_is_trimmed_and_no_output_is_unknown() {
        assert_eq!(output_of(Command::new("echo").arg(" ext4 ")), "ext4");
        assert_eq!(output_of(&mut Command::new("true")), UNKNOWN);
        assert_eq!(output_of(&mut Command::new("false")), UNKNOWN);
        assert_eq!(output_of(&mut Command::new("/no such program")), UNKNOWN);
    }
}
