//! The bulk call as a sink: commands streamed to a running service as lines of one request, while the answers are read.

mod answers;
mod encoding;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http_body_util::StreamBody;
use hyper::Request;
use hyper::body::Frame;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use super::plan::PlannedCommand;
use super::result::SendResult;
use crate::commands::client::address::{KEY_VARIABLE, ServiceAddress};
use crate::failure::Failure;
use crate::http_client::{CONNECT_TIMEOUT, HttpClient, http_client, root_cause};
use answers::BulkAnswer;

/// The path of the bulk call.
const PATH: &str = "v1/bulk";

/// How long an answer may take. A transaction takes milliseconds, and a full queue of them a second: after this time
/// the service, or something on the way to it, has failed without closing the connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The most lines that wait for the connection. Few: the import's window bounds the lines in flight.
const LINES_AHEAD: usize = 64;

/// The most answers that wait for the import: as many as there can be commands in flight, so that reading answers never
/// waits for sending commands, nor the reverse.
const ANSWERS_AHEAD: usize = 1_024;

/// The lines of a request, as long as there are any.
type Lines = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

type Client = HttpClient<Lines>;

/// Sends commands to a running service.
pub(crate) struct BulkSink {
    client: Client,
    url: Url,
    /// What the service is shown, if it wants to know who sends.
    authorization: Option<HeaderValue>,
    request: Option<BulkRequest>,
    /// Why the sink is broken, if it is.
    broken: Option<SendResult>,
}

/// One request, with both bodies open.
struct BulkRequest {
    lines: mpsc::Sender<String>,
    answers: mpsc::Receiver<Result<BulkAnswer, SendResult>>,
}

impl BulkSink {
    /// A sink to the service at this address. Sends nothing yet.
    ///
    /// # Errors
    /// When the address is not an HTTP URL, or the environment has a key that is none; when it is encrypted, and this
    /// machine trusts nobody.
    pub(super) fn new(address: &str) -> Result<Self, Failure> {
        let ServiceAddress { url, authorization, .. } = ServiceAddress::read("--to", address)?;
        let url = url
            .join(PATH)
            .map_err(|error| Failure::Usage(format!("--to: {error}")))?;
        Ok(Self {
            client: http_client(&url)?,
            url,
            authorization,
            request: None,
            broken: None,
        })
    }

    pub(super) async fn submit(&mut self, planned: &PlannedCommand) {
        if self.broken.is_some() {
            return;
        }
        let request = self
            .request
            .get_or_insert_with(|| BulkRequest::start(&self.client, &self.url, self.authorization.as_ref()));
        // Sending fails when the request has ended; `result` then returns the reason.
        let line = match &planned.text {
            Some(text) => format!("{text}\n"),
            None => encoding::encode(&planned.command),
        };
        drop(request.lines.send(line).await);
    }

    pub(super) async fn result(&mut self, planned: &PlannedCommand) -> SendResult {
        if let Some(broken) = &self.broken {
            return broken.clone();
        }
        let Some(request) = &mut self.request else {
            return SendResult::Retry("nothing has been sent yet".to_owned());
        };
        let broken = match timeout(ANSWER_TIMEOUT, request.answers.recv()).await {
            Ok(Some(Ok(answer))) => return answers::interpret(&answer, planned.own_rows()),
            Ok(Some(Err(broken))) => broken,
            Ok(None) => SendResult::Retry("the service ended the stream of answers".to_owned()),
            Err(_) => SendResult::Retry(format!(
                "the service has not answered for {} seconds",
                ANSWER_TIMEOUT.as_secs()
            )),
        };
        self.request = None;
        self.broken = Some(broken.clone());
        broken
    }

    /// Lets the next command open a new request.
    pub(super) fn reconnect(&mut self) {
        self.broken = None;
    }

    /// Ends the request: closes its body and reads the answers to their end.
    pub(super) async fn close(self) {
        if let Some(BulkRequest { lines, mut answers }) = self.request {
            drop(lines);
            // Every command has its answer, so a service that does not end its stream in time loses nothing.
            drop(timeout(CONNECT_TIMEOUT, async { while answers.recv().await.is_some() {} }).await);
        }
    }
}

impl BulkRequest {
    fn start(client: &Client, url: &Url, authorization: Option<&HeaderValue>) -> Self {
        let (lines, to_send) = mpsc::channel::<String>(LINES_AHEAD);
        let (sender, answers) = mpsc::channel(ANSWERS_AHEAD);
        let body = stream::unfold(to_send, |mut to_send| async move {
            let line = to_send.recv().await?;
            Some((Ok(Frame::data(Bytes::from(line))), to_send))
        });
        let mut request = Request::post(url.as_str()).header(CONTENT_TYPE, "application/x-ndjson");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(StreamBody::new(body.boxed()));
        let (client, url, key) = (client.clone(), url.clone(), std::env::var(KEY_VARIABLE).ok());
        tokio::spawn(async move {
            let answered = match request {
                Ok(request) => client.request(request).await.map_err(|error| root_cause(&error)),
                Err(error) => Err(error.to_string()),
            };
            let read = match answered {
                Ok(response) => answers::read(&url, response, &sender, key.as_deref()).await,
                Err(why) => Err(SendResult::Retry(format!("the service can't be reached: {why}"))),
            };
            if let Err(broken) = read {
                // A closed channel means that the import has ended: the reason has no receiver.
                drop(sender.send(Err(broken)).await);
            }
        });
        Self { lines, answers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_accepted() {
        assert!(BulkSink::new("localhost:8080").is_err());
        assert!(BulkSink::new("ftp://localhost").is_err());
        let url = |address| BulkSink::new(address).expect("an address").url.to_string();
        assert_eq!(url("http://localhost:8080"), "http://localhost:8080/v1/bulk");
        assert_eq!(url("http://localhost/shop"), "http://localhost/shop/v1/bulk");
        assert_eq!(url("https://localhost:8443"), "https://localhost:8443/v1/bulk");
    }
}
