//! Failures: why a command ended early, in one sentence, and the exit code.

use std::io;
use std::process::ExitCode;

use earmark_application::StoreError;

/// The command failed, or found something that should not be there.
pub(crate) const EXIT_FAILED: u8 = 1;

/// The command line or a setting is wrong; nothing was started. The same code as the command-line parser's.
pub(crate) const EXIT_USAGE: u8 = 2;

/// A second signal ended the service during the drain: 128 plus the number of SIGINT, as in shells.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments or the settings are wrong.
    #[error("{0}")]
    Usage(String),
    /// The arguments are right, but the command did not succeed.
    #[error("{0}")]
    Failed(String),
    /// Writing to standard output failed.
    #[error("can't write to standard output: {0}")]
    Output(#[from] io::Error),
    /// A call to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// Whether the reader of standard output closed the pipe early, as in `earmark export … | head`. The command then
    /// counts as successful.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(EXIT_USAGE),
            Self::Failed(_) | Self::Output(_) | Self::Store(_) => ExitCode::from(EXIT_FAILED),
        }
    }
}
