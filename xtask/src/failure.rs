//! Why a command failed.

/// Any error: it is printed, and the command exits with a failure.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
