//! The publisher for webhooks.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use earmark_application::{
    Books, Clock, DeliveryLimits, EventMessage, LastPublished, LogPosition, PublishError, Publisher, RetryPolicy,
    SubscriptionName,
};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use tokio::sync::Semaphore;

use super::allowed::AllowedHosts;
use super::answer::{Answer, first_line, retry_after, unavailable};
use super::batch::{Batch, MEDIA_TYPE};
use super::client::{HttpClient, client, encrypted, plain};
use super::endpoint::Endpoint;
use super::error::{AddressRefused, WebhookError};
use super::guard::Guard;
use super::resolver::Resolver;
use super::secrets::Secrets;
use crate::timeout::timeout;

/// A delivery. With what CloudEvents add it stays well below the megabyte that common proxies and servers take, and a
/// receiver that stores its events one by one still answers in time. What fails is repeated as a whole, so it should
/// not be more.
const LIMITS: DeliveryLimits = DeliveryLimits {
    events: 100,
    bytes: 256 * 1024,
};

/// A receiver is somebody else's, and may be away over a weekend. Who is back is told within ten minutes.
const RETRIES: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10 * 60),
    give_up_after: Some(Duration::from_secs(3 * 24 * 60 * 60)),
};

/// From the look-up of the address to the head of the answer. Receivers should store what they get and answer; who
/// works on it first is too slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What an answer says is not needed, so it is waited for no longer, and no more of it is read: a connection on which
/// there is more is closed.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Tells receivers who calls.
const AGENT: &str = concat!("earmark/", env!("CARGO_PKG_VERSION"));

/// What all webhooks of a process have in common.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Hosts that are not public, to which they may go all the same.
    pub allowed: AllowedHosts,
    /// The file (PEM) with the certificates of the trusted authorities. `None`: those that the machine trusts, or that
    /// the file has which `SSL_CERT_FILE` names.
    pub authorities: Option<PathBuf>,
    /// So many requests are under way at once; others wait for their turn. One that hangs has its turn for about ten seconds.
    pub under_way: NonZeroUsize,
}

/// Makes the publishers of a process, which share a bound on their requests.
pub struct Webhooks {
    clock: Arc<dyn Clock>,
    resolver: Arc<dyn Resolver>,
    allowed: Arc<AllowedHosts>,
    authorities: Option<PathBuf>,
    under_way: Arc<Semaphore>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Webhooks {
    /// What webhooks need of the outside.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, resolver: Arc<dyn Resolver>, settings: WebhookSettings) -> Self {
        let under_way = settings.under_way.get().min(Semaphore::MAX_PERMITS);
        Self {
            clock,
            resolver,
            allowed: Arc::new(settings.allowed),
            authorities: settings.authorities,
            under_way: Arc::new(Semaphore::new(under_way)),
        }
    }

    /// A webhook at `url`, signed with one secret, or with two while one takes the other's place.
    ///
    /// `https://` goes to every public address, `http://` only where the settings allow it. Name and password in the
    /// URL are sent by HTTP's basic scheme.
    ///
    /// # Errors
    /// [`WebhookError`]: in no message is a secret, or a part of the URL that may be one.
    pub fn publisher<S: AsRef<str>>(&self, url: &str, secrets: &[S]) -> Result<WebhookPublisher, WebhookError> {
        let endpoint = Endpoint::parse(url, &self.allowed)?;
        // Whom the machine trusts is read only where somebody is to be trusted.
        let tls = if endpoint.is_encrypted {
            encrypted(self.authorities.as_deref())?
        } else {
            plain()?
        };
        let guard = Guard {
            resolver: Arc::clone(&self.resolver),
            allowed: Arc::clone(&self.allowed),
            is_encrypted: endpoint.is_encrypted,
        };
        Ok(WebhookPublisher {
            secrets: Secrets::parse(secrets)?,
            client: client(guard, tls),
            clock: Arc::clone(&self.clock),
            under_way: Arc::clone(&self.under_way),
            endpoint,
        })
    }
}

/// Delivers events to one webhook.
///
/// A repeated call with the same events sends the same id and the same bytes, with a new time and signature. The events
/// may come again in other batches, too: when a batch is not taken, the relay sends parts of it, to find the event that
/// the receiver does not take. So receivers recognise repeated events by the `id` of the CloudEvent; that of
/// the delivery (`webhook-id`) tells a repeated delivery alone.
pub struct WebhookPublisher {
    endpoint: Endpoint,
    secrets: Secrets,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    under_way: Arc<Semaphore>,
}

