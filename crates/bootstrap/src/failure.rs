//! Failures: what ends a command, told in one sentence, with the exit code it ends with.

use std::io;
use std::process::ExitCode;

use earmark_application::StoreError;

/// The command did not do what was asked, or found what should not be.
pub(crate) const EXIT_FAILED: u8 = 1;

/// The command line or a setting is wrong; nothing was begun. The same code that the command-line parser uses.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Ended by a second signal before the drain was over: 128 and the number of SIGINT, as shells have it.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// What ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Asked for in a way that can't be.
    #[error("{0}")]
    Usage(String),
    /// Asked for rightly, but it did not work.
    #[error("{0}")]
    Failed(String),
    /// Standard output takes no more.
    #[error("can't write to standard output: {0}")]
    Output(#[from] io::Error),
    /// The books can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// A reader that has seen enough, as in `earmark export … | head`, is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(EXIT_USAGE),
            Self::Failed(_) | Self::Output(_) | Self::Store(_) => ExitCode::from(EXIT_FAILED),
        }
    }
}
