//! The bulk stream.
//!
//! Lines are read, decided and answered concurrently: a bounded number is in flight, of lines and of their bytes, in the
//! order sent. Reading stops
//! while that many wait for an answer, or while the client does not take the answers it has. So neither a fast sender
//! nor a slow reader costs memory; a client has to read while it sends.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use async_stream::stream;
use bytes::Bytes;
use earmark_application::{Answer, OrderedStream};
use earmark_domain::Command;
use futures::Stream;

use super::in_flight::{InFlight, Pending};
use super::lines::{Line, Lines};
use crate::http::api::Api;
use crate::http::execution::envelope;
use crate::http::middleware::auth::readmit;
use crate::http::open_streams::OpenStream;
use crate::http::openapi::schema;
use crate::http::request::body::cut_off;
use crate::http::request::context::RequestContext;
use crate::http::request::input::{Input, Mode, finish, json};
use crate::http::response::problem::{Problem, behind};
use crate::http::response::reply::Reply;
use crate::timeout::timeout;
use crate::wire::answers::{kinds, push_answer_line};
use crate::wire::commands::envelope::command;
use crate::wire::reading::faults::Faults;

/// The media type of the answers.
const NDJSON: &str = "application/x-ndjson";

/// How many blank lines may follow each other. They cost work and say nothing.
const MAX_BLANK_LINES: usize = 1_000;

/// How many bytes of answers are put into one chunk, when that many are ready.
const CHUNK_BYTES: usize = 32 * 1024;

/// How long a stream may be silent: longer than any pause between two lines, short enough for an abandoned connection.
const IDLE: Duration = Duration::from_secs(120);

/// Send many commands
///
/// One command a line, and one answer a line in the order sent: `{"status", "body"}` as the single call would have
/// answered, with `"unchanged": true` where the command changed nothing. Answers arrive while lines are still being sent,
/// so read while you send. A line at fault fails alone; blank lines are ignored, unless a thousand follow each other.
#[utoipa::path(
    tag = "Bulk",
    operation_id = "bulk",
    request_body(content = schema::BulkCommand, content_type = "application/x-ndjson",
        description = "Lines of up to 1 MiB, as the bodies of single calls"),
    responses((status = 200, description = "One line for each line sent", body = schema::BulkAnswer,
        content_type = "application/x-ndjson"))
)]
#[post("/v1/bulk")]
pub(crate) async fn bulk(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    Input::without_query(&request).finish(Some(()))?;
    let Some(open) = api.bulk_streams().open(api.clock().monotonic()) else {
        let detail = "too many bulk streams are open; send this one again later";
        return Err(Problem::new(&kinds::BUSY, detail));
    };
    let answers = answers(api, payload, open, RequestContext::of(&request));
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(answers))
}

/// The next thing that happens to a stream.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, which is taken apart where it is made"
)]
enum Step {
    Line(Result<Option<Line>, PayloadError>),
    Silence,
    Draining,
    Answer(Result<Answer, Problem>),
}

fn answers(
    api: Data<Api>,
    source: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    open: OpenStream,
    context: RequestContext,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream! {
        let _open = open;
        let ordered = api.engine().ordered();
        let mut blank_lines = 0;
        let mut lines = Lines::of(source);
        let mut in_flight = InFlight::default();
        let mut reading = true;
        let mut draining = pin!(api.readiness().draining());
        while reading || !in_flight.is_empty() {
            let step = {
                let mut line = pin!(timeout(api.clock(), IDLE, lines.next()));
                tokio::select! {
                    // Answers first: they make room for new lines.
                    biased;
                    Some(answer) = in_flight.first(), if !in_flight.is_empty() => Step::Answer(answer),
                    () = &mut draining, if reading => Step::Draining,
                    line = &mut line, if reading && in_flight.has_room() => line.map_or(Step::Silence, Step::Line),
                }
            };
            match step {
                Step::Line(Ok(Some(Line::Whole(bytes)))) if bytes.iter().all(u8::is_ascii_whitespace) => {
                    blank_lines += 1;
                    if blank_lines > MAX_BLANK_LINES {
                        reading = false;
                        let detail = format!("more than {MAX_BLANK_LINES} blank lines follow each other");
                        in_flight.push(Pending::Known(Problem::new(&kinds::BROKEN_BODY, detail)), 0);
                    }
                }
                Step::Line(Ok(Some(line))) => {
                    blank_lines = 0;
                    let bytes = match &line {
                        Line::Whole(bytes) => bytes.len(),
                        Line::TooLong => 0,
                        Line::Endless => {
                            reading = false;
                            0
                        }
                    };
                    // The key may have been revoked since the line before.
                    let pending = match readmit(&context, &api, "bulk").await {
                        Ok(()) => tokio::select! {
                            biased;
                            pending = submit(&ordered, line, &context) => pending,
                            // A line that waits for a place in the queue has not been executed.
                            () = &mut draining => {
                                reading = false;
                                Pending::Known(shutting_down())
                            }
                        },
                        Err(problem) => {
                            reading = false;
                            Pending::Known(problem)
                        }
                    };
                    in_flight.push(pending, bytes);
                }
                Step::Line(Ok(None)) => reading = false,
                Step::Line(Err(error)) => {
                    // The client has probably left; if not, this answer shows where the service stopped reading.
                    reading = false;
                    in_flight.push(Pending::Known(cut_off(&error)), 0);
                }
                Step::Silence => {
                    // A client may wait for answers before it sends more.
                    if in_flight.is_empty() {
                        reading = false;
                        let detail = "nothing was sent for two minutes";
                        in_flight.push(Pending::Known(Problem::new(&kinds::REQUEST_TIMEOUT, detail)), 0);
                    }
                }
                Step::Draining => {
                    // The answer to the first line that is not read. The lines behind it get none, and are not
                    // executed.
                    reading = false;
                    in_flight.push(Pending::Known(shutting_down()), 0);
                }
                Step::Answer(answer) => {
                    let mut text = String::new();
                    write_answer(&mut text, &present(&api, answer, &context).await);
                    // Answers that are ready go into the same chunk.
                    while text.len() < CHUNK_BYTES
                        && let Some(answer) = in_flight.first_now()
                    {
                        write_answer(&mut text, &present(&api, answer, &context).await);
                    }
                    yield Ok(Bytes::from(text));
                }
            }
        }
    }
}

