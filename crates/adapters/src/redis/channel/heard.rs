//! What was heard and is not taken yet: a buffer with a bound.
//!
//! The server sends whether anybody takes it or not. What does not fit is lost, and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use earmark_application::{Body, Clock, RECEIVED_BYTES};
use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;

use crate::broker::incoming::body_of;

/// The most messages in the buffer.
const MAX_MESSAGES: usize = 10_000;

/// The most bytes of messages in the buffer.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The buffer.
pub(super) struct Heard {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    lost: u64,
    has_ended: bool,
}

/// A message, with when it came.
struct Message {
    at: Duration,
    body: Body,
    bytes: usize,
}

impl Heard {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            news: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, payload: &[u8]) {
        let mut state = self.state();
        let body = body_of(payload, payload.len());
        let bytes = match &body {
            Body::Whole(whole) => whole.len(),
            Body::TooLong { beginning, .. } => beginning.len(),
        };
        if state.messages.len() >= MAX_MESSAGES || state.bytes + bytes > MAX_BYTES {
            state.lost += 1;
            return;
        }
        state.bytes += bytes;
        let at = self.clock.monotonic();
        state.messages.push_back(Message { at, body, bytes });
    }

    /// Takes the oldest messages: at most so many, and no more bytes than are received at once, but for the last one.
    pub(super) fn take(&self, most: usize) -> Vec<Body> {
        let mut state = self.state();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < most && bytes < RECEIVED_BYTES {
            let Some(message) = state.messages.pop_front() else {
                break;
            };
            bytes += message.bytes;
            taken.push(message.body);
        }
        state.bytes -= bytes;
        taken
    }

    /// Forgets messages that came before an instant, by the clock that only goes on.
    pub(super) fn forget(&self, before: Duration) {
        let mut state = self.state();
        while let Some(oldest) = state.messages.pop_front_if(|oldest| oldest.at < before) {
            state.bytes -= oldest.bytes;
        }
    }

    /// How many messages were lost since this was last asked.
    pub(super) fn lost(&self) -> u64 {
        std::mem::take(&mut self.state().lost)
    }

    /// Whether the connection is lost.
    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Waits for something new.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}

/// The end of the buffer that the connection writes to.
pub(super) struct Listener(pub(super) Arc<Heard>);

impl AsyncPushSender for Listener {
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        match (push.kind, push.data.as_slice()) {
            (PushKind::Message, [_, Value::BulkString(payload)]) => self.0.add(payload),
            (PushKind::Disconnection, _) => self.0.state().has_ended = true,
            _ => return Ok(()),
        }
        self.0.news.notify_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// A clock that is set.
    #[derive(Default)]
    struct SetClock(Mutex<Duration>);

    #[async_trait]
    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("nobody has failed")
        }

        async fn pause(&self, _: Duration) {}
    }

    fn buffer() -> (Arc<SetClock>, Arc<Heard>, Listener) {
        let clock = Arc::new(SetClock::default());
        let heard = Arc::new(Heard::new(Arc::clone(&clock) as Arc<dyn Clock>));
        (clock, Arc::clone(&heard), Listener(heard))
    }

    fn say(listener: &Listener, payload: &[u8]) {
        let data = [&b"channel"[..], payload].map(|bytes| Value::BulkString(bytes.to_vec()));
        let (kind, data) = (PushKind::Message, data.to_vec());
        listener.send(PushInfo { kind, data }).expect("it is heard");
    }

    #[test]
    fn messages_are_taken_in_the_order_in_which_they_came() {
        let (_, heard, listener) = buffer();
        for payload in [b"one", b"two"] {
            say(&listener, payload);
        }
        let whole = |text: &str| Body::Whole(text.into());
        assert_eq!(heard.take(1), [whole("one")]);
        assert_eq!(heard.take(5), [whole("two")]);
        assert_eq!((heard.lost(), heard.has_ended()), (0, false));
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let (_, heard, listener) = buffer();
        for _ in 0..MAX_MESSAGES + 2 {
            say(&listener, b"x");
        }
        assert_eq!((heard.lost(), heard.lost()), (2, 0));
        assert_eq!(heard.take(usize::MAX).len(), MAX_MESSAGES);
        let large = vec![b'x'; 1024 * 1024];
        for _ in 0..20 {
            say(&listener, &large);
        }
        let mut taken = 0;
        while let [_] = heard.take(usize::MAX)[..] {
            taken += 1;
        }
        assert_eq!((taken, heard.lost()), (16, 4));
        say(&listener, b"there is room again");
        assert_eq!(heard.take(usize::MAX).len(), 1);
    }

    #[test]
    fn old_messages_are_forgotten() {
        let (clock, heard, listener) = buffer();
        for second in 0..5 {
            *clock.0.lock().expect("nobody has failed") = Duration::from_secs(second);
            say(&listener, second.to_string().as_bytes());
        }
        heard.forget(Duration::from_secs(3));
        assert_eq!(heard.take(9), [Body::Whole(b"3".into()), Body::Whole(b"4".into())]);
    }
}