impl fmt::Debug for WebhookPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookPublisher").field(&self.name().as_str()).finish()
    }
}

#[async_trait]
impl Publisher for WebhookPublisher {
    fn limits(&self) -> DeliveryLimits {
        LIMITS
    }

    fn repeats_deliveries(&self) -> bool {
        true
    }

    fn retry_policy(&self) -> RetryPolicy {
        RETRIES
    }

    async fn last_published(&self, _: &Books) -> Result<LastPublished, PublishError> {
        // Nothing in the scheme asks a receiver what it has.
        Ok(LastPublished::Unknown)
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        match self.deliver(events).await? {
            Some(answer) => answer.outcome(events.len()),
            None => Ok(()),
        }
    }

    async fn replay(&self, event: &Arc<EventMessage>, _: LogPosition) -> Result<(), PublishError> {
        match self.deliver(std::slice::from_ref(event)).await? {
            Some(answer) => answer.outcome_of_one(),
            None => Ok(()),
        }
    }
}

impl WebhookPublisher {
    /// The name of its subscription: the URL without what may be secret in it, which is name, password and query. Two
    /// webhooks that differ in these alone have one name.
    #[must_use]
    pub const fn name(&self) -> &SubscriptionName {
        &self.endpoint.name
    }

    /// Sends events, if there are any, once it is their turn.
    async fn deliver(&self, events: &[Arc<EventMessage>]) -> Result<Option<Answer>, PublishError> {
        let Some(batch) = Batch::of(events)? else {
            return Ok(None);
        };
        // Those before it hold their turns for as long as a request may last at most, and are served in their order.
        let _turn = self.under_way.acquire().await.expect("nobody closes the semaphore");
        self.send(batch).await.map(Some)
    }

    async fn send(&self, batch: Batch) -> Result<Answer, PublishError> {
        let request = self.request(batch)?;
        let response = timeout(&*self.clock, ANSWER_TIMEOUT, self.client.request(request)).await;
        let response = response
            .ok_or_else(|| unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))?
            .map_err(|why| failure(&why))?;
        let (head, body) = response.into_parts();
        let now = self.clock.now();
        let read = self.read(body).await;
        Ok(Answer {
            status: head.status,
            retry_after: head
                .headers
                .get(RETRY_AFTER)
                .and_then(|header| retry_after(header, now)),
            // An answer may repeat the request, and with it what is secret in the URL.
            said: if self.endpoint.has_secrets {
                String::new()
            } else {
                first_line(&read)
            },
        })
    }

    fn request(&self, batch: Batch) -> Result<Request<Full<Bytes>>, PublishError> {
        let timestamp = self.clock.now().as_second();
        let signatures = self.secrets.sign(&batch.id, timestamp, &batch.body);
        let mut request = Request::post(&self.endpoint.uri)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header(USER_AGENT, AGENT)
            .header("webhook-id", batch.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures);
        if let Some(authorization) = &self.endpoint.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(batch.body));
        request.map_err(|why| PublishError::Unfit(format!("no request can be made: {why}")))
    }

    /// The beginning of an answer's body. The rest, if it is short and comes soon, is read so that the connection can
    /// be used again.
    async fn read(&self, mut body: Incoming) -> Vec<u8> {
        let mut read = Vec::new();
        let reading = async {
            // What can't be read is not missed: the head has said all that counts.
            while let Some(Ok(frame)) = body.frame().await {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                let room = MAX_BODY_BYTES.saturating_sub(read.len());
                read.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    break;
                }
            }
        };
        timeout(&*self.clock, BODY_TIMEOUT, reading).await;
        read
    }
}

/// Why a request had no answer: all causes, from the outermost. None of them names the URL.
fn failure(error: &(dyn Error + 'static)) -> PublishError {
    let causes = || std::iter::successors(Some(error), |&error| error.source());
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<AddressRefused>()) {
        return PublishError::Unfit(refused.to_string());
    }
    let reasons: Vec<String> = causes().map(ToString::to_string).collect();
    unavailable(reasons.join(": "))
}
