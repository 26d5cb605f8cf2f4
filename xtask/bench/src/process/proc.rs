//! CPU time and memory of processes, from `/proc`.

use std::fs;
use std::time::Duration;

use xtask::Failure;

use crate::measure::results::Memory;

/// The unit of CPU time in `/proc`: Linux reports hundredths of a second, whatever its own clock rate.
const TICK: Duration = Duration::from_millis(10);

/// The counters of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: Duration,
    /// CPU time of children that have ended and were waited for.
    ended_children: Duration,
}

/// CPU time of a process and its children, running and ended.
pub(crate) fn cpu_of_family(pid: u32) -> Result<Duration, Failure> {
    let head = stat(pid)?;
    let entries = fs::read_dir("/proc").map_err(|error| format!("/proc can't be listed: {error}"))?;
    let children: Duration = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        // The next reading counts a process that ends meanwhile among its parent's ended children.
        .filter_map(|other| stat(other).ok())
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own + stat.ended_children)
        .sum();
    Ok(head.own + head.ended_children + children)
}

/// CPU time of the ended children of this process.
pub(crate) fn cpu_of_ended_children() -> Result<Duration, Failure> {
    Ok(stat(std::process::id())?.ended_children)
}

fn stat(pid: u32) -> Result<Stat, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path} can't be read: {error}"))?;
    parse_stat(&text).ok_or_else(|| format!("{path} has an unknown format: {text}").into())
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field, the name, is in parentheses and may contain any character.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let mut ticks = fields
        .skip(9)
        .map(|field| field.parse::<u32>().ok().map(|ticks| TICK * ticks));
    let own = ticks.next()?? + ticks.next()??;
    let ended_children = ticks.next()?? + ticks.next()??;
    Some(Stat {
        parent,
        own,
        ended_children,
    })
}

/// The resident memory of a process, now and at its peak, in bytes. `idle` is zero.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path} can't be read: {error}"))?;
    let bytes = |name| kilobytes(&text, name).ok_or_else(|| format!("{path} has no line {name}"));
    Ok(Memory {
        idle: 0,
        loaded: bytes("VmRSS")?,
        peak: bytes("VmHWM")?,
    })
}

/// A line such as `VmRSS:   1234 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let count: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    count.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_after_any_process_name() {
        let text = "42 (a ) name) S 7 42 42 0 -1 4194304 900 0 0 0 150 50 30 20 20 0 5 0 100 1000 200 184 1 1 0\n";
        let expected = Stat {
            parent: 7,
            own: Duration::from_secs(2),
            ended_children: Duration::from_millis(500),
        };
        assert_eq!(parse_stat(text), Some(expected));
    }

    #[test]
    fn a_truncated_line_is_not_read_as_zero() {
        assert_eq!(parse_stat("42 (earmark) S 7 42 42 0 -1 4194304 900 0 0 0 150"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "Name:\tearmark\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(2_097_152));
        assert_eq!(kilobytes(text, "VmRSS"), Some(1_048_576));
        assert_eq!(kilobytes(text, "VmSwap"), None);
    }

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        assert!(cpu_of_family(std::process::id()).is_ok());
        assert!(memory(std::process::id()).expect("own memory").peak > 0);
    }
}
