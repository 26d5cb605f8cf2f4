//! The answers of the bulk call: read from the response, and interpreted.

use std::pin::pin;

use earmark_domain::LineState;
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyDataStream, BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use crate::commands::import::counts::Counts;
use crate::commands::import::result::SendResult;
use crate::http_client::root_cause;

/// The longest answer, in bytes: that of the largest order, with each line in several batches.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The most characters of an error response that are shown, and the most bytes that it is read for.
const MAX_SHOWN_CHARS: usize = 200;
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The answer to one line.
#[derive(Debug, Deserialize)]
pub(super) struct BulkAnswer {
    status: u16,
    /// Whether the command changed nothing.
    #[serde(default)]
    unchanged: bool,
    body: Value,
}

/// Reads the answers of a response to their end, into a channel. What is shown of them has not the key that was sent: whoever
/// answers may be somebody else, who says back what it was sent.
///
/// # Errors
/// The result of all commands still in flight, when the response is not a stream of answers or breaks off.
pub(super) async fn read(
    url: &Url,
    response: Response<Incoming>,
    to: &mpsc::Sender<Result<BulkAnswer, SendResult>>,
    key: Option<&str>,
) -> Result<(), SendResult> {
    let status = response.status();
    if status != StatusCode::OK {
        let body = Limited::new(response.into_body(), MAX_ERROR_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let text = without(key, &String::from_utf8_lossy(&body));
        let text: String = text.chars().take(MAX_SHOWN_CHARS).collect();
        let message = format!("{url} answers {status}: {text}");
        return Err(match status.is_server_error() {
            true => SendResult::Retry(message),
            false => SendResult::Abort(message),
        });
    }
    let mut lines = pin!(split_lines(BodyDataStream::new(response.into_body())));
    while let Some(line) = lines.next().await {
        let answer = serde_json::from_slice(&line?)
            .map_err(|error| without(key, &error.to_string()))
            .map_err(|error| SendResult::Abort(format!("the answer does not come from Earmark: {error}")))?;
        if to.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A text without the key.
fn without(key: Option<&str>, text: &str) -> String {
    match key {
        Some(key) if !key.is_empty() => text.replace(key, "***"),
        _ => text.to_owned(),
    }
}

/// Splits a body into lines.
fn split_lines<B: AsRef<[u8]>>(
    body: impl Stream<Item = Result<B, hyper::Error>>,
) -> impl Stream<Item = Result<Vec<u8>, SendResult>> {
    let mut partial = Vec::new();
    body.flat_map(move |chunk| {
        let mut lines = Vec::new();
        match chunk {
            Err(error) => lines.push(Err(SendResult::Retry(format!(
                "the connection broke: {}",
                root_cause(&error)
            )))),
            Ok(chunk) => {
                for piece in chunk.as_ref().split_inclusive(|byte| *byte == b'\n') {
                    partial.extend_from_slice(piece);
                    if piece.ends_with(b"\n") {
                        lines.push(Ok(std::mem::take(&mut partial)));
                    } else if partial.len() > MAX_ANSWER_BYTES {
                        lines.push(Err(SendResult::Abort(format!(
                            "the answer does not come from Earmark: a line is longer than {MAX_ANSWER_BYTES} bytes"
                        ))));
                    }
                }
            }
        }
        stream::iter(lines)
    })
}

/// The result that an answer means for the rows of its command.
pub(super) fn interpret(answer: &BulkAnswer, rows: u64) -> SendResult {
    let BulkAnswer {
        status,
        unchanged,
        body,
    } = answer;
    let none = Counts::new();
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let created = *status == StatusCode::CREATED.as_u16();
    let accepted = *status == StatusCode::ACCEPTED.as_u16();
    let states = |lines: &Vec<Value>| -> Vec<LineState> { lines.iter().filter_map(line_state).collect() };
    SendResult::Done(match (*status, body.get("lines").and_then(Value::as_array)) {
        _ if *unchanged => Counts {
            unchanged: rows,
            ..none
        },
        // An order has lines, a line has a line id, a product has batches, and any other body that is new is a batch.
        (_, Some(lines)) if created => Counts::of_lines(states(lines)),
        (_, None) if (created || accepted) && text("line_id").is_some() => Counts::of_lines(line_state(body)),
        (_, None) if created => Counts { created: rows, ..none },
        (200, _) if body.get("batches").is_some() => Counts { named: rows, ..none },
        (200, _) => Counts { changed: rows, ..none },
        (409, _) if text("code") == Some("out_of_stock") => Counts { refused: rows, ..none },
        (503, _) => return SendResult::Retry(message(body)),
        _ => return SendResult::Bad(message(body)),
    })
}

fn line_state(line: &Value) -> Option<LineState> {
    LineState::parse(line.get("status")?.as_str()?)
}

/// The message of a problem: its detail, and each field at fault.
fn message(body: &Value) -> String {
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

    fn answered(status: u16, body: Value) -> SendResult {
        answer(status, false, body)
    }

    fn unchanged(body: Value) -> SendResult {
        answer(200, true, body)
    }

    fn answer(status: u16, unchanged: bool, body: Value) -> SendResult {
        let answer = BulkAnswer {
            status,
            unchanged,
            body,
        };
        interpret(&answer, 3)
    }

    #[test]
    fn answers_are_counted_by_their_meaning_for_the_rows() {
        let line = |status: &str| json!({"order_id": "O", "line_id": "L", "status": status});
        let none = Counts::new();
        for (answer, counts) in [
            (answered(201, line("allocated")), Counts { allocated: 1, ..none }),
            (answered(202, line("backordered")), Counts { backordered: 1, ..none }),
            (unchanged(line("allocated")), Counts { unchanged: 3, ..none }),
            (answered(201, json!({"reference": "B"})), Counts { created: 3, ..none }),
            (unchanged(json!({"reference": "B"})), Counts { unchanged: 3, ..none }),
            (
                unchanged(json!({"sku": "S", "batches": []})),
                Counts { unchanged: 3, ..none },
            ),
            (
                answered(200, json!({"batch": {}, "effects": {}})),
                Counts { changed: 3, ..none },
            ),
            (
                answered(200, json!({"order_id": "O", "lines": [line("cancelled")]})),
                Counts { changed: 3, ..none },
            ),
            (
                answered(200, json!({"sku": "S", "batches": []})),
                Counts { named: 3, ..none },
            ),
            (
                answered(409, json!({"code": "out_of_stock"})),
                Counts { refused: 3, ..none },
            ),
            (
                answered(201, json!({"lines": [line("allocated"), line("backordered")]})),
                Counts {
                    allocated: 1,
                    backordered: 1,
                    ..none
                },
            ),
        ] {
            assert_eq!(answer, SendResult::Done(counts));
        }
    }

    #[test]
    fn a_busy_service_is_retried_and_a_contradiction_is_a_bad_row() {
        assert_eq!(
            answered(503, json!({"detail": "busy"})),
            SendResult::Retry("busy".to_owned())
        );
        assert_eq!(
            answered(409, json!({"code": "line_exists", "detail": "line O/L exists"})),
            SendResult::Bad("line O/L exists".to_owned())
        );
        assert_eq!(
            answered(
                422,
                json!({"detail": "is wrong", "errors": [{"field": "lines", "message": "too many"}]})
            ),
            SendResult::Bad("is wrong; lines: too many".to_owned())
        );
    }

    #[tokio::test]
    async fn a_body_is_split_at_line_ends_wherever_its_chunks_end() {
        let chunks = ["{\"a\"", ":1}\n{\"b\":2}\n{", "}\n"].map(Ok::<_, hyper::Error>);
        let lines: Vec<_> = split_lines(stream::iter(chunks)).collect().await;
        assert_eq!(
            lines,
            [
                Ok(b"{\"a\":1}\n".to_vec()),
                Ok(b"{\"b\":2}\n".to_vec()),
                Ok(b"{}\n".to_vec())
            ]
        );
    }
}
