//! The input: a file that is read twice, first to survey it and then to get its rows.
//!
//! A plain file is read in place. Of a pipe, and of packed bytes, a copy of the text is kept in a temporary file while
//! it is read for the first time: rows are found again by their place in it.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::SystemTime;

use earmark_adapters::files::{FileError, Format, Kind, Rows, Shape, Source, open};

use crate::failure::Failure;

/// A file, or standard input, that has been opened.
pub(super) struct Input {
    /// The text, to read it for the first time.
    pub(super) source: Source,
    /// The text, to read it again.
    pub(super) again: Again,
}

/// The text of an input that has been read.
pub(super) struct Again {
    file: File,
    shape: Shape,
    /// How the file was when it was opened; `None`: the text is a copy, which nobody else knows.
    was: Option<State>,
}

/// What changes when a file is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// When it can't be opened, or its first bytes can't be read.
    pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            let source = open(io::stdin(), None, format).map_err(|error| unreadable("standard input", &error))?;
            return Self::copied(source.from_pipe());
        }
        let name = path.display();
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&name, &error))?;
        if metadata.is_dir() {
            return Err(Failure::Failed(format!("can't read {name}: it is a folder")));
        }
        let again = file.try_clone().map_err(|error| unreadable(&name, &error))?;
        let source = open(file, Some(path), format).map_err(|error| unreadable(&name, &error))?;
        if !metadata.is_file() {
            return Self::copied(source.from_pipe());
        }
        if source.is_packed() {
            return Self::copied(source);
        }
        Ok(Self {
            again: Again {
                file: again,
                shape: source.shape(),
                was: Some(State::of(&metadata)),
            },
            source,
        })
    }

    fn copied(source: Source) -> Result<Self, Failure> {
        let no_copy = |error| Failure::Failed(format!("can't make a temporary file: {error}"));
        let file = tempfile::tempfile().map_err(no_copy)?;
        let source = source.copied_to(BufWriter::new(file.try_clone().map_err(no_copy)?));
        Ok(Self {
            again: Again {
                file,
                shape: source.shape(),
                was: None,
            },
            source,
        })
    }
}

impl Again {
    /// Starts to read the rows again.
    ///
    /// # Errors
    /// [`FileError`] when that can't be done, or the file has been written to.
    pub(super) fn rows(&self, kind: Kind) -> Result<Rows<io::BufReader<File>>, FileError> {
        self.check()?;
        let failed = |error| FileError::Read { line: 1, error };
        Rows::again(self.file.try_clone().map_err(failed)?, self.shape, kind)
    }

    /// Checks that the file is as it was when it was opened.
    ///
    /// # Errors
    /// [`FileError::Changed`] when it is not.
    pub(super) fn check(&self) -> Result<(), FileError> {
        let Some(was) = self.was else {
            return Ok(());
        };
        let metadata = self
            .file
            .metadata()
            .map_err(|error| FileError::Read { line: 1, error })?;
        if State::of(&metadata) == was {
            Ok(())
        } else {
            Err(FileError::Changed)
        }
    }
}

fn unreadable(name: impl std::fmt::Display, error: &io::Error) -> Failure {
    Failure::Failed(format!("can't read {name}: {error}"))
}
