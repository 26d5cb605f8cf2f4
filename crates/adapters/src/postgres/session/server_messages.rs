//! What the server says on the wire: its errors with their SQLSTATE, its warnings, and the process that serves the
//! session.
//!
//! Diesel's errors have the message of the server and a kind, but no SQLSTATE: of all errors that can be told apart, it
//! knows a handful, and the rest is `Unknown`. The message is in the language of the server, so nothing may depend on
//! its words. The stream between the driver and the server is therefore observed: [`ServerMessages`] reads the frames
//! that pass, changes none, and keeps the SQLSTATE of the last errors with their messages. When Diesel exposes the
//! SQLSTATE (diesel-rs/diesel#5232 proposes it), this module can go.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::error::SqlState;

/// How many different errors of a session are kept. After the first error of a transaction every other statement of its
/// flight has one more, always the same; so a few are enough, and this is more.
const KEPT_ERRORS: usize = 32;

/// The longest message that is looked at. The server's errors are some hundred bytes; one that is longer has its
/// statement in it, and fails without its SQLSTATE.
const MAX_KEPT_BYTES: usize = 64 * 1_024;

/// The length of a frame's head: its type, and its length.
const HEAD: usize = 5;

/// What the server has said in a session.
#[derive(Debug, Default)]
pub(super) struct SessionLog {
    errors: Mutex<VecDeque<(String, SqlState)>>,
    /// Whether there was a warning that a commit must not pass over.
    warned: AtomicBool,
    process_id: AtomicI32,
    closed: AtomicBool,
}

impl SessionLog {
    /// The SQLSTATE of the latest error with this message.
    pub(super) fn state_of(&self, message: &str) -> Option<SqlState> {
        let errors = self.errors();
        let latest = errors.iter().rev().find(|(known, _)| known == message);
        latest.map(|(_, state)| state.clone())
    }

    /// Whether the server has warned since the session was set up.
    pub(super) fn has_warned(&self) -> bool {
        self.warned.load(Ordering::Acquire)
    }

    /// Passes over the warnings so far: those of the set-up are about the database and no transaction.
    pub(super) fn pass_over_warnings(&self) {
        self.warned.store(false, Ordering::Release);
    }

    /// The process id that the session was told at its start; 0: none.
    pub(super) fn process_id(&self) -> i32 {
        self.process_id.load(Ordering::Relaxed)
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The connection has ended.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn errors(&self) -> MutexGuard<'_, VecDeque<(String, SqlState)>> {
        // Each change of the list is complete before anything can panic.
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_note(&self, kind: u8, body: &[u8]) {
        match kind {
            b'E' => {
                let fields = Fields::of(body);
                if let (Some(state), Some(message)) = (fields.state, fields.message) {
                    let error = (message.to_owned(), SqlState::from_code(state));
                    let mut errors = self.errors();
                    errors.retain(|known| *known != error);
                    if errors.len() >= KEPT_ERRORS {
                        errors.pop_front();
                    }
                    errors.push_back(error);
                }
            }
            b'N' => {
                let fields = Fields::of(body);
                // A ROLLBACK or COMMIT without a transaction (class 25) is warned of as well, and says nothing of a
                // commit.
                if fields.severity == Some("WARNING") && fields.state.is_none_or(|state| !state.starts_with("25")) {
                    self.warned.store(true, Ordering::Release);
                }
            }
            b'K' => {
                if let Some(id) = body.first_chunk() {
                    self.process_id.store(i32::from_be_bytes(*id), Ordering::Relaxed);
                }
            }
            _ => {}
        }
    }
}

/// The fields of an error or a notice that matter here.
#[derive(Default)]
struct Fields<'a> {
    /// Never translated.
    severity: Option<&'a str>,
    state: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(body: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((name, value)) = field.split_first() else {
                continue;
            };
            let value = std::str::from_utf8(value).ok();
            match name {
                b'V' => fields.severity = value,
                b'C' => fields.state = value,
                b'M' => fields.message = value,
                _ => {}
            }
        }
        fields
    }
}

/// A stream to the server whose frames are observed on their way.
#[derive(Debug)]
pub(super) struct ServerMessages<S> {
    stream: S,
    log: Arc<SessionLog>,
    frame: Frame,
}

/// The frame that is being read.
#[derive(Debug)]
enum Frame {
    Head {
        bytes: [u8; HEAD],
        read: usize,
    },
    Body {
        kind: u8,
        left: usize,
        /// What is kept of it; `None`: it does not matter.
        kept: Option<Vec<u8>>,
    },
}

