//! The bulk call as a sink: commands streamed to a running service as lines of one request, while the answers are read.

mod answers;
mod encoding;

use std::time::Duration;

use earmark_adapters::access_key::hash_of;
use futures::stream;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Body, Client, Url};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::plan::PlannedCommand;
use super::result::SendResult;
use crate::failure::Failure;
use crate::settings::masked;
use answers::BulkAnswer;

/// The path of the bulk call.
const PATH: &str = "v1/bulk";

/// The variable with the access key, for a service that wants one. Not a flag: flags are in the list of processes.
const KEY: &str = "EARMARK_KEY";

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take. A transaction takes milliseconds, and a full queue of them a second: after this time
/// the service, or something on the way to it, has failed without closing the connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The most lines that wait for the connection. Few: the import's window bounds the lines in flight.
const LINES_AHEAD: usize = 64;

/// The most answers that wait for the import: as many as there can be commands in flight, so that reading answers never
/// waits for sending commands, nor the reverse.
const ANSWERS_AHEAD: usize = 1_024;

/// Sends commands to a running service.
pub(crate) struct BulkSink {
    client: Client,
    url: Url,
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
    /// When the address is not an HTTP URL, or the environment has a key that is none.
    pub(super) fn new(address: &str) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::Usage(format!(
                "--to {}: {why}; an address is, for example, http://localhost:8080",
                masked(address)
            ))
        };
        let mut url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if url.scheme() != "http" {
            return Err(wrong("only http is supported".to_owned()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let url = url.join(PATH).map_err(|error| wrong(error.to_string()))?;
        let client = Client::builder()
            .default_headers(headers()?)
            .connect_timeout(CONNECT_TIMEOUT)
            // The user named the service itself; a proxy from the environment is for other addresses.
            .no_proxy()
            .build()
            .map_err(|error| Failure::Failed(format!("can't start an HTTP client: {error}")))?;
        Ok(Self {
            client,
            url,
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
            .get_or_insert_with(|| BulkRequest::start(&self.client, &self.url));
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

/// The headers of each request: the access key of the environment, if it has one.
fn headers() -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let Some(key) = std::env::var_os(KEY) else {
        return Ok(headers);
    };
    let key = key.to_str().filter(|key| hash_of(key).is_some());
    let value = key.and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok());
    let mut value = value.ok_or_else(|| Failure::Usage(format!("{KEY} is not an access key")))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(headers)
}

impl BulkRequest {
    fn start(client: &Client, url: &Url) -> Self {
        let (lines, to_send) = mpsc::channel::<String>(LINES_AHEAD);
        let (sender, answers) = mpsc::channel(ANSWERS_AHEAD);
        let body = stream::unfold(to_send, |mut to_send| async move {
            let line = to_send.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(line), to_send))
        });
        let request = client
            .post(url.clone())
            .header("content-type", "application/x-ndjson")
            .body(Body::wrap_stream(body));
        let key = std::env::var(KEY).ok();
        tokio::spawn(async move {
            let read = match request.send().await {
                Ok(response) => answers::read(response, &sender, key.as_deref()).await,
                Err(error) => Err(SendResult::Retry(format!(
                    "the service can't be reached: {}",
                    answers::root_cause(&error)
                ))),
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
        assert!(BulkSink::new("https://localhost").is_err());
        let url = |address| BulkSink::new(address).expect("an address").url.to_string();
        assert_eq!(url("http://localhost:8080"), "http://localhost:8080/v1/bulk");
        assert_eq!(url("http://localhost/shop"), "http://localhost/shop/v1/bulk");
    }
}