/// The answer to a line that is not executed any more.
fn shutting_down() -> Problem {
    let detail = "the service is shutting down; send this line, and those after it, again";
    Problem::new(&kinds::SHUTTING_DOWN, detail)
}

/// Reads a line and submits its command, behind those before it. Waits for a place in the queue.
async fn submit(ordered: &OrderedStream, line: Line, context: &RequestContext) -> Pending {
    match read(line) {
        Ok(command) => {
            let envelope = envelope(command, context.clone(), Mode::default());
            Pending::Submitted(ordered.submit(envelope).await)
        }
        Err(problem) => Pending::Known(problem),
    }
}

/// The command of a line.
fn read(line: Line) -> Result<Command, Problem> {
    let too_large = |detail| Err(Problem::new(&kinds::PAYLOAD_TOO_LARGE, detail));
    let bytes = match line {
        Line::Whole(bytes) => bytes,
        Line::TooLong => return too_large("the line has more than 1 MiB"),
        Line::Endless => return too_large("the line has no end; nothing is read after it"),
    };
    let json = json(&bytes)?;
    let mut faults = Faults::default();
    let command = command(&json, &mut faults);
    finish(faults, command)
}

/// An answer as the single call would have given it.
struct Presented {
    status: StatusCode,
    /// The text of its body.
    body: String,
    /// Whether the command changed nothing, which the status of many calls does not tell.
    unchanged: bool,
}

async fn present(api: &Api, answer: Result<Answer, Problem>, context: &RequestContext) -> Presented {
    let mut unchanged = false;
    let reply = match answer {
        Ok(Ok(outcome)) => {
            unchanged = outcome.is_unchanged();
            api.reply(&outcome).await
        }
        Ok(Err(error)) => Err(Problem::from(&error)),
        Err(problem) => Err(problem),
    };
    match reply {
        Ok(Reply { status, body, .. }) => Presented {
            status,
            body,
            unchanged,
        },
        Err(problem) => {
            context.span().in_scope(|| api.log(&problem));
            let body = problem.body();
            let base_path = &api.site().base_path;
            let body = if base_path.is_root() {
                body
            } else {
                behind(base_path, body)
            };
            Presented {
                status: problem.status(),
                body,
                unchanged: false,
            }
        }
    }
}

fn write_answer(text: &mut String, presented: &Presented) {
    let Presented {
        status,
        body,
        unchanged,
    } = presented;
    push_answer_line(text, status.as_u16(), *unchanged, body);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status_of(line: Line) -> Result<&'static str, u16> {
        read(line)
            .map(|command| command.name())
            .map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn a_line_is_a_command_or_fails_with_the_status_of_the_single_call() {
        for (line, expected) in [
            (
                r#"{"create_batch": {"reference": "b", "sku": "s", "quantity": 1}}"#,
                Ok("create_batch"),
            ),
            (
                r#"{"allocate": {"order_id": "o", "sku": "s", "quantity": 0}}"#,
                Err(422),
            ),
            ("[]", Err(422)),
            ("{", Err(400)),
        ] {
            let whole = Line::Whole(Bytes::copy_from_slice(line.as_bytes()));
            assert_eq!(status_of(whole), expected, "{line}");
        }
        assert_eq!(status_of(Line::TooLong), Err(413));
    }

    proptest! {
        #[test]
        fn any_line_is_a_command_or_a_fault_of_the_client(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            if let Err(problem) = read(Line::Whole(Bytes::from(bytes))) {
                prop_assert!(problem.status().is_client_error());
            }
        }
    }
}
