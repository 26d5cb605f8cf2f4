//! A connection: bytes, with bounds on how long they may stand still.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::bounds::{Bounds, Fault};
use super::connections::{Connections, InUse};

/// Wakes the task of a connection when the next check of its bounds is due, and remembers that. A connection is polled
/// some times for each request and checked every other second: so it need not ask the check's timers each time.
#[derive(Debug, Default)]
struct Alarm {
    has_rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// A connection.
pub(in crate::http) struct Connection<S> {
    stream: S,
    connections: Arc<Connections>,
    in_use: InUse,
    /// When the bounds are checked again; none while bytes flow.
    check: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    alarm: Arc<Alarm>,
    /// Rings the alarm.
    ring: Waker,
    bounds: Bounds,
}

impl<S> Connection<S> {
    /// A connection on a stream of bytes.
    pub(in crate::http) fn new(stream: S, connections: Arc<Connections>) -> Self {
        connections.open.fetch_add(1, Ordering::Relaxed);
        let alarm = Arc::<Alarm>::default();
        Self {
            stream,
            connections,
            in_use: InUse::default(),
            check: None,
            ring: Waker::from(Arc::clone(&alarm)),
            alarm,
            bounds: Bounds::default(),
        }
    }

    /// The handle by which the middleware says that a request is served.
    pub(in crate::http) fn in_use(&self) -> InUse {
        self.in_use.clone()
    }

    /// Called when no byte can be read or written now. Has the task woken for the next check.
    fn poll_fault(&mut self, context: &mut Context<'_>) -> Option<Fault> {
        // Before the look whether it has rung, so that no ring is missed.
        self.alarm.task.register(context.waker());
        if self.check.is_some() && !self.alarm.has_rung.load(Ordering::Acquire) {
            return None;
        }
        loop {
            let connections = &self.connections;
            let check = self
                .check
                .get_or_insert_with(|| Box::pin(Arc::clone(connections).next_check()));
            self.alarm.has_rung.store(false, Ordering::Release);
            if check.as_mut().poll(&mut Context::from_waker(&self.ring)).is_pending() {
                return None;
            }
            self.check = None;
            let now = self.connections.clock.monotonic();
            let quiet_since = *self.bounds.quiet_since.get_or_insert(now);
            self.bounds.quiet_since = Some(quiet_since);
            let draining = self.connections.readiness.is_draining();
            let crowded = self.connections.is_crowded();
            let fault = self.bounds.fault(now, draining, crowded, self.in_use.0.get() > 0);
            if fault.is_some() {
                return fault;
            }
        }
    }
}

impl Connection<TcpStream> {
    /// Waits for the first byte that the client sends, and leaves it to be read. `None`: there will be none.
    ///
    /// # Errors
    /// Those of the network.
    pub(super) fn poll_first_byte(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        match self.stream.poll_peek(context, &mut buffer) {
            Poll::Ready(peeked) => Poll::Ready(peeked.map(|_| buffer.filled().first().copied())),
            Poll::Pending if self.poll_fault(context).is_some() => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends what is written at once: encrypted records and frames are whole messages.
    pub(super) fn send_at_once(&self) {
        // A connection that has been closed meanwhile fails where it is read.
        let _ = self.stream.set_nodelay(true);
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                self.bounds.quiet_since = None;
                Poll::Ready(read)
            }
            Poll::Pending => match self.poll_fault(context) {
                None => Poll::Pending,
                // As if the client had closed.
                Some(Fault::Idle) => Poll::Ready(Ok(())),
                Some(Fault::StandsStill) => Poll::Ready(Err(stands_still())),
            },
        }
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Notes whether the client took bytes.
    fn written(&mut self, written: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.bounds.quiet_since = None;
            self.bounds.blocked_since = None;
            return written;
        }
        let now = self.connections.clock.monotonic();
        self.bounds.blocked_since.get_or_insert(now);
        self.bounds.writing_since.get_or_insert(now);
        match self.poll_fault(context) {
            Some(Fault::StandsStill) => Poll::Ready(Err(stands_still())),
            Some(Fault::Idle) | None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when all that there was to write has been taken.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bounds.writing_since = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn stands_still() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client does not read")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::ready;

    use async_trait::async_trait;
    use futures::task::noop_waker;
    use jiff::Timestamp;
    use std::time::Duration;
    use tokio::sync::watch;

    use earmark_application::Clock;

    use super::super::bounds::STANDSTILL;
    use super::super::connections::CHECK_PERIOD;
    use super::*;
    use crate::http::readiness::Readiness;

    /// A clock that is set by hand, and counts how often those who wait for it are polled.
    struct ManualClock {
        time: watch::Sender<Duration>,
        polls: Mutex<usize>,
    }

    #[async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.time.borrow()
        }

        async fn pause(&self, time: Duration) {
            let end = self.monotonic() + time;
            let mut passing = self.time.subscribe();
            let mut waiting = pin!(passing.wait_for(|now| *now >= end));
            poll_fn(|context| {
                *self.polls.lock().expect("not poisoned") += 1;
                ready!(waiting.as_mut().poll(context)).expect("the clock is there");
                Poll::Ready(())
            })
            .await;
        }
    }

    /// A client that neither sends nor reads.
    struct Silent;

    impl AsyncRead for Silent {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Silent {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[test]
    fn a_client_that_reads_nothing_is_noticed_and_its_timers_are_asked_once_a_check() {
        let clock = Arc::new(ManualClock {
            time: watch::Sender::new(Duration::ZERO),
            polls: Mutex::default(),
        });
        let connections = Connections::new(Arc::clone(&clock) as Arc<dyn Clock>, Readiness::new(), 8);
        let mut connection = Connection::new(Silent, Arc::new(connections));
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let mut write = || Pin::new(&mut connection).poll_write(&mut context, b"a response");
        for _ in 0..100 {
            assert!(write().is_pending());
        }
        assert_eq!(*clock.polls.lock().expect("not poisoned"), 1);
        let mut checks = 0;
        while write().is_pending() {
            checks += 1;
            assert!(checks < 100, "it is never noticed");
            clock.time.send_modify(|now| *now += CHECK_PERIOD);
        }
        assert_eq!(clock.monotonic(), STANDSTILL);
    }
}
