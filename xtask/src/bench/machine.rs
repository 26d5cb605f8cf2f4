//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use super::proc::kilobytes;

/// Said where the system does not tell.
const UNKNOWN: &str = "unknown";

/// A name and a value, to be shown as such.
pub(super) type Fact = (&'static str, String);

/// The machine, the system and the commit, without anything that tells one machine's folders.
pub(super) fn facts(workspace: &Path, scratch: &Path) -> Vec<Fact> {
    let cores = available_parallelism().map_or_else(|_| UNKNOWN.to_owned(), |cores| cores.to_string());
    vec![
        ("Date", said(Command::new("date").args(["-u", "+%Y-%m-%d"]))),
        ("Commit", commit(workspace)),
        (
            "Cores",
            format!("{cores}, shared by the service, the database and the load generator"),
        ),
        ("Processor", processor()),
        ("Memory", memory()),
        ("Kernel", file("/proc/sys/kernel/osrelease")),
        (
            "File system",
            said(Command::new("stat").args(["--file-system", "--format=%T"]).arg(scratch)),
        ),
        ("Load generator", load_generator()),
    ]
}

fn processor() -> String {
    let text = file("/proc/cpuinfo");
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| UNKNOWN.to_owned(), |(_, name)| name.trim().to_owned())
}

fn memory() -> String {
    let bytes = kilobytes(&file("/proc/meminfo"), "MemTotal");
    bytes.map_or_else(|| UNKNOWN.to_owned(), |bytes| format!("{} MiB", bytes >> 20))
}

fn commit(workspace: &Path) -> String {
    let git = |arguments: &[&str]| said(Command::new("git").arg("-C").arg(workspace).args(arguments));
    let commit = git(&["rev-parse", "--short", "HEAD"]);
    // An unchanged tree says nothing.
    match git(&["status", "--porcelain", "--untracked-files=no"]).as_str() {
        UNKNOWN => commit,
        _ => format!("{commit} with changes"),
    }
}

/// The first words of its banner, which it prints while it complains that it was given no address.
fn load_generator() -> String {
    let output = Command::new("wrk").arg("--version").output();
    let banner = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let name = banner.split(" [").next().map(str::trim).filter(|name| !name.is_empty());
    name.unwrap_or(UNKNOWN).to_owned()
}

fn file(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim_end().to_owned())
}

fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.filter(|said| !said.is_empty())
        .unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_is_trimmed_and_silence_is_unknown() {
        assert_eq!(said(Command::new("echo").arg(" ext4 ")), "ext4");
        assert_eq!(said(&mut Command::new("true")), UNKNOWN);
        assert_eq!(said(&mut Command::new("false")), UNKNOWN);
        assert_eq!(said(&mut Command::new("/no such program")), UNKNOWN);
    }
}
