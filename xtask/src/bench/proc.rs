//! What the kernel says of processes: processor time and memory.

use std::fs;
use std::time::Duration;

use super::plan::Memory;
use crate::Failure;

/// The kernel counts processor time in hundredths of a second towards programs, whatever its own clock.
const TICK: Duration = Duration::from_millis(10);

/// A process's own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: Duration,
    /// Of children that have ended and were waited for.
    ended_children: Duration,
}

/// Processor time of a process and of its children, living and ended.
pub(super) fn cpu_of_family(pid: u32) -> Result<Duration, Failure> {
    let head = stat(pid)?;
    let entries = fs::read_dir("/proc").map_err(|why| format!("/proc can't be listed: {why}"))?;
    let children: Duration = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        // A process that ends meanwhile is counted with its parent's ended children next time.
        .filter_map(|other| stat(other).ok())
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own + stat.ended_children)
        .sum();
    Ok(head.own + head.ended_children + children)
}

/// Processor time of children of this program that have ended.
pub(super) fn cpu_of_ended_children() -> Result<Duration, Failure> {
    Ok(stat(std::process::id())?.ended_children)
}

fn stat(pid: u32) -> Result<Stat, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|why| format!("{path} can't be read: {why}"))?;
    parse_stat(&text).ok_or_else(|| format!("{path} is not as expected: {text}").into())
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name stands in brackets and may hold anything; behind it the third field follows.
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

/// What a process holds in memory now, and the most it ever did, in bytes. `idle` is left at zero.
pub(super) fn memory(pid: u32) -> Result<Memory, Failure> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|why| format!("{path} can't be read: {why}"))?;
    let bytes = |name| kilobytes(&text, name).ok_or_else(|| format!("{path} does not tell {name}"));
    Ok(Memory {
        idle: 0,
        loaded: bytes("VmRSS")?,
        peak: bytes("VmHWM")?,
    })
}

/// A line such as `VmRSS:   1234 kB`, in bytes.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
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
    fn processor_time_is_read_behind_a_name_that_holds_anything() {
        let text = "42 (a ) name) S 7 42 42 0 -1 4194304 900 0 0 0 150 50 30 20 20 0 5 0 100 1000 200 184 1 1 0\n";
        let expected = Stat {
            parent: 7,
            own: Duration::from_secs(2),
            ended_children: Duration::from_millis(500),
        };
        assert_eq!(parse_stat(text), Some(expected));
    }

    #[test]
    fn a_line_that_is_cut_off_is_not_taken_for_zero() {
        assert_eq!(parse_stat("42 (earmark) S 7 42 42 0 -1 4194304 900 0 0 0 150"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn memory_is_told_in_bytes() {
        let text = "Name:\tearmark\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(2_097_152));
        assert_eq!(kilobytes(text, "VmRSS"), Some(1_048_576));
        assert_eq!(kilobytes(text, "VmSwap"), None);
    }

    #[test]
    fn this_program_has_a_processor_time_and_memory() {
        assert!(cpu_of_family(std::process::id()).is_ok());
        assert!(memory(std::process::id()).expect("own memory").peak > 0);
    }
}
