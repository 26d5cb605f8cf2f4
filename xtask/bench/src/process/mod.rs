//! Processes of this machine: running programs and futures, and reading what the kernel reports.

pub(crate) mod block_on;
pub(crate) mod machine;
pub(crate) mod proc;
pub(crate) mod program;
