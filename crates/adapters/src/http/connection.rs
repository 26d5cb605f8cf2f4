//! The connection of a client: bytes, with bounds on how long they may stand still.
//!
//! The web server polls the body of a response only while the client takes what was written before. So a client that
//! reads nothing would keep its response, and all that it holds, for ever: an event stream its place, a bulk stream its
//! answers, a drain its time. The bounds are kept here, where bytes are written, and so hold for every response.
//!
//! When most connections are taken, those without a request are closed, so that new clients get in.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use earmark_application::Clock;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::readiness::Readiness;

/// How long a client may take nothing of a response: longer than a mobile phone is without a network in a tunnel.
pub(super) const STANDSTILL: Duration = Duration::from_secs(30);

/// How long a client may take for what is written at once, which is 1 MiB at most: a slow line takes a tenth of that.
const SLOWEST_WRITE: Duration = Duration::from_secs(300);

/// How long a client may take nothing while the service drains.
const STANDSTILL_IN_DRAIN: Duration = Duration::from_secs(2);

/// How long a connection may be without a request when most connections are taken.
const IDLE_IN_CROWD: Duration = Duration::from_secs(2);

/// How often the bounds are checked, of each connection by itself.
const CHECK_PERIOD: Duration = Duration::from_secs(2);

/// How often they are checked while the service drains.
const CHECK_PERIOD_IN_DRAIN: Duration = Duration::from_millis(500);

/// The connections of the process.
pub(super) struct Connections {
    clock: Arc<dyn Clock>,
    readiness: Readiness,
    open: AtomicUsize,
    /// How many make a crowd, in which idle connections are closed.
    crowd: usize,
}

impl Connections {
    /// No connection yet, and at most `most` later.
    pub(super) fn new(clock: Arc<dyn Clock>, readiness: Readiness, most: usize) -> Self {
        Self {
            clock,
            readiness,
            open: AtomicUsize::new(0),
            crowd: most / 4 * 3,
        }
    }

    fn is_crowded(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= self.crowd
    }

    /// Waits until the bounds are to be checked again.
    async fn next_check(self: Arc<Self>) {
        if self.readiness.is_draining() {
            return self.clock.pause(CHECK_PERIOD_IN_DRAIN).await;
        }
        tokio::select! {
            () = self.clock.pause(CHECK_PERIOD) => {}
            () = self.readiness.draining() => {}
        }
    }
}

/// Whether a request is served on a connection. The middleware sets it.
#[derive(Debug, Clone, Default)]
pub(super) struct InUse(Rc<Cell<bool>>);

impl InUse {
    /// From now on a request is served, or none.
    pub(super) fn set(&self, in_use: bool) {
        self.0.set(in_use);
    }
}

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

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The client does not read.
    StandsStill,
    /// There is no request, and others want in.
    Idle,
}

/// A connection.
pub(super) struct Connection<S> {
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

/// What the bounds are about, in the clock's monotonic time.
#[derive(Debug, Default)]
struct Bounds {
    /// Since when the client has taken nothing that waits to be written.
    blocked_since: Option<Duration>,
    /// Since when something waits to be written.
    writing_since: Option<Duration>,
    /// Since when no byte has come or gone, as far as a check has noticed.
    quiet_since: Option<Duration>,
}

impl Bounds {
    fn fault(&self, now: Duration, draining: bool, crowded: bool, in_use: bool) -> Option<Fault> {
        let longer = |since: Option<Duration>, limit| since.is_some_and(|since| now.saturating_sub(since) >= limit);
        let standstill = if draining { STANDSTILL_IN_DRAIN } else { STANDSTILL };
        if longer(self.blocked_since, standstill) || longer(self.writing_since, SLOWEST_WRITE) {
            return Some(Fault::StandsStill);
        }
        (crowded && !in_use && longer(self.quiet_since, IDLE_IN_CROWD)).then_some(Fault::Idle)
    }
}

impl<S> Connection<S> {
    /// A connection on a stream of bytes.
    pub(super) fn new(stream: S, connections: Arc<Connections>) -> Self {
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
    pub(super) fn in_use(&self) -> InUse {
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
            let fault = self.bounds.fault(now, draining, crowded, self.in_use.0.get());
            if fault.is_some() {
                return fault;
            }
        }
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
    use tokio::sync::watch;

    use super::*;

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

    const NOW: Duration = Duration::from_secs(1_000);

    fn ago(time: Duration) -> Option<Duration> {
        Some(NOW - time)
    }

    #[test]
    fn a_client_that_takes_nothing_stands_still_after_the_bound_and_sooner_in_a_drain() {
        let bounds = |blocked| Bounds {
            blocked_since: ago(blocked),
            writing_since: ago(blocked),
            ..Bounds::default()
        };
        let fault = |blocked, draining| bounds(blocked).fault(NOW, draining, false, true);
        assert_eq!(fault(STANDSTILL - Duration::from_secs(1), false), None);
        assert_eq!(fault(STANDSTILL, false), Some(Fault::StandsStill));
        assert_eq!(fault(STANDSTILL_IN_DRAIN, true), Some(Fault::StandsStill));
        assert_eq!(Bounds::default().fault(NOW, true, true, true), None);
    }

    #[test]
    fn a_client_that_takes_a_byte_now_and_then_stands_still_in_the_end() {
        let bounds = |writing| Bounds {
            blocked_since: ago(Duration::ZERO),
            writing_since: ago(writing),
            ..Bounds::default()
        };
        assert_eq!(bounds(SLOWEST_WRITE / 2).fault(NOW, false, false, true), None);
        assert_eq!(
            bounds(SLOWEST_WRITE).fault(NOW, false, false, true),
            Some(Fault::StandsStill)
        );
    }

    #[test]
    fn only_a_connection_without_a_request_is_idle_and_only_in_a_crowd() {
        let quiet = Bounds {
            quiet_since: ago(Duration::from_secs(60)),
            ..Bounds::default()
        };
        assert_eq!(quiet.fault(NOW, false, true, false), Some(Fault::Idle));
        assert_eq!(quiet.fault(NOW, false, true, true), None);
        assert_eq!(quiet.fault(NOW, false, false, false), None);
    }
}
