//! The bulk link: commands streamed to a running service as lines of one request, answers read while they are sent.

use std::pin::pin;
use std::time::Duration;

use earmark_domain::LineState;
use futures::{Stream, StreamExt, stream};
use reqwest::{Body, Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Tally;
use super::link::Verdict;
use super::plan::Item;
use super::spelt;
use crate::failure::Failure;

/// Where a service takes commands in bulk.
const PATH: &str = "v1/bulk";

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take. A transaction takes milliseconds, and a queue of them a second: past this the service,
/// or something on the way, is gone without a word.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How many lines wait to be taken by the connection. Few: those on their way are bounded by the import's window.
const LINES_AHEAD: usize = 64;

/// How many answers wait to be taken by the import: as many as there can be commands on their way, so that reading
/// answers never waits for sending, nor the other way round.
const ANSWERS_AHEAD: usize = 1_024;

/// The longest answer, in bytes: that of the largest order, with its lines in several batches each.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The longest text of an answer that is no answer to a command, told to the person who asked.
const MAX_TOLD_CHARS: usize = 200;

/// Commands to a running service.
pub(crate) struct BulkLink {
    client: Client,
    url: Url,
    stream: Option<BulkStream>,
    /// Why the link is broken, if it is.
    broken: Option<Verdict>,
}

/// One request, with both of its bodies under way.
struct BulkStream {
    lines: mpsc::Sender<String>,
    answers: mpsc::Receiver<Result<BulkAnswer, Verdict>>,
}

/// The answer to one line.
#[derive(Debug, Deserialize)]
struct BulkAnswer {
    status: u16,
    body: Value,
}

impl BulkLink {
    /// A link to the service at this address. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn to(address: &str) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage(format!("--to {address}: {why}; it reads like http://localhost:8080"));
        let mut url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if url.scheme() != "http" {
            return Err(wrong("only http is spoken here".to_owned()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let url = url.join(PATH).map_err(|error| wrong(error.to_string()))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The address was given by hand; a proxy of the environment is for the world outside.
            .no_proxy()
            .build()
            .map_err(|error| Failure::Failed(format!("can't speak HTTP: {error}")))?;
        Ok(Self {
            client,
            url,
            stream: None,
            broken: None,
        })
    }

    pub(super) async fn submit(&mut self, item: &Item) {
        if self.broken.is_some() {
            return;
        }
        let stream = self
            .stream
            .get_or_insert_with(|| BulkStream::begin(&self.client, &self.url));
        // Where the stream has ended, asking for the answer says why.
        drop(stream.lines.send(spelt::line_of(&item.command)).await);
    }

    pub(super) async fn answer(&mut self, item: &Item) -> Verdict {
        if let Some(verdict) = &self.broken {
            return verdict.clone();
        }
        let Some(stream) = &mut self.stream else {
            return Verdict::Again("nothing has been sent yet".to_owned());
        };
        let broken = match timeout(ANSWER_TIMEOUT, stream.answers.recv()).await {
            Ok(Some(Ok(answer))) => return verdict(&answer, item.rows),
            Ok(Some(Err(verdict))) => verdict,
            Ok(None) => Verdict::Again("the service ended the stream of answers".to_owned()),
            Err(_) => Verdict::Again(format!(
                "the service has been silent for {} seconds",
                ANSWER_TIMEOUT.as_secs()
            )),
        };
        self.stream = None;
        self.broken = Some(broken.clone());
        broken
    }

    pub(super) fn mend(&mut self) {
        self.broken = None;
    }

    /// Ends the request properly: without a line more, and with the answers read to their end.
    pub(super) async fn close(self) {
        if let Some(BulkStream { lines, mut answers }) = self.stream {
            drop(lines);
            // Everything has been answered; a service that does not end its stream in time is not waited for.
            drop(timeout(CONNECT_TIMEOUT, async { while answers.recv().await.is_some() {} }).await);
        }
    }
}

impl BulkStream {
    fn begin(client: &Client, url: &Url) -> Self {
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
        tokio::spawn(async move {
            let read = match request.send().await {
                Ok(response) => read(response, &sender).await,
                Err(error) => Err(Verdict::Again(format!(
                    "the service can't be reached: {}",
                    innermost(&error)
                ))),
            };
            if let Err(verdict) = read {
                // Nobody asks any more: the import has ended.
                drop(sender.send(Err(verdict)).await);
            }
        });
        Self { lines, answers }
    }
}

/// Reads answers to their end.
async fn read(response: Response, to: &mpsc::Sender<Result<BulkAnswer, Verdict>>) -> Result<(), Verdict> {
    let status = response.status();
    if status != StatusCode::OK {
        let url = response.url().clone();
        let text: String = response
            .text()
            .await
            .unwrap_or_default()
            .chars()
            .take(MAX_TOLD_CHARS)
            .collect();
        let told = format!("{url} answers {status}: {text}");
        return Err(match status.is_server_error() {
            true => Verdict::Again(told),
            false => Verdict::Stop(told),
        });
    }
    let mut lines = pin!(lines(response.bytes_stream()));
    while let Some(line) = lines.next().await {
        let answer = serde_json::from_slice(&line?)
            .map_err(|error| Verdict::Stop(format!("what answers is not Earmark: {error}")))?;
        if to.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Cuts a body into lines.
fn lines<B: AsRef<[u8]>>(
    body: impl Stream<Item = Result<B, reqwest::Error>>,
) -> impl Stream<Item = Result<Vec<u8>, Verdict>> {
    let mut begun = Vec::new();
    body.flat_map(move |chunk| {
        let mut whole = Vec::new();
        match chunk {
            Err(error) => whole.push(Err(Verdict::Again(format!(
                "the connection broke: {}",
                innermost(&error)
            )))),
            Ok(chunk) => {
                for piece in chunk.as_ref().split_inclusive(|byte| *byte == b'\n') {
                    begun.extend_from_slice(piece);
                    if piece.ends_with(b"\n") {
                        whole.push(Ok(std::mem::take(&mut begun)));
                    } else if begun.len() > MAX_ANSWER_BYTES {
                        whole.push(Err(Verdict::Stop(
                            "what answers is not Earmark: its lines have no end".to_owned(),
                        )));
                    }
                }
            }
        }
        stream::iter(whole)
    })
}

/// What went wrong at the bottom of it: the layers above repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What an answer means for the rows of its command.
fn verdict(BulkAnswer { status, body }: &BulkAnswer, rows: u64) -> Verdict {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let created = *status == StatusCode::CREATED.as_u16();
    let waits = *status == StatusCode::ACCEPTED.as_u16();
    let states = |lines: &Vec<Value>| -> Vec<LineState> { lines.iter().filter_map(state).collect() };
    Verdict::Done(match (*status, body.get("lines").and_then(Value::as_array)) {
        // An order has lines, a line has a state, a product has batches, and what remains is a batch.
        (_, Some(lines)) if created => Tally::placed(states(lines)),
        (_, None) if (created || waits) && text("line_id").is_some() => Tally::placed(state(body)),
        (_, None) if created => Tally {
            created: rows,
            ..Tally::new()
        },
        (200, _) if body.get("batches").is_some() => Tally {
            named: rows,
            ..Tally::new()
        },
        (200, _) => Tally {
            unchanged: rows,
            ..Tally::new()
        },
        (409, _) if text("code") == Some("out_of_stock") => Tally {
            refused: rows,
            ..Tally::new()
        },
        (503, _) => return Verdict::Again(told(body)),
        _ => return Verdict::Bad(told(body)),
    })
}

fn state(line: &Value) -> Option<LineState> {
    LineState::parse(line.get("status")?.as_str()?)
}

/// What a problem says, for people: its detail, and each field at fault.
fn told(body: &Value) -> String {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let detail = text(body, "detail")
        .or_else(|| text(body, "title"))
        .unwrap_or_else(|| body.to_string());
    let errors = body.get("errors").and_then(Value::as_array);
    let faults = errors
        .into_iter()
        .flatten()
        .filter_map(|fault| Some(format!("; {}: {}", text(fault, "field")?, text(fault, "message")?)));
    std::iter::once(detail).chain(faults).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: u16, body: Value) -> Verdict {
        verdict(&BulkAnswer { status, body }, 3)
    }

    #[test]
    fn answers_are_counted_by_what_became_of_the_rows() {
        let line = |status: &str| json!({"order_id": "O", "line_id": "L", "status": status});
        let nothing = Tally::new();
        for (answer, tally) in [
            (
                answered(201, line("allocated")),
                Tally {
                    allocated: 1,
                    ..nothing
                },
            ),
            (
                answered(202, line("backordered")),
                Tally {
                    backordered: 1,
                    ..nothing
                },
            ),
            (
                answered(200, line("allocated")),
                Tally {
                    unchanged: 3,
                    ..nothing
                },
            ),
            (
                answered(201, json!({"reference": "B"})),
                Tally { created: 3, ..nothing },
            ),
            (
                answered(200, json!({"reference": "B"})),
                Tally {
                    unchanged: 3,
                    ..nothing
                },
            ),
            (
                answered(200, json!({"sku": "S", "batches": []})),
                Tally { named: 3, ..nothing },
            ),
            (
                answered(409, json!({"code": "out_of_stock"})),
                Tally { refused: 3, ..nothing },
            ),
            (
                answered(201, json!({"lines": [line("allocated"), line("backordered")]})),
                Tally {
                    allocated: 1,
                    backordered: 1,
                    ..nothing
                },
            ),
        ] {
            assert_eq!(answer, Verdict::Done(tally));
        }
    }

    #[test]
    fn a_busy_service_is_asked_again_and_a_contradiction_is_a_bad_row() {
        assert_eq!(
            answered(503, json!({"detail": "busy"})),
            Verdict::Again("busy".to_owned())
        );
        assert_eq!(
            answered(409, json!({"code": "line_exists", "detail": "line O/L exists"})),
            Verdict::Bad("line O/L exists".to_owned())
        );
        assert_eq!(
            answered(
                422,
                json!({"detail": "is wrong", "errors": [{"field": "lines", "message": "too many"}]})
            ),
            Verdict::Bad("is wrong; lines: too many".to_owned())
        );
    }

    #[tokio::test]
    async fn answers_are_cut_at_line_ends_wherever_chunks_end() {
        let chunks = ["{\"a\"", ":1}\n{\"b\":2}\n{", "}\n"].map(Ok::<_, reqwest::Error>);
        let lines: Vec<_> = lines(stream::iter(chunks)).collect().await;
        assert_eq!(
            lines,
            [
                Ok(b"{\"a\":1}\n".to_vec()),
                Ok(b"{\"b\":2}\n".to_vec()),
                Ok(b"{}\n".to_vec())
            ]
        );
    }

    #[test]
    fn only_an_http_address_can_be_sent_to() {
        assert!(BulkLink::to("localhost:8080").is_err());
        assert!(BulkLink::to("https://localhost").is_err());
        let url = |address| BulkLink::to(address).expect("an address").url.to_string();
        assert_eq!(url("http://localhost:8080"), "http://localhost:8080/v1/bulk");
        assert_eq!(url("http://localhost/shop"), "http://localhost/shop/v1/bulk");
    }
}
