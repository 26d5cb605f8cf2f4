//! CPU time and memory of processes, from `/proc`.

use std::time::Duration;

use procfs::process::{Process, Stat, all_processes};
use procfs::ticks_per_second;
use xtask::Failure;

use crate::measure::results::Memory;

/// CPU time of a process and its children, running and ended.
pub(crate) fn cpu_of_family(pid: u32) -> Result<Duration, Failure> {
    let parent = i32::try_from(pid)?;
    let head = cpu(&Process::new(parent)?.stat()?)?;
    let mut children = all_processes()?
        // The next reading counts a process that ends meanwhile among its parent's ended children.
        .filter_map(|process| process.ok()?.stat().ok())
        .filter(|stat| stat.ppid == parent)
        .map(|stat| cpu(&stat));
    children.try_fold(head, |sum, child| Ok(sum + child?))
}

/// CPU time of the ended children of this process.
pub(crate) fn cpu_of_ended_children() -> Result<Duration, Failure> {
    ended_children(&Process::myself()?.stat()?)
}

fn cpu(stat: &Stat) -> Result<Duration, Failure> {
    Ok(duration(stat.utime + stat.stime) + ended_children(stat)?)
}

fn ended_children(stat: &Stat) -> Result<Duration, Failure> {
    Ok(duration(u64::try_from(stat.cutime + stat.cstime)?))
}

fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / ticks_per_second())
}

/// The resident memory of a process, now and at its peak, in bytes. `idle` is zero.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = Process::new(i32::try_from(pid)?)?.status()?;
    let bytes = |kibibytes: Option<u64>| kibibytes.map(|kibibytes| kibibytes * 1_024);
    Ok(Memory {
        idle: 0,
        loaded: bytes(status.vmrss).ok_or("/proc does not report the resident memory")?,
        peak: bytes(status.vmhwm).ok_or("/proc does not report the peak memory")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        assert!(cpu_of_family(std::process::id()).is_ok());
        assert!(cpu_of_ended_children().is_ok());
        let memory = memory(std::process::id()).expect("own memory");
        assert!(memory.loaded > 0 && memory.peak >= memory.loaded);
    }
}
