//! The commands in flight.

use std::collections::VecDeque;

use super::plan::PlannedCommand;

/// The most commands in flight: as many as fit in the queue of a lane, so that the engine never idles.
const MAX_COMMANDS: usize = 1_024;

/// The most order lines in flight, but for those of the last command: some orders of the largest size keep the engine
/// as busy as a thousand single lines, and a thousand of them would take hundreds of megabytes.
const MAX_LINES: usize = 8_192;

/// The commands in flight, in the order sent.
pub(super) struct Window {
    commands: VecDeque<PlannedCommand>,
    /// The most commands.
    most: usize,
    /// How many order lines they have.
    lines: usize,
}

impl Window {
    /// An empty window. In one that is `strict` there is one command at a time: what is in flight behind a row that
    /// turns out to be bad would be stored.
    pub(super) const fn new(strict: bool) -> Self {
        Self {
            commands: VecDeque::new(),
            most: if strict { 1 } else { MAX_COMMANDS },
            lines: 0,
        }
    }

    /// Whether a result has to be received before another command is sent.
    pub(super) fn is_full(&self) -> bool {
        self.commands.len() >= self.most || self.lines >= MAX_LINES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Adds a command that was sent.
    pub(super) fn push(&mut self, command: PlannedCommand) {
        self.lines += command.command.weight();
        self.commands.push_back(command);
    }

    /// Removes the first command.
    pub(super) fn pop(&mut self) -> Option<PlannedCommand> {
        let command = self.commands.pop_front()?;
        self.lines -= command.command.weight();
        Some(command)
    }
}