impl Frame {
    const NEXT: Self = Self::Head {
        bytes: [0; HEAD],
        read: 0,
    };

    /// A frame with this head.
    fn of_head([kind, length @ ..]: [u8; HEAD]) -> Self {
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        // The length counts itself.
        let left = length.saturating_sub(HEAD - 1);
        let matters = matches!(kind, b'E' | b'N' | b'K') && left <= MAX_KEPT_BYTES;
        Self::Body {
            kind,
            left,
            kept: matters.then(|| Vec::with_capacity(left)),
        }
    }
}

impl<S> ServerMessages<S> {
    /// Observes the frames of a stream on which none has been read yet.
    pub(super) fn on(stream: S, log: Arc<SessionLog>) -> Self {
        Self {
            stream,
            log,
            frame: Frame::NEXT,
        }
    }

    fn observe(&mut self, mut bytes: &[u8]) {
        loop {
            match &mut self.frame {
                Frame::Head { bytes: head, read } => {
                    let taken = bytes.len().min(HEAD - *read);
                    let (now, rest) = bytes.split_at(taken);
                    head[*read..*read + taken].copy_from_slice(now);
                    *read += taken;
                    bytes = rest;
                    if *read < HEAD {
                        return;
                    }
                    self.frame = Frame::of_head(*head);
                }
                Frame::Body { kind, left, kept } => {
                    let (now, rest) = bytes.split_at(bytes.len().min(*left));
                    if let Some(kept) = kept {
                        kept.extend_from_slice(now);
                    }
                    *left -= now.len();
                    bytes = rest;
                    if *left > 0 {
                        return;
                    }
                    if let Some(body) = kept {
                        self.log.take_note(*kind, body);
                    }
                    self.frame = Frame::NEXT;
                }
            }
            if bytes.is_empty() && matches!(self.frame, Frame::Head { .. }) {
                return;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ServerMessages<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.observe(&buffer.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ServerMessages<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + HEAD - 1).expect("short");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    /// What is logged of these bytes, if they come so many at a time.
    fn logged(bytes: &[u8], at_a_time: usize) -> Arc<SessionLog> {
        let log = Arc::<SessionLog>::default();
        let mut stream = ServerMessages::on((), Arc::clone(&log));
        for chunk in bytes.chunks(at_a_time) {
            stream.observe(chunk);
        }
        log
    }

    #[test]
    fn an_error_is_known_by_its_state_in_any_language_and_however_its_bytes_arrive() {
        let bytes = [
            frame(b'D', &[b'E'; 300]),
            frame(b'Z', b""),
            frame(b'E', b"SFEHLER\0VERROR\0C40P01\0MVerklemmung entdeckt\0\0"),
            frame(b'K', &[0, 0, 1, 2, 9, 9, 9, 9]),
        ]
        .concat();
        for at_a_time in [1, 3, 7, bytes.len()] {
            let log = logged(&bytes, at_a_time);
            assert_eq!(
                log.state_of("Verklemmung entdeckt"),
                Some(SqlState::T_R_DEADLOCK_DETECTED)
            );
            assert_eq!(log.state_of("E"), None);
            assert_eq!(log.process_id(), 258);
            assert!(!log.has_warned());
        }
    }

    #[test]
    fn a_warning_is_noticed_unless_it_is_about_a_missing_transaction() {
        let none = frame(b'N', b"SWARNUNG\0VWARNING\0C25P01\0Mthere is none\0\0");
        assert!(!logged(&none, 9).has_warned());
        let notice = frame(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mdone\0\0");
        assert!(!logged(&notice, 9).has_warned());
        let not_replicated = frame(b'N', b"SWARNUNG\0VWARNING\0C01000\0Mcancelled\0\0");
        assert!(logged(&not_replicated, 9).has_warned());
    }

    #[test]
    fn no_more_than_a_few_errors_are_kept() {
        let bytes: Vec<u8> = (0..100)
            .flat_map(|number| frame(b'E', format!("VERROR\0C23505\0Mnumber {number}\0\0").as_bytes()))
            .collect();
        let log = logged(&bytes, 50);
        assert_eq!(log.errors().len(), KEPT_ERRORS);
        assert_eq!(log.state_of("number 99"), Some(SqlState::UNIQUE_VIOLATION));
        assert_eq!(log.state_of("number 0"), None);
    }
}
